"""How the music leans to the picture: where chords would rather change and notes rather begin.

Hits and visual beats are put on the grid of the models; what lies further than `REACH_S` from it is left to itself.
The leanings are added to the networks' logits while they write: music may still do otherwise where it must. That
accents fall on moments of salient movement is CMT's relation of motion saliency to note strength (Di et al., "Video
background music generation with controllable music transformer", ACM Multimedia 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.form import Form
from composer.spotting.cues import CueSheet
from composer.tokens import grid

REACH_S = 0.1
CHANGE = 3.0  # logits, for a hit of weight 1
BESIDE = 0.5  # of it, against a change on the beats beside a hit
PLACE = 3.5  # for a hit of weight 1; a visual beat has half of it and more by its strength


@dataclass(frozen=True)
class Leaning:
    """Logits, 0 where nothing leans: ``change`` (beats,) for a new chord, ``place`` (beats, sub-positions) for a
    note."""

    change: np.ndarray
    place: np.ndarray

    def between(self, beats: range) -> Leaning:
        """The leaning of some of the beats."""
        part = slice(beats.start, beats.stop)
        return Leaning(self.change[part], self.place[part])


def no_leaning(beats: int) -> Leaning:
    """Nothing leans."""
    return Leaning(np.zeros(beats), np.zeros((beats, len(grid.SUB_TICKS))))


def leaning_of(form: Form, cues: CueSheet) -> Leaning:
    """What hits and accents make of a form: chords change with hits that fall on a beat, notes begin with both."""
    leaning = no_leaning(form.beats)
    hits = np.zeros(form.beats)
    for hit in cues.hits:
        weight = 1.0 if hit.required else hit.weight
        place = _on_grid(form, cues, hit.time_s)
        if place is not None:
            leaning.place[place] = max(leaning.place[place], PLACE * weight)
            if place[1] == 0:
                hits[place[0]] = max(hits[place[0]], weight)
    for accent in cues.accents:
        place = _on_grid(form, cues, accent.time_s)
        if place is not None:
            leaning.place[place] = max(leaning.place[place], PLACE * (1 + accent.strength) / 2)
    beside = np.maximum(np.append(hits[1:], 0.0), np.append(0.0, hits[:-1]))
    leaning.change[:] = CHANGE * np.where(hits > 0, hits, -BESIDE * beside)
    return leaning


def _on_grid(form: Form, cues: CueSheet, time_s: float) -> tuple[int, int] | None:
    """The nearest place, as (beat, sub-position); None where there is none near."""
    tempo_map = cues.tempo_map
    position = tempo_map.beats(time_s)
    beat = max(int(np.searchsorted(form.beat_onsets, position, side="right")) - 1, 0)
    inside = np.array([(position - form.beat_onsets[beat]) / form.pulses[beat]])
    carried, sub = grid.quantize_onsets(np.clip(inside, 0.0, 1.0))
    beat += int(carried[0])
    if beat >= form.beats:
        return None
    onset = form.beat_onsets[beat] + form.pulses[beat] * float(grid.onset_beats(0, int(sub[0])))
    return (beat, int(sub[0])) if abs(tempo_map.seconds(float(onset)) - time_s) <= REACH_S else None

"""A cue sheet's sections and hits on the beat grid.

Convention: seconds become beats through the cue sheet's tempo map; a section that starts within a quarter
beat's reach of a grid line starts on it, so that a note on the line belongs to the section it opens.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass

from composer.errors import BadInput
from composer.palettes import PALETTES, Palette
from composer.spotting.cues import CueSheet, Gesture, Hit, Section

GRID_BEATS = 0.25
GRID_REACH_BEATS = 0.12
HEAVY = 0.7  # weight from which a hit is underlined
SAME_MOMENT_S = 1e-3  # a hit so little before a section belongs to it


@dataclass(frozen=True, slots=True)
class CueSpan:
    """A section in beats, with its palette."""

    start_beats: float
    end_beats: float
    section: Section
    palette: Palette


@dataclass(frozen=True, slots=True)
class HitBeat:
    """A hit in beats, on the grid where the tempo map brought it there, else exactly where it is, and what the music
    does there ("auto" no more)."""

    beat: float
    hit: Hit
    gesture: Gesture


def cue_spans(cues: CueSheet) -> tuple[CueSpan, ...]:
    """The sections in beats, without gaps, from 0 to the end of the tempo map; those without length are left
    out.

    Raises BadInput on a style that is no palette, ValueError on a cue sheet without sections.
    """
    if not cues.sections:
        raise ValueError("a cue sheet needs at least one section")
    end_beats = cues.tempo_map.end_beats
    exact = [cues.tempo_map.beats(section.start_s) for section in cues.sections]
    starts = [0.0]
    for beat, later in zip(exact[1:], [*exact, end_beats][2:], strict=True):
        snapped = _on_grid(beat)
        # A section shorter than the grid keeps its exact start, or it would vanish.
        starts.append(snapped if starts[-1] < snapped < later else beat)
    ends = [*starts[1:], end_beats]
    spans: list[CueSpan] = []
    for section, start, end in zip(cues.sections, starts, ends, strict=True):
        if section.style not in PALETTES:
            raise BadInput(
                f"section {section.label}: no palette is named {section.style!r}; choose one of "
                + ", ".join(PALETTES)
            )
        start = spans[-1].end_beats if spans else 0.0
        if min(end, end_beats) > start:
            spans.append(CueSpan(start, min(end, end_beats), section, PALETTES[section.style]))
    if spans[-1].end_beats < end_beats:
        last = spans.pop()
        spans.append(CueSpan(last.start_beats, end_beats, last.section, last.palette))
    return tuple(spans)


def hit_beats(cues: CueSheet) -> tuple[HitBeat, ...]:
    """The hits in order of time, those at or past the end left out."""
    starts_s = [section.start_s for section in cues.sections]
    placed = []
    for hit in sorted(cues.hits, key=lambda hit: (hit.time_s, hit.label)):
        beat = _on_grid(max(cues.tempo_map.beats(hit.time_s), 0.0))
        section = cues.sections[max(bisect.bisect_right(starts_s, hit.time_s + SAME_MOMENT_S) - 1, 0)]
        if beat < cues.tempo_map.end_beats:
            placed.append(HitBeat(beat, hit, gesture_of(hit, section)))
    return tuple(placed)


def gesture_of(hit: Hit, section: Section) -> Gesture:
    """What the music does at a hit of a section: nothing in silence, and by weight and mood where the sheet leaves it
    open (`composer.gestures`)."""
    if section.silent:
        return "none"
    if hit.gesture != "auto":
        return hit.gesture
    if hit.required:
        return "stinger" if section.arousal_at(hit.time_s) >= 0 else "swell"
    return "accent" if hit.weight >= HEAVY else "none"


def _on_grid(beat: float) -> float:
    nearest = round(beat / GRID_BEATS) * GRID_BEATS
    return nearest if abs(nearest - beat) <= GRID_REACH_BEATS else beat

"""What the music does at the hits: accents, stingers, swells and stops.

- *accent*: what sounds at the hit is louder.
- *stinger*: harmony and bass strike anew there, loud (the film composer's sforzando chord on an action).
- *swell*: a crescendo over the bar before it leads into an accent.
- *stop*: a short chord at the hit, then nothing for up to `REST_PULSES`.

Left to itself ("auto"), a required hit is a stinger where the section is excited and a swell where it is calm; a heavy
wished one is accented, a light one left alone. Visual beats are accented a little where a note is near: CMT's motion
saliency (Di et al., 2021). Beats are quarter notes on the tempo map.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace

from composer.cue_spans import CueSpan, HitBeat
from composer.music import Note
from composer.spotting.cues import CueSheet
from composer.timing import TempoMap

ACCENT, VISUAL_ACCENT = 14, 8  # velocity units, for strength 1
NEAR_BEATS = 0.06  # a note this near to a moment belongs to it
REST_PULSES = 2
SHORT_PULSES = 0.5  # of a chord before a stop
PER_BEAT = 48
_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``start_beats`` to ``end_beats``."""

    start_beats: float
    end_beats: float


@dataclass(frozen=True)
class Gestures:
    """``accents``: velocity units by 48ths of a beat; ``struck``: beats at which harmony strikes anew; ``swells``: the
    crescendi; ``stops``: from a hit to where the music goes on."""

    accents: dict[int, int]
    struck: tuple[float, ...]
    swells: tuple[Interval, ...]
    stops: tuple[Interval, ...]

    @classmethod
    def of(cls, spans: Sequence[CueSpan], hits: Sequence[HitBeat], cues: CueSheet) -> Gestures:
        """The gestures of a film. In the bar in which music ends nothing stops it: its last chord sounds on."""
        tempo_map = cues.tempo_map
        accents: dict[int, int] = {}
        struck, swells, stops = [], [], []
        for accent in cues.accents:
            _add_accent(accents, tempo_map.beats(accent.time_s), round(VISUAL_ACCENT * accent.strength))
        played = [hit for hit in hits if hit.gesture != "none"]
        beats = [hit.beat for hit in played]
        starts = [span.start_beats for span in spans]
        for hit in played:
            index = max(bisect.bisect_right(starts, hit.beat + _EPS) - 1, 0)
            span = spans[index]
            _add_accent(accents, hit.beat, ACCENT)
            if hit.gesture in ("stinger", "stop"):
                struck.append(hit.beat)
            if hit.gesture == "swell":
                swells.append(Interval(_swell_start(spans, index, hit.beat, tempo_map), hit.beat))
            if hit.gesture == "stop":
                pulse = tempo_map.bars[tempo_map.bar_at(hit.beat + _EPS)].pulse_beats
                later = bisect.bisect_right(beats, hit.beat + SHORT_PULSES * pulse)
                limits = [hit.beat + REST_PULSES * pulse, span.end_beats, *beats[later : later + 1]]
                if index + 1 == len(spans) or spans[index + 1].section.silent:
                    limits.append(float(tempo_map.bar_starts_beats[tempo_map.bar_at(span.end_beats - _EPS)]))
                if min(limits) > hit.beat + NEAR_BEATS:
                    stops.append(Interval(hit.beat, min(limits)))
        return cls(accents, tuple(struck), tuple(swells), tuple(stops))

    def accent_at(self, beat: float) -> int:
        """Velocity units that a note at ``beat`` is louder."""
        return self.accents.get(round(beat * PER_BEAT), 0)

    def with_stops(self, notes: Sequence[Note], tempo_map: TempoMap) -> tuple[Note, ...]:
        """``notes`` cut short at the stops, and none where the music rests."""
        starts = [stop.start_beats for stop in self.stops]
        kept = []
        for note in notes:
            following = bisect.bisect_left(starts, note.onset_beats - NEAR_BEATS)
            rests = self.stops[following - 1].end_beats if following else 0.0
            if note.onset_beats < rests - NEAR_BEATS:
                continue
            if following < len(starts) and note.end_beats > starts[following]:
                stop = starts[following]
                pulse = tempo_map.bars[tempo_map.bar_at(stop + _EPS)].pulse_beats
                struck = note.onset_beats >= stop - NEAR_BEATS
                end = stop + SHORT_PULSES * pulse if struck else stop
                note = replace(note, duration_beats=min(note.end_beats, end) - note.onset_beats)
            kept.append(note)
        return tuple(kept)


def _swell_start(spans: Sequence[CueSpan], index: int, beat: float, tempo_map: TempoMap) -> float:
    """A bar's length before ``beat``, within its section; within the one before, where the beat opens its own."""
    before = spans[index - 1] if index and beat <= spans[index].start_beats + _EPS else spans[index]
    first = spans[index].start_beats if before.section.silent else before.start_beats
    return max(beat - tempo_map.bars[tempo_map.bar_at(beat - _EPS)].length_beats, first)


def _add_accent(accents: dict[int, int], beat: float, units: int) -> None:
    reach = round(NEAR_BEATS * PER_BEAT)
    middle = round(beat * PER_BEAT)
    for place in range(middle - reach, middle + reach + 1):
        accents[place] = max(accents.get(place, 0), units)

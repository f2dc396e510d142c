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

from collections.abc import Sequence
from dataclasses import dataclass, replace

from composer.cue_spans import CueSpan, HitBeat
from composer.music import Note
from composer.spotting.cues import CueSheet, Gesture, Hit
from composer.timing import TempoMap

ACCENT, VISUAL_ACCENT = 14, 8  # velocity units, for strength 1
NEAR_BEATS = 0.06  # a note this near to a moment belongs to it
REST_PULSES = 2
SHORT_PULSES = 0.5  # of a chord before a stop
PER_BEAT = 48


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
        """The gestures of a film."""
        accents: dict[int, int] = {}
        struck, swells, stops = [], [], []
        for accent in cues.accents:
            _add_accent(accents, cues.tempo_map.beats(accent.time_s), round(VISUAL_ACCENT * accent.strength))
        for index, placed in enumerate(hits):
            span = next(span for span in reversed(spans) if span.start_beats <= placed.beat + 1e-6)
            if span.section.silent:
                continue
            gesture = gesture_of(placed.hit, span)
            if gesture == "none":
                continue
            _add_accent(accents, placed.beat, ACCENT)
            pulse = cues.tempo_map.bars[cues.tempo_map.bar_at(placed.beat + 1e-6)].pulse_beats
            if gesture in ("stinger", "stop"):
                struck.append(placed.beat)
            if gesture == "swell":
                swells.append(
                    Interval(max(_bar_before(cues.tempo_map, placed.beat), span.start_beats), placed.beat)
                )
            if gesture == "stop":
                later = hits[index + 1].beat if index + 1 < len(hits) else span.end_beats
                end = min(placed.beat + REST_PULSES * pulse, later, span.end_beats)
                stops.append(Interval(placed.beat, end))
        return cls(accents, tuple(struck), tuple(swells), tuple(stops))

    def accent_at(self, beat: float) -> int:
        """Velocity units that a note at ``beat`` is louder."""
        return self.accents.get(round(beat * PER_BEAT), 0)

    def with_stops(self, notes: Sequence[Note], tempo_map: TempoMap) -> tuple[Note, ...]:
        """``notes`` (in order of onset) cut short at the stops, and none where the music rests."""
        kept = list(notes)
        for stop in self.stops:
            pulse = tempo_map.bars[tempo_map.bar_at(stop.start_beats + 1e-6)].pulse_beats
            quiet = stop.start_beats + SHORT_PULSES * pulse
            kept = [
                replace(note, duration_beats=min(note.duration_beats, _until(note, stop, quiet)))
                for note in kept
                if not stop.start_beats + NEAR_BEATS < note.onset_beats < stop.end_beats - NEAR_BEATS
            ]
        return tuple(kept)


def gesture_of(hit: Hit, span: CueSpan) -> Gesture:
    """What the music does at a hit of a section."""
    if hit.gesture != "auto":
        return hit.gesture
    if hit.required:
        return "stinger" if span.section.arousal_at(hit.time_s) >= 0 else "swell"
    return "accent" if HitBeat(0.0, hit).is_heavy else "none"


def _until(note: Note, stop: Interval, quiet_beats: float) -> float:
    """How long a note may last that begins before a stop ends."""
    if note.onset_beats >= stop.end_beats - NEAR_BEATS or note.end_beats <= stop.start_beats:
        return note.duration_beats
    struck = note.onset_beats >= stop.start_beats - NEAR_BEATS
    return (quiet_beats if struck else stop.start_beats) - note.onset_beats


def _bar_before(tempo_map: TempoMap, beat: float) -> float:
    """A bar's length before ``beat``."""
    return beat - tempo_map.bars[tempo_map.bar_at(beat - 1e-6)].length_beats


def _add_accent(accents: dict[int, int], beat: float, units: int) -> None:
    reach = round(NEAR_BEATS * PER_BEAT)
    middle = round(beat * PER_BEAT)
    for place in range(middle - reach, middle + reach + 1):
        accents[place] = max(accents.get(place, 0), units)

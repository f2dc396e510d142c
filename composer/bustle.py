"""How the setting follows a section's density curve: held harmony strikes again where the picture bustles, and the
counter-melody rests where it calms.

What counts is how far a bar's density lies above or below its section's: a section without a curve is set as it is.
Repeated strokes of held chords are the strings' way to move without moving on (Piston, *Orchestration*, 1955).
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from composer.cue_spans import CueSpan
from composer.music import Note
from composer.pulse import Pulse
from composer.timing import TempoMap

BUSY, HURRIED = 0.06, 0.2  # above the section's density: a stroke a beat, and a stroke every subdivision
CALM = -0.06  # below it
_EPS = 1e-6


@dataclass(frozen=True)
class Bustle:
    """A section's bars as they depart from its density: beats of repeated ``strokes``, in order, and ``calm`` bars as
    their starts and ends in turn."""

    strokes: tuple[float, ...] = ()
    calm: tuple[float, ...] = ()

    @classmethod
    def of(cls, span: CueSpan, tempo_map: TempoMap, end_beats: float) -> Bustle:
        """The bustle of a section up to ``end_beats``, where its closing chord begins."""
        section = span.section
        strokes: list[float] = []
        calm: list[float] = []
        if not section.density_curve:
            return cls()
        for index in range(tempo_map.bar_at(span.start_beats + _EPS), len(tempo_map.bars)):
            start, end = (float(tempo_map.bar_starts_beats[index + offset]) for offset in (0, 1))
            if start >= end_beats - _EPS:
                break
            change = section.density_at(tempo_map.seconds((start + end) / 2)) - section.density
            pulse = Pulse.of(tempo_map.bars[index])
            if change >= BUSY:
                inside = pulse.steps(1) if change >= HURRIED else pulse.beats
                strokes += [start + beat for beat in inside if start + beat < end_beats - _EPS]
            elif change <= CALM:
                calm += [start, end]
        return cls(tuple(strokes), tuple(calm))

    def restruck(self, notes: Sequence[Note]) -> tuple[Note, ...]:
        """Held notes divided at the strokes that they sound through."""
        divided: list[Note] = []
        for note in notes:
            first = bisect.bisect_right(self.strokes, note.onset_beats + _EPS)
            last = bisect.bisect_left(self.strokes, note.end_beats - _EPS)
            edges = [note.onset_beats, *self.strokes[first:last], note.end_beats]
            divided += [
                replace(note, onset_beats=start, duration_beats=end - start) for start, end in pairwise(edges)
            ]
        return tuple(sorted(divided, key=lambda note: (note.onset_beats, note.pitch)))

    def without_calm(self, notes: Sequence[Note]) -> tuple[Note, ...]:
        """The notes that do not begin in a calm bar."""
        return tuple(n for n in notes if bisect.bisect_right(self.calm, n.onset_beats + _EPS) % 2 == 0)

"""The grid a staff is written on: where bars and beats lie, and how each beat is divided.

Convention: time in 24ths of a quarter note, so that 32nds, triplet eighths and triplet 16ths are whole numbers. Every
quarter of a staff is read as sixteenths or as a triplet, whichever comes first that its onsets fit, else each of its
eighths as sixteenths, a triplet or 32nds; in compound metres, whose beats divide by three themselves, a beat is read
as sixteenths or 32nds only.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from composer.pulse import Pulse
from composer.timing import TempoMap

DIVISIONS = 24  # a quarter note
EIGHTH, SIXTEENTH, THIRTY_SECOND = 12, 6, 3
TRIPLET_EIGHTH, TRIPLET_SIXTEENTH = 8, 4
FIT = 1.25  # 24ths that an onset may be off its grid


@dataclass(frozen=True, slots=True)
class Metre:
    """A bar's ``edges`` of beats and its ``windows`` (edges of groups of beats), 24ths from the bar line; ``cell`` is
    what one division is chosen for."""

    edges: tuple[int, ...]
    windows: tuple[int, ...]
    cell: int

    @classmethod
    def of(cls, pulse: Pulse) -> Metre:
        def ticks(*beats: float) -> tuple[int, ...]:
            return tuple(round(beat * DIVISIONS) for beat in beats)

        return cls(
            ticks(*pulse.beats, pulse.length),
            ticks(*pulse.strong, pulse.length),
            round(pulse.unit * DIVISIONS),
        )


class Grid:
    """Where bars and beats lie, and how each cell (a quarter, in compound metres a beat) of one staff is divided."""

    def __init__(self, tempo_map: TempoMap, onsets: Sequence[float]) -> None:
        self.starts = [round(beat * DIVISIONS) for beat in tempo_map.bar_starts_beats]
        known = {bar: Metre.of(Pulse.of(bar)) for bar in set(tempo_map.bars)}
        self.metres = [known[bar] for bar in tempo_map.bars]
        offsets: dict[tuple[int, int], list[float]] = {}
        for onset in onsets:
            place, offset = self._place(onset * DIVISIONS)
            offsets.setdefault(place, []).append(offset)
        self.steps = {place: self._divide(place, here) for place, here in offsets.items()}

    def _place(self, time: float) -> tuple[tuple[int, int], float]:
        """(bar, cell in the bar) and the rest, in 24ths."""
        bar = min(max(bisect.bisect_right(self.starts, time + 1e-6) - 1, 0), len(self.starts) - 2)
        cell = int((time - self.starts[bar] + 1e-6) // self.metres[bar].cell)
        return (bar, cell), time - self.starts[bar] - cell * self.metres[bar].cell

    def _divide(self, place: tuple[int, int], offsets: Sequence[float]) -> tuple[int, ...]:
        """The step of a cell, or one for each of its eighths."""
        bar, cell = place
        length = self.metres[bar].cell
        whole = length == DIVISIONS and self.starts[bar] + (cell + 1) * length <= self.starts[bar + 1]
        if _fits(offsets, SIXTEENTH):
            return (SIXTEENTH,)
        if not whole:
            return (THIRTY_SECOND,)
        if _fits(offsets, TRIPLET_EIGHTH):
            return (TRIPLET_EIGHTH,)
        return tuple(
            _step_of_eighth([offset - first for offset in offsets if first <= offset + 1e-6 < first + EIGHTH])
            for first in (0, EIGHTH)
        )

    def _step(self, place: tuple[int, int], offset: float) -> int:
        steps = self.steps.get(place, (SIXTEENTH,))
        return steps[-1] if offset + 1e-6 >= EIGHTH else steps[0]

    def step_at(self, time: float) -> int:
        """The division around ``time``."""
        return self._step(*self._place(time))

    def snap(self, time: float) -> int:
        """``time`` (24ths) on the grid of its cell, within the bars."""
        (bar, cell), offset = self._place(time)
        step = self._step((bar, cell), offset)
        first = EIGHTH if len(self.steps.get((bar, cell), ())) > 1 and offset + 1e-6 >= EIGHTH else 0
        snapped = first + round((offset - first) / step) * step
        if snapped % THIRTY_SECOND and step not in (TRIPLET_EIGHTH, TRIPLET_SIXTEENTH):
            snapped -= snapped % THIRTY_SECOND
        snapped += self.starts[bar] + cell * self.metres[bar].cell
        return min(snapped, self.starts[bar + 1], self.starts[-1])

    def cell_end(self, time: int) -> int:
        """The end of the cell around ``time``, or of its bar."""
        (bar, cell), _ = self._place(time)
        return min(self.starts[bar] + (cell + 1) * self.metres[bar].cell, self.starts[bar + 1])

    def triplets(self, bar: int, bounds: Sequence[int]) -> list[tuple[int, int]]:
        """(start, end), 24ths from the bar line, of the triplets of a voice that starts or ends notes at ``bounds``."""
        spans: list[tuple[int, int]] = []
        for cell in range(-(-(self.starts[bar + 1] - self.starts[bar]) // self.metres[bar].cell)):
            first, steps = cell * DIVISIONS, self.steps.get((bar, cell), ())
            if steps == (TRIPLET_EIGHTH,):
                spans.append((first, first + DIVISIONS))
            spans += [
                (first + half * EIGHTH, first + (half + 1) * EIGHTH)
                for half, step in enumerate(steps)
                if step == TRIPLET_SIXTEENTH
            ]
        return [span for span in spans if any(span[0] < bound < span[1] for bound in bounds)]


def _fits(offsets: Sequence[float], step: int) -> bool:
    return all(abs(offset - round(offset / step) * step) <= FIT for offset in offsets)


def _step_of_eighth(offsets: Sequence[float]) -> int:
    if _fits(offsets, SIXTEENTH):
        return SIXTEENTH
    return min(
        (THIRTY_SECOND, TRIPLET_SIXTEENTH),
        key=lambda step: sum(abs(offset - round(offset / step) * step) for offset in offsets),
    )

"""A bar as it is felt: its beats, which of them are strong, and how they divide.

Convention: positions in quarter notes from the bar line. A beat is a pulse (`composer.timing.Bar.pulse_beats`); where
the bar does not hold whole pulses, the last one takes in what is left, so that 7/8 is 2 + 2 + 3 and 5/8 is 2 + 3.
Beats are felt in groups of two and three (Cooper & Meyer, *The Rhythmic Structure of Music*, 1960): five are 3 + 2,
seven 2 + 2 + 3, six 2 + 2 + 2 in 3/2 and 3 + 3 elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from composer.timing import Bar

_GROUPS = {1: (1,), 2: (2,), 3: (3,), 5: (3, 2), 6: (3, 3), 7: (2, 2, 3), 9: (3, 3, 3)}


@dataclass(frozen=True, slots=True)
class Pulse:
    """The felt beats of a bar: ``beats`` (their starts), ``strong`` (the first of each group), ``unit`` (a beat's
    full length), ``step`` (its subdivision: a half, in compound metres a third) and ``length`` of the bar, all in
    quarter notes; ``divisions`` of a beat, 2 or 3.
    """

    beats: tuple[float, ...]
    strong: tuple[float, ...]
    unit: float
    step: float
    length: float
    divisions: int

    @classmethod
    def of(cls, bar: Bar) -> Pulse:
        """The pulse of a bar."""
        unit, divisions = bar.pulse_beats, 3 if bar.is_compound else 2
        count = max(1, int(bar.length_beats / unit + 1e-9))
        groups = _GROUPS.get(count, (2,) * (count // 2 - count % 2) + (3,) * (count % 2))
        if (bar.numerator, bar.denominator) == (3, 2):
            groups = (2, 2, 2)
        return cls(
            beats=tuple(index * unit for index in range(count)),
            strong=tuple(first * unit for first in accumulate(groups[:-1], initial=0)),
            unit=unit,
            step=unit / divisions,
            length=bar.length_beats,
            divisions=divisions,
        )

    @property
    def backbeats(self) -> tuple[float, ...]:
        """The beats that are not strong: the second and fourth of four, the second and third of three."""
        return tuple(beat for beat in self.beats if beat not in self.strong)

    @property
    def upbeat(self) -> float:
        """From a beat to the last subdivision before the next: an eighth, in compound metres two."""
        return self.step * (self.divisions - 1)

    def steps(self, divide: int = 1) -> tuple[float, ...]:
        """Every subdivision, ``divide`` times finer."""
        step = self.step / divide
        return tuple(index * step for index in range(int(self.length / step + 1e-9)))

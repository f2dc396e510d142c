"""Metres: how long a bar is, where its pulses fall, and how odd another bar sounds among the regular ones.

Convention: a metre is written as in a score, ``6/8``. Lengths are eighth notes, in which the tempo solver counts. The
pulse is what a listener taps, `composer.timing.Bar.pulse_beats`: a quarter note, a dotted quarter in compound metres;
in 5/8 and 7/8 the last quarter of the bar is cut short.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from composer.timing import MAX_TEMPO_US, Bar

DEFAULT_METRE = "4/4"
MAX_NUMERATOR = 12
MAX_PULSES = 8  # as many as the networks know
DENOMINATORS = (2, 4, 8)

# Costs of bars that are not the regular one; see `composer.spotting.bar_fit` for what they are weighed against.
ONE_MORE_COST, TWO_MORE_COST, FEWER_COST, ODD_COST, ONE_PULSE_COST = 2.2, 3.0, 2.0, 4.0, 6.0
HALF_OF_TWO_COST = 2.5  # one pulse, where the regular bar has but two


@dataclass(frozen=True, slots=True)
class Metre:
    """``numerator``/``denominator``; an odd bar that the solver puts in may have up to 32 units."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if self.denominator not in DENOMINATORS or not 1 <= self.numerator <= 32:
            raise ValueError(f"metre {self} is not 1-32 halves, quarters or eighths")

    @classmethod
    def parse(cls, text: str) -> Metre:
        """``3/4``: 1 to 12 halves, quarters or eighths, at most `MAX_PULSES` a bar. Raises ValueError."""
        match = re.fullmatch("([1-9][0-9]?)/([248])", text)
        if match is not None and int(match[1]) <= MAX_NUMERATOR:
            metre = cls(int(match[1]), int(match[2]))
            if len(metre.pulses_beats()) > MAX_PULSES:
                raise ValueError(
                    f"metre {text} has more than {MAX_PULSES} pulses; write shorter bars, such as 4/4 or 5/4"
                )
            return metre
        raise ValueError(
            f"metre {text[:20]!r} is not 1 to {MAX_NUMERATOR} over 2, 4 or 8; write one such as 4/4, 3/4 or 6/8"
        )

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    @property
    def bar_eighths(self) -> int:
        """Length of a bar."""
        return self.numerator * 8 // self.denominator

    @property
    def pulse_eighths(self) -> int:
        """Length of a pulse: 2, or 3 in compound metres."""
        return _pulse_eighths(self)

    @property
    def step_eighths(self) -> int:
        """Bar lines lie whole multiples of this apart: a pulse, or an eighth where the bar's last pulse is cut."""
        return self.pulse_eighths if self.bar_eighths % self.pulse_eighths == 0 else 1

    def pulses_beats(self) -> tuple[float, ...]:
        """Where the pulses of a bar fall, in quarter notes from its start."""
        return tuple(eighth / 2 for eighth in range(0, self.bar_eighths, self.pulse_eighths))

    def with_length(self, eighths: int) -> Metre:
        """The metre of a bar of ``eighths`` among bars of this one: as like it as can be written."""
        if eighths == self.bar_eighths:
            return self
        unit = 8 // self.denominator
        if eighths % unit or (
            self.denominator == 8 and self.pulse_eighths == 2
        ):  # 3/4 here, as 6/8 has other pulses
            return Metre(eighths // 2, 4) if eighths % 2 == 0 else Metre(eighths, 8)
        return Metre(eighths // unit, self.denominator)


@lru_cache(maxsize=64)
def bar_costs(metre: Metre) -> dict[int, float]:
    """Length in eighths -> how odd such a bar sounds where ``metre`` rules; the regular one comes first, at 0."""
    regular, pulse = metre.bar_eighths, metre.pulse_eighths
    if metre.step_eighths == 1:
        costs = {1: 2 * ONE_PULSE_COST, 2: ONE_PULSE_COST, 4: ODD_COST}
        costs |= {regular + 1: ONE_MORE_COST, regular - 1: FEWER_COST, regular - 2: FEWER_COST, regular: 0.0}
        costs = {
            length: cost for length, cost in costs.items() if length % 6 != 3
        }  # 3/8 and 9/8: other pulses
    else:
        count = regular // pulse
        pulses = {length: ODD_COST for length in range(2, count)}
        pulses |= {
            count - 2: FEWER_COST,
            count - 1: FEWER_COST,
            count + 1: ONE_MORE_COST,
            count + 2: TWO_MORE_COST,
        }
        pulses |= {1: HALF_OF_TWO_COST if count == 2 else ONE_PULSE_COST, count: 0.0}
        costs = {length * pulse: cost for length, cost in pulses.items()}
    known = [(cost, -length) for length, cost in costs.items() if length > 0]
    return {-minus_length: cost for cost, minus_length in sorted(known)}


@lru_cache(maxsize=64)
def _pulse_eighths(metre: Metre) -> int:
    return round(2 * Bar(metre.numerator, metre.denominator, MAX_TEMPO_US).pulse_beats)

"""Bar lines and the tempo of every bar, once it is known which beat meets which moment.

Bar lines: the cheapest row of bars, all in the metre of their section unless an odd bar brings the next
section start or a heavy hit onto a bar line. Tempi: a least-squares fit of the times of the bar lines to the wished
tempi and to equal tempi of neighbouring bars, under limits of falling price (`composer.spotting.elastic_fit`):
`LARGE_CHANGE` before the range of tempi, this before required hits, these before section starts, these before
`SMALL_CHANGE`, and that before wished hits. So the tempo moves by more than `SMALL_CHANGE` only for what must be met,
and what is missed all the same is missed by as little as can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from composer.spotting.beat_path import Placed
from composer.spotting.elastic_fit import Limits, Rows, fit
from composer.spotting.metre import Metre, bar_costs
from composer.spotting.tempo_range import LARGE_CHANGE, SMALL_CHANGE, gliding, tempo_range

DOWNBEAT_GAIN = 0.9  # for a hit of weight 1 on a bar line
HEAVY_GAIN = 4.5  # for a heavy required one: worth an odd bar, not one of a single pulse
BREAKING_GAIN, CROWD_COST = 5.0, 12.0  # for required hits, where bars are made for them
OFF_PULSE_COST = 1.5  # for a hit between pulses, where the pulses depend on the bar lines

# Scales of the least squares: what is felt alike.
CHANGE_SCALE = 0.015  # of tempo, bar to bar: where a change begins to be felt
DEVIATION_SCALE = 0.15  # of tempo from the wish
SPRING_S = 0.004  # of a required hit within its zone

# Prices of one scale beyond a limit; for pins, of `MISS_S`.
STEEP_PRICE, RANGE_PRICE, REQUIRED_PRICE, SECTION_PRICE, CHANGE_PRICE, WISHED_PRICE = (
    1e8,
    1e7,
    1e5,
    3e4,
    1e3,
    1.5,
)
MISS_S = 0.01
WITHIN = 0.998  # of a change of tempo: rounding to whole microseconds stays within the limit


@dataclass(frozen=True, slots=True)
class Pin:
    """A beat position wished at a time. ``price`` of missing it by `MISS_S` more than ``zone_s``."""

    beat: float
    time_s: float
    price: float
    zone_s: float
    is_firm: bool = False  # drawn to the middle of its zone as well


def bar_lines(placed: Sequence[Placed], breaking: bool = False) -> tuple[Metre, ...]:
    """The metre of every bar, such that section starts and the end fall on bar lines.

    ``breaking``: bars are made odd for every required hit, and shorter where several stand close, as the tempo can
    change on bar lines only.
    """
    gains: dict[int, float] = {}
    for entry in placed:
        anchor = entry.anchor
        if not anchor.is_wall:
            light = DOWNBEAT_GAIN if anchor.kind == "required" else DOWNBEAT_GAIN * anchor.weight
            light = BREAKING_GAIN if breaking and anchor.kind == "required" else light
            gains[entry.eighth] = (HEAVY_GAIN if anchor.is_heavy else light) * (0.5 + anchor.weight / 2)
    firm = (
        {p.eighth for p in placed if p.anchor.is_wall or p.anchor.kind == "required"} if breaking else set()
    )
    bars: list[Metre] = []
    for start, end in pairwise([entry for entry in placed if entry.anchor.is_wall]):
        bars += _cheapest_bars(start.anchor.metre, start.eighth, end.eighth, gains, firm)
    return tuple(bars)


def _cheapest_bars(
    metre: Metre, start: int, end: int, gains: dict[int, float], firm: set[int]
) -> list[Metre]:
    """Bars from eighth ``start`` to eighth ``end``, which lie whole steps of the metre apart."""
    step = metre.step_eighths
    lengths = [(length // step, odd) for length, odd in bar_costs(metre).items()]
    hits = np.array([start + eighth in gains for eighth in range(end - start + 1)])
    before = [
        np.concatenate([[0], np.cumsum(hits & (np.arange(hits.size) % 2 == parity))]) for parity in (0, 1)
    ]

    def off_pulse(first: int, last: int) -> float:
        """What hits inside a bar cost that lie an odd number of eighths from its start."""
        count = before[(first + 1) % 2]
        return OFF_PULSE_COST * float(count[last] - count[first])

    is_firm = np.array([eighth in firm for eighth in range(start, end + 1)], dtype=float)
    firm_before = np.concatenate([[0.0], np.cumsum(is_firm)])

    def crowd(first: int, last: int) -> float:
        """What moments that must be met cost beyond one a bar; one on a bar line is shared by two bars."""
        inside = firm_before[last * step] - firm_before[first * step + 1]
        return CROWD_COST * max(float(inside + (is_firm[first * step] + is_firm[last * step]) / 2) - 1, 0.0)

    steps = (end - start) // step
    cost = [0.0] + [np.inf] * steps
    last = [0] * (steps + 1)
    for place in range(1, steps + 1):
        gain = gains.get(start + place * step, 0.0)
        for length, odd in lengths:
            if length <= place:
                total = cost[place - length] + odd - gain
                total += off_pulse(place - length, place) if step == 1 else 0.0
                total += crowd(place - length, place) if firm else 0.0
                if total < cost[place]:
                    cost[place], last[place] = total, length
    bars: list[Metre] = []
    while steps:
        bars.append(metre.with_length(last[steps] * step))
        steps -= last[steps]
    return bars[::-1]


def fit_tempi(
    bar_beats: np.ndarray, duration_s: float, wish_bpm: np.ndarray, pins: Sequence[Pin]
) -> np.ndarray:
    """Times of the bar lines from 0 to ``duration_s``: (K + 1,) s.

    ``bar_beats`` (K,) quarter notes in each bar, ``wish_bpm`` (K,) the wished tempo of its section. Pins lie within
    the bars; each pulls at its price until it is within its zone.
    """
    count = bar_beats.size
    glide_s = 60 / gliding(wish_bpm)
    lines_s = np.concatenate([[0.0], np.cumsum(bar_beats * glide_s)])
    lines_s *= duration_s / lines_s[-1]  # the fit is made on the difference from this
    bars = _Bars(1 / bar_beats, glide_s)
    scale, even = 1 / (DEVIATION_SCALE * glide_s), np.zeros(count - 1)
    wishes = [(bars.tempi(scale), scale * glide_s), (bars.changes(0.0, 1), even)]
    slowest, fastest = tempo_range(wish_bpm)
    limits = [
        (bars.tempi(scale), scale * 60 / slowest, np.full(count, RANGE_PRICE)),
        (bars.tempi(-scale), -scale * 60 / fastest, np.full(count, RANGE_PRICE)),
    ]
    for most, price in ((LARGE_CHANGE * WITHIN, STEEP_PRICE), (SMALL_CHANGE * WITHIN, CHANGE_PRICE)):
        limits += [(bars.changes(most, sign), even, np.full(even.size, price)) for sign in (1, -1)]
    if pins:
        at, time_s = _on_bars(bar_beats, pins), np.array([pin.time_s for pin in pins])
        zone_s, prices = np.array([pin.zone_s for pin in pins]), np.array([pin.price for pin in pins])
        for sign in (1, -1):
            limits.append((at.scaled(sign / MISS_S), (sign * time_s + zone_s) / MISS_S, prices))
        firm = np.array([pin.is_firm for pin in pins])
        wishes.append((at.only(firm).scaled(1 / SPRING_S), time_s[firm] / SPRING_S))
    rows, wished = Rows.joined([row for row, *_ in limits]), Rows.joined([row for row, _ in wishes])
    bounds = np.concatenate([bound for _, bound, _ in limits]) - rows.times(lines_s)
    targets = np.concatenate([target for _, target in wishes]) - wished.times(lines_s)
    found = Limits(rows, bounds, np.concatenate([price for *_, price in limits]))
    return lines_s + fit(lines_s.size, wished, targets, found)


def _on_bars(bar_beats: np.ndarray, pins: Sequence[Pin]) -> Rows:
    """The times of the pins' beats, between the lines of their bars."""
    starts, beats = np.concatenate([[0], np.cumsum(bar_beats)]), np.array([pin.beat for pin in pins])
    bar = np.clip(np.searchsorted(starts, beats, side="right") - 1, 0, bar_beats.size - 1)
    share = (beats - starts[bar]) / bar_beats[bar]
    return Rows(bar, np.stack([1 - share, share, 0 * share], axis=1))


@dataclass(frozen=True)
class _Bars:
    """Rows over the bar lines. ``inverse`` (K,) of the bars' lengths in beats, ``glide_s`` (K,) their wished beats."""

    inverse: np.ndarray
    glide_s: np.ndarray

    def tempi(self, scale: np.ndarray) -> Rows:
        """The length of a beat of every bar, times ``scale`` (K,)."""
        inverse = self.inverse * scale
        return Rows(np.arange(inverse.size), np.stack([-inverse, inverse, 0 * inverse], axis=1))

    def changes(self, most: float, sign: int) -> Rows:
        """How much longer (``sign`` -1: shorter) a beat is than 1 + ``most`` times that of the bar before (after), in
        `CHANGE_SCALE`.
        """
        one, other = self.inverse[:-1], self.inverse[1:]
        here, there = (1.0 + most, 1.0) if sign > 0 else (-1.0, -1.0 - most)
        scale = 2 / (CHANGE_SCALE * (self.glide_s[1:] + self.glide_s[:-1]))
        factors = np.stack([here * one, -here * one - there * other, there * other], axis=1)
        return Rows(np.arange(one.size), factors * scale[:, None])

"""Bar lines and the tempo of every bar, once it is known which beat meets which moment.

Bar lines: the cheapest row of bars, all in the metre of their section unless an odd bar brings the next
section start or a heavy hit onto a bar line. Tempi: a weighted least-squares fit of the times of the bar
lines, in which required moments weigh so much that they are met, wished ones pull like springs, and
neighbouring bars want the same tempo. Every row touches at most three neighbouring bar lines, so the normal
equations are banded and a feature film is solved in milliseconds. Where the tempo still changes too much, the
springs there are weakened and the stiffness raised, and the fit is made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import solveh_banded

from composer.spotting.beat_path import MAX_BPM, MIN_BPM, Placed
from composer.spotting.metre import Metre, bar_costs

DOWNBEAT_GAIN = 0.9  # for a hit of weight 1 on a bar line
OFF_PULSE_COST = 1.5  # for a hit between pulses, where the pulses depend on the bar lines

CHANGE_SCALE = 0.015  # of tempo, bar to bar: where a change begins to be felt
DEVIATION_SCALE = 0.15  # of tempo from the wish
SPRING_S = 0.012  # of a wished hit of weight 1
FIRM_S = 2e-6  # of a moment that must be met

SMALL_CHANGE = 0.04  # a bar, wanted
LARGE_CHANGE = 0.10  # a bar, never exceeded
MAX_ROUNDS = 32
GIVE_UP_ROUND = 12  # from here on moments that must be met are let go


@dataclass(frozen=True, slots=True)
class Pin:
    """A beat position wished at a time. ``firm``: must be met; ``weight`` 0-1 otherwise."""

    beat: float
    time_s: float
    weight: float
    firm: bool


@dataclass(frozen=True)
class Fit:
    """Lengths of the bars in quarter notes (K,), times of the bar lines (K + 1,) s, and the pins that had to be let
    go.
    """

    bar_beats: np.ndarray
    lines_s: np.ndarray
    let_go: tuple[Pin, ...]


def bar_lines(placed: Sequence[Placed], required_gain: float = DOWNBEAT_GAIN) -> tuple[Metre, ...]:
    """The metre of every bar, such that section starts and the end fall on bar lines.

    ``required_gain`` is what a required hit on a bar line is worth: above 2, bars are made odd for it.
    """
    gains: dict[int, float] = {}
    for entry in placed:
        if not entry.anchor.is_wall:
            weight = entry.anchor.weight
            heavy = entry.anchor.kind == "required"
            gain = required_gain * (0.5 + weight / 2) if heavy else DOWNBEAT_GAIN * weight
            gains[entry.eighth] = gain * (0.5 + weight / 2)
    bars: list[Metre] = []
    for start, end in pairwise([entry for entry in placed if entry.anchor.is_wall]):
        bars += _cheapest_bars(start.anchor.metre, start.eighth, end.eighth, gains)
    return tuple(bars)


def _cheapest_bars(metre: Metre, start: int, end: int, gains: dict[int, float]) -> list[Metre]:
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

    steps = (end - start) // step
    cost = [0.0] + [np.inf] * steps
    last = [0] * (steps + 1)
    for place in range(1, steps + 1):
        gain = gains.get(start + place * step, 0.0)
        for length, odd in lengths:
            if length <= place:
                total = cost[place - length] + odd - gain
                total += off_pulse(place - length, place) if step == 1 else 0.0
                if total < cost[place]:
                    cost[place], last[place] = total, length
    bars: list[Metre] = []
    while steps:
        bars.append(metre.with_length(last[steps] * step))
        steps -= last[steps]
    return bars[::-1]


def fit_tempi(bar_beats: np.ndarray, duration_s: float, wish_bpm: np.ndarray, pins: Sequence[Pin]) -> Fit:
    """Times of the bar lines from 0 to ``duration_s``.

    ``bar_beats`` (K,) quarter notes in each bar, ``wish_bpm`` (K,) its wished tempo. Pins lie within the bars. No
    tempo changes by more than `LARGE_CHANGE` from bar to bar or leaves the limits unless the ends alone
    force it; pins that stand against that are let go.
    """
    starts = np.concatenate([[0], np.cumsum(bar_beats)])
    beats = np.array([pin.beat for pin in pins])
    times_s = np.array([pin.time_s for pin in pins])
    weight = np.array([pin.weight for pin in pins])
    firm = np.array([pin.firm for pin in pins], dtype=bool)
    bar = np.clip(np.searchsorted(starts, beats, side="right") - 1, 0, bar_beats.size - 1)
    share = (beats - starts[bar]) / bar_beats[bar]
    rows = _Rows(bar_beats, duration_s, wish_bpm, bar, share, times_s)
    pull = np.where(firm, 1 / FIRM_S**2, (0.3 + 0.7 * weight) ** 2 / SPRING_S**2)
    stiff, hold = np.ones(max(bar_beats.size - 1, 0)), np.ones(bar_beats.size)
    gone = np.zeros(beats.size, dtype=bool)

    lines_s = rows.solve(pull, stiff, hold)
    for round_number in range(MAX_ROUNDS):
        change, off_limits = _strain(lines_s, bar_beats)
        miss_s = np.abs(rows.at_pins(lines_s) - times_s) if beats.size else np.zeros(0)
        worst = np.zeros(bar_beats.size)  # of the changes at either end of a bar
        np.maximum.at(worst, np.arange(change.size), change)
        np.maximum.at(worst, np.arange(change.size) + 1, change)
        worst[off_limits] = 1.0
        tense = np.max([np.roll(np.pad(worst, 2), shift)[2:-2] for shift in (-1, 0, 1)], axis=0)
        hopeless = ~firm & (miss_s > 0.11) & (pull > 0) & (round_number > 1)
        pull[hopeless] = 0.0
        if change.max(initial=0.0) <= SMALL_CHANGE and not off_limits.any() and not hopeless.any():
            break
        if round_number >= GIVE_UP_ROUND and change.max(initial=0.0) <= LARGE_CHANGE and not off_limits.any():
            break
        stiff = np.where(change > SMALL_CHANGE, stiff * np.minimum(change / SMALL_CHANGE, 2.0) ** 1.5, stiff)
        loose = ~firm & (tense[bar] > SMALL_CHANGE) if beats.size else gone
        pull = np.where(loose, pull * 0.5, pull)
        if round_number >= GIVE_UP_ROUND:
            pull = np.where(~firm & (tense[bar] > LARGE_CHANGE), 0.0, pull) if beats.size else pull
            lost = _lightest(firm & ~gone & (tense[bar] > LARGE_CHANGE), bar, weight) if beats.size else gone
            gone |= lost
            pull[lost] = 0.0
        hold = np.where(off_limits, hold * 3, hold)
        lines_s = rows.solve(pull, stiff, hold)
    else:
        change, off_limits = _strain(lines_s, bar_beats)
        if change.max(initial=0.0) > LARGE_CHANGE or off_limits.any():  # one tempo throughout always fits
            lines_s, gone = starts * (duration_s / starts[-1]), firm
    return Fit(bar_beats, lines_s, tuple(pin for pin, lost in zip(pins, gone, strict=True) if lost))


def _lightest(candidates: np.ndarray, bar: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The lightest candidate of every run of neighbouring bars: (pins,) bool."""
    lost = np.zeros(candidates.size, dtype=bool)
    indices = np.nonzero(candidates)[0]
    if indices.size:
        groups = np.split(indices, np.nonzero(np.diff(bar[indices]) > 4)[0] + 1)
        for group in groups:
            lost[group[np.argmin(weight[group])]] = True
    return lost


def _strain(lines_s: np.ndarray, bar_beats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Change of tempo at every inner bar line (K - 1,), as ratio - 1, and which bars (K,) leave the tempo
    limits.
    """
    beat_s = np.maximum(np.diff(lines_s) / bar_beats, 1e-6)
    change = np.maximum(beat_s[1:] / beat_s[:-1], beat_s[:-1] / beat_s[1:]) - 1
    return change, (beat_s < 60 / MAX_BPM - 1e-9) | (beat_s > 60 / MIN_BPM + 1e-9)


class _Rows:
    """The least-squares problem: rows that do not change from round to round."""

    def __init__(
        self,
        bar_beats: np.ndarray,
        duration_s: float,
        wish_bpm: np.ndarray,
        bar: np.ndarray,
        share: np.ndarray,
        times_s: np.ndarray,
    ) -> None:
        count = bar_beats.size
        wish_s = 60 / wish_bpm
        weights_s = np.cumsum(np.concatenate([[0.0], bar_beats * wish_s]))
        self._origin = weights_s * (duration_s / weights_s[-1])  # the fit is made on the difference from this
        self._count, self._bar, self._share, self._times_s = count, bar, share, times_s
        inverse = 1.0 / bar_beats
        scale = 1 / (CHANGE_SCALE * (wish_s[1:] + wish_s[:-1]) / 2)
        self._smooth = (
            np.stack([inverse[:-1], -inverse[:-1] - inverse[1:], inverse[1:]], axis=1) * scale[:, None]
        )
        own = 1 / (DEVIATION_SCALE * wish_s)
        self._wish = np.stack([-inverse, inverse, np.zeros(count)], axis=1) * own[:, None]
        self._wish_target = wish_s * own

    def at_pins(self, lines_s: np.ndarray) -> np.ndarray:
        """Times of the pinned beats, (pins,) s."""
        return lines_s[self._bar] * (1 - self._share) + lines_s[self._bar + 1] * self._share

    def solve(self, pull: np.ndarray, stiff: np.ndarray, hold: np.ndarray) -> np.ndarray:
        """Times of the bar lines (K + 1,) s.

        ``pull`` weighs the pins, ``stiff`` (K - 1,) the changes of tempo, ``hold`` (K,) the wished tempi.
        """
        size = self._count + 1
        lines_s = self._origin.copy()
        for _ in range(2):  # the second pass removes the rounding error of the first
            band, right = np.zeros((3, size)), np.zeros(size)
            target = self._wish_target - _apply(self._wish, np.arange(self._count), lines_s)
            _add(band, right, self._wish, np.arange(self._count), target, hold)
            inner = np.arange(self._count - 1)
            target = -_apply(self._smooth, inner, lines_s)
            _add(band, right, self._smooth, inner, target, stiff)
            if self._bar.size:
                pins = np.stack([1 - self._share, self._share, np.zeros(self._share.size)], axis=1)
                _add(band, right, pins, self._bar, self._times_s - self.at_pins(lines_s), pull)
            for end in (0, size - 1):  # the ends do not move: their row and column become the identity
                for distance in range(3):
                    for low in {end, end - distance} & set(range(size - distance)):
                        band[distance, low] = 0.0
                band[0, end], right[end] = 1.0, 0.0
            lines_s = lines_s + solveh_banded(band, right, lower=True, check_finite=False)
        return lines_s


def _apply(coefficients: np.ndarray, start: np.ndarray, values: np.ndarray) -> np.ndarray:
    padded = np.concatenate([values, [0.0, 0.0]])
    return sum(coefficients[:, k] * padded[start + k] for k in range(3))


def _add(
    band: np.ndarray,
    right: np.ndarray,
    coefficients: np.ndarray,
    start: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
) -> None:
    """Adds rows of three coefficients from column ``start`` on to the normal equations (lower band form)."""
    size = right.size
    for a in range(3):
        inside = start + a < size
        np.add.at(right, (start + a)[inside], (weight * coefficients[:, a] * target)[inside])
        for b in range(a, 3):
            inside = start + b < size
            product = weight * coefficients[:, a] * coefficients[:, b]
            np.add.at(band[b - a], (start + a)[inside], product[inside])

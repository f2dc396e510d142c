"""How fast the music may go, and how fast its tempo may change.

A wish is 40-200 BPM; a cue sheet may wish 20-400, from which `within_limits` moves it to 44-182 so that it has room to
bend. A section's *range* is `SLOWEST` to `FASTEST` times the wish, within 40-200 BPM. Where
neighbouring sections wish different tempi, the wish glides from one to the other at no more than `SMALL_CHANGE` a bar,
half of the way before the seam and half after it, and the range goes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer.spotting.cues import Section
from composer.spotting.metre import Metre

MIN_BPM, MAX_BPM = 40.0, 200.0
LEAST_WISH_BPM, MOST_WISH_BPM = 20.0, 400.0  # that a cue sheet may hold
MIN_WISH_BPM, MAX_WISH_BPM = 44.0, 182.0  # of the wish that is solved for: it leaves room to bend
DEFAULT_BPM = 120.0
SLOWEST, FASTEST = 0.78, 1.28  # of the wish

SMALL_CHANGE = 0.04  # of tempo from bar to bar, wanted
LARGE_CHANGE = 0.10  # never exceeded


def gliding(wish_bpm: np.ndarray) -> np.ndarray:
    """Wished tempi (K,) of the bars, made to change by at most `SMALL_CHANGE` from bar to bar.

    On a logarithmic scale, the mean of the highest wishes below and the lowest above that change by no more (Lipschitz
    envelopes). At twice the change first, as the mean of both climbs half as fast at a step; then what is left.
    """
    log_bpm = np.log(wish_bpm)
    for steepest in (2 * np.log1p(SMALL_CHANGE), np.log1p(SMALL_CHANGE)):
        climb = steepest * np.arange(log_bpm.size)
        log_bpm = (_below(log_bpm, climb) - _below(-log_bpm, climb)) / 2
    return np.exp(log_bpm)


def _below(values: np.ndarray, climb: np.ndarray) -> np.ndarray:
    """The highest row of numbers that is nowhere above ``values`` and changes no faster than ``climb``."""
    rising = np.minimum.accumulate(values - climb) + climb
    falling = np.minimum.accumulate((values + climb)[::-1])[::-1] - climb
    return np.minimum(rising, falling)


def tempo_range(wish_bpm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slowest and the fastest tempo (K,) of bars with the wished tempi (K,) of their sections."""
    wish = gliding(wish_bpm)
    return np.maximum(SLOWEST * wish, MIN_BPM), np.minimum(FASTEST * wish, MAX_BPM)


@dataclass(frozen=True)
class WishCurve:
    """The gliding wish over a film: straight lines of (eighths wished from the start) over ``times_s``, both (N,)."""

    times_s: np.ndarray
    eighths: np.ndarray

    def between(self, start_s: float, end_s: float) -> float:
        """Eighths that the wish counts between two moments."""
        first, last = np.interp((start_s, end_s), self.times_s, self.eighths)
        return float(last - first)


def wish_curve(duration_s: float, sections: Sequence[Section]) -> WishCurve:
    """The wishes of ``sections`` over a film of ``duration_s``, gliding over regular bars."""
    lines_s, wish_bpm = [np.zeros(1)], []
    for section in sections:
        start_s, end_s = max(section.start_s, 0.0), min(section.end_s, duration_s)
        if end_s > start_s:
            wish = within_limits(section.tempo_bpm)
            bars = max(round((end_s - start_s) * wish / 30 / Metre.parse(section.metre).bar_eighths), 1)
            lines_s.append(np.linspace(start_s, end_s, bars + 1)[1:])
            wish_bpm += [wish] * bars
    times_s = np.concatenate(lines_s)
    if not wish_bpm or times_s[-1] < duration_s:
        times_s = np.append(times_s, duration_s)
        wish_bpm.append(wish_bpm[-1] if wish_bpm else DEFAULT_BPM)
    eighths = np.concatenate([[0.0], np.cumsum(gliding(np.array(wish_bpm)) / 30 * np.diff(times_s))])
    return WishCurve(times_s, eighths)


def bar_wishes(sections: Sequence[Section], lines_s: np.ndarray) -> np.ndarray:
    """The wished tempo of the section in which each bar has its middle: (K,) for bar lines at ``lines_s`` (K + 1,)."""
    if not sections:
        return np.full(lines_s.size - 1, DEFAULT_BPM)
    starts = [section.start_s for section in sections]
    inside = np.searchsorted(starts, (lines_s[1:] + lines_s[:-1]) / 2 + 1e-9, side="right") - 1
    return np.array([within_limits(section.tempo_bpm) for section in sections])[np.maximum(inside, 0)]


def within_limits(wish_bpm: float) -> float:
    """A wished tempo, moved so far inside the limits that it has room to bend."""
    return min(max(wish_bpm, MIN_WISH_BPM), MAX_WISH_BPM)

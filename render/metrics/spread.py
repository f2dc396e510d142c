"""A figure over clips and how sure it is: bootstrap percentile intervals.

Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, ch. 13. Clips are drawn again, not frames: the frames of
one clip are alike. Clips of one song count as independent, which makes intervals a little too narrow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from render.metrics import TooLittleSound

CONFIDENCE = 0.95
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """A ``value`` from ``clips`` clips, and the interval [low, high] it lies in with 95 % confidence."""

    value: float
    low: float
    high: float
    clips: int

    def as_json(self) -> dict[str, float | int]:
        """The figure as plain values, rounded to what its interval can carry."""
        return {
            "value": round(self.value, 5),
            "low": round(self.low, 5),
            "high": round(self.high, 5),
            "clips": self.clips,
        }


def figure_of(
    statistic: Callable[[np.ndarray], float], clips: int, rng: np.random.Generator, draws: int = DRAWS
) -> Figure:
    """``statistic`` of the indices (clips,) of all clips, and its interval from ``draws`` resamples of them.

    Resamples for which there is too little sound do not count. Raises TooLittleSound where that holds for all clips.
    """
    if clips < 1:
        raise TooLittleSound("a figure needs a clip or more")
    value = statistic(np.arange(clips))
    found = []
    for _ in range(draws):
        try:
            found.append(statistic(rng.integers(clips, size=clips)))
        except TooLittleSound:
            continue
    low, high = np.quantile(found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) if found else (value, value)
    return Figure(float(value), float(low), float(high), clips)


def mean_figure(values: np.ndarray, rng: np.random.Generator, draws: int = DRAWS) -> Figure:
    """Mean of ``values`` (clips,) and its interval; NaN stands for a clip that has no value and does not count."""
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    return figure_of(lambda chosen: float(values[chosen].mean()), len(values), rng, draws)

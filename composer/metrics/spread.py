"""A figure over many pieces: mean, deviation, how sure the mean is, how far it lies from a reference.

Conventions: deviations are between pieces, divided by n. The interval of the mean is the bootstrap percentile interval
(Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, ch. 13). A distance is in deviations of the reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.metrics import TooLittleMusic

CONFIDENCE = 0.95
DRAWS = 2000
_CELLS = 2_000_000  # resampled values held at once


@dataclass(frozen=True, slots=True)
class Spread:
    """``count`` values, their mean and standard deviation, and the interval [low, high] of the mean."""

    count: int
    mean: float
    deviation: float
    low: float
    high: float


def spread_of(values: np.ndarray, rng: np.random.Generator, confidence: float = CONFIDENCE) -> Spread:
    """Mean, deviation and bootstrap interval of ``values`` (n,), finite."""
    values = _checked(values)
    low, high = bootstrap_interval(values, rng, confidence)
    return Spread(len(values), float(values.mean()), float(values.std()), low, high)


def bootstrap_interval(
    values: np.ndarray, rng: np.random.Generator, confidence: float = CONFIDENCE, draws: int = DRAWS
) -> tuple[float, float]:
    """The interval in which the mean of ``values`` (n,) lies with ``confidence`` 0-1, from ``draws`` resamples."""
    values = _checked(values)
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is outside 0-1")
    at_once = max(_CELLS // len(values), 1)
    sizes = [min(at_once, draws - first) for first in range(0, draws, at_once)]
    means = np.concatenate([values[rng.integers(len(values), size=(n, len(values)))].mean(1) for n in sizes])
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def distance_in_deviations(values: np.ndarray, reference: np.ndarray) -> float:
    """How many between-piece deviations of ``reference`` the mean of ``values`` lies above its mean."""
    values, reference = _checked(values), _checked(reference)
    deviation = float(reference.std())
    if deviation < 1e-12:
        raise TooLittleMusic("a distance needs a reference whose pieces differ")
    return float((values.mean() - reference.mean()) / deviation)


def _checked(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim != 1 or values.size == 0:
        raise TooLittleMusic(f"a mean needs one value or more, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite")
    return values

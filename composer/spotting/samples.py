"""Which of many moments belong to another moment or to a stretch of film."""

from __future__ import annotations

import numpy as np


def nearest(samples_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Which of ``samples_s`` (in order, at least one) is nearest to each of ``times_s`` (T,): (T,) int."""
    right = np.clip(np.searchsorted(samples_s, times_s), 0, samples_s.size - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(samples_s[left] - times_s) <= np.abs(samples_s[right] - times_s), left, right)


def distance_to_nearest(times_s: np.ndarray, marks_s: np.ndarray) -> np.ndarray:
    """Distance (T,) in s from each of ``times_s`` to the nearest of ``marks_s`` (in order); infinite without any."""
    if not marks_s.size:
        return np.full(times_s.shape, np.inf)
    return np.abs(marks_s[nearest(marks_s, times_s)] - times_s)


def inside(samples_s: np.ndarray, start_s: float, end_s: float) -> np.ndarray:
    """Which of ``samples_s`` (T,) lie from ``start_s`` to before ``end_s``, the nearest one where none does: bool."""
    chosen = (samples_s >= start_s) & (samples_s < end_s)
    if not chosen.any():
        chosen[int(np.argmin(np.abs(samples_s - (start_s + end_s) / 2)))] = True
    return chosen

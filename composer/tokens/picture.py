"""The picture as the chord stage sees it: one colour token and one semantic token a bar.

A colour token holds brightness, saturation, warmth, motion and the log-chroma histogram pooled to 8 x 8 bins a
plane (square roots, so that rare colours count); a semantic token holds the probabilities of the prompt bank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.timing import TempoMap
from composer.video.features import HISTOGRAM_BINS, VideoFeatures
from composer.video.prompts import PROMPTS

POOLED_BINS = 8
MOTION_SCALE = 25.0  # RGB difference that counts as 1
MOTION_LIMIT = 4.0
MOTION_COLUMN = 3
COLOR_WIDTH = 4 + 3 * POOLED_BINS**2
SEMANTIC_WIDTH = len(PROMPTS)


@dataclass(frozen=True)
class Picture:
    """One token of each kind a bar, float32: ``color`` (bars, `COLOR_WIDTH`) and ``semantic`` (bars,
    `SEMANTIC_WIDTH`); zeros where nothing was seen."""

    color: np.ndarray
    semantic: np.ndarray


def motion_value(rgb_difference: float | np.ndarray) -> np.ndarray:
    """The motion entry of a colour token."""
    return np.minimum(np.asarray(rgb_difference) / MOTION_SCALE, MOTION_LIMIT)


def color_token(
    brightness: float, saturation: float, warmth: float, motion: float, histogram: np.ndarray
) -> np.ndarray:
    """One colour token from means over a bar; ``motion`` as RGB difference, ``histogram`` (3, h, h)."""
    side = HISTOGRAM_BINS // POOLED_BINS
    pooled = histogram.reshape(3, POOLED_BINS, side, POOLED_BINS, side).sum((2, 4))
    values = [brightness, saturation, warmth, motion_value(motion)]
    return np.concatenate([values, np.sqrt(pooled).ravel()]).astype(np.float32)


def picture_of(features: VideoFeatures | None, tempo_map: TempoMap) -> Picture:
    """The tokens of a film on its tempo map; without features, or without semantics, those tokens are zeros."""
    return picture_between(features, tempo_map.bar_starts_s)


def picture_between(features: VideoFeatures | None, borders_s: np.ndarray) -> Picture:
    """As `picture_of`, for bars between ``borders_s`` (bars + 1,) in seconds. Zeros where the film is over."""
    bars = len(borders_s) - 1
    color = np.zeros((bars, COLOR_WIDTH), np.float32)
    semantic = np.zeros((bars, SEMANTIC_WIDTH), np.float32)
    if features is None:
        return Picture(color, semantic)
    for bar in range(int((borders_s[:-1] < features.duration_s).sum())):
        low, high = float(borders_s[bar]), float(borders_s[bar + 1])
        seen = _during(features.color_times_s, low, high)
        if len(seen):
            moved = features.rgb_difference[_during(features.motion_times_s, low, high)]
            moved = moved[np.isfinite(moved)]
            color[bar] = color_token(
                float(features.brightness[seen].mean()),
                float(features.saturation[seen].mean()),
                float(features.warmth[seen].mean()),
                float(moved.mean()) if len(moved) else 0.0,
                features.color_histograms[seen].mean(0),
            )
        seen = _during(features.semantic_times_s, low, high)
        if len(seen):
            semantic[bar] = features.semantic_scores[seen].mean(0)
    return Picture(color, semantic)


def _during(times_s: np.ndarray, low_s: float, high_s: float) -> np.ndarray:
    """Indices of the samples from low_s to high_s, or of the nearest one where a bar is shorter than the interval."""
    inside = np.flatnonzero((times_s >= low_s) & (times_s < high_s))
    if len(inside) or not len(times_s):
        return inside
    return np.array([int(np.abs(times_s - (low_s + high_s) / 2).argmin())])

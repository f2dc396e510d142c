"""What is seen over time, on one grid and on scales on which 1 is a clear change.

Distances are Euclidean, so that what a stretch varies in itself and how far two stretches lie apart add up as
variances do. Colour histograms are compared by the Hellinger distance, which is the Euclidean one of their square
roots; for CLIP's unit-length embeddings the square of it is twice the cosine distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer.spotting.affect import AffectCurve, own_shot_length_at
from composer.spotting.samples import nearest
from composer.tokens.picture import pooled
from composer.video.features import VideoFeatures

MAX_AXES = 24  # principal axes kept of a feature of many dimensions
MAX_ROWS = 128  # samples that the axes are found from

# A change of this size in a feature counts 1.
COLOUR_SCALE = 0.55  # Hellinger distance
LIGHT_SCALE = 0.25  # brightness, saturation; half of it for warmth
MOTION_SCALE = 0.35  # of V-MusProd's range
PACE_SCALE = 2.5  # doublings of shot length
MEANING_SCALE = 0.35  # cosine distance of CLIP embeddings


@dataclass(frozen=True)
class Seen:
    """Features over the grid ``times_s`` (T,), evenly spaced: ``values`` (T, D) float64, divided by the change that
    counts 1; ``parts``: what the columns are. ``total`` (T + 1, D) is the running sum.
    """

    times_s: np.ndarray
    values: np.ndarray
    parts: tuple[tuple[str, slice], ...]
    total: np.ndarray

    @classmethod
    def of(cls, times_s: np.ndarray, features: Sequence[tuple[str, np.ndarray]]) -> Seen:
        """Features (name, (T, its D)) side by side."""
        values = np.concatenate([rows for _, rows in features], axis=1)
        ends = np.cumsum([rows.shape[1] for _, rows in features])
        parts = [
            (name, slice(end - rows.shape[1], end)) for (name, rows), end in zip(features, ends, strict=True)
        ]
        total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
        return cls(times_s, values, tuple(parts), total)

    @property
    def step_s(self) -> float:
        """Spacing of the grid in s."""
        return float(self.times_s[1] - self.times_s[0]) if self.times_s.size > 1 else 1.0

    def mean(self, start_s: float, end_s: float) -> np.ndarray:
        """The mean (D,) of what is seen from ``start_s`` to ``end_s``."""
        first, past = np.searchsorted(self.times_s, (start_s, end_s))
        if first >= past:
            return self.values[nearest(self.times_s, np.array([(start_s + end_s) / 2]))[0]]
        return (self.total[past] - self.total[first]) / (past - first)


def look_over(features: VideoFeatures, curve: AffectCurve) -> Seen:
    """What is seen, on the grid of ``curve``: movement, length of shots and, where known, light, palette, meaning."""
    grid_s = curve.times_s
    pace = np.log2(own_shot_length_at(features, grid_s))
    seen = [
        ("motion", curve.motion[:, None] / MOTION_SCALE),
        ("cutting pace", pace[:, None] / PACE_SCALE),
    ]
    if features.color_times_s.size:
        at = nearest(features.color_times_s, grid_s)
        seen.append(("light and colour", light(features)[at]))
        if features.color_histograms.size:
            palette = principal(hellinger(features.color_histograms))
            seen.append(("palette", palette[at] / COLOUR_SCALE))
    if features.semantic_times_s.size and features.semantic_tokens.size:
        at = nearest(features.semantic_times_s, grid_s)
        meaning = principal(features.semantic_tokens.astype(np.float64))
        seen.append(("meaning", meaning[at] / np.sqrt(2 * MEANING_SCALE)))
    return Seen.of(grid_s, seen)


def light(features: VideoFeatures) -> np.ndarray:
    """Brightness, saturation and warmth (T_c, 3) on the scale on which 1 is a clear change."""
    rows = np.stack([features.brightness, features.saturation, features.warmth / 2], axis=1)
    return rows.astype(np.float64) / LIGHT_SCALE


def hellinger(histograms: np.ndarray) -> np.ndarray:
    """Colour histograms (T, 3, h, h) as square roots of coarse ones (T, D) of unit length."""
    coarse = pooled(histograms).astype(np.float64)
    return np.sqrt(np.maximum(coarse, 0) / np.maximum(coarse.sum(axis=1, keepdims=True), 1e-9))


def principal(values: np.ndarray) -> np.ndarray:
    """Values (T, D) on their ``MAX_AXES`` principal axes, found from at most ``MAX_ROWS`` of them."""
    if values.shape[1] <= MAX_AXES or len(values) < 2:
        return values
    rows = values[:: -(-len(values) // MAX_ROWS)]
    centre = rows.mean(axis=0)
    away = rows - centre
    axes = (
        np.linalg.eigh(away @ away.T)[1][:, -MAX_AXES:].T @ away
    )  # of few rows, that is quicker than an SVD
    axes /= np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-9)
    return (values - centre) @ axes.T

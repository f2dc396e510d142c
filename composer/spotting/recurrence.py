"""Which stretches of a film show the same place or people, so that their music comes back.

Two stretches are alike where their light (brightness, saturation, warmth) and palette (mean colour histogram) are;
where CLIP has seen the film, its meaning (mean image embedding, cosine distance) counts twice as much as both
together: the same colours elsewhere do not bring a theme back, and the same place in another light does. A theme is
the mean of all its stretches so far, by their length, so that one odd stretch does not decide what belongs to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from composer.spotting.samples import inside
from composer.spotting.seen import COLOUR_SCALE, MEANING_SCALE, hellinger, light
from composer.video.features import VideoFeatures

SAME_THEME = 0.62  # stretches closer than this share a theme; 1 is a clear change
MEANING_WEIGHT = 2.0  # against 1 of light and palette together


def themes(
    features: VideoFeatures, stretches: Sequence[tuple[float, float]], differs: Sequence[bool]
) -> list[int]:
    """A number for each of ``stretches`` (start and end in s, in order): 0, 1, ... in order of appearance.

    ``differs``: whether it was found to look unlike the one before, and so cannot be of its theme.
    """
    looks = _Looks(features)
    known: list[np.ndarray] = []
    lengths_s: list[float] = []
    numbers: list[int] = []
    for (start_s, end_s), other in zip(stretches, differs, strict=True):
        mean = looks.mean(start_s, end_s)
        far = np.array([looks.distance(mean, theme) for theme in known])
        if other and numbers:
            far[numbers[-1]] = np.inf
        best = int(np.argmin(far)) if far.size else -1
        if best >= 0 and far[best] < SAME_THEME:
            share = (end_s - start_s) / (lengths_s[best] + end_s - start_s)
            known[best] = (1 - share) * known[best] + share * mean
            lengths_s[best] += end_s - start_s
            numbers.append(best)
        else:
            known.append(mean)
            lengths_s.append(end_s - start_s)
            numbers.append(len(known) - 1)
    return numbers


class _Looks:
    """Light, palette and meaning of a film, side by side; the distance between means of them."""

    def __init__(self, features: VideoFeatures) -> None:
        self._parts: list[tuple[str, np.ndarray, np.ndarray]] = []
        if features.color_times_s.size:
            self._parts.append(("light", features.color_times_s, light(features)))
            if features.color_histograms.size:
                palette = hellinger(features.color_histograms) / COLOUR_SCALE
                self._parts.append(("palette", features.color_times_s, palette))
        if features.semantic_times_s.size and features.semantic_tokens.size:
            self._parts.append(("meaning", features.semantic_times_s, features.semantic_tokens))
        self._splits = np.cumsum([values.shape[1] for _, _, values in self._parts])[:-1]

    def mean(self, start_s: float, end_s: float) -> np.ndarray:
        """What is seen from ``start_s`` to ``end_s``, as one row."""
        rows = [values[inside(times_s, start_s, end_s)].mean(axis=0) for _, times_s, values in self._parts]
        return np.concatenate(rows) if rows else np.zeros(0)

    def distance(self, one: np.ndarray, other: np.ndarray) -> float:
        """How far apart two means are; infinite where nothing was seen but movement."""
        colour, meaning = [], None
        halves = zip(np.split(one, self._splits), np.split(other, self._splits), strict=True)
        for (name, _, _), (a, b) in zip(self._parts, halves, strict=False):
            if name == "meaning":
                cosine = float(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9)
                meaning = ((1 - cosine) / MEANING_SCALE) ** 2
            else:
                colour.append(float(((a - b) ** 2).sum()))
        if not self._parts:
            return float("inf")
        if meaning is None:
            return float(np.sqrt(np.mean(colour)))
        if not colour:
            return float(np.sqrt(meaning))
        return float(np.sqrt((np.mean(colour) + MEANING_WEIGHT * meaning) / (1 + MEANING_WEIGHT)))

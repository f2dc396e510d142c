"""Where a film changes, and which of its stretches resemble each other.

Novelty at a moment is the distance between what is seen in the seconds before it and in the seconds after it
(the idea of Foote's checkerboard kernel, ICME 2000), per feature, on scales on which 1 is a clear change.
Boundaries are its peaks, moved to a cut where one is near, never closer than a least length: a fast edit is
one section, not many. Sections that look alike get the same theme (A, B, ...), so that a place gets its
music back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from composer.spotting.affect import AffectCurve, shot_length_at
from composer.video.features import VideoFeatures

STEP_S = 0.5
WINDOW_S = 5.0  # seen before and after a moment
MIN_SECTION_S = 7.0
SHORT_FILM_S = 10.0  # up to here a film is one section
SNAP_S = 1.5  # a boundary moves this far to a cut
MAX_SECTIONS = 200
POOLED_BINS = 8  # of each axis of the colour histograms

# A change of this size in a feature counts 1.
COLOUR_SCALE = 0.55  # Hellinger distance
LIGHT_SCALE = 0.25  # brightness, saturation; half of it for warmth
MOTION_SCALE = 0.35  # of V-MusProd's range
PACE_SCALE = 1.5  # doublings of shot length
MEANING_SCALE = 0.35  # cosine distance of CLIP embeddings

THRESHOLD = 0.9  # novelty of a boundary
CUT_BONUS = 0.25  # for a boundary on a cut
SAME_NEIGHBOUR = 0.6  # neighbours closer than this are one section
SAME_THEME = 0.62  # sections closer than this share a theme


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of film: times in s, its theme's letter, how new it was at its start, and what changed most
    there.
    """

    start_s: float
    end_s: float
    theme: str
    novelty: float
    reason: str


@dataclass(frozen=True)
class _Feature:
    """A feature over the grid: values (T, D); ``scale``: the distance that counts 1; ``cosine``: kind of
    distance.
    """

    name: str
    values: np.ndarray
    scale: float
    cosine: bool = False

    def distance(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Scaled distance between mean values (..., D)."""
        if self.cosine:
            norm = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
            return (1 - (one * other).sum(axis=-1) / np.maximum(norm, 1e-9)) / self.scale
        return np.linalg.norm(one - other, axis=-1) / self.scale


def segment_film(features: VideoFeatures, curve: AffectCurve) -> tuple[Segment, ...]:
    """The film as segments without gaps from 0 to its end."""
    duration_s = features.duration_s
    seen = _features(features, curve)
    bounds, reasons, news = [0.0], ["start of the film"], [0.0]
    if duration_s > SHORT_FILM_S:
        for time_s, novelty, reason in _real(_boundaries(features, curve, seen), seen, curve, duration_s):
            bounds.append(time_s)
            news.append(novelty)
            reasons.append(reason)
    means = [
        _means(seen, curve.times_s, a, b) for a, b in zip(bounds, [*bounds[1:], duration_s], strict=True)
    ]
    themes = _themes(seen, means)
    ends = [*bounds[1:], duration_s]
    return tuple(Segment(*values) for values in zip(bounds, ends, themes, news, reasons, strict=True))


def theme_letter(index: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def section_labels(themes: Sequence[str]) -> list[str]:
    """A, B, A', ...: the theme, with a prime for every time it has been heard (a number from the fourth
    on).
    """
    heard: dict[str, int] = {}
    labels = []
    for theme in themes:
        times = heard.get(theme, 0)
        labels.append(theme + ("'" * times if times < 3 else str(times + 1)))
        heard[theme] = times + 1
    return labels


def _features(features: VideoFeatures, curve: AffectCurve) -> list[_Feature]:
    grid_s = curve.times_s
    seen = [
        _Feature("motion", curve.motion[:, None], MOTION_SCALE),
        _Feature("cutting pace", np.log2(shot_length_at(features, grid_s))[:, None], PACE_SCALE),
    ]
    if features.color_times_s.size:
        nearest = np.clip(np.searchsorted(features.color_times_s, grid_s), 0, features.color_times_s.size - 1)
        light = np.stack([features.brightness, features.saturation, features.warmth / 2], axis=1)
        seen.append(_Feature("light and colour", light[nearest], LIGHT_SCALE))
        if features.color_histograms.size:
            pooled = _pooled(features.color_histograms)
            seen.append(_Feature("palette", pooled[nearest], COLOUR_SCALE))
    if features.semantic_times_s.size and features.semantic_tokens.size:
        last = features.semantic_times_s.size - 1
        nearest = np.clip(np.searchsorted(features.semantic_times_s, grid_s), 0, last)
        seen.append(_Feature("meaning", features.semantic_tokens[nearest], MEANING_SCALE, cosine=True))
    return seen


def _pooled(histograms: np.ndarray) -> np.ndarray:
    """Colour histograms (T, 3, h, h) as square roots of coarse ones (T, D) of unit length (Hellinger)."""
    count, planes, height, width = histograms.shape
    bins = next(n for n in (POOLED_BINS, 4, 2, 1) if height % n == 0 and width % n == 0)
    pooled = np.empty((count, planes * bins * bins), dtype=np.float32)
    for start in range(0, count, 256):
        block = histograms[start : start + 256]
        coarse = block.reshape(-1, planes, bins, height // bins, bins, width // bins).sum(axis=(3, 5))
        pooled[start : start + 256] = coarse.reshape(-1, planes * bins * bins)
    return np.sqrt(np.maximum(pooled, 0) / np.maximum(pooled.sum(axis=1, keepdims=True), 1e-9))


def _boundaries(
    features: VideoFeatures, curve: AffectCurve, seen: Sequence[_Feature]
) -> list[tuple[float, float, str]]:
    """Boundaries in order: time (s), novelty, what changed."""
    duration_s, grid_s = features.duration_s, curve.times_s
    step_s = float(grid_s[1] - grid_s[0])
    width = max(round(WINDOW_S / step_s), 1)
    cuts = np.sort(features.cut_times_s)
    places = np.arange(1, grid_s.size)  # a boundary between samples i - 1 and i
    places_s = places * step_s
    by_feature = np.stack([_novelty(feature, places, width) for feature in seen])
    novelty = np.sqrt((by_feature**2).sum(axis=0))

    candidates_s, score, place = places_s, novelty, places - 1
    if cuts.size:
        near = np.clip(np.searchsorted(cuts, places_s), 0, cuts.size - 1)
        before = np.maximum(near - 1, 0)
        near = np.where(np.abs(cuts[near] - places_s) <= np.abs(cuts[before] - places_s), near, before)
        offset_s = np.abs(cuts[near] - places_s)
        snapped = offset_s <= SNAP_S
        candidates_s = np.where(snapped, cuts[near], places_s)
        score = novelty + np.where(snapped, CUT_BONUS * (1 - offset_s / SNAP_S), 0.0)
    chosen: list[tuple[float, float, str]] = []
    for index in np.argsort(-score, kind="stable"):
        if score[index] < THRESHOLD or len(chosen) >= MAX_SECTIONS - 1:
            break
        time_s = float(candidates_s[index])
        taken = [0.0, duration_s, *(entry[0] for entry in chosen)]
        if min(abs(time_s - other) for other in taken) >= MIN_SECTION_S:
            share = by_feature[:, place[index]]
            order = np.argsort(-share)[:2]
            what = " and ".join(f"{seen[k].name} (change {share[k]:.1f})" for k in order if share[k] > 0.3)
            on_cut = cuts.size > 0 and bool(np.any(cuts == time_s))
            where = ", at a cut" if on_cut else ""
            chosen.append((time_s, float(score[index]), (what or "several small changes") + where))
    return sorted(chosen)


def _real(
    boundaries: Sequence[tuple[float, float, str]],
    seen: Sequence[_Feature],
    curve: AffectCurve,
    duration_s: float,
) -> list[tuple[float, float, str]]:
    """The boundaries without those whose two sides, as a whole, look the same; the least is dropped first."""
    kept = list(boundaries)
    while kept:
        edges = [0.0, *(entry[0] for entry in kept), duration_s]
        means = [_means(seen, curve.times_s, a, b) for a, b in pairwise(edges)]
        apart = [
            sum(float(f.distance(x, y)) ** 2 for f, x, y in zip(seen, one, other, strict=True)) ** 0.5
            for one, other in pairwise(means)
        ]
        least = int(np.argmin(apart))
        if apart[least] >= SAME_NEIGHBOUR:
            break
        del kept[least]
    return kept


def _novelty(feature: _Feature, places: np.ndarray, width: int) -> np.ndarray:
    """Scaled distance (places,) between before and after, less where both sides vary much in themselves.

    Two shots in alternation differ at every cut, but nothing new comes: the spread within the windows tells.
    """
    before, after = _around(feature.values, places, width)
    square = (feature.values.astype(np.float64) ** 2).sum(axis=1, keepdims=True)
    square_before, square_after = _around(square, places, width)
    spread = square_before[:, 0] - (before**2).sum(axis=1) + square_after[:, 0] - (after**2).sum(axis=1)
    scale = feature.scale if not feature.cosine else np.sqrt(2 * feature.scale)  # |a - b|^2 = 2 (1 - cos)
    return feature.distance(before, after) / np.sqrt(1 + np.maximum(spread, 0) / 2 / scale**2)


def _around(values: np.ndarray, places: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Means of ``values`` (T, D) over ``width`` samples before and after each place: twice (places, D)."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    low, high = np.maximum(places - width, 0), np.minimum(places + width, values.shape[0])
    before = (total[places] - total[low]) / (places - low)[:, None]
    after = (total[high] - total[places]) / (high - places)[:, None]
    return before, after


def _means(seen: Sequence[_Feature], grid_s: np.ndarray, start_s: float, end_s: float) -> list[np.ndarray]:
    inside = (grid_s >= start_s) & (grid_s < end_s)
    if not inside.any():
        inside[int(np.argmin(np.abs(grid_s - (start_s + end_s) / 2)))] = True
    return [feature.values[inside].mean(axis=0) for feature in seen]


def _themes(seen: Sequence[_Feature], means: Sequence[list[np.ndarray]]) -> list[str]:
    """A letter for every segment: that of the most similar theme so far, unless its neighbour has it."""
    looks = [k for k, feature in enumerate(seen) if feature.name not in ("motion", "cutting pace")]
    themes: list[list[np.ndarray]] = []
    assigned: list[int] = []
    for mean in means:
        far = np.full(len(themes), np.inf)
        if looks:
            for index, theme in enumerate(themes):
                far[index] = np.sqrt(np.mean([seen[k].distance(mean[k], theme[k]) ** 2 for k in looks]))
        if assigned:
            far[assigned[-1]] = np.inf  # a boundary stands between the two: they are not the same
        best = int(np.argmin(far)) if far.size else -1
        if best >= 0 and far[best] < SAME_THEME:
            assigned.append(best)
        else:
            themes.append(mean)
            assigned.append(len(themes) - 1)
    return [theme_letter(index) for index in assigned]

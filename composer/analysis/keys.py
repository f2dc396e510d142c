"""Keys bar by bar, and the stretches of a piece that stay in one.

Each bar scores 24 keys by the correlation of the pitch classes around it with the profiles of Krumhansl and Kessler
(`composer.theory`); the best path through the bars pays for every change of key (Temperley, *The Cognition of Basic
Musical Structures*, 2001, ch. 7), so a tonicisation that passes does not count.
"""

from __future__ import annotations

import numpy as np

from composer.theory import KRUMHANSL_PROFILES, Key

CHANGE_COST = 3.0
SMOOTHING = (0.25, 0.5, 1.0, 0.5, 0.25)  # bars around

_KEYS = [Key(tonic, mode) for mode in KRUMHANSL_PROFILES for tonic in range(12)]


def _profiles() -> np.ndarray:
    """(24, 12), zero mean, unit length."""
    rows: list[np.ndarray] = []
    for profile in KRUMHANSL_PROFILES.values():
        centred = np.asarray(profile) - np.mean(profile)
        rows.extend(np.roll(centred / np.linalg.norm(centred), tonic) for tonic in range(12))
    return np.array(rows)


_PROFILES = _profiles()


def local_keys(pitch_class_weights: np.ndarray) -> list[Key]:
    """The key of every bar from ``pitch_class_weights`` (bars, 12): time sounded, >= 0.

    Bars without notes take the key of those around. C major where nothing sounds at all.
    """
    weights = np.asarray(pitch_class_weights, float)
    if weights.ndim != 2 or weights.shape[1] != 12 or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"keys need finite weights >= 0 of shape (bars, 12), got {weights.shape}")
    bars = len(weights)
    if bars == 0:
        return []
    share = weights / np.maximum(weights.sum(1, keepdims=True), 1e-9)
    reach = len(SMOOTHING) // 2
    padded = np.pad(share, ((reach, reach), (0, 0)))
    around = np.tensordot(SMOOTHING, [padded[i : i + bars] for i in range(2 * reach + 1)], 1)
    centred = around - around.mean(1, keepdims=True)
    score = (centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)) @ _PROFILES.T
    return [_KEYS[i] for i in _best_path(score)]


def key_segments(keys: list[Key], min_bars: int) -> list[tuple[int, int, Key]]:
    """(first bar, end bar, key) of every stretch in one key; those under ``min_bars`` join the nearer neighbour.

    Nearer is the key with more scale tones in common, then the longer stretch, then the earlier. A piece shorter
    than ``min_bars`` is one segment.
    """
    segments: list[tuple[int, int, Key]] = []
    for bar, key in enumerate(keys):
        if segments and segments[-1][2] == key:
            segments[-1] = (segments[-1][0], bar + 1, key)
        else:
            segments.append((bar, bar + 1, key))
    while len(segments) > 1:
        lengths = [end - first for first, end, _ in segments]
        at = lengths.index(min(lengths))
        if lengths[at] >= min_bars:
            break
        sides = [i for i in (at - 1, at + 1) if 0 <= i < len(segments)]
        shared = [len(set(segments[i][2].scale) & set(segments[at][2].scale)) for i in sides]
        side = max(zip(shared, [lengths[i] for i in sides], [-i for i in sides], strict=True))[2] * -1
        lower, upper = sorted((at, side))
        segments[lower : upper + 1] = [(segments[lower][0], segments[upper][1], segments[side][2])]
        segments = _joined(segments)
    return segments


def _joined(segments: list[tuple[int, int, Key]]) -> list[tuple[int, int, Key]]:
    """Neighbours in the same key made one."""
    out: list[tuple[int, int, Key]] = []
    for first, end, key in segments:
        if out and out[-1][2] == key:
            out[-1] = (out[-1][0], end, key)
        else:
            out.append((first, end, key))
    return out


def _best_path(score: np.ndarray) -> np.ndarray:
    """(bars, 24) -> (bars,) int64."""
    bars, states = score.shape
    came_from = np.empty((bars, states), np.int64)
    total = score[0].copy()
    for t in range(1, bars):
        best = int(total.argmax())
        changed = total[best] - CHANGE_COST
        came_from[t] = np.where(total >= changed, np.arange(states), best)
        total = np.maximum(total, changed) + score[t]
    path = np.empty(bars, np.int64)
    path[-1] = total.argmax()
    for t in range(bars - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path

"""Keys bar by bar, and the stretches of a piece that stay in one.

A key says how often each pitch class is met; a bar scores 24 keys by the likelihood of what sounds in it, with the
pitch-class shares that Albrecht and Shanahan counted in 490 pieces ("The Use of Large Corpora to Train a New Type of
Key-Finding Algorithm", *Music Perception* 31:1, 2013). The best path through the bars pays for every change of key
(Temperley, *The Cognition of Basic Musical Structures*, 2001, ch. 7), so that a tonicisation that passes does not
count. Measured: the key that holds most bars is the labelled one in 89 % of POP909's held-out songs, that or its
relative in 99 % (`composer.theory.estimate_key`: 86 and 90 %); it fits the printed signature of 88 % of 89 Lieder
(74 %), and a Lied's bar has its analyst's key in 74 %, where every tonicisation counts for the analyst.
"""

from __future__ import annotations

import numpy as np

from composer.analysis.viterbi import best_path
from composer.theory import Key, Mode

# Shares of the pitch classes, tonic first.
ALBRECHT_SHANAHAN_PROFILES: dict[Mode, tuple[float, ...]] = {
    "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
}
# The costs were fitted on POP909's training songs and half of the Lieder.
EVIDENCE = 4.0  # independent notes a bar is worth
MINOR_BONUS = 0.2  # nats a bar; without it a song in the natural minor is heard in the relative major
CHANGE_COST = 6.0  # nats

_KEYS = [Key(tonic, mode) for mode in ALBRECHT_SHANAHAN_PROFILES for tonic in range(12)]
_LOG_SHARES = np.log(
    [np.roll(ALBRECHT_SHANAHAN_PROFILES[key.mode], key.tonic) / np.sum(ALBRECHT_SHANAHAN_PROFILES[key.mode])
     for key in _KEYS]
)  # fmt: skip
_BONUS = np.array([MINOR_BONUS if key.mode == "minor" else 0.0 for key in _KEYS])


def local_keys(pitch_class_weights: np.ndarray) -> list[Key]:
    """The key of every bar from ``pitch_class_weights`` (bars, 12): time sounded, >= 0.

    Bars without notes take the key of those around; C major where nothing sounds at all. The key of a whole piece
    is the one with the most bars. Raises ValueError for another shape, or weights that are negative or not finite.
    """
    weights = np.asarray(pitch_class_weights, float)
    if weights.ndim != 2 or weights.shape[1] != 12 or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"keys need finite weights >= 0 of shape (bars, 12), got {weights.shape}")
    if len(weights) == 0:
        return []
    total = weights.sum(1, keepdims=True)
    share = weights / np.where(total > 0, total, 1.0)
    score = EVIDENCE * (share @ _LOG_SHARES.T) + np.where(total > 0, _BONUS, 0.0)
    return [_KEYS[i] for i in best_path(score, np.full(len(score), CHANGE_COST))]


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

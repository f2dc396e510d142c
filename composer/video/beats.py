"""Visual beats: the moments at which movement stops or turns, as one would clap to them.

Davis and Agrawala ("Visual Rhythm and Beat", 2018, 4.3) take the envelope of motion saliency, clip its highest per
cent, and call a beat every local maximum within 0.15 s that is above its local mean (0.1 s) by a tenth of the
largest value; CMT (Di et al., 2021) keeps those that also follow one tempo. Ours differ where the picture asks for
it: flow is taken fifteen times a second, so both windows are half a second long and it takes a fifth to stand out;
a beat must also be a real stop, of ``MIN_SALIENCY`` and half the speed before it, for the largest value of a
film in which nothing stops is noise; and no tempo is asked for, since here the music follows the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WINDOW_S = 0.5  # of local maximum and local mean
CLIPPED_PERCENTILE = 98.0
STANDS_OUT = 0.2  # of the largest value, above the local mean
MIN_SALIENCY = 0.02  # picture diagonals/s; flow wavers by a seventh of a pixel from picture to picture
MIN_SHARE_OF_SPEED = 0.5  # that was lost


@dataclass(frozen=True)
class Beats:
    """``times_s`` (B,) float64 ascending; ``strengths`` (B,) float32, 0-1, 1 for the strongest of the film."""

    times_s: np.ndarray
    strengths: np.ndarray


def visual_beats(times_s: np.ndarray, saliency: np.ndarray, speeds: np.ndarray) -> Beats:
    """Beats of an envelope (N,) of motion saliency at ascending ``times_s`` (N,); ``speeds`` (N,) just before each.

    The unit of both is picture diagonals/s.
    """
    if not len(saliency):
        return Beats(np.zeros(0), np.zeros(0, np.float32))
    ceiling = np.percentile(saliency, CLIPPED_PERCENTILE, method="higher")
    clipped = np.minimum(saliency, max(ceiling, MIN_SALIENCY))  # the film may hardly ever move
    largest = float(clipped.max())
    first = np.searchsorted(times_s, times_s - 0.5 * WINDOW_S - 1e-9)
    end = np.searchsorted(times_s, times_s + 0.5 * WINDOW_S + 1e-9)
    sums = np.concatenate(([0.0], np.cumsum(clipped, dtype=np.float64)))
    local_mean = (sums[end] - sums[first]) / (end - first)
    is_largest = np.array(
        [value >= saliency[a:b].max() for value, a, b in zip(saliency, first, end, strict=True)], bool
    )
    is_stop = saliency >= np.maximum(MIN_SALIENCY, MIN_SHARE_OF_SPEED * speeds)
    beats = np.flatnonzero(is_largest & is_stop & (clipped - local_mean >= STANDS_OUT * largest))
    beats = beats[np.diff(times_s[beats], prepend=-np.inf) > 0.5 * WINDOW_S]  # equal neighbours are one
    return Beats(times_s[beats], (clipped[beats] / largest).astype(np.float32))

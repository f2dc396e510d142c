"""The few colours a picture is made of, and how much of it each covers.

After Chang et al., "Palette-based Photo Recoloring" (2015): the colours of the pixels fall into bins of RGB, 16 a
channel; weighted k-means in CIELAB over the mean colours of the bins, begun at the fullest bin and then at bins that
are full and far from those taken. Nothing is random: the same picture gives the same palette.
"""

from __future__ import annotations

import numpy as np

from composer.video.features import PALETTE_COLORS

ROUNDS = 6  # of k-means; after these hardly anything moves
FAR = 80.0  # distance in CIELAB within which a colour taken makes others less welcome
_CODES = np.array([256, 16, 1], np.intp)
_NUMBERS = np.arange(PALETTE_COLORS)
_RGB_TO_XYZ = np.array(  # of sRGB (IEC 61966-2-1), over the white point D65
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
) / [[0.950456], [1.0], [1.088754]]


def palette(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours (``PALETTE_COLORS``, 3) float32 RGB 0-1 of a picture (height, width, 3) uint8, and shares of it
    (``PALETTE_COLORS``,) float32, largest first, which sum to 1. Where there are fewer colours, the rest is black with
    a share of 0.
    """
    pixels = rgb.reshape(-1, 3)
    codes = (pixels >> 4) @ _CODES
    counts = np.bincount(codes, minlength=4096)
    full = np.flatnonzero(counts)
    weights = counts[full]
    sums = np.stack([np.bincount(codes, channel, 4096)[full] for channel in pixels.T], axis=1)
    means = sums / (255.0 * weights[:, None])
    lab = lab_of(means)
    centres = _first_centres(lab, weights)
    for _ in range(ROUNDS):
        nearest = ((centres**2).sum(axis=1) - 2.0 * (lab @ centres.T)).argmin(axis=1)
        belongs = (nearest[:, None] == _NUMBERS) * weights[:, None]
        shares = np.maximum(belongs.sum(axis=0), 1)[
            :, None
        ]  # a centre that lost all its colours goes to black
        centres = belongs.T @ lab / shares
    order = np.argsort(-belongs.sum(axis=0), kind="stable")
    colors = (belongs.T @ means / shares)[order].astype(np.float32)
    return colors, (belongs.sum(axis=0)[order] / len(pixels)).astype(np.float32)


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of sRGB colours (N, 3) 0-1: (N, 3), L 0-100."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _RGB_TO_XYZ.T
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), xyz * (841 / 108) + 4 / 29)
    x, y, z = f.T
    return np.stack((116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)), axis=1)


def _first_centres(lab: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(``PALETTE_COLORS``, 3): of colours (N, 3) the heaviest, each taken making those near it lighter."""
    welcome = weights.astype(np.float64)
    taken = []
    for _ in range(PALETTE_COLORS):
        taken.append(int(welcome.argmax()))
        welcome *= 1.0 - np.exp(-((lab - lab[taken[-1]]) ** 2).sum(axis=1) / FAR**2)
    return lab[taken]

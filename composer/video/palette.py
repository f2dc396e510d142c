"""The few colours a picture is made of, and how much of it each covers.

After Chang et al., "Palette-based Photo Recoloring" (2015): the colours of the pixels fall into bins of RGB, 16 a
channel; weighted k-means in CIELAB over the mean colours of the bins, begun at the fullest bin and then at bins that
are full and far from those taken. Nothing is random: the same picture gives the same palette.
"""

from __future__ import annotations

import cv2
import numpy as np

from composer.video.features import PALETTE_COLORS

ROUNDS = 6  # of k-means; after these hardly anything moves
FAR = 80.0  # distance in CIELAB within which a colour taken makes others less welcome
NOWHERE = 1e4  # centre of an empty cluster
_CODES = np.array([256, 16, 1], np.intp)
_NUMBERS = np.arange(PALETTE_COLORS)


def palette(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours (``PALETTE_COLORS``, 3) float32 RGB 0-1 of a picture (height, width, 3) uint8, and shares of it
    (``PALETTE_COLORS``,) float32, largest first, which sum to 1. Where there are fewer colours, the rest is black with
    a share of 0.
    """
    pixels = rgb.reshape(-1, 3)
    codes = (pixels >> 4) @ _CODES
    weights = np.bincount(codes, minlength=4096)
    full = np.flatnonzero(weights)
    sums = np.stack([np.bincount(codes, pixels[:, channel], 4096) for channel in range(3)], axis=1)
    weights, means = weights[full], sums[full] / weights[full, None]
    lab = cv2.cvtColor((means[None] / 255.0).astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    centres = _first_centres(lab, weights)
    for _ in range(ROUNDS):
        nearest = ((centres**2).sum(axis=1) - 2.0 * (lab @ centres.T)).argmin(axis=1)
        belongs = (nearest[:, None] == _NUMBERS) * weights[:, None]
        shares = belongs.sum(axis=0)
        centres = np.where(shares[:, None] > 0.0, belongs.T @ lab / np.maximum(shares, 1.0)[:, None], NOWHERE)
    order = np.argsort(-shares, kind="stable")
    shown = np.where(shares[:, None] > 0.0, centres, 0.0)[order].astype(np.float32)
    colors = cv2.cvtColor(shown[None], cv2.COLOR_LAB2RGB)[0]
    return np.clip(colors, 0.0, 1.0), (shares[order] / len(pixels)).astype(np.float32)


def _first_centres(lab: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(``PALETTE_COLORS``, 3): of colours (N, 3) the heaviest, each taken making those near it lighter."""
    welcome = weights.astype(np.float64)
    taken = []
    for _ in range(PALETTE_COLORS):
        taken.append(int(welcome.argmax()))
        welcome *= 1.0 - np.exp(-((lab - lab[taken[-1]]) ** 2).sum(axis=1) / FAR**2)
    return lab[taken]

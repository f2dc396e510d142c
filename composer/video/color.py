"""Colour of single pictures: log-chroma histograms, brightness, saturation, warmth.

The histogram is HistoGAN's RGB-uv feature (Afifi, Brubaker and Brown, CVPR 2021), the colour controller of
V-MusProd (Zhuo et al., 2023): for each plane R, G, B the log-ratios u, v of that channel to the two others
fall into ``HISTOGRAM_BINS`` bins from -3 to 3 through an inverse-quadratic kernel of width 0.02, each pixel
weighted by its intensity; the whole sums to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np

from composer.video.aesthetics import aesthetics
from composer.video.features import HISTOGRAM_BINS
from composer.video.palette import palette
from composer.video.scaling import shrink

KERNEL_WIDTH = 0.02  # sigma
LOG_CHROMA_BOUND = 3.0
EPSILON = 1e-6
HISTOGRAM_SIDE_PX = 32  # the picture is averaged down to at most so many pixels a side
BLOCK_PIXELS = 64  # so few that BLAS keeps to one thread: more threads cost more here than they bring
WARM_HUE_DEGREES = 30.0  # orange; its opposite is azure
SAMPLES_HZ = 2.0
MAX_SAMPLES = 1200  # 10 minutes at SAMPLES_HZ; beyond, every second sample goes and the rate halves

_BIN_CENTRES = np.linspace(-LOG_CHROMA_BOUND, LOG_CHROMA_BOUND, HISTOGRAM_BINS, dtype=np.float32)


@dataclass(frozen=True)
class ColorSample:
    """Colour of one picture; units as in `VideoFeatures`. ``histogram`` (3, bins, bins), sums to 1."""

    time_s: float
    histogram: np.ndarray
    brightness: float
    saturation: float
    warmth: float
    palette: np.ndarray  # (5, 3)
    palette_shares: np.ndarray  # (5,)
    aesthetics: np.ndarray  # the columns of `AESTHETICS`


class ColorController:
    """Collects `ColorSample`\\ s from a stream of pictures; memory is bounded by ``max_samples``."""

    def __init__(self, samples_hz: float = SAMPLES_HZ, max_samples: int = MAX_SAMPLES) -> None:
        self.samples: list[ColorSample] = []
        self._histograms = np.empty((max_samples, 3, HISTOGRAM_BINS, HISTOGRAM_BINS), np.float32)
        self._interval_s = 1.0 / samples_hz
        self._next_s = 0.0

    @property
    def histograms(self) -> np.ndarray:
        """Those of all samples, (samples, 3, bins, bins) float32; what the samples show is part of it."""
        return self._histograms[: len(self.samples)]

    def see(self, time_s: float, rgb: np.ndarray) -> None:
        """Take the picture (height, width, 3) uint8 if a sample is due at ``time_s``."""
        if time_s < self._next_s:
            return
        if len(self.samples) >= len(self._histograms):
            kept, self.samples = self.samples[::2], []
            self._interval_s *= 2.0
            for sample in kept:
                self._add(sample)
        self._add(color_sample(time_s, rgb))
        self._next_s = (int(time_s / self._interval_s + 1e-9) + 1) * self._interval_s

    def _add(self, sample: ColorSample) -> None:
        place = self._histograms[len(self.samples)]
        place[:] = sample.histogram
        self.samples.append(replace(sample, histogram=place))


def color_sample(time_s: float, rgb: np.ndarray) -> ColorSample:
    """Measure one picture (height, width, 3) uint8."""
    small = shrink(rgb, *(min(side, HISTOGRAM_SIDE_PX) for side in rgb.shape[1::-1]))
    hsv = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2HSV)
    saturation = hsv[..., 1]
    weight = saturation * hsv[..., 2]  # chroma: dark pixels have a saturation but show no colour
    warm = np.cos(np.deg2rad(hsv[..., 0] - WARM_HUE_DEGREES))
    total = float(weight.sum())
    colors, shares = palette(small)
    return ColorSample(
        time_s=time_s,
        histogram=log_chroma_histogram(small),
        brightness=float(hsv[..., 2].mean()),
        saturation=float(saturation.mean()),
        warmth=float((weight * warm).sum() / total) if total > EPSILON * weight.size else 0.0,
        palette=colors,
        palette_shares=shares,
        aesthetics=aesthetics(rgb),
    )


def log_chroma_histogram(rgb: np.ndarray) -> np.ndarray:
    """RGB-uv histogram of a picture (height, width, 3) uint8: (3, bins, bins) float32, sums to 1.

    Planes R, G, B; axis 1 is u, axis 2 is v: R (R/G, R/B), G (G/R, G/B), B (B/R, B/G).
    """
    pixels = rgb.reshape(-1, 3)
    whole = len(pixels) // BLOCK_PIXELS * BLOCK_PIXELS
    planes = _planes(pixels[:whole].reshape(-1, BLOCK_PIXELS, 3)) + _planes(pixels[None, whole:])
    return (planes / planes.sum()).astype(np.float32)


def _planes(rgb: np.ndarray) -> np.ndarray:
    """Unscaled histogram of blocks of pixels (blocks, pixels, 3) uint8: (3, bins, bins)."""
    red, green, blue = np.moveaxis(rgb, 2, 0)
    values = rgb.astype(np.float32) / np.float32(255.0)
    intensity = np.sqrt((values**2).sum(axis=2) + np.float32(EPSILON))[..., None]
    kernels = _kernels()
    red_green, red_blue, green_blue = kernels[red, green], kernels[red, blue], kernels[green, blue]
    # The bins lie evenly about 0, so the kernel of a negated ratio is the same one upside down.
    weighted = (red_green * intensity).transpose(0, 2, 1)
    red_plane = np.matmul(weighted, red_blue).sum(axis=0)
    green_plane = np.matmul(weighted, green_blue).sum(axis=0)[::-1]
    blue_plane = np.matmul((red_blue * intensity).transpose(0, 2, 1), green_blue).sum(axis=0)[::-1, ::-1]
    return np.stack((red_plane, green_plane, blue_plane))


@cache
def _kernels() -> np.ndarray:
    """Inverse-quadratic weight in each bin of the log-ratio of any two 8-bit values: (256, 256, bins), 17 MB."""
    logs = np.log(np.arange(256, dtype=np.float32) / np.float32(255.0) + np.float32(EPSILON))
    distance = (logs[:, None, None] - logs[:, None] - _BIN_CENTRES) / np.float32(KERNEL_WIDTH)
    np.square(distance, out=distance)
    distance += np.float32(1.0)
    return np.reciprocal(distance, out=distance)

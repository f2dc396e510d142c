"""How a picture is lit, coloured and composed: one number each for the columns named in `AESTHETICS`.

All from the picture itself, at ``SIDE_PX``, scaled so that 0-1 is the useful range:

- contrast: standard deviation of luma (RMS contrast: Peli, 1990), twice it, so that 1 is black and white in halves
- lighting_key: mean times deviation of brightness, scaled likewise; high-key comedy, low-key noir (Rasheed, Sheikh and
  Shah, "On the Use of Computable Features for Film Classification", 2005)
- colorfulness: Hasler and Suesstrunk, "Measuring Colourfulness in Natural Images", 2003, over 109, their "extremely"
- hue_spread: circular variance of hue, weighted by chroma: 0 one hue or none, 1 hues all around
- sharpness: deviation of the Laplacian (Pech-Pacheco et al., 2000), of 255
- shallow_focus: share of the detail that lies in the middle quarter of the picture (low depth of field: Datta et al.,
  "Studying Aesthetics in Photographic Images", 2006); evenly spread detail has 0.25
- thirds: share of the detail within a twelfth of the picture of a point where thirds cross (rule of thirds: Datta et
  al.); evenly spread detail has 0.11
- symmetry: correlation of luma with its mirror image, left to right; 0 where there is none
- clutter: area of the box that holds 98 % of the detail in each direction (Ke, Tang and Jing, "The Design of High-Level
  Features for Photo Quality Assessment", 2006); a lone subject on a plain ground has little

Detail is the absolute Laplacian of luma. A picture without any has sharpness, shallow_focus, thirds and clutter 0.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from composer.video.features import AESTHETICS
from composer.video.scaling import shrink

SIDE_PX = 80  # long side; larger pictures are scaled to it
EXTREMELY_COLORFUL = 109.0
BOX_SHARE = 0.98
MIN_DETAIL = 0.25  # of 255, mean: less is rounding and coding noise


def aesthetics(rgb: np.ndarray) -> np.ndarray:
    """The columns (``len(AESTHETICS)``,) float32 of a picture (height, width, 3) uint8."""
    scale = min(1.0, SIDE_PX / max(rgb.shape[:2]))
    rgb = shrink(rgb, *(max(1, round(side * scale)) for side in rgb.shape[1::-1]))
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    mean, deviation = (float(value) / 255.0 for value in np.ravel(cv2.meanStdDev(gray)))
    hsv = cv2.cvtColor(rgb.astype(np.float32) / np.float32(255.0), cv2.COLOR_RGB2HSV)
    laplacian = cv2.Laplacian(gray, cv2.CV_32F)
    detail = np.abs(laplacian)
    shares = _detail_shares(detail) if detail.mean() > MIN_DETAIL else (0.0, 0.0, 0.0)
    values = {
        "contrast": 2.0 * deviation,
        "lighting_key": 4.0 * mean * deviation,
        "colorfulness": _colorfulness(rgb) / EXTREMELY_COLORFUL,
        "hue_spread": _hue_spread(hsv),
        "sharpness": float(laplacian.std()) / 255.0,
        "shallow_focus": shares[0],
        "thirds": shares[1],
        "symmetry": _symmetry(gray),
        "clutter": shares[2],
    }
    return np.array([values[name] for name in AESTHETICS], np.float32)


def _colorfulness(rgb: np.ndarray) -> float:
    """M3 of Hasler and Suesstrunk."""
    opponents = cv2.transform(rgb.astype(np.float32), np.array([[1.0, -1.0, 0.0], [0.5, 0.5, -1.0]]))
    means, deviations = cv2.meanStdDev(opponents)
    return float(np.hypot(*deviations.ravel()) + 0.3 * np.hypot(*means.ravel()))


def _hue_spread(hsv: np.ndarray) -> float:
    weight = (hsv[..., 1] * hsv[..., 2]).ravel()
    total = float(weight.sum())
    if total < 1e-3 * weight.size:
        return 0.0
    angle = np.deg2rad(hsv[..., 0]).ravel()
    return max(0.0, 1.0 - float(np.hypot(weight @ np.cos(angle), weight @ np.sin(angle))) / total)


def _symmetry(gray: np.ndarray) -> float:
    centred = gray.astype(np.float32) - np.float32(gray.mean())
    energy = float(np.vdot(centred, centred))
    return max(0.0, float(np.vdot(centred, centred[:, ::-1])) / energy) if energy > gray.size else 0.0


def _detail_shares(detail: np.ndarray) -> tuple[float, float, float]:
    """Of the detail (height, width): its share in the middle, that near crossings of thirds, the area of its box."""
    height, width = detail.shape
    rows, columns = detail.sum(axis=1), detail.sum(axis=0)
    total = float(rows.sum())
    middle = detail[height // 4 : height - height // 4, width // 4 : width - width // 4]
    tail = 0.5 * (1.0 - BOX_SHARE) * total
    box = 1.0
    for along in (rows, columns):
        passed = np.cumsum(along)
        box *= (np.searchsorted(passed, total - tail) - np.searchsorted(passed, tail) + 1) / len(along)
    near_thirds = float(np.vdot(detail, _near_thirds(height, width)))
    return float(middle.sum()) / total, near_thirds / total, float(min(1.0, box))


@cache
def _near_thirds(height: int, width: int) -> np.ndarray:
    """(height, width) float32: 1 within a twelfth of the picture, up and across, of a crossing of thirds."""
    near = []
    for side in (height, width):
        place = (np.arange(side) + 0.5) / side
        near.append(np.minimum(np.abs(place - 1 / 3), np.abs(place - 2 / 3)) <= 1 / 12)
    return np.outer(*near).astype(np.float32)

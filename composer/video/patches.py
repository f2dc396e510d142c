"""How much the parts of the picture change: VidMusician's rhythm feature (eq. 4 and algorithm 1 of the paper).

Each picture is cut into patches; the dissimilarity of two neighbouring pictures is 1 minus the mean cosine between
the vectors of patches that lie in the same place. In the paper these vectors are CLIP's patch tokens. Without CLIP
they are pixels: what the first layer of a CLIP with 7 x 7 patches is given, from a thumbnail (RGB, CLIP's mean and
deviation taken out), and a constant, without which the noise of a patch in that mean gray would count as change.
Pictures are looked at ``PATCHES_HZ`` times a second, as in the paper, or at each where there are fewer. A cut counts:
it is the greatest change there is.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

from composer.video.scaling import shrink

PATCHES_HZ = 25.0
PIXELS = "pixels"
GRID = 7  # patches a side
PATCH_PX = 4  # a side
THUMBNAIL_PX = GRID * PATCH_PX
BATCH = 64  # pictures compared at once
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP's training pictures
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_SLACK_S = 1e-6  # rounding of timestamps
_GAIN = np.float32(1.0 / 255.0) / np.array(CLIP_STD, np.float32)
_OFFSET = np.array(CLIP_MEAN, np.float32) / np.array(CLIP_STD, np.float32)


@dataclass(frozen=True)
class PatchMotion:
    """``times_s`` (T,) float64, of the later picture; ``dissimilarity`` (T,) float32, 0-2; where vectors came from."""

    times_s: np.ndarray
    dissimilarity: np.ndarray
    source: str


class PatchController:
    """Collects the dissimilarity of neighbouring pictures from a stream of them; two numbers each are kept."""

    def __init__(self) -> None:
        self._next_s = 0.0
        self._seen_s = array("d")
        self._waiting: list[np.ndarray] = []  # thumbnails; the first is the last of those already compared
        self._dissimilarity = array("f")

    def see(self, time_s: float, rgb: np.ndarray) -> None:
        """Take the picture (height, width, 3) uint8 if one is due at ``time_s``."""
        if time_s < self._next_s - _SLACK_S:
            return
        self._next_s = (int(time_s * PATCHES_HZ + PATCHES_HZ * _SLACK_S) + 1) / PATCHES_HZ
        self._seen_s.append(time_s)
        self._waiting.append(shrink(rgb, THUMBNAIL_PX, THUMBNAIL_PX))
        if len(self._waiting) >= BATCH:
            self._compare()

    def finish(self) -> PatchMotion:
        """All that was seen."""
        self._compare()
        return PatchMotion(np.array(self._seen_s)[1:], np.array(self._dissimilarity, np.float32), PIXELS)

    def _compare(self) -> None:
        if len(self._waiting) > 1:
            vectors = pixel_patches(np.stack(self._waiting))
            self._dissimilarity.extend(patch_dissimilarity(vectors[:-1], vectors[1:]))
            self._waiting = self._waiting[-1:]


def patch_dissimilarity(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """1 minus the mean cosine of the patches (..., patches, D) of two pictures: (...), 0 (alike) to 2.

    Two patches of nothing but zeros are alike.
    """
    norms = np.sqrt(np.einsum("...d,...d->...", before, before) * np.einsum("...d,...d->...", after, after))
    cosines = np.ones_like(norms)
    np.divide(np.einsum("...d,...d->...", before, after), norms, out=cosines, where=norms > 0.0)
    return np.maximum(0.0, 1.0 - cosines.mean(axis=-1))


def pixel_patches(thumbnails: np.ndarray) -> np.ndarray:
    """Patches of thumbnails (pictures, 28, 28, 3) uint8 as vectors, row by row: (pictures, 49, 49) float32."""
    count = len(thumbnails)
    pixels = (thumbnails * _GAIN - _OFFSET).reshape(count, GRID, PATCH_PX, GRID, PATCH_PX, 3).swapaxes(2, 3)
    vectors = np.ones((count, GRID * GRID, PATCH_PX * PATCH_PX * 3 + 1), np.float32)
    vectors[..., 1:] = pixels.reshape(count, GRID * GRID, -1)
    return vectors

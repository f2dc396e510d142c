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
PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP's training pictures
PIXEL_STD = (0.26862954, 0.26130258, 0.27577711)
_SIDE_PX = GRID * PATCH_PX
_SLACK_S = 1e-6  # rounding of timestamps
_GAIN = np.float32(1.0 / 255.0) / np.array(PIXEL_STD, np.float32)
_OFFSET = np.array(PIXEL_MEAN, np.float32) / np.array(PIXEL_STD, np.float32)


@dataclass(frozen=True)
class PatchMotion:
    """``times_s`` (T,) float64, of the later picture; ``dissimilarity`` (T,) float32, 0-2; where vectors came from."""

    times_s: np.ndarray
    dissimilarity: np.ndarray
    source: str


class PatchController:
    """Collects the dissimilarity of neighbouring pictures from a stream of them; two numbers each are kept."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None
        self._next_s = 0.0
        self._times_s = array("d")
        self._dissimilarity = array("f")

    def see(self, time_s: float, rgb: np.ndarray) -> None:
        """Take the picture (height, width, 3) uint8 if one is due at ``time_s``."""
        if time_s < self._next_s - _SLACK_S:
            return
        self._next_s = (int(time_s * PATCHES_HZ + PATCHES_HZ * _SLACK_S) + 1) / PATCHES_HZ
        after = pixel_patches(rgb)
        if self._before is not None:
            self._times_s.append(time_s)
            self._dissimilarity.append(patch_dissimilarity(self._before, after))
        self._before = after

    def finish(self) -> PatchMotion:
        """All that was seen."""
        return PatchMotion(np.array(self._times_s), np.array(self._dissimilarity, np.float32), PIXELS)


def patch_dissimilarity(before: np.ndarray, after: np.ndarray) -> float:
    """1 minus the mean cosine of the patches (patches, D) of two pictures: 0 (alike, also where both are 0) to 2."""
    norms = np.sqrt(np.einsum("pd,pd->p", before, before) * np.einsum("pd,pd->p", after, after))
    cosines = np.ones_like(norms)
    np.divide(np.einsum("pd,pd->p", before, after), norms, out=cosines, where=norms > 0.0)
    return max(0.0, 1.0 - float(cosines.mean()))


def pixel_patches(rgb: np.ndarray) -> np.ndarray:
    """Patches of a picture (height, width, 3) uint8 as vectors, row by row: (49, 49) float32."""
    small = shrink(rgb, _SIDE_PX, _SIDE_PX) * _GAIN - _OFFSET
    vectors = np.ones((GRID * GRID, PATCH_PX * PATCH_PX * 3 + 1), np.float32)
    vectors[:, 1:] = small.reshape(GRID, PATCH_PX, GRID, PATCH_PX, 3).swapaxes(1, 2).reshape(GRID * GRID, -1)
    return vectors

"""Decoded pictures as small upright RGB arrays.

Convention: scaled once, in FFmpeg, and turned as the display matrix asks; transparent pictures are laid over
black.
"""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import VideoReformatter

SIDE_PX = 160  # long side of the pictures handed out
MIN_SIDE_PX = 16  # shorter sides are stretched to it: optical flow needs so many
DETAIL_SIDE_PX = 256  # short side of the larger pictures, for the semantic network (which takes 224 and more)


class Scaler:
    """Turns decoded pictures into small upright RGB arrays of one size, whatever the stream changes to."""

    def __init__(self, side_px: int) -> None:
        self.shown_width = self.shown_height = self.rotation_degrees = 0
        self._side_px = side_px
        self._small = VideoReformatter()  # one each: it keeps its scaling tables while the sizes stay
        self._detail = VideoReformatter()

    def small(self, picture: av.VideoFrame) -> np.ndarray:
        """(height, width, 3) uint8, long side ``side_px``, no side under ``MIN_SIDE_PX``."""
        turns = _quarter_turns(picture)
        if not self.shown_width:
            self.rotation_degrees = turns * 90
            upright = (picture.width, picture.height) if turns % 2 == 0 else (picture.height, picture.width)
            self.shown_width, self.shown_height = upright
        scale = min(1.0, self._side_px / max(self.shown_width, self.shown_height))
        width = max(MIN_SIDE_PX, round(self.shown_width * scale))
        height = max(MIN_SIDE_PX, round(self.shown_height * scale))
        return _upright_rgb(self._small, picture, width, height, turns, "FAST_BILINEAR")

    def detail(self, picture: av.VideoFrame) -> np.ndarray:
        """(height, width, 3) uint8, short side ``DETAIL_SIDE_PX`` or as large as the picture is."""
        turns = _quarter_turns(picture)
        scale = min(1.0, DETAIL_SIDE_PX / min(picture.width, picture.height))
        sides = [max(1, round(side * scale)) for side in (picture.width, picture.height)]
        width, height = sides if turns % 2 == 0 else sides[::-1]
        return _upright_rgb(self._detail, picture, width, height, turns, "BICUBIC")


def _quarter_turns(picture: av.VideoFrame) -> int:
    """Counter-clockwise quarter turns that make the picture upright: 0-3."""
    return round((picture.rotation or 0) / 90) % 4


def _upright_rgb(
    scaler: VideoReformatter, picture: av.VideoFrame, width: int, height: int, turns: int, method: str
) -> np.ndarray:
    """Scale to ``width`` x ``height`` as shown, RGB, transparent parts over black."""
    lying_width, lying_height = (width, height) if turns % 2 == 0 else (height, width)
    transparent = any(component.is_alpha for component in picture.format.components)
    pixel_format = "rgba" if transparent else "rgb24"
    scaled = scaler.reformat(picture, lying_width, lying_height, pixel_format, interpolation=method)
    rgb = scaled.to_ndarray()
    if transparent:
        opacity = rgb[..., 3:].astype(np.uint16)
        rgb = (rgb[..., :3] * opacity // 255).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb

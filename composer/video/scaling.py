"""Decoded pictures as small upright SDR RGB arrays.

Convention: scaled once, in FFmpeg (or from the planes where `composer.video.planes` can), then turned and mirrored as
the display matrix asks; the two fields of an interlaced picture are averaged; pictures are as wide as their sample
aspect ratio makes them; transparent ones are laid over black. Matrix and range of the colours are those the picture
names. Where it names no matrix, a picture of high definition is taken for BT.709 and a smaller one for BT.601, as
players do. HDR: see `composer.video.hdr`.
"""

from __future__ import annotations

import math

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from composer.video import hdr, planes

SIDE_PX = 160  # long side of the pictures handed out
MIN_SIDE_PX = 16  # shorter sides are stretched to it: optical flow needs so many
DETAIL_SIDE_PX = 256  # short side of the larger pictures, for the semantic network (which takes 224 and more)
SMALL_METHOD = "BILINEAR"  # of FFmpeg; its fast one shifts the picture by half a pixel
DETAIL_METHOD = "BICUBIC"
HD_WIDTH_PX, HD_HEIGHT_PX = 1280, 577  # either makes a picture one of high definition
MAX_PIXEL_ASPECT = 10.0  # a sample aspect ratio beyond it, or below its inverse, says nothing

# Matrix coefficients as ITU-T H.273, table 4, numbers them. 0 is RGB, 2 means unknown, 10 is BT.2020 with constant
# luminance.
BT709, BT601, BT2020 = 1, 6, 9
CONVERTED_MATRICES = (0, BT709, 4, 5, BT601, 7, BT2020)  # those that FFmpeg knows


class Scaler:
    """Turns decoded pictures into small upright RGB arrays of one size, whatever the stream changes to.

    ``pixel_aspect``: width of a pixel over its height.
    """

    def __init__(self, side_px: int, pixel_aspect: float = 1.0) -> None:
        self.shown_width = self.shown_height = self.rotation_degrees = 0
        self._side_px = side_px
        believable = 1.0 / MAX_PIXEL_ASPECT <= pixel_aspect <= MAX_PIXEL_ASPECT
        self._pixel_aspect = pixel_aspect if believable else 1.0
        self._rotation: int | None = None  # of the latest picture, and what its matrix asks for
        self._oriented = (0, False)
        self._small = VideoReformatter()  # one each: it keeps its scaling tables while the sizes stay
        self._detail = VideoReformatter()
        self._detail_sides: tuple[int, int] | None = None  # of the first, whatever the stream changes to

    def small(self, picture: av.VideoFrame) -> np.ndarray:
        """(height, width, 3) uint8, long side ``side_px``, no side under ``MIN_SIDE_PX``."""
        turns, mirrored = self._orientation(picture)
        if not self.shown_width:
            self.rotation_degrees = turns * 90
            self.shown_width, self.shown_height = self._shown_sides(picture, turns)
        scale = min(1.0, self._side_px / max(self.shown_width, self.shown_height))
        width = max(MIN_SIDE_PX, round(self.shown_width * scale))
        height = max(MIN_SIDE_PX, round(self.shown_height * scale))
        return _upright(_scaled(self._small, picture, width, height, turns, SMALL_METHOD), turns, mirrored)

    def detail(self, picture: av.VideoFrame) -> np.ndarray:
        """(height, width, 3) uint8, short side ``DETAIL_SIDE_PX`` or as large as the picture is."""
        turns, mirrored = self._orientation(picture)
        if self._detail_sides is None:
            sides = self._shown_sides(picture, turns)
            scale = min(1.0, DETAIL_SIDE_PX / min(sides))
            self._detail_sides = max(1, round(sides[0] * scale)), max(1, round(sides[1] * scale))
        width, height = self._detail_sides
        return _upright(_scaled(self._detail, picture, width, height, turns, DETAIL_METHOD), turns, mirrored)

    def _orientation(self, picture: av.VideoFrame) -> tuple[int, bool]:
        """`_orientation`, found anew where the rotation changes only: PyAV keeps a little memory at every look."""
        if picture.rotation != self._rotation:
            self._rotation, self._oriented = picture.rotation, _orientation(picture)
        return self._oriented

    def _shown_sides(self, picture: av.VideoFrame, turns: int) -> tuple[int, int]:
        """Width and height in square pixels, upright."""
        sides = (max(1, round(picture.width * self._pixel_aspect)), picture.height)
        return sides if turns % 2 == 0 else sides[::-1]


def shrink(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture (rows, columns, 3) uint8 at (height, width, 3): halved by averages while it is twice as large, then
    bilinear. Nearly what averaging areas gives, at a fraction of its price.
    """
    while rgb.shape[0] >= 2 * height and rgb.shape[1] >= 2 * width:
        rows, columns = rgb.shape[0] // 2, rgb.shape[1] // 2
        rgb = cv2.resize(rgb[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
    return rgb if rgb.shape[:2] == (height, width) else cv2.resize(rgb, (width, height))


def _orientation(picture: av.VideoFrame) -> tuple[int, bool]:
    """Counter-clockwise quarter turns (0-3) that make the picture upright, and whether it is mirrored left to right
    before they are done.
    """
    try:
        matrix = picture.side_data.get("DISPLAYMATRIX")
    except ValueError:  # beside it lies a kind of data that PyAV has no name for, as Exif up to PyAV 18
        return round(picture.rotation / 90) % 4, False
    if matrix is None:
        return 0, False
    right_x, right_y, _, down_x, down_y = np.frombuffer(matrix, np.int32)[:5].tolist()
    mirrored = right_x * down_y < right_y * down_x
    if mirrored:
        right_x, right_y = -right_x, -right_y
    return round(math.atan2(-right_y, right_x) / (math.pi / 2)) % 4, mirrored


def _scaled(
    scaler: VideoReformatter, picture: av.VideoFrame, width: int, height: int, turns: int, method: str
) -> np.ndarray:
    """(height, width, 3) uint8 SDR RGB, or (width, height, 3) where it is to be turned by an odd number of turns;
    transparent parts over black.
    """
    if turns % 2:
        width, height = height, width
    matrix = _matrix(picture)
    picture.colorspace = matrix
    transfer, primaries = picture.color_trc, picture.color_primaries
    is_mapped = hdr.needs_mapping(transfer, primaries)
    is_whole = not (is_mapped or picture.interlaced_frame)
    if method == SMALL_METHOD and is_whole and planes.is_plain(picture, matrix):
        return planes.small_rgb(picture, width, height, matrix)
    transparent = picture.format.name == "pal8" or any(part.is_alpha for part in picture.format.components)
    pixel_format = (
        ("rgba64le" if transparent else "rgb48le") if is_mapped else "rgba" if transparent else "rgb24"
    )
    fields = 2 if picture.interlaced_frame else 1  # FFmpeg scales each by itself and weaves them again
    scaled = scaler.reformat(picture, width, height * fields, pixel_format, interpolation=method)
    pixels: np.ndarray = scaled.to_ndarray()
    if fields == 2:
        pixels = ((pixels[::2].astype(np.uint32) + pixels[1::2] + 1) // 2).astype(pixels.dtype)
    rgb = hdr.to_sdr(pixels[..., :3], transfer, primaries) if is_mapped else pixels[..., :3]
    if transparent:
        opacity = pixels[..., 3:].astype(np.uint32)
        rgb = (rgb * opacity // (65535 if is_mapped else 255)).astype(np.uint8)
    return rgb


def _matrix(picture: av.VideoFrame) -> int:
    """Matrix coefficients to read the picture with."""
    if picture.colorspace in CONVERTED_MATRICES:
        return picture.colorspace
    if picture.colorspace == 10 or hdr.needs_mapping(picture.color_trc, picture.color_primaries):
        return BT2020
    return BT709 if picture.width >= HD_WIDTH_PX or picture.height >= HD_HEIGHT_PX else BT601


def _upright(rgb: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    if mirrored:
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(np.rot90(rgb, turns))

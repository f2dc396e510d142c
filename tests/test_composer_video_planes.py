"""Small pictures straight from the planes: the same as FFmpeg gives, whatever format, size and range."""

from __future__ import annotations

import av
import numpy as np
import pytest
from make_video import plain, textured

from composer.video import planes
from composer.video.scaling import Scaler

SIZES = [(640, 360), (161, 121), (1920, 800), (100, 300), (66, 34)]


def stored_as(rgb, pixel_format, matrix, full_range):
    """The picture as a decoder would hand it out."""
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
        format=pixel_format,
        src_colorspace="DEFAULT",
        dst_colorspace=matrix,
        dst_color_range="JPEG" if full_range else "MPEG",
    )


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(("matrix", "number"), [("ITU601", 6), ("ITU709", 1)])
@pytest.mark.parametrize("size", SIZES)
def test_plain_formats_look_as_ffmpeg_shows_them(size, matrix, number, full_range):
    width, height = size
    rgb = textured(3, width, height)
    whole = Scaler(160).small(av.VideoFrame.from_ndarray(rgb, format="rgb24")).astype(int)
    for pixel_format in ("yuv420p", "nv12"):
        picture = stored_as(rgb, pixel_format, matrix, full_range)
        picture.colorspace, picture.color_range = number, 2 if full_range else 1
        assert planes.is_plain(picture, number)
        small = Scaler(160).small(picture)
        assert small.shape == whole.shape
        assert small.dtype == np.uint8
        assert np.abs(small - whole).mean() < 5.0


@pytest.mark.parametrize(
    ("yuv", "full_range", "rgb"),
    [
        ((16, 128, 128), False, (0, 0, 0)),
        ((235, 128, 128), False, (255, 255, 255)),
        ((81, 90, 240), False, (254, 0, 0)),
        ((76, 85, 255), True, (254, 0, 0)),
        ((0, 128, 128), True, (0, 0, 0)),
    ],
)
def test_known_colours(yuv, full_range, rgb):
    """BT.601: the primaries of SMPTE's colour bars."""
    stored = np.concatenate(
        [np.full(side, value) for side, value in zip((6400, 1600, 1600), yuv, strict=True)]
    )
    picture = av.VideoFrame.from_ndarray(stored.astype(np.uint8).reshape(120, 80), format="yuv420p")
    picture.color_range = 2 if full_range else 1
    small = planes.small_rgb(picture, 16, 16, 6)
    assert np.abs(small.astype(int) - rgb).max() <= 1


def test_other_formats_are_left_to_ffmpeg():
    picture = av.VideoFrame.from_ndarray(plain((9, 9, 9), 64, 48), format="rgb24")
    for pixel_format in ("yuv444p", "yuv420p10le", "rgb24", "gray", "yuva420p", "nv21", "yuv422p"):
        assert not planes.is_plain(picture.reformat(format=pixel_format), 6)
    assert planes.is_plain(picture.reformat(format="yuv420p"), 6)
    assert not planes.is_plain(picture.reformat(format="yuv420p"), 8)  # YCoCg

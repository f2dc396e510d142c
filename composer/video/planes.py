"""Small RGB pictures straight from the planes of the common 8-bit formats: what `scaling` does through FFmpeg, cheaper.

Only the few source rows and columns that lie around each new pixel are read (bilinear, without averaging), so a
large picture costs little more than a small one; chroma has half the sides of luma; one matrix makes RGB of it (ITU-T
H.273).
"""

from __future__ import annotations

from functools import cache

import av
import cv2
import numpy as np

PLAIN_FORMATS = ("yuv420p", "yuvj420p", "nv12")  # 8 bits, chroma of half the sides
MIN_STEP = 4  # rows of the source to one of the small picture, from which on one of them has to do
FULL_RANGE = 2  # AVCOL_RANGE_JPEG
# Matrix coefficients of H.273 -> share of red and of blue in luma.
LUMA_SHARES = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}


def is_plain(picture: av.VideoFrame, matrix: int) -> bool:
    """Whether `small_rgb` can read it: format, matrix and planes that lie in memory the usual way."""
    return (
        matrix in LUMA_SHARES
        and picture.format.name in PLAIN_FORMATS
        and all(plane.line_size >= plane.width for plane in picture.planes)
    )


def small_rgb(picture: av.VideoFrame, width: int, height: int, matrix: int) -> np.ndarray:
    """(height, width, 3) uint8 RGB of a picture that `is_plain`. ``matrix``: number of H.273, of `LUMA_SHARES`."""
    size, half = (width, height), ((width + 1) // 2, (height + 1) // 2)
    luma, *chroma = picture.planes
    channels = 3 - len(chroma)  # of a chroma plane: NV12 has one with U and V by turns
    small_luma = cv2.resize(_pixels(luma, 1, height), size)
    small_chroma = cv2.merge([cv2.resize(_pixels(plane, channels, half[1]), half) for plane in chroma])
    yuv = cv2.merge((small_luma, cv2.resize(small_chroma, size)))
    full_range = picture.color_range == FULL_RANGE or picture.format.name == "yuvj420p"
    return cv2.transform(yuv, _to_rgb(matrix, full_range))


def _pixels(plane: av.video.plane.VideoPlane, channels: int, rows: int) -> np.ndarray:
    """What is stored of one plane, (rows, columns, channels), without the padding; no copy. Of a plane much higher than
    ``rows`` only about so many, evenly spread.
    """
    stored = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    step = plane.height // rows
    if step >= MIN_STEP:
        stored = stored[step // 2 :: step]
    return stored[:, : plane.width * channels].reshape(len(stored), plane.width, channels)


@cache
def _to_rgb(matrix: int, full_range: bool) -> np.ndarray:
    """(3, 4): what turns (Y, U, V, 1), each 0-255, into RGB 0-255."""
    red, blue = LUMA_SHARES[matrix]
    green = 1.0 - red - blue
    luma_gain, chroma_gain, black = (1.0, 1.0, 0.0) if full_range else (255 / 219, 255 / 224, 16.0)
    linear = np.array(
        [
            [1.0, 0.0, 2.0 - 2.0 * red],
            [1.0, -(2.0 - 2.0 * blue) * blue / green, -(2.0 - 2.0 * red) * red / green],
            [1.0, 2.0 - 2.0 * blue, 0.0],
        ]
    ) * [luma_gain, chroma_gain, chroma_gain]
    return np.column_stack([linear, linear @ [-black, -128.0, -128.0]]).astype(np.float32)

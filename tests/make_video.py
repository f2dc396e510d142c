"""Small films for the tests, written by PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

TIME_BASE = Fraction(1, 1000)


def write_video(
    path: Path,
    pictures: Iterable[np.ndarray],
    times_s: Sequence[float],
    *,
    codec: str = "mpeg4",
    timecode: str | None = None,
) -> Path:
    """Pictures (height, width, 3) uint8 RGB, shown from ``times_s`` on."""
    with av.open(str(path), "w") as container:
        stream = None
        for rgb, time_s in zip(pictures, times_s, strict=True):
            if stream is None:
                stream = container.add_stream(codec, rate=25)
                stream.height, stream.width = rgb.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = TIME_BASE
                stream.time_base = TIME_BASE
                if codec == "mpeg4":
                    stream.bit_rate = 4_000_000
                    stream.gop_size = 12
                if timecode:
                    stream.metadata["timecode"] = timecode
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame.pts, frame.time_base = round(time_s * 1000), TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def plain(color: Sequence[int], width: int = 64, height: int = 48) -> np.ndarray:
    """One colour all over."""
    return np.full((height, width, 3), color, np.uint8)


def textured(seed: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A picture of soft coloured blots, another one for each seed."""
    import cv2

    blots = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(blots, (width, height), interpolation=cv2.INTER_CUBIC)


def turn_clockwise(path: Path) -> None:
    """Write a display matrix into an MP4 that asks for a clockwise quarter turn."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    matrix = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    data[start : start + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(bytes(data))

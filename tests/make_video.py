"""Small films for the tests, written by PyAV, and real ones beside the checkout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from composer.video.clock import Frame
from composer.video.reader import VideoInfo, VideoReader

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "video"
TIME_BASE = Fraction(1, 1000)

# Red, green, blue, white, grey, a shaded blue, black and skin, each 48 x 48 in two rows of four.
CARD = np.array(
    [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (0.5, 0.5, 0.5), (0.2, 0.4, 0.8), (0, 0, 0), (0.9, 0.6, 0.4)]
)


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


@dataclass(frozen=True)
class Coding:
    """How a film is coded. Colours are numbered as in ITU-T H.273; None leaves them unnamed."""

    codec: str = "mpeg4"
    pixel_format: str = "yuv420p"
    matrix: int | None = None
    full_range: bool | None = None
    transfer: int | None = None
    primaries: int | None = None
    pixel_aspect: Fraction | None = None
    rotation: int = 0  # counter-clockwise, degrees, to show it upright
    mirrored: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)


def write_film(
    path: Path,
    pictures: Iterable[np.ndarray | av.VideoFrame],
    rate: Fraction | int = 25,
    coding: Coding | None = None,
    *,
    first: int = 0,
    held: int = 1,
) -> Path:
    """Picture n is shown from (first + n * held) / rate seconds on. Arrays are (height, width, 3 or 4) uint8 RGB(A);
    frames are taken as they are, in ``coding.pixel_format``.
    """
    coding = coding or Coding()
    with av.open(str(path), "w", options=dict(coding.container_options)) as container:
        stream = None
        for number, picture in enumerate(pictures):
            frame = picture
            if isinstance(picture, np.ndarray):
                layout = "rgb24" if picture.shape[2] == 3 else "rgba"
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=layout)
            if stream is None:
                stream = container.add_stream(coding.codec, rate=rate, options=dict(coding.options))
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, coding.pixel_format
                stream.codec_context.time_base = 1 / Fraction(rate)
                stream.metadata.update(coding.metadata)
                if coding.pixel_aspect:
                    stream.codec_context.sample_aspect_ratio = coding.pixel_aspect
                if coding.rotation or coding.mirrored:
                    stream.set_display_rotation(coding.rotation, hflip=coding.mirrored)
                _name_colors(stream.codec_context, coding)
            _name_colors(frame, coding)
            frame.pts, frame.time_base = first + number * held, 1 / Fraction(rate)
            _mux(container, stream.encode(frame), held)
        _mux(container, stream.encode(None), held)
    return path


def _mux(container: av.container.OutputContainer, packets: Iterable[av.Packet], duration: int) -> None:
    for packet in packets:
        packet.duration = duration
        container.mux(packet)


def _name_colors(target: av.VideoFrame | av.VideoCodecContext, coding: Coding) -> None:
    named = {
        "colorspace": coding.matrix,
        "color_range": None if coding.full_range is None else 1 + coding.full_range,
        "color_trc": coding.transfer,
        "color_primaries": coding.primaries,
    }
    for name, number in named.items():
        if number is not None:
            setattr(target, name, number)


LUMA = {
    1: (0.2126, 0.0722),
    6: (0.299, 0.114),
    9: (0.2627, 0.0593),
}  # of red and blue, by matrix (H.273, table 4)


def yuv_frame(rgb: np.ndarray, pixel_format: str, matrix: int, *, full_range: bool = False) -> av.VideoFrame:
    """(height, width, 3) R'G'B' 0-1 as Y'CbCr by the formulas of ITU-R BT.709, 601 or 2020. ``pixel_format``: 4:4:4 or
    4:2:0 (every second sample of chroma), 8 or 10 bits.
    """
    bits = 10 if "p10" in pixel_format else 8
    red, blue = LUMA[matrix]
    luma = rgb @ np.array([red, 1.0 - red - blue, blue])
    chroma = [(rgb[..., 2] - luma) / (2 - 2 * blue), (rgb[..., 0] - luma) / (2 - 2 * red)]
    if "420" in pixel_format:
        chroma = [plane[::2, ::2] for plane in chroma]
    scale = 2 ** (bits - 8)
    if full_range:
        top = 256 * scale - 1
        coded = [top * luma, *(128 * scale + top * plane for plane in chroma)]
    else:
        coded = [scale * (16 + 219 * luma), *(scale * (128 + 224 * plane) for plane in chroma)]
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], pixel_format)
    for plane, values in zip(frame.planes, coded, strict=True):
        samples = np.clip(np.rint(values), 0, 256 * scale - 1).astype("<u2" if bits > 8 else "u1")
        rows = np.zeros((len(samples), plane.line_size), np.uint8)
        rows[:, : samples.itemsize * samples.shape[1]] = samples.view(np.uint8).reshape(len(samples), -1)
        plane.update(rows.tobytes())
    return frame


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


def read(path: Path, **options: object) -> tuple[list[Frame], VideoInfo]:
    """All pictures of a film, and what is known of it then."""
    with VideoReader(path, **options) as reader:
        frames = list(reader.frames())
        return frames, reader.info


def clip(name: str) -> Path:
    """A real film; the test is skipped where there is none."""
    path = CLIPS / name
    if not path.is_file():
        pytest.skip(f"no {name} in the shared data beside the checkout")
    return path


def card(colors: np.ndarray = CARD) -> np.ndarray:
    """(96, 192, 3) 0-1."""
    return colors.reshape(2, 4, 3).repeat(48, axis=0).repeat(48, axis=1)


def patches(rgb: np.ndarray) -> np.ndarray:
    """(8, 3) middle of each patch of a card, 0-255."""
    height, width = rgb.shape[:2]
    rows, columns = (height // 4, 3 * height // 4), [width * (2 * n + 1) // 8 for n in range(4)]
    return np.array([rgb[row, column] for row in rows for column in columns], float)

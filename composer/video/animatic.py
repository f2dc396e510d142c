"""A film of its own to try things on: six drawn shots with hard cuts, from stillness to haste and back.

Run ``python -m composer.video.animatic OUT.mp4``. Nothing is random: the same call draws the same pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.codec
import cv2
import numpy as np

from composer.errors import BadInput, NotInstalled

WIDTH, HEIGHT, RATE_HZ = 1280, 720, 25
DEFAULT_DURATION_S = 20.0
DURATIONS_S = (1.0, 600.0)  # shortest and longest
ENCODERS = ("libx264", "mpeg4")  # best first
_SUBPIXEL = 4  # bits of the fixed-point coordinates of cv2's drawing

Color = tuple[int, int, int]  # RGB 0-255
Canvas = np.ndarray  # (HEIGHT, WIDTH, 3) uint8 RGB


@dataclass(frozen=True)
class Shot:
    """One shot: how much of the film it takes, and its painter (progress 0-1, seconds into it) -> picture."""

    share: float
    paint: Callable[[float, float], Canvas]


def draw_animatic(path: Path, duration_s: float = DEFAULT_DURATION_S) -> None:
    """Draw the film and put it at ``path`` (an .mp4), whole or not at all.

    Raises ValueError for a duration outside ``DURATIONS_S``, `NotInstalled` where PyAV has no encoder for it and
    `BadInput` where ``path`` cannot be written.
    """
    if not DURATIONS_S[0] <= duration_s <= DURATIONS_S[1]:
        raise ValueError(f"duration_s is {duration_s}; it must be {DURATIONS_S[0]} to {DURATIONS_S[1]}")
    encoder = next((name for name in ENCODERS if name in av.codec.codecs_available), None)
    if encoder is None:
        raise NotInstalled(f"PyAV has none of {ENCODERS}; pip install --force-reinstall av")
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".mp4")
        os.close(handle)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); choose another folder") from error
    try:
        _encode(temporary, encoder, round(duration_s * RATE_HZ))
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def cut_times_s(duration_s: float = DEFAULT_DURATION_S) -> tuple[float, ...]:
    """Where the hard cuts of the film lie, in seconds."""
    return tuple(first / RATE_HZ for first in _first_frames(round(duration_s * RATE_HZ))[1:])


def _first_frames(frame_count: int) -> list[int]:
    ends = np.cumsum([shot.share for shot in SHOTS]) / sum(shot.share for shot in SHOTS)
    return [0, *(round(end * frame_count) for end in ends[:-1])]


def _encode(path: str, encoder: str, frame_count: int) -> None:
    firsts = [*_first_frames(frame_count), frame_count]
    with av.open(path, "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(encoder, rate=RATE_HZ)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if encoder == "libx264":
            stream.options = {"preset": "superfast", "crf": "20", "threads": "2"}
        else:
            stream.bit_rate = 6_000_000
        for shot, first, end in zip(SHOTS, firsts, firsts[1:], strict=False):
            for number in range(first, end):
                into = number - first
                rgb = shot.paint(into / max(1, end - first - 1), into / RATE_HZ)
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, RATE_HZ)
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


# -- shots --------------------------------------------------------------------------------------------------


def _dawn(progress: float, seconds: float) -> Canvas:
    """A lake at dawn: the sun climbs, almost nothing moves."""
    canvas = _sky((58, 64, 110), (244, 178, 140))
    sun_y = 400.0 - 70.0 * progress
    _glow(canvas, 860.0, sun_y, 230.0, (90, 60, 20))
    _disc(canvas, 860.0, sun_y, 58.0, (255, 226, 170))
    _ridge(canvas, 415, (128, 106, 138), (70.0, 24.0), (0.0042, 0.013), 0.6)
    _ridge(canvas, 445, (92, 78, 116), (46.0, 16.0), (0.0061, 0.021), 2.1)
    canvas[470:] = cv2.convertScaleAbs(cv2.flip(canvas[220:470], 0), alpha=0.72, beta=18.0)
    for row in range(14):
        y = 484.0 + row * row * 1.2
        drift = 26.0 * np.sin(seconds * 0.5 + row * 1.7)
        _bar(canvas, 860.0 + drift, y, 60.0 + row * 9.0, 2.0 + row * 0.2, (255, 206, 158))
    return canvas


def _meadow(progress: float, seconds: float) -> Canvas:
    """A meadow in daylight: clouds drift, a balloon rises, grass bends."""
    canvas = _sky((92, 176, 232), (214, 238, 246))
    for number, (y, speed, size) in enumerate(((110.0, 26.0, 1.0), (190.0, 40.0, 0.7), (70.0, 18.0, 1.3))):
        x = (number * 470.0 + 120.0 + speed * seconds) % (WIDTH + 400.0) - 200.0
        for shift, radius in ((-62.0, 34.0), (-22.0, 50.0), (28.0, 44.0), (70.0, 30.0)):
            _disc(canvas, x + shift * size, y - radius * 0.3 * size, radius * size, (250, 252, 254))
    _ridge(canvas, 470, (128, 186, 96), (52.0, 10.0), (0.0035, 0.011), 1.0)
    _ridge(canvas, 560, (88, 158, 74), (38.0, 8.0), (0.005, 0.017), 3.0)
    x, y = 410.0 + 90.0 * progress, 380.0 - 190.0 * progress
    _disc(canvas, x, y, 74.0, (224, 74, 62))
    cv2.ellipse(canvas, (round(x), round(y)), (26, 74), 0, 0, 360, (250, 206, 96), -1, cv2.LINE_AA)
    for side in (-1, 1):
        _line(canvas, x + side * 44.0, y + 58.0, x + side * 14.0, y + 116.0, (90, 70, 50), 2)
    cv2.rectangle(canvas, (round(x) - 18, round(y) + 116), (round(x) + 18, round(y) + 142), (132, 92, 58), -1)
    for blade in range(90):
        root = blade * 14.5 + 6.0
        bend = 12.0 * np.sin(1.9 * seconds + blade * 0.55)
        _line(canvas, root, 720.0, root + bend, 655.0 - 22.0 * np.sin(blade * 2.3), (62, 124, 56), 4)
    return canvas


def _street(progress: float, seconds: float) -> Canvas:
    """A city at night: windows, and lights of cars that rush by."""
    canvas = _sky((12, 10, 34), (66, 28, 84))
    for number in range(12):
        left, width = number * 112 - 20, 92
        top = round(190 + 130 * np.sin(number * 1.9 + 0.5))
        cv2.rectangle(canvas, (left, top), (left + width, 560), (20, 18, 44), -1)
        for row in range(top + 18, 540, 34):
            for column in range(3):
                if (number * 7 + row * 3 + column * 5) % 4:
                    corner = (left + 14 + column * 26, row)
                    warm = (row + column) % 3
                    cv2.rectangle(
                        canvas,
                        corner,
                        (corner[0] + 12, row + 16),
                        ((250, 204, 110), (92, 214, 226))[warm == 0],
                        -1,
                    )
    canvas[560:] = (16, 14, 26)
    for lane, (y, speed, color) in enumerate(
        ((590.0, 900.0, (255, 70, 80)), (640.0, -1150.0, (255, 240, 200)), (690.0, 1500.0, (255, 60, 150)))
    ):
        for car in range(4):
            x = (car * 430.0 + lane * 150.0 + speed * seconds) % (WIDTH + 440.0) - 220.0
            _bar(canvas, x, y, 110.0, 7.0 + 2.0 * lane, color)
            _glow(canvas, x, y, 90.0, (50, 18, 26))
    return canvas


def _chase(progress: float, seconds: float) -> Canvas:
    """A tunnel of rings that rush at the eye, faster and faster, in red."""
    canvas = np.full((HEIGHT, WIDTH, 3), (24, 4, 8), np.uint8)
    travelled = 1.6 * seconds + 0.9 * seconds * seconds
    centre = (640.0 + 70.0 * np.sin(2.1 * seconds), 360.0 + 40.0 * np.cos(2.7 * seconds))
    for ring in range(14, -1, -1):
        depth = ring - travelled % 1.0 + 0.35
        radius = 430.0 / depth if depth > 0.05 else 9000.0
        if radius > 1600.0:
            continue
        light = min(1.0, 2.4 / depth)
        even = (ring + int(travelled)) % 2 == 0
        tone = (236, 62, 40) if even else (250, 168, 60)
        color = tuple(int(part * light) for part in tone)
        cv2.circle(
            canvas, *_fixed(*centre, radius), color, max(2, round(radius * 0.09)), cv2.LINE_AA, _SUBPIXEL
        )
    for spoke in range(16):
        angle = spoke * np.pi / 8.0 + 0.5 * seconds
        near, far = 60.0 + 140.0 * ((travelled + spoke * 0.37) % 1.0), 900.0
        cosine, sine = float(np.cos(angle)), float(np.sin(angle))
        _line(
            canvas, centre[0] + near * cosine, centre[1] + near * sine, centre[0] + far * cosine,
            centre[1] + far * sine, (255, 226, 150), 2,
        )  # fmt: skip
    return canvas


def _snow(progress: float, seconds: float) -> Canvas:
    """Snow on a winter wood: pale, cold, slow."""
    canvas = _sky((150, 170, 192), (226, 234, 240))
    _ridge(canvas, 520, (196, 208, 220), (44.0, 12.0), (0.004, 0.012), 0.3)
    for number in range(13):
        x, size = number * 106.0 + 20.0, 0.75 + 0.3 * np.sin(number * 2.2)
        foot = 590.0 + 22.0 * np.cos(number * 1.4)
        for tier in range(4):
            half, top = (86.0 - tier * 17.0) * size, foot - (tier * 52.0 + 80.0) * size
            corners = np.array(
                ((x - half, foot - tier * 46.0 * size), (x, top), (x + half, foot - tier * 46.0 * size))
            )
            tone = (64 + tier * 14, 92 + tier * 14, 108 + tier * 14)
            cv2.fillConvexPoly(canvas, np.round(corners * 16).astype(np.int32), tone, cv2.LINE_AA, _SUBPIXEL)
    _ridge(canvas, 620, (238, 243, 248), (20.0, 6.0), (0.006, 0.02), 1.3)
    for flake in range(150):
        fall = 46.0 + 34.0 * ((flake * 0.618) % 1.0)
        x = (flake * 0.7549 * WIDTH + 26.0 * np.sin(0.9 * seconds + flake)) % WIDTH
        y = (flake * 0.5698 * HEIGHT + fall * seconds) % HEIGHT
        _disc(canvas, x, y, 1.8 + 3.0 * ((flake * 0.377) % 1.0), (255, 255, 255))
    return canvas


def _stars(progress: float, seconds: float) -> Canvas:
    """The last shot: stars over the sea turn slowly and the moon goes down; it darkens to the end."""
    canvas = _sky((6, 10, 30), (28, 62, 96))
    for star in range(220):
        angle, radius = star * 2.39996 + 0.035 * seconds, 46.0 * np.sqrt(star + 1.0)
        x, y = 640.0 + radius * np.cos(angle), 200.0 + radius * np.sin(angle)
        if y < 500.0:
            bright = 130 + round(110 * abs(np.sin(star * 1.3 + 0.8 * seconds)))
            _disc(canvas, x, y, 1.2 + (star % 5) * 0.35, (bright, bright, min(255, bright + 12)))
    moon_y = 250.0 + 60.0 * progress
    _glow(canvas, 330.0, moon_y, 200.0, (34, 40, 52))
    _disc(canvas, 330.0, moon_y, 46.0, (236, 238, 226))
    canvas[500:] = (10, 24, 44)
    for row in range(16):
        y = 512.0 + row * 13.0
        drift = 20.0 * np.sin(seconds * 0.8 + row * 1.1)
        _bar(canvas, 330.0 + drift, y, 34.0 + row * 8.0, 2.0, (136, 160, 182))
    return cv2.convertScaleAbs(canvas, alpha=1.0 - 0.75 * progress**3)


SHOTS = (
    Shot(4.0, _dawn),
    Shot(3.6, _meadow),
    Shot(3.2, _street),
    Shot(2.8, _chase),
    Shot(3.2, _snow),
    Shot(3.2, _stars),
)

# -- brushes ------------------------------------------------------------------------------------------------


def _sky(top: Color, bottom: Color) -> Canvas:
    """A fresh picture that fades from ``top`` to ``bottom``."""
    mix = np.linspace(0.0, 1.0, HEIGHT, dtype=np.float32)[:, None]
    column = np.round(np.array(top, np.float32) * (1.0 - mix) + np.array(bottom, np.float32) * mix)
    return cv2.resize(column.astype(np.uint8)[:, None], (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)


def _fixed(x: float, y: float, radius: float) -> tuple[tuple[int, int], int]:
    scale = 1 << _SUBPIXEL
    return (round(x * scale), round(y * scale)), round(radius * scale)


def _disc(canvas: Canvas, x: float, y: float, radius: float, color: Color) -> None:
    cv2.circle(canvas, *_fixed(x, y, radius), color, -1, cv2.LINE_AA, _SUBPIXEL)


def _line(canvas: Canvas, x0: float, y0: float, x1: float, y1: float, color: Color, width: int) -> None:
    scale = 1 << _SUBPIXEL
    start, end = (round(x0 * scale), round(y0 * scale)), (round(x1 * scale), round(y1 * scale))
    cv2.line(canvas, start, end, color, width, cv2.LINE_AA, _SUBPIXEL)


def _bar(canvas: Canvas, x: float, y: float, half_width: float, half_height: float, color: Color) -> None:
    scale = 1 << _SUBPIXEL
    low = (round((x - half_width) * scale), round((y - half_height) * scale))
    high = (round((x + half_width) * scale), round((y + half_height) * scale))
    cv2.rectangle(canvas, low, high, color, -1, cv2.LINE_AA, _SUBPIXEL)


def _glow(canvas: Canvas, x: float, y: float, radius: float, color: Color) -> None:
    """Add light that fades to nothing at ``radius``."""
    left, right = max(0, int(x - radius)), min(WIDTH, int(x + radius) + 1)
    top, bottom = max(0, int(y - radius)), min(HEIGHT, int(y + radius) + 1)
    if left >= right or top >= bottom:
        return
    across = ((np.arange(left, right, dtype=np.float32) - np.float32(x)) / np.float32(radius)) ** 2
    down = ((np.arange(top, bottom, dtype=np.float32) - np.float32(y)) / np.float32(radius)) ** 2
    fade = np.maximum(np.float32(1.0) - across[None, :] - down[:, None], np.float32(0.0)) ** 2
    part = canvas[top:bottom, left:right]
    light = fade[..., None] * np.array(color, np.float32)
    cv2.add(part, light.astype(np.uint8), dst=part)  # saturates at 255


def _ridge(
    canvas: Canvas,
    base_y: float,
    color: Color,
    heights: tuple[float, float],
    waves: tuple[float, float],
    phase: float,
) -> None:
    """Fill below a rolling line: two sines of ``heights`` pixels and ``waves`` radians a pixel."""
    x = np.arange(0, WIDTH + 8, 8, dtype=np.float64)
    y = base_y - sum(
        h * np.sin(w * x + phase * (i + 1)) for i, (h, w) in enumerate(zip(heights, waves, strict=True))
    )
    outline = np.concatenate((np.stack((x, y), 1), ((WIDTH + 8, HEIGHT + 8), (0, HEIGHT + 8))))
    cv2.fillPoly(canvas, [np.round(outline * 16).astype(np.int32)], color, cv2.LINE_AA, _SUBPIXEL)


def main(arguments: list[str] | None = None) -> int:
    """Command line: draw the film at the path given."""
    parser = argparse.ArgumentParser(
        prog="python -m composer.video.animatic", description="draw a film to score"
    )
    parser.add_argument("path", type=Path, metavar="OUT.mp4")
    parser.add_argument("--duration", type=float, default=DEFAULT_DURATION_S, metavar="SECONDS")
    options = parser.parse_args(arguments)
    try:
        draw_animatic(options.path, options.duration)
    except (BadInput, NotInstalled) as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except ValueError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The picture as the chord stage sees it: one colour token and one semantic token a bar.

A colour token holds brightness, saturation, warmth, motion and the log-chroma histogram pooled to 8 x 8 bins a
plane (square roots, so that rare colours count); a semantic token holds the probabilities of the prompt bank.

`PictureTrack` is what a film gives for them, whatever its bars: small enough to lie beside a cue sheet, so that
composing from the sheet sees what composing from the film saw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from composer.errors import BadInput
from composer.hostile import read_arrays
from composer.spotting.samples import inside
from composer.timing import TempoMap
from composer.video.features import VideoFeatures
from composer.video.prompts import PROMPTS

POOLED_BINS = 8
MOTION_SCALE = 25.0  # RGB difference that counts as 1
MOTION_LIMIT = 4.0
MOTION_COLUMN = 3
COLOR_WIDTH = 4 + 3 * POOLED_BINS**2
SEMANTIC_WIDTH = len(PROMPTS)
MAX_TRACK_BYTES = 1 << 28


@dataclass(frozen=True)
class Picture:
    """One token of each kind a bar, float32: ``color`` (bars, `COLOR_WIDTH`) and ``semantic`` (bars,
    `SEMANTIC_WIDTH`); zeros where nothing was seen."""

    color: np.ndarray
    semantic: np.ndarray


@dataclass(frozen=True)
class PictureTrack:
    """What was seen over a film, rounded to float16: ``light`` (T_c, 3) brightness, saturation and warmth, ``chroma``
    (T_c, 3 * 8 * 8) pooled histograms, ``motion`` (T_m,) RGB difference, ``semantic`` (T_s, `SEMANTIC_WIDTH`), each
    beside its times in seconds, float64; ``duration_s``, when the film is over. Raises ValueError for arrays that do
    not fit each other, and for numbers that no film gives."""

    duration_s: float
    color_times_s: np.ndarray
    light: np.ndarray
    chroma: np.ndarray
    motion_times_s: np.ndarray
    motion: np.ndarray
    semantic_times_s: np.ndarray
    semantic: np.ndarray

    def __post_init__(self) -> None:
        if not 0 < self.duration_s < math.inf:
            raise ValueError(f"duration_s is {self.duration_s}")
        _check_row("color_times_s", self.color_times_s)
        _check("light", self.light, self.color_times_s, (3,), [0.0, 0.0, -1.0], 1.0)
        _check("chroma", self.chroma, self.color_times_s, (3 * POOLED_BINS**2,))
        _check_row("motion_times_s", self.motion_times_s)
        _check("motion", self.motion, self.motion_times_s)
        _check_row("semantic_times_s", self.semantic_times_s)
        _check("semantic", self.semantic, self.semantic_times_s, (SEMANTIC_WIDTH,))

    @classmethod
    def of(cls, features: VideoFeatures) -> PictureTrack:
        """The track of a film."""
        light = np.stack([features.brightness, features.saturation, features.warmth], 1)
        seen = len(features.semantic_times_s) > 0
        scores = features.semantic_scores[:, :SEMANTIC_WIDTH] if seen else np.zeros((0, SEMANTIC_WIDTH))
        return cls(
            features.duration_s,
            features.color_times_s,
            light.astype(np.float16),
            pooled(features.color_histograms).astype(np.float16),
            features.motion_times_s,
            features.rgb_difference.astype(np.float16),
            features.semantic_times_s,
            scores.astype(np.float16),
        )

    def save(self, path: Path) -> None:
        """Write an npz file without a pickle inside. Raises OSError where it cannot."""
        with path.open("wb") as file:
            np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls, path: Path) -> PictureTrack:
        """Read what `save` wrote. Raises BadInput where the file is none or is damaged."""
        remedy = (
            "remove it (the chords then follow the moods), or spot the film to another name and put its .picture.npz "
            "in the place of this one"
        )
        arrays = read_arrays(path, [field.name for field in fields(cls)], MAX_TRACK_BYTES, remedy)
        try:
            duration_s = arrays.pop("duration_s")
            if duration_s.shape or duration_s.dtype.kind != "f":
                raise ValueError(f"duration_s is {duration_s.dtype} of shape {duration_s.shape}")
            return cls(float(duration_s), **arrays)
        except (TypeError, ValueError) as error:
            raise BadInput(f"{path}: not what was seen of a film ({error}); {remedy}") from error


def _check_row(name: str, times_s: np.ndarray) -> None:
    """Raises ValueError for times that are not one row of numbers, from 0 up."""
    if times_s.ndim != 1:
        raise ValueError(f"{name} has shape {times_s.shape}")
    _check(name, times_s, times_s)
    if (np.diff(times_s) < 0).any():
        raise ValueError(f"{name} does not ascend")


def _check(
    name: str,
    array: np.ndarray,
    times_s: np.ndarray,
    width: tuple[int, ...] = (),
    low: ArrayLike = 0.0,
    high: float = math.inf,
) -> None:
    """Raises ValueError for anything but a row of ``width`` a time, of finite floats from ``low`` to ``high``."""
    if array.shape != (len(times_s), *width) or array.dtype.kind != "f":
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}")
    if not (np.isfinite(array) & (array >= np.asarray(low)) & (array <= high)).all():
        raise ValueError(f"{name} has numbers that no film gives")


def motion_value(rgb_difference: float | np.ndarray) -> np.ndarray:
    """The motion entry of a colour token."""
    return np.minimum(np.asarray(rgb_difference) / MOTION_SCALE, MOTION_LIMIT)


def color_token(
    brightness: float, saturation: float, warmth: float, motion: float, histogram: np.ndarray
) -> np.ndarray:
    """One colour token from means over a bar; ``motion`` as RGB difference, ``histogram`` (3, h, h)."""
    return _color_token([brightness, saturation, warmth], motion, pooled(histogram[None])[0])


def pooled(histograms: np.ndarray) -> np.ndarray:
    """Histograms (T, 3, h, h) in coarse bins: (T, 3 * 8 * 8)."""
    side = histograms.shape[-1] // POOLED_BINS
    coarse = histograms.reshape(-1, 3, POOLED_BINS, side, POOLED_BINS, side).sum((3, 5))
    return coarse.reshape(len(coarse), -1)


def picture_of(track: PictureTrack | None, tempo_map: TempoMap) -> Picture:
    """The tokens of a film on its tempo map; without a track, or without semantics, those tokens are zeros."""
    return picture_between(track, tempo_map.bar_starts_s)


def picture_between(track: PictureTrack | None, borders_s: np.ndarray) -> Picture:
    """As `picture_of`, for bars between ``borders_s`` (bars + 1,) in seconds. Zeros where the film is over."""
    bars = len(borders_s) - 1
    color = np.zeros((bars, COLOR_WIDTH), np.float32)
    semantic = np.zeros((bars, SEMANTIC_WIDTH), np.float32)
    if track is None:
        return Picture(color, semantic)
    for bar in range(int((borders_s[:-1] < track.duration_s).sum())):
        low, high = float(borders_s[bar]), float(borders_s[bar + 1])
        seen = _during(track.color_times_s, low, high)
        if len(seen):
            moved = track.motion[_during(track.motion_times_s, low, high)].astype(np.float64)
            motion = float(moved.mean()) if len(moved) else 0.0
            light, chroma = (array[seen].mean(0, dtype=np.float64) for array in (track.light, track.chroma))
            color[bar] = _color_token(light, motion, chroma)
        seen = _during(track.semantic_times_s, low, high)
        if len(seen):
            semantic[bar] = track.semantic[seen].mean(0, dtype=np.float64)
    return Picture(color, semantic)


def _color_token(light: ArrayLike, motion: float, chroma: np.ndarray) -> np.ndarray:
    return np.concatenate([np.asarray(light), [motion_value(motion)], np.sqrt(chroma)]).astype(np.float32)


def _during(times_s: np.ndarray, low_s: float, high_s: float) -> np.ndarray:
    """Indices of the samples from low_s to high_s, or of the nearest one where a bar is shorter than the interval."""
    return np.flatnonzero(inside(times_s, low_s, high_s)) if len(times_s) else np.zeros(0, np.int64)

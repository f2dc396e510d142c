"""Fades through black or white, from the brightness and contrast of every picture.

A run of pictures without contrast, all dark or all light, is the middle of a fade if the picture goes there or comes
from there gradually: on one side at least its distance from that black or white falls (or rises) steadily for
``MIN_RAMP_S`` or longer, without one step that makes up most of it (that is a cut to black). PySceneDetect's
threshold detector finds the same places, but not where the ramps begin and end.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

MAX_CONTRAST = 6.0  # of 255: standard deviation within a picture of black or white
BLACK, WHITE = 40.0, 225.0  # of 255: mean brightness below or above which a picture may be one of them
MIN_RAMP_S = 0.16
MAX_RAMP_S = 6.0
FLAT_S = 0.2  # a ramp ends where the picture has stood so long,
FLAT_SHARE = 0.03  # which means that it came no more than this share further from black or white
MAX_STEP_SHARE = 0.6  # of the whole way in one step: a cut
MIN_WAY = 12.0  # of 255: the picture must differ so much from black or white


@dataclass(frozen=True)
class Fade:
    """``start_s``: where the picture begins to go (0 where the film opens so); ``end_s``: where the next one stands
    (or the film ends). ``ramps_s``: (start, end) of what is gradual of it, one or two.
    """

    start_s: float
    end_s: float
    ramps_s: tuple[tuple[float, float], ...]


class FadeFinder:
    """Takes two numbers of each picture; `finish` finds the fades."""

    def __init__(self) -> None:
        self._times_s = array("d")
        self._brightness = array("f")
        self._contrast = array("f")

    def see(self, time_s: float, brightness: float, contrast: float) -> None:
        """Mean and standard deviation of a picture's pixels, of 255."""
        self._times_s.append(time_s)
        self._brightness.append(brightness)
        self._contrast.append(contrast)

    def finish(self, duration_s: float) -> tuple[Fade, ...]:
        """All fades in order of time; of two that overlap the one through black."""
        black, white = (self._through(low, high, duration_s) for low, high in ((0.0, BLACK), (WHITE, 255.0)))
        black_ends_s = [fade.end_s for fade in black]
        for fade in white:
            rival = bisect_right(black_ends_s, fade.start_s)
            if rival == len(black_ends_s) or black[rival].start_s >= fade.end_s:
                black.append(fade)
        return tuple(sorted(black, key=lambda fade: fade.start_s))

    def _through(self, low: float, high: float, duration_s: float) -> list[Fade]:
        """The fades through pictures of a brightness from ``low`` to ``high``."""
        times_s, brightness, contrast = (
            np.array(values) for values in (self._times_s, self._brightness, self._contrast)
        )
        empty = (contrast <= MAX_CONTRAST) & (brightness >= low) & (brightness <= high)
        runs = np.flatnonzero(np.diff(empty.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        fades = []
        for first, end in runs.tolist():
            low_s, high_s = times_s[first] - MAX_RAMP_S - FLAT_S, times_s[end - 1] + MAX_RAMP_S + FLAT_S
            past = max(int(np.searchsorted(times_s, high_s)), end + 1)  # the next picture may come late
            around = slice(int(np.searchsorted(times_s, low_s)), past)
            way = np.abs(brightness[around] - brightness[first:end].mean()) + contrast[around]
            fade = _fade(times_s[around], way, first - around.start, end - around.start, duration_s)
            if fade:
                fades.append(fade)
        return fades


def _fade(times_s: np.ndarray, way: np.ndarray, first: int, end: int, duration_s: float) -> Fade | None:
    """The fade whose middle are the pictures ``first`` to ``end``, if it is one. ``way``: distance from its shade."""
    before = _ramp_pictures(times_s, way, range(first, -1, -1))
    after = _ramp_pictures(times_s, way, range(end - 1, len(way)))
    if not before and not after:
        return None
    start_s = float(times_s[first - before])
    black_s = float(times_s[first])
    gone_s = float(times_s[end - 1])
    cut_in_s = float(times_s[end]) if end < len(way) else duration_s
    end_s = float(times_s[end - 1 + after]) if after else cut_in_s
    ramps = ((start_s, black_s),) * bool(before) + ((gone_s, end_s),) * bool(after)
    return Fade(start_s, end_s, ramps)


def _ramp_pictures(times_s: np.ndarray, way: np.ndarray, outward: range) -> int:
    """How many pictures the ramp takes that leads out of black along ``outward``, whose first is black; 0: none."""
    black = top = outward.start
    largest_step = 0.0
    for before, index in pairwise(outward):
        if way[index] > (1.0 + FLAT_SHARE) * way[top]:
            top = index
            largest_step = max(largest_step, abs(float(way[index] - way[before])))
        elif abs(times_s[index] - times_s[top]) > FLAT_S:
            break
        if abs(times_s[index] - times_s[black]) > MAX_RAMP_S:
            break
    went = float(way[top] - way[black])
    is_ramp = abs(times_s[top] - times_s[black]) >= MIN_RAMP_S and went >= MIN_WAY
    return abs(top - black) if is_ramp and largest_step <= MAX_STEP_SHARE * went else 0

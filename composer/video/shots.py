"""Hard cuts, flashes and fades, found while the pictures stream by.

Candidates for cuts come from one of PySceneDetect's detectors, by default `AdaptiveDetector` (mean difference of hue,
saturation and value to the picture before, against its average over the neighbouring pictures). The detectors only
subtract and compare the labels they are given, so they are fed picture numbers, and the time of a cut is the timestamp
of the first picture of the new shot.

A candidate is settled ``FLASH_S`` later, against thumbnails of the pictures around it:

- It is a flash, not a cut, where the picture returns within ``FLASH_S`` to what it was before; the return is
  none either. (A shot shorter than that between two halves of another one is taken for a flash too.)
- It is movement, not a cut, where another step within ``NEIGHBOUR_S`` is nearly as large: one that is no
  candidate itself, or ``MOVEMENT_STEPS`` that are, as in animation whose drawings last several pictures.
- It is a blemish or a change of light, not a cut, where the step is below ``MIN_STEP_SHARE`` of the
  brightness.
- Of cuts closer than ``MIN_SHOT_S`` the strongest stays.
- It is a fade, not a cut, where it lies within the gradual part of one (`composer.video.fades`).

Strength is the mean absolute RGB difference over the cut, 1 from ``FULL_STRENGTH`` (of 255) on. Flashes are told of
where the picture became lighter by ``FLASH_RISE``, candidate or not: the lights of a strobe are none.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from scenedetect.detectors import AdaptiveDetector, ContentDetector, HashDetector, HistogramDetector

from composer.video.fades import Fade, FadeFinder
from composer.video.scaling import shrink


class _LeanAdaptiveDetector(AdaptiveDetector):
    """The same score for a third of the time: differences of 8-bit pixels, without a copy of each as 32-bit numbers."""

    _before: np.ndarray | None = None

    def _calculate_frame_score(self, timecode: int, frame_img: np.ndarray) -> float:
        before, self._before = self._before, cv2.cvtColor(frame_img, cv2.COLOR_BGR2HSV)
        return 0.0 if before is None else float(cv2.norm(before, self._before, cv2.NORM_L1)) / before.size


DETECTORS = {
    "adaptive": _LeanAdaptiveDetector,
    "content": ContentDetector,
    "hash": HashDetector,
    "histogram": HistogramDetector,
}
DEFAULT_DETECTOR = "adaptive"
DETECTOR_SIDE_PX = 80  # long side of the pictures that the detector is given

FLASH_S = 0.4
FLASH_RETURN = 0.35  # of the change over it: less than this to the picture before means that it came back
FLASH_RISE = 16.0  # of 255
NEIGHBOUR_S = 0.27
MOVEMENT_STEPS = 2  # so many other candidates nearby are a movement too
STANDS_OUT = 1.4  # times the other steps nearby
MIN_STEP_SHARE = 0.15
MIN_STEP = 3.0  # of 255; coding noise in black pictures
MIN_SHOT_S = 0.2
FULL_STRENGTH = 80.0
THUMBNAIL_PX = 24  # a side
MAX_THUMBNAILS = 512  # far more than the time window holds at any sensible rate


@dataclass(frozen=True)
class Cut:
    """The first picture of a new shot. ``strength`` 0-1."""

    time_s: float
    strength: float


@dataclass(frozen=True)
class Shots:
    """All in order of time. ``flash_times_s``: the first picture of each flash."""

    cuts: tuple[Cut, ...]
    flash_times_s: tuple[float, ...]
    fades: tuple[Fade, ...]


class _Seen(NamedTuple):
    number: int
    time_s: float
    thumbnail: np.ndarray  # (24, 24, 3) uint8
    brightness: float  # mean of the thumbnail
    step: float  # mean absolute difference to the picture before


class ShotController:
    """Finds `Shots` in a stream of pictures; keeps thumbnails of a second or so and three numbers a picture.

    ``detector``: of `DETECTORS`. Raises ValueError for another.
    """

    def __init__(self, detector: str = DEFAULT_DETECTOR) -> None:
        if detector not in DETECTORS:
            raise ValueError(f"detector is {detector!r}; it must be one of {', '.join(DETECTORS)}")
        self._detector = DETECTORS[detector](min_scene_len=0)
        self._count = 0
        self._settled = 1  # pictures that have been judged; the first can be no cut
        self._recent: deque[_Seen] = deque(maxlen=MAX_THUMBNAILS)
        self._candidates: set[int] = set()  # numbers of the recent ones
        self._flash_over_s = -1.0
        self._cuts: list[Cut] = []
        self._flash_times_s: list[float] = []
        self._fades = FadeFinder()

    def see(self, time_s: float, rgb: np.ndarray) -> None:
        """Take the next picture (height, width, 3) uint8."""
        scale = min(1.0, DETECTOR_SIDE_PX / max(rgb.shape[:2]))
        small = shrink(rgb, *(max(1, round(side * scale)) for side in rgb.shape[1::-1]))
        thumbnail = shrink(small, THUMBNAIL_PX, THUMBNAIL_PX)
        means, deviations = cv2.meanStdDev(thumbnail)
        brightness = float(means.sum()) / 3.0
        self._fades.see(time_s, brightness, float(deviations.max()))
        step = _difference(thumbnail, self._recent[-1].thumbnail) if self._recent else 0.0
        self._recent.append(_Seen(self._count, time_s, thumbnail, brightness, step))
        self._candidates.update(
            self._detector.process_frame(self._count, cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        )
        self._count += 1
        self._settle(time_s)
        # One older than the window stays: the picture before a cut may have been held for long.
        while len(self._recent) > 8 and self._recent[1].time_s < time_s - 2.0 * FLASH_S - NEIGHBOUR_S:
            self._candidates.discard(self._recent.popleft().number)

    def finish(self, duration_s: float) -> Shots:
        """All that was seen of a film that ends at ``duration_s``."""
        self._settle(np.inf)
        fades = tuple(fade for fade in self._fades.finish(duration_s) if not self._is_flash(fade))
        cuts: list[Cut] = []
        for cut in self._cuts:
            if any(start_s < cut.time_s <= end_s for fade in fades for start_s, end_s in fade.ramps_s):
                continue
            if cuts and cut.time_s - cuts[-1].time_s < MIN_SHOT_S:
                cuts[-1] = max(cuts[-1], cut, key=lambda c: c.strength)
            else:
                cuts.append(cut)
        return Shots(tuple(cuts), tuple(self._flash_times_s), fades)

    def _is_flash(self, fade: Fade) -> bool:
        """Whether what looks like coming from white is a flash that dies away."""
        return len(fade.ramps_s) == 1 and any(
            fade.start_s <= time_s <= fade.end_s for time_s in self._flash_times_s
        )

    def _settle(self, now_s: float) -> None:
        """Judge the pictures whose future is known: ``FLASH_S`` of it, and what the detector needs to name them."""
        known = self._count if now_s == np.inf else self._count - self._detector.event_buffer_length
        while self._settled < known:
            index = self._settled - self._recent[0].number
            if index >= 1:  # else out of the window, which only hostile timestamps bring about
                if self._recent[index].time_s + FLASH_S > now_s:
                    return
                self._judge(index)
            self._settled += 1

    def _judge(self, index: int) -> None:
        first, before = self._recent[index], self._recent[index - 1]
        rises = first.brightness - before.brightness >= FLASH_RISE
        is_candidate = first.number in self._candidates
        if not (rises or is_candidate) or first.time_s <= self._flash_over_s:
            return
        if first.step < max(MIN_STEP, MIN_STEP_SHARE * 0.5 * (first.brightness + before.brightness)):
            return
        for later in self._recent:
            if not first.time_s < later.time_s <= first.time_s + FLASH_S:
                continue
            if _difference(later.thumbnail, before.thumbnail) < FLASH_RETURN * first.step:
                self._flash_over_s = later.time_s
                if rises:
                    self._flash_times_s.append(first.time_s)
                return
        if not is_candidate:
            return
        rivals = [
            seen.number in self._candidates
            for seen in self._recent
            if abs(seen.time_s - first.time_s) <= NEIGHBOUR_S
            and seen is not first
            and STANDS_OUT * seen.step > first.step
        ]
        if not all(rivals) or len(rivals) >= MOVEMENT_STEPS:
            return
        self._cuts.append(Cut(first.time_s, min(1.0, first.step / FULL_STRENGTH)))


def _difference(left: np.ndarray, right: np.ndarray) -> float:
    """Mean absolute difference, 0-255."""
    return float(cv2.norm(left, right, cv2.NORM_L1)) / left.size

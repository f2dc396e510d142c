"""Hard cuts, found while the pictures stream by.

Candidates come from PySceneDetect's `AdaptiveDetector` (mean difference of hue, saturation and value to the
picture before, against its average over the neighbouring pictures). The detector only subtracts and compares
the labels it is given, so it is fed picture numbers, and the time of a cut is the timestamp of the first
picture of the new shot.

A candidate is settled ``FLASH_S`` later, against thumbnails of the pictures around it:

- It is a flash, not a cut, where the picture returns within ``FLASH_S`` to what it was before; the return is
  none either. (A shot shorter than that between two halves of another one is taken for a flash too.)
- It is movement, not a cut, where another step within ``NEIGHBOUR_S`` is nearly as large: one that is no
  candidate itself, or ``MOVEMENT_STEPS`` that are, as in animation whose drawings last several pictures.
- It is a blemish or a change of light, not a cut, where the step is below ``MIN_STEP_SHARE`` of the
  brightness.
- Of cuts closer than ``MIN_SHOT_S`` the strongest stays.

Strength is the mean absolute RGB difference over the cut, 1 from ``FULL_STRENGTH`` (of 255) on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from scenedetect.detectors import AdaptiveDetector

FLASH_S = 0.4
FLASH_RETURN = (
    0.35  # of the change over the candidate: less than this to the picture before means it came back
)
NEIGHBOUR_S = 0.27
MOVEMENT_STEPS = 2  # so many other candidates nearby are a movement too
STANDS_OUT = 1.5  # times the other steps nearby
MIN_STEP_SHARE = 0.15
MIN_STEP = 3.0  # of 255; coding noise in black pictures
MIN_SHOT_S = 0.2
FULL_STRENGTH = 80.0
THUMBNAIL_PX = (24, 24)
MAX_THUMBNAILS = 512  # far more than the time window holds at any sensible rate


@dataclass(frozen=True)
class Cut:
    """The first picture of a new shot. ``strength`` 0-1."""

    time_s: float
    strength: float


@dataclass(frozen=True)
class _Seen:
    number: int
    time_s: float
    thumbnail: np.ndarray  # (24, 24, 3) uint8
    step: float  # mean absolute difference to the picture before


class ShotController:
    """Collects `Cut`\\ s from a stream of pictures; keeps thumbnails of a second or so."""

    def __init__(self) -> None:
        self._detector = AdaptiveDetector(min_scene_len=0)
        self._count = 0
        self._recent: deque[_Seen] = deque(maxlen=MAX_THUMBNAILS)
        self._candidates: deque[int] = deque()  # picture numbers, unsettled
        self._named: deque[int] = deque(maxlen=MAX_THUMBNAILS)  # all candidates of late
        self._flash_over_s = -1.0
        self._cuts: list[Cut] = []

    def see(self, time_s: float, rgb: np.ndarray) -> None:
        """Take the next picture (height, width, 3) uint8."""
        thumbnail = cv2.resize(rgb, THUMBNAIL_PX, interpolation=cv2.INTER_AREA)
        step = _difference(thumbnail, self._recent[-1].thumbnail) if self._recent else 0.0
        self._recent.append(_Seen(self._count, time_s, thumbnail, step))
        found = self._detector.process_frame(self._count, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
        self._candidates.extend(found)
        self._named.extend(found)
        self._count += 1
        self._settle(time_s)
        while self._recent[0].time_s < time_s - 2.0 * FLASH_S - NEIGHBOUR_S and len(self._recent) > 8:
            self._recent.popleft()

    def finish(self) -> tuple[Cut, ...]:
        """All cuts in order of time."""
        self._settle(np.inf)
        cuts: list[Cut] = []
        for cut in self._cuts:
            if cuts and cut.time_s - cuts[-1].time_s < MIN_SHOT_S:
                cuts[-1] = max(cuts[-1], cut, key=lambda c: c.strength)
            else:
                cuts.append(cut)
        return tuple(cuts)

    def _settle(self, now_s: float) -> None:
        while self._candidates:
            index = self._candidates[0] - self._recent[0].number
            if index < 1:  # out of the window, which only hostile timestamps bring about
                self._candidates.popleft()
                continue
            if self._recent[index].time_s + FLASH_S > now_s:
                return
            self._candidates.popleft()
            self._judge(index)

    def _judge(self, index: int) -> None:
        first, before = self._recent[index], self._recent[index - 1]
        if first.time_s <= self._flash_over_s:
            return
        brightness = 0.5 * float(first.thumbnail.mean() + before.thumbnail.mean())
        if first.step < max(MIN_STEP, MIN_STEP_SHARE * brightness):
            return
        for later in self._recent:
            if not first.time_s < later.time_s <= first.time_s + FLASH_S:
                continue
            if _difference(later.thumbnail, before.thumbnail) < FLASH_RETURN * first.step:
                self._flash_over_s = later.time_s
                return
        rivals = [
            seen.number in self._named
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
    return float(cv2.absdiff(left, right).mean())

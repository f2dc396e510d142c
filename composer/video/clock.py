"""Picture times from timestamps, also from damaged ones.

Convention: seconds since the first picture, strictly increasing; never frame number / rate. How damage is
repaired (each repair is counted and becomes one warning):

- A decoder delivers pictures in the order of presentation, so where timestamps are out of order the
  timestamps are wrong, not the order: they are sorted within ``REORDER_FRAMES`` pictures and given to the
  pictures as these come.
- A time that is still not later than the one before it becomes that one plus half a frame.
- A missing timestamp becomes the one before it plus one frame.
- A leap back of more than ``LEAP_BACK_S`` is a restarted clock: all later times move on so that they follow.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from statistics import median, median_low

import numpy as np

REORDER_FRAMES = 8
LEAP_BACK_S = 1.0
RATE_SAMPLES = 4096  # frame steps kept to measure the rate
LONG_LAST_FRAME_S = 10.0  # a last frame said to last longer than this, and five steps, is not believed
RATE_TOLERANCE = 0.02  # a declared rate this close to the measured one is the exact form of it
STANDARD_RATES_HZ = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 60.0)
STANDARD_TOLERANCE = 0.002  # relative, of a rate measured on rounded timestamps
EXACT_TOLERANCE = 2.5e-4  # of a declared rate: 23.98 is 24000/1001, 24 is not
MILLISECOND_S = 0.00101  # steps no further apart are the same one, rounded
GRID_FRAMES = 0.15  # a picture so near to a whole frame of a rate lies on it
GRID_SHARE = 0.95  # of the pictures that must
LEAST_SHOWN = 0.9  # of the frames of that rate that must be there
FALLBACK_RATE_HZ = 25.0  # where a file names no rate and has one picture


@dataclass(frozen=True)
class Frame:
    """One picture, (height, width, 3) uint8; ``detail`` is larger, and there only where asked for and due."""

    time_s: float
    duration_s: float  # as the file says; 0 where it does not
    rgb: np.ndarray
    detail: np.ndarray | None = None


class Clock:
    """Times of one film. ``declared_rate_hz``: what the file says, None where it says nothing believable."""

    def __init__(self, declared_rate_hz: float | None) -> None:
        self.frame_count = 0
        self.last_s = 0.0
        self._declared_rate_hz = declared_rate_hz
        self._step_s = 1.0 / (declared_rate_hz or FALLBACK_RATE_HZ)
        self._offset_s = 0.0
        self._latest_s: float | None = None
        self._last_duration_s = 0.0
        self._steps: deque[float] = deque(maxlen=RATE_SAMPLES)
        self._missing = self._unsorted = self._late = self._leaps = 0

    def stamp(self, pts_s: float | None) -> float:
        """Time of a picture fresh from the decoder, seconds on the file's own clock; may be out of order."""
        if self._latest_s is None:
            self._latest_s = pts_s or 0.0
            return self._latest_s
        if pts_s is None:
            self._missing += 1
            time_s = self._latest_s + self._step_s
        else:
            time_s = pts_s + self._offset_s
            if time_s < self._latest_s - LEAP_BACK_S:
                self._leaps += 1
                self._offset_s += self._latest_s + self._step_s - time_s
                time_s = self._latest_s + self._step_s
            elif time_s < self._latest_s:
                self._unsorted += 1
        self._latest_s = max(self._latest_s, time_s)
        return time_s

    def in_order(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the same pictures in the same order with repaired times that start at 0."""
        stamps: list[float] = []
        pictures: deque[Frame] = deque()
        first_s: float | None = None
        for frame in frames:
            heapq.heappush(stamps, frame.time_s)
            pictures.append(frame)
            if len(pictures) > REORDER_FRAMES:
                first_s = stamps[0] if first_s is None else first_s
                yield self._settled(pictures.popleft(), heapq.heappop(stamps) - first_s)
        while pictures:
            first_s = stamps[0] if first_s is None else first_s
            yield self._settled(pictures.popleft(), heapq.heappop(stamps) - first_s)

    def end_s(self, claimed_s: float | None = None) -> float:
        """End of the last picture: its time and its duration, or one step where that is absent or absurd.

        ``claimed_s``: length of the film by its header, which counts where there is one picture only.
        """
        if self.frame_count == 1 and claimed_s:
            return max(claimed_s, self._step_s)
        step_s = median(self._steps) if self._steps else self._step_s
        longest_s = max(LONG_LAST_FRAME_S, 5.0 * step_s)
        believable = 0.2 * step_s <= self._last_duration_s <= longest_s and self._last_duration_s > 0.0
        return self.last_s + (self._last_duration_s if believable else step_s)

    def rate_hz(self) -> float:
        """Nominal rate, frames/s: the standard rate on whose frames the pictures lie, a few left out or not; else the
        declared one where the pictures agree; else what they show. Standard rates are exact (30000/1001).
        """
        declared = self._declared_rate_hz
        declared = declared and (_standard_rate(declared, EXACT_TOLERANCE) or declared)
        if not self._steps:
            return declared or FALLBACK_RATE_HZ
        steps_s = np.array(self._steps)
        usual = 1.0 / steps_s[np.abs(steps_s - median_low(self._steps)) < MILLISECOND_S].mean()
        mean = 1.0 / steps_s.mean()
        times_s = self.last_s - np.append(np.cumsum(steps_s[::-1])[::-1], 0.0)
        by_likeness = sorted(STANDARD_RATES_HZ, key=lambda rate: (rate != declared, abs(rate / mean - 1.0)))
        for rate in by_likeness:
            frames = times_s * rate
            on_grid = np.mean(np.abs(frames - np.rint(frames)) < GRID_FRAMES) >= GRID_SHARE
            if on_grid and LEAST_SHOWN <= mean / rate <= 1.0 + RATE_TOLERANCE:
                return rate
        if declared and min(abs(declared / usual - 1.0), abs(declared / mean - 1.0)) < RATE_TOLERANCE:
            return declared
        measured = mean if abs(mean / usual - 1.0) < 2.5 * RATE_TOLERANCE else usual
        return _standard_rate(measured, STANDARD_TOLERANCE) or measured

    def warnings(self) -> tuple[str, ...]:
        """One line for each kind of repair that was needed."""
        counted = (
            (self._missing, "pictures without a timestamp were placed one frame after the one before"),
            (self._unsorted, "timestamps were out of order and were sorted"),
            (self._late, "pictures with a repeated timestamp were placed half a frame after the one before"),
            (self._leaps, "times the clock of the file started again; the pictures after it follow on"),
        )
        return tuple(f"{count} {what}" for count, what in counted if count)

    def _settled(self, frame: Frame, time_s: float) -> Frame:
        if self.frame_count:
            if time_s <= self.last_s:
                self._late += 1
                time_s = self.last_s + 0.5 * self._step_s
            self._steps.append(time_s - self.last_s)
        self.frame_count += 1
        self.last_s = time_s
        self._last_duration_s = frame.duration_s
        return replace(frame, time_s=time_s)


def _standard_rate(rate_hz: float, tolerance: float) -> float | None:
    """The standard rate within ``tolerance`` (relative) of ``rate_hz``."""
    nearest = min(STANDARD_RATES_HZ, key=lambda standard: abs(standard / rate_hz - 1.0))
    return nearest if abs(nearest / rate_hz - 1.0) < tolerance else None

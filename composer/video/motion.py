"""How much moves: RGB difference and motion saliency, ``SAMPLES_HZ`` times a second.

*RGB difference* (V-MusProd, Zhuo et al., 2023): mean absolute difference of the picture shown at t and the
one shown 0.2 s before, 0-255. Both are found by time, so the frame rate does not matter.

*Motion saliency* (CMT, Di et al., 2021, after the visual beats of Davis and Agrawala, "Visual Rhythm and
Beat", 2018): the optical flow between neighbouring pictures goes into a directogram, the sum of speeds in
each of ``DIRECTIONS`` directions; saliency at t is the sum over the directions of how much that speed fell
since the picture before, for a visual beat is a sudden stop. Here speed is in picture diagonals a second
averaged over the pixels, flow is taken at most ``FLOW_HZ`` times a second, and of the values within one
sample the largest counts. A cut is no movement: flow that spans one is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SAMPLES_HZ = 5.0
FLOW_HZ = 10.0
FLOW_SIDE_PX = 96
MIN_FLOW_SIDE_PX = 32  # OpenCV's DIS flow writes out of bounds on wide pictures lower than this
DIRECTIONS = 8
MAX_FLOW_GAP_S = 0.5  # pictures further apart have no flow worth the name
_GRID_SLACK_S = 1e-6  # rounding of timestamps


@dataclass(frozen=True)
class Motion:
    """``times_s`` (T,) float64; ``rgb_difference`` (T,) 0-255 and ``saliency`` (T,) >= 0, both float32."""

    times_s: np.ndarray
    rgb_difference: np.ndarray
    saliency: np.ndarray


class MotionController:
    """Collects motion from a stream of pictures: a few numbers a second are kept, two pictures at a time."""

    def __init__(self) -> None:
        self._differences: list[float] = []
        self._shown: np.ndarray | None = None  # latest picture
        self._at_sample: np.ndarray | None = None  # picture shown at the latest sample
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._gray: np.ndarray | None = None
        self._gray_time_s = 0.0
        self._flow_times_s: list[float] = []  # later picture of each pair
        self._flow_gaps_s: list[float] = []
        self._directograms: list[np.ndarray] = []

    def see(self, time_s: float, rgb: np.ndarray) -> None:
        """Take the picture (height, width, 3) uint8 shown from ``time_s`` on."""
        self._sample_until(time_s - _GRID_SLACK_S)
        self._shown = rgb
        if self._gray is None or time_s - self._gray_time_s >= 1.0 / FLOW_HZ - _GRID_SLACK_S:
            self._see_flow(time_s, rgb)

    def finish(self, duration_s: float, cut_times_s: np.ndarray) -> Motion:
        """Everything seen, as samples at 0, 0.2, ... before ``duration_s``; the first repeats the second."""
        self._sample_until(duration_s - _GRID_SLACK_S)
        differences = np.array(self._differences, np.float32)
        if len(differences) > 1:
            differences[0] = differences[1]
        times_s = np.arange(len(differences)) / SAMPLES_HZ
        return Motion(times_s, differences, self._saliency(times_s, np.asarray(cut_times_s)))

    def _sample_until(self, time_s: float) -> None:
        """Make all samples that fall before ``time_s``, when the latest picture is replaced."""
        while self._shown is not None and len(self._differences) / SAMPLES_HZ < time_s:
            before = self._shown if self._at_sample is None else self._at_sample
            same = before is self._shown
            self._differences.append(0.0 if same else float(cv2.absdiff(self._shown, before).mean()))
            self._at_sample = self._shown

    def _see_flow(self, time_s: float, rgb: np.ndarray) -> None:
        height, width = rgb.shape[:2]
        scale = min(1.0, FLOW_SIDE_PX / max(height, width))
        size = tuple(max(MIN_FLOW_SIDE_PX, round(side * scale)) for side in (width, height))
        gray = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        gap_s = time_s - self._gray_time_s
        if self._gray is not None and gap_s <= MAX_FLOW_GAP_S:
            flow = self._flow.calc(self._gray, gray, None)
            speed, angle = cv2.cartToPolar(flow[..., 0], flow[..., 1])
            speed /= np.float32(gap_s * np.hypot(*size))
            bins = (angle * np.float32(DIRECTIONS / (2.0 * np.pi)) + np.float32(0.5)).astype(int) % DIRECTIONS
            directogram = np.bincount(bins.ravel(), weights=speed.ravel(), minlength=DIRECTIONS) / speed.size
            self._flow_times_s.append(time_s)
            self._flow_gaps_s.append(gap_s)
            self._directograms.append(directogram.astype(np.float32))
        self._gray, self._gray_time_s = gray, time_s

    def _saliency(self, times_s: np.ndarray, cut_times_s: np.ndarray) -> np.ndarray:
        saliency = np.zeros(len(times_s), np.float32)
        if not self._directograms or not len(times_s):
            return saliency
        ends_s = np.array(self._flow_times_s)
        starts_s = ends_s - np.array(self._flow_gaps_s)
        cuts_passed = np.searchsorted(np.sort(cut_times_s), np.stack((starts_s, ends_s)) + _GRID_SLACK_S)
        whole = cuts_passed[0] == cuts_passed[1]
        ends_s, starts_s, directograms = ends_s[whole], starts_s[whole], np.stack(self._directograms)[whole]
        if len(ends_s) < 2:
            return saliency
        follows = np.abs(starts_s[1:] - ends_s[:-1]) < _GRID_SLACK_S  # not across a cut or a gap
        fallen = np.maximum(directograms[:-1] - directograms[1:], 0.0).sum(axis=1) * follows
        slots = np.minimum((ends_s[1:] * SAMPLES_HZ + 0.5).astype(int), len(times_s) - 1)
        np.maximum.at(saliency, slots, fallen)
        return saliency

"""How much moves: RGB difference, speed and motion saliency, ``SAMPLES_HZ`` times a second, and visual beats.

*RGB difference* (V-MusProd, Zhuo et al., 2023): mean absolute difference of the picture shown at t and the
one shown 0.2 s before, 0-255. Both are found by time, so the frame rate does not matter.

*Speed* (CMT, Di et al., 2021): mean magnitude of the optical flow over the pixels; here in picture diagonals a second,
from flow taken at most ``FLOW_HZ`` times a second, and averaged over the flows that end within one sample.

*Motion saliency* (CMT, after the visual beats of Davis and Agrawala, "Visual Rhythm and
Beat", 2018): the optical flow between neighbouring pictures goes into a directogram, the sum of speeds in
each of ``DIRECTIONS`` directions; saliency at t is the sum over the directions of how much that speed fell
since the picture before, for a visual beat is a sudden stop. Of the values within one sample the largest counts.
A cut is no movement: flow that spans one is left out. Visual beats: `composer.video.beats`.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import cv2
import numpy as np

from composer.spotting.samples import distance_to_nearest
from composer.video.beats import Beats, visual_beats

SAMPLES_HZ = 5.0
FLOW_HZ = 15.0
FLOW_SIDE_PX = 96
MIN_FLOW_SIDE_PX = 32  # OpenCV's DIS flow writes out of bounds on wide pictures lower than this
FLOW_GRID_PX = 4  # the flow of the fastest preset is found on such a grid; what lies between is interpolated
DIRECTIONS = 8
MAX_FLOW_GAP_S = 0.5  # pictures further apart have no flow worth the name
_GRID_SLACK_S = 1e-6  # rounding of timestamps


@dataclass(frozen=True)
class Motion:
    """``times_s`` (T,) float64; ``rgb_difference`` (T,) 0-255, ``speed`` (T,) picture diagonals/s and ``saliency`` (T,)
    >= 0, all float32; ``beats``.
    """

    times_s: np.ndarray
    rgb_difference: np.ndarray
    speed: np.ndarray
    saliency: np.ndarray
    beats: Beats


class MotionController:
    """Collects motion from a stream of pictures: a few numbers a second are kept, two pictures at a time."""

    def __init__(self) -> None:
        self._differences = array("f")
        self._shown: np.ndarray | None = None  # latest picture
        self._at_sample: np.ndarray | None = None  # picture shown at the latest sample
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._gray: np.ndarray | None = None
        self._gray_time_s = 0.0
        self._flow_starts_s = array("d")
        self._flow_ends_s = array("d")
        self._directograms = array("f")  # DIRECTIONS for each flow

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
        starts_s, ends_s = np.array(self._flow_starts_s), np.array(self._flow_ends_s)
        cuts_passed = np.searchsorted(np.sort(cut_times_s), np.stack((starts_s, ends_s)) + _GRID_SLACK_S)
        whole = cuts_passed[0] == cuts_passed[1]
        directograms = np.array(self._directograms, np.float32).reshape(-1, DIRECTIONS)[whole]
        starts_s, ends_s = starts_s[whole], ends_s[whole]
        speeds = directograms.sum(axis=1)
        follows = np.abs(starts_s[1:] - ends_s[:-1]) < _GRID_SLACK_S  # not across a cut or a gap
        fallen = np.maximum(directograms[:-1] - directograms[1:], 0.0).sum(axis=1) * follows
        saliency = np.zeros(len(times_s), np.float32)
        np.maximum.at(saliency, _slots(ends_s[1:], len(times_s)), fallen)
        beats = visual_beats(ends_s[:-1], fallen, speeds[:-1])
        return Motion(times_s, differences, _sampled(times_s, ends_s, speeds), saliency, beats)

    def _sample_until(self, time_s: float) -> None:
        """Make all samples that fall before ``time_s``, when the latest picture is replaced."""
        while self._shown is not None and len(self._differences) / SAMPLES_HZ < time_s:
            before = self._shown if self._at_sample is None else self._at_sample
            same = before is self._shown
            difference = 0.0 if same else cv2.norm(self._shown, before, cv2.NORM_L1) / self._shown.size
            self._differences.append(difference)
            self._at_sample = self._shown

    def _see_flow(self, time_s: float, rgb: np.ndarray) -> None:
        height, width = rgb.shape[:2]
        scale = min(1.0, FLOW_SIDE_PX / max(height, width))
        size = tuple(max(MIN_FLOW_SIDE_PX, round(side * scale)) for side in (width, height))
        gray = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), size)
        gap_s = time_s - self._gray_time_s
        if self._gray is not None and gap_s <= MAX_FLOW_GAP_S:
            offset = FLOW_GRID_PX // 2
            flow = self._flow.calc(self._gray, gray, None)[offset::FLOW_GRID_PX, offset::FLOW_GRID_PX]
            moved_x, moved_y = np.ascontiguousarray(flow.reshape(-1, 2).T)
            angle = np.arctan2(moved_y, moved_x)
            bins = np.rint(angle * np.float32(DIRECTIONS / (2.0 * np.pi))).astype(np.intp) % DIRECTIONS
            moved = np.bincount(bins, np.hypot(moved_x, moved_y), DIRECTIONS) / len(bins)
            self._flow_starts_s.append(self._gray_time_s)
            self._flow_ends_s.append(time_s)
            self._directograms.extend(moved / (gap_s * np.hypot(*size)))
        self._gray, self._gray_time_s = gray, time_s


def _slots(times_s: np.ndarray, count: int) -> np.ndarray:
    """Which of ``count`` samples each time belongs to."""
    return np.minimum((times_s * SAMPLES_HZ + 0.5).astype(int), count - 1)


def _sampled(times_s: np.ndarray, ends_s: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean at each of ``times_s`` of the values (flows,) whose flow ends there, (T,) float32; where none does, what
    lies between the flows beside it, or 0 where these are far.
    """
    sampled = np.zeros(len(times_s), np.float32)
    if len(ends_s):
        slots = _slots(ends_s, len(times_s))
        counts = np.bincount(slots, minlength=len(times_s))
        sums = np.bincount(slots, values, len(times_s))
        known = np.flatnonzero(counts)
        sampled[:] = np.interp(times_s, times_s[known], sums[known] / counts[known])
        sampled[distance_to_nearest(times_s, times_s[known]) > MAX_FLOW_GAP_S] = 0.0
    return sampled

"""The grid that notes are written on: sub-positions in a pulse, durations, velocity steps.

A *pulse* is what a listener taps: a quarter note in simple metres, a dotted quarter in compound ones (6/8, 9/8, 12/8).
Eight sub-positions (16ths and triplets of a quarter, 16ths of a dotted quarter) and 23 durations in twelfths of a
pulse keep the note statistics of real music to the last digit printed (SC, PE, PCE, IOI), at a quarter of the tokens
of a flat layout. In the note models a "beat" is a pulse; `composer.form` knows where pulses lie in quarter notes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

TICKS_PER_BEAT = 12
SUB_TICKS = (0, 2, 3, 4, 6, 8, 9, 10)  # twelfths of a pulse
LAST_SUB = len(SUB_TICKS) - 1
DURATION_TICKS = (1, 2, 3, 4, 6, 8, 9, 12, 15, 16, 18, 20, 21, 24, 30, 36, 42, 48, 60, 72, 96, 144, 192)
VELOCITY_STEP = 4
VELOCITY_LEVELS = 128 // VELOCITY_STEP
LOWEST_PITCH, HIGHEST_PITCH = 21, 108  # the piano


def quantize_onsets(onset_beats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest grid position: onset_beats (n,) -> beat index (n,) int, sub index 0-7 (n,) int."""
    places = np.array([*SUB_TICKS, TICKS_PER_BEAT]) / TICKS_PER_BEAT
    beat = np.floor(onset_beats).astype(np.int64)
    sub = np.abs((onset_beats - beat)[:, None] - places[None]).argmin(1)
    carried = sub == len(SUB_TICKS)
    return beat + carried, np.where(carried, 0, sub)


def quantize_durations(duration_beats: np.ndarray) -> np.ndarray:
    """Nearest duration by ratio: (n,) beats -> (n,) index into `DURATION_TICKS`."""
    ticks = np.maximum(duration_beats * TICKS_PER_BEAT, 0.5)
    return np.abs(np.log(ticks)[:, None] - np.log(DURATION_TICKS)[None]).argmin(1)


def onset_beats(beat: ArrayLike, sub: ArrayLike) -> np.ndarray:
    """Grid positions to pulses: (n,) and (n,) -> (n,) float64."""
    return np.asarray(beat) + np.array(SUB_TICKS)[np.asarray(sub)] / TICKS_PER_BEAT


def duration_beats(index: ArrayLike) -> np.ndarray:
    """Duration indices to pulses: (n,) -> (n,) float64."""
    return np.array(DURATION_TICKS)[np.asarray(index)] / TICKS_PER_BEAT

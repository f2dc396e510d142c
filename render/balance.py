"""The balance of what sounds at once: the pitch class that the melody control asks for becomes the strongest.

Networks that draw mels of 128 bands settle how a sound is coloured, hardly which note of a chord is the loudest: the
bands are wider than semitones. Where another class is stronger than the one asked for, that one is raised and the
stronger ones are lowered by half of what is missing each, by `LIMIT_DB` at most, and slowly. It is a linear filter
(`render.filtering`) on windows of 256 ms, those in which `render.controls` measures chroma.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

from render.audio import Audio
from render.controls import (
    CHROMA_HIGH_HZ,
    CHROMA_LOW_HZ,
    CHROMA_WINDOW_S,
    CLASSES,
    NO_CLASS,
    chroma_bank,
    pitch_of,
)
from render.filtering import Gains, filtered
from render.mel import DB_A_NAT, SPEC, MelSpec
from render.sounds import Sound
from render.spectral import Block, blocks, in_order, power_of, samples_of, transform

LIMIT_DB, MAX_LIMIT_DB = 6.0, 24.0
WINDOWS = MelSpec(bin_hz=1 / CHROMA_WINDOW_S, frame_hz=16)

_MARGIN_DB = 1.5  # by which the class asked for is to be stronger than any other
_ROUNDS = 3
_SIGMA_FRAMES, _TRUNCATED = 1.0, 4
_SLOPE_SEMITONES = 0.3  # from one class to the next
_FADE_LOW_HZ, _FADE_HIGH_HZ = 30.0, 500.0  # beyond the range in which chroma is measured
_TINY = 1e-12


def balanced(audio: Audio, melody: np.ndarray, limit_db: float = LIMIT_DB) -> Audio:
    """``audio`` through `balance_gains` of itself."""
    return filtered(audio, balance_gains(audio, melody, limit_db))


def balance_gains(sound: Sound, melody: np.ndarray, limit_db: float = LIMIT_DB) -> Gains:
    """The filter that makes the classes ``melody`` (frames,), -1 for none, the strongest in ``sound``.

    No class changes by more than ``limit_db``. Raises ValueError for a melody of another number of frames (`SPEC`) than
    the sound.
    """
    rate = sound.sample_rate
    expected = SPEC.frames(sound.length_samples, rate)
    if len(melody) != expected:
        raise ValueError(f"the melody has {len(melody)} frames, the sound {expected}")
    frames = WINDOWS.frames(sound.length_samples, rate)
    asked = melody[np.arange(frames) * SPEC.frame_hz // WINDOWS.frame_hz].astype(int)

    def work(block: Block) -> np.ndarray:
        spectra = transform(samples_of(sound, WINDOWS, block), WINDOWS, rate)
        return _gains_db(power_of(spectra), asked[block.left : block.right], limit_db, rate)[block.inner]

    around = _ROUNDS * round(_TRUNCATED * _SIGMA_FRAMES)
    found = list(in_order(work, blocks(frames, around)))
    gains_db = np.concatenate(found) if found else np.zeros((0, CLASSES))
    return Gains((gains_db.T / DB_A_NAT).astype(np.float32), WINDOWS, class_spread)


@cache
def class_spread(spec: MelSpec, sample_rate: int) -> np.ndarray:
    """Takes values of the pitch classes to values of the bins: (12, bins) float32, 0 where chroma is not measured."""
    hz = np.arange(spec.n_fft(sample_rate) // 2 + 1) * spec.bin_hz
    distance = np.abs((pitch_of(hz) - np.arange(CLASSES)[:, None] + 6) % 12 - 6)
    share = np.clip((0.5 - distance) / _SLOPE_SEMITONES + 0.5, 0, 1)
    rising = (hz - CHROMA_LOW_HZ) / _FADE_LOW_HZ + 1
    falling = (CHROMA_HIGH_HZ - hz) / _FADE_HIGH_HZ + 1
    return (share * np.clip(np.minimum(rising, falling), 0, 1)).astype(np.float32)


def _gains_db(power: np.ndarray, asked: np.ndarray, limit_db: float, sample_rate: int) -> np.ndarray:
    """Gains (frames, classes) in dB for spectra of ``power`` (frames, bins) in which ``asked`` (frames,) are wanted."""
    spread = class_spread(WINDOWS, sample_rate)
    reached = spread.any(axis=0)
    power, spread = power[:, reached], spread[:, reached]
    bank = chroma_bank(WINDOWS.n_fft(sample_rate), sample_rate)[:, reached]
    is_asked = asked[:, None] == np.arange(CLASSES)
    gains_db = np.zeros(is_asked.shape, np.float32)
    for _ in range(_ROUNDS):
        heard = (power * np.exp(2 / DB_A_NAT * gains_db @ spread)) @ bank.T
        level_db = 10 * np.log10(np.maximum(heard, _TINY))
        wanted_db = np.max(level_db, axis=1, where=is_asked, initial=-np.inf, keepdims=True)
        above_db = np.where(is_asked | (asked == NO_CLASS)[:, None], 0.0, level_db + _MARGIN_DB - wanted_db)
        raised_db = np.maximum(above_db.max(axis=1, keepdims=True), 0.0) / 2
        change_db = np.where(is_asked, raised_db, -np.maximum(above_db - raised_db, 0.0))
        gains_db += gaussian_filter1d(change_db, _SIGMA_FRAMES, axis=0, truncate=_TRUNCATED, mode="nearest")
        gains_db = np.clip(gains_db, -limit_db, limit_db).astype(np.float32)
    return gains_db

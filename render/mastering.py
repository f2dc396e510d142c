"""Loudness and true peak: measuring them and bringing a mix to a delivery level.

Convention: integrated loudness in LUFS and gating after ITU-R BS.1770-4 (K-weighting filters from pyloudnorm); true
peak in dBTP from 4x oversampling (BS.1770-4, annex 2). Presets: broadcast -23 LUFS (EBU R 128), us-tv -24 (ATSC A/85),
web -14 (streaming services). A clip shorter than one 400 ms block is measured as one ungated block. A mix is read
block by block (`render.sounds`): once for its curves of power and peak, on which gain and limiter are found, and once
more with both applied, so memory stays flat for a two-hour film.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from pyloudnorm import IIRfilter
from scipy.ndimage import minimum_filter1d
from scipy.signal import firwin, lfilter

from render.audio import Audio
from render.sounds import BLOCK_SAMPLES, Sound, in_memory

PRESETS: dict[str, float | None] = {"broadcast": -23.0, "us-tv": -24.0, "web": -14.0, "none": None}
CEILING_DBTP = -1.0
MAX_LIMITING_DB = 10.0  # a mix that needs more is left quieter than its preset rather than crushed
LOUDNESS_TOLERANCE_LU = 0.1
SILENT_LUFS = -120.0

_POWER_STEP_S, _STEPS_A_GATE, _STEPS_A_BLOCK = 0.01, 10, 40  # gating blocks of 400 ms, every 100 ms
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0
_OVERSAMPLING, _HALF_LENGTH = 4, 10  # of the interpolation filter, in samples
_HOP = 32  # samples a step of the peak curve and of the limiter's gain
_LOOK_AHEAD_S = 0.02
_HEADROOM = 0.998  # a moving gain may raise what lies between two samples a little
_MAX_ROUNDS = 6


@dataclass(frozen=True)
class Mastered:
    """A mix at its delivery level, and what was done: gain before the limiter, and the most the limiter took away."""

    sound: Sound
    loudness_lufs: float
    true_peak_dbtp: float
    gain_db: float
    limiting_db: float
    warnings: tuple[str, ...]

    @property
    def audio(self) -> Audio:
        """The whole sound in memory."""
        return Audio(in_memory(self.sound), self.sound.sample_rate)


@dataclass(frozen=True, eq=False)
class Levelled:
    """``source`` times ``gain`` times the limiter's gain: (steps,) float32, one value for every 32 samples."""

    source: Sound
    gain: float
    limiter: np.ndarray

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.source.sample_rate

    @property
    def channels(self) -> int:
        """How many."""
        return self.source.channels

    @property
    def length_samples(self) -> int:
        """Samples a channel."""
        return self.source.length_samples

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `render.sounds.Sound`."""
        out = self.source.read(start, stop) * np.float32(self.gain)
        first, last = max(0, start // _HOP - 1), stop // _HOP + 2
        nearby = self.limiter[first:last]
        if len(nearby) and nearby.min() < 1.0:
            centres = (np.arange(first, first + len(nearby)) + 0.5) * _HOP
            out *= np.interp(np.arange(start, stop), centres, nearby).astype(np.float32)
        return out


def master(sound: Sound, preset: str, ceiling_dbtp: float = CEILING_DBTP) -> Mastered:
    """Bring ``sound`` to the loudness of ``preset`` (a key of `PRESETS`) without passing ``ceiling_dbtp``.

    ``none`` only lowers a mix whose peaks pass the ceiling. Raises ValueError for an unknown preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"loudness preset {preset!r} is not one of {', '.join(PRESETS)}")
    target = PRESETS[preset]
    powers, peaks = _curves(sound)
    loudness, peak = _integrated(powers), _dbtp(peaks)
    if loudness <= SILENT_LUFS:
        return Mastered(sound, loudness, peak, 0.0, 0.0, ("the mix is silent",))
    untouched = np.ones(len(peaks), np.float32)
    if target is None:
        gain_db = min(0.0, ceiling_dbtp - peak)
        levelled = Levelled(sound, 10 ** (gain_db / 20), untouched)
        return Mastered(levelled, loudness + gain_db, peak + gain_db, gain_db, 0.0, ())
    most_db = ceiling_dbtp - peak + MAX_LIMITING_DB
    missing, gain_db, limiter = target - loudness, 0.0, untouched
    for _ in range(_MAX_ROUNDS):
        gain_db = min(gain_db + missing, most_db)
        gain = 10 ** (gain_db / 20)
        limiter = _limiter(peaks * gain, sound.sample_rate, ceiling_dbtp)
        missing = target - _integrated(
            powers * gain**2 * _power_gains(limiter, len(powers), sound.sample_rate)
        )
        if abs(missing) <= LOUDNESS_TOLERANCE_LU or (missing > 0 and gain_db >= most_db):
            break
    levelled = Levelled(sound, gain, limiter)
    reached_powers, reached_peaks = _curves(levelled)
    reached = _integrated(reached_powers)
    warnings = []
    if abs(target - reached) > 0.5:
        warnings.append(
            f"loudness {reached:.1f} LUFS instead of {target:.0f}: louder would distort the peaks"
        )
    return Mastered(levelled, reached, _dbtp(reached_peaks), gain_db, _reduction_db(limiter), tuple(warnings))


def integrated_loudness_lufs(sound: Sound) -> float:
    """Gated loudness of the whole clip; `SILENT_LUFS` when nothing passes the absolute gate."""
    return _integrated(_curves(sound)[0])


def true_peak_dbtp(sound: Sound) -> float:
    """Largest magnitude between the samples, in dB full scale; `SILENT_LUFS` for digital silence."""
    return _dbtp(_curves(sound)[1])


def limit(sound: Sound, ceiling_dbtp: float = CEILING_DBTP) -> tuple[Audio, float]:
    """Keep the true peak under ``ceiling_dbtp``; also returns the deepest gain reduction in dB.

    Look-ahead limiter: the gain each step needs, its minimum over the look-ahead on both sides, smoothed by a
    Hann window as long, so the gain is never above what a peak needs and moves without steps. All channels share it.
    """
    limiter = _limiter(_curves(sound)[1], sound.sample_rate, ceiling_dbtp)
    levelled = Levelled(sound, 1.0, limiter)
    return Audio(in_memory(levelled), sound.sample_rate), _reduction_db(limiter)


def _limiter(peaks: np.ndarray, sample_rate: int, ceiling_dbtp: float) -> np.ndarray:
    """The limiter's gain for true peaks (steps,): (steps,) float32."""
    needed = np.minimum(1.0, 10 ** (ceiling_dbtp / 20) * _HEADROOM / np.maximum(peaks, 1e-9))
    if needed.min(initial=1.0) >= 1.0:
        return np.ones(len(peaks), np.float32)
    reach = round(_LOOK_AHEAD_S * sample_rate / _HOP)
    window = np.hanning(2 * reach + 3)[1:-1]
    held = minimum_filter1d(needed, 2 * reach + 3, mode="nearest")  # one step more: gains are interpolated
    return np.convolve(np.pad(held, reach, mode="edge"), window / window.sum(), mode="valid").astype(
        np.float32
    )


def _power_gains(limiter: np.ndarray, steps: int, sample_rate: int) -> np.ndarray:
    """What the limiter does to the power of every 10 ms: (steps,)."""
    centres = (np.arange(len(limiter)) + 0.5) * _HOP
    return np.interp((np.arange(steps) + 0.5) * round(_POWER_STEP_S * sample_rate), centres, limiter**2)


def _reduction_db(limiter: np.ndarray) -> float:
    return max(0.0, float(-20 * np.log10(limiter.min(initial=1.0))))


def _curves(sound: Sound) -> tuple[np.ndarray, np.ndarray]:
    """K-weighted power, summed over channels, of every 10 ms begun, and the true peak of every 32 samples begun."""
    step = round(_POWER_STEP_S * sound.sample_rate)
    size = BLOCK_SAMPLES // (step * _HOP) * step * _HOP
    numerator, denominator = _weighting(sound.sample_rate)
    state = np.zeros((sound.channels, len(denominator) - 1))
    powers, peaks = [np.zeros(0)], [np.zeros(0, np.float32)]
    for start in range(0, sound.length_samples, size):
        stop = min(start + size, sound.length_samples)
        left, right = max(0, start - _HALF_LENGTH), min(sound.length_samples, stop + _HALF_LENGTH)
        block = sound.read(left, right)
        inner = block[:, start - left : stop - left]
        weighted, state = lfilter(numerator, denominator, inner.astype(np.float64), axis=1, zi=state)
        power = (weighted**2).sum(axis=0)
        powers.append(np.add.reduceat(power, np.arange(0, len(power), step)) / step)
        peaks.append(_peaks(block, start - left, stop - start))
    return np.concatenate(powers), np.concatenate(peaks)


def _peaks(block: np.ndarray, start: int, size: int) -> np.ndarray:
    """True peak of every 32 of ``size`` samples from ``start`` on, over all channels: (steps,) float32.

    A peak between two samples belongs to the step of the first.
    """
    steps = -(-size // _HOP)
    first = start - (_HALF_LENGTH - 1)
    needed = first + steps * _HOP + 2 * _HALF_LENGTH
    padded = np.pad(block, ((0, 0), (max(0, -first), max(0, needed - block.shape[1]))))
    padded = np.ascontiguousarray(padded[:, max(0, first) :])
    interpolation = _interpolation()
    found = np.zeros(steps, np.float32)
    for channel in padded:
        rows = np.lib.stride_tricks.sliding_window_view(channel, len(interpolation))[::_HOP][:steps]
        between = rows @ interpolation
        found = np.maximum(found, np.maximum(between.max(axis=1), -between.min(axis=1)))
        found = np.maximum(found, np.abs(rows[:, _HALF_LENGTH - 1 : _HALF_LENGTH - 1 + _HOP]).max(axis=1))
    return found


@cache
def _interpolation() -> np.ndarray:
    """The values at 1/4, 2/4 and 3/4 after each of 32 samples, from these and their neighbours: (51, 96) float32."""
    reach = _OVERSAMPLING * _HALF_LENGTH
    response = _OVERSAMPLING * firwin(2 * reach + 1, 1 / _OVERSAMPLING, window=("kaiser", 5.0))
    source = np.arange(_HOP + 2 * _HALF_LENGTH - 1)[:, None, None] - (_HALF_LENGTH - 1)
    target = np.arange(_HOP)[:, None] + np.arange(1, _OVERSAMPLING) / _OVERSAMPLING
    tap = np.round(_OVERSAMPLING * (target - source)).astype(int) + reach
    inside = (tap >= 0) & (tap <= 2 * reach)
    matrix = np.where(inside, response[np.clip(tap, 0, 2 * reach)], 0.0)
    return matrix.reshape(len(source), -1).astype(np.float32)


@cache
def _weighting(sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Both K-weighting stages as one filter: numerator and denominator."""
    shelf = IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, sample_rate, "high_shelf")
    high_pass = IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass")
    return np.convolve(shelf.b, high_pass.b), np.convolve(shelf.a, high_pass.a)


def _integrated(powers: np.ndarray) -> float:
    """Gated loudness of powers (steps of 10 ms,)."""
    if len(powers) < _STEPS_A_BLOCK:
        return _lufs(float(powers.mean()) if len(powers) else 0.0)
    sums = np.concatenate([[0.0], np.cumsum(powers)])
    means = (sums[_STEPS_A_BLOCK:] - sums[:-_STEPS_A_BLOCK])[::_STEPS_A_GATE] / _STEPS_A_BLOCK
    loud = means[_lufs_of(means) > _ABSOLUTE_GATE_LUFS]
    if len(loud) == 0:
        return SILENT_LUFS
    gate = _lufs(float(loud.mean())) + _RELATIVE_GATE_LU
    return _lufs(float(loud[_lufs_of(loud) > gate].mean()))


def _dbtp(peaks: np.ndarray) -> float:
    return max(SILENT_LUFS, 20 * np.log10(max(float(peaks.max(initial=0.0)), 1e-12)))


def _lufs_of(powers: np.ndarray) -> np.ndarray:
    return -0.691 + 10 * np.log10(np.maximum(powers, 1e-30))


def _lufs(power: float) -> float:
    return max(SILENT_LUFS, float(_lufs_of(np.array([power]))[0]))

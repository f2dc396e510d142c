"""Loudness and true peak: measuring them and bringing a mix to a delivery level.

Convention: integrated loudness in LUFS and gating after ITU-R BS.1770-4 (K-weighting filters from pyloudnorm); true
peak in dBTP from 4x oversampling (BS.1770-4, annex 2). Presets: broadcast -23 LUFS (EBU R 128), us-tv -24 (ATSC A/85),
web -14 (streaming services). A clip shorter than one 400 ms block is measured as one ungated block. Everything works
in blocks, so memory stays flat for a two-hour film.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pyloudnorm import IIRfilter
from scipy.ndimage import minimum_filter1d
from scipy.signal import lfilter, oaconvolve, resample_poly

from render.audio import Audio

PRESETS: dict[str, float | None] = {"broadcast": -23.0, "us-tv": -24.0, "web": -14.0, "none": None}
CEILING_DBTP = -1.0
MAX_LIMITING_DB = 10.0  # a mix that needs more is left quieter than its preset rather than crushed
LOUDNESS_TOLERANCE_LU = 0.1
SILENT_LUFS = -120.0

_BLOCK_S, _STEP_S = 0.4, 0.1
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0
_OVERSAMPLING = 4
_LOOK_AHEAD_S = 0.02
_MARGIN_SAMPLES = 4096  # context on both sides of a block: more than the limiter and the resampler look
_BLOCK_SAMPLES = 1 << 18
_MAX_ROUNDS = 6


@dataclass(frozen=True)
class Mastered:
    """A mix at its delivery level, and what was done: gain before the limiter, and the most the limiter took away."""

    audio: Audio
    loudness_lufs: float
    true_peak_dbtp: float
    gain_db: float
    limiting_db: float
    warnings: tuple[str, ...]


def master(audio: Audio, preset: str, ceiling_dbtp: float = CEILING_DBTP) -> Mastered:
    """Bring ``audio`` to the loudness of ``preset`` (a key of `PRESETS`) without passing ``ceiling_dbtp``.

    ``none`` only lowers a mix whose peaks pass the ceiling. Raises ValueError for an unknown preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"loudness preset {preset!r} is not one of {', '.join(PRESETS)}")
    target = PRESETS[preset]
    loudness, peak = integrated_loudness_lufs(audio), true_peak_dbtp(audio)
    if loudness <= SILENT_LUFS:
        return Mastered(audio, loudness, peak, 0.0, 0.0, ("the mix is silent",))
    if target is None:
        gain_db = min(0.0, ceiling_dbtp - peak)
        return Mastered(_scaled(audio, gain_db), loudness + gain_db, peak + gain_db, gain_db, 0.0, ())
    most_db = ceiling_dbtp - peak + MAX_LIMITING_DB
    missing, gain_db = target - loudness, 0.0
    for _ in range(_MAX_ROUNDS):
        gain_db = min(gain_db + missing, most_db)
        out, limiting_db = limit(_scaled(audio, gain_db), ceiling_dbtp)
        reached = integrated_loudness_lufs(out)
        missing = target - reached
        if abs(missing) <= LOUDNESS_TOLERANCE_LU or (missing > 0 and gain_db >= most_db):
            break
    warnings = []
    if abs(missing) > 0.5:
        warnings.append(
            f"loudness {reached:.1f} LUFS instead of {target:.0f}: louder would distort the peaks"
        )
    return Mastered(out, reached, true_peak_dbtp(out), gain_db, limiting_db, tuple(warnings))


def integrated_loudness_lufs(audio: Audio) -> float:
    """Gated loudness of the whole clip; `SILENT_LUFS` when nothing passes the absolute gate."""
    powers = _step_powers(audio)
    steps = round(_BLOCK_S / _STEP_S)
    if len(powers) < steps:
        return _lufs(_mean_power(audio))
    sums = np.concatenate([[0.0], np.cumsum(powers)])
    blocks = (sums[steps:] - sums[:-steps]) / steps
    loud = blocks[_lufs_of(blocks) > _ABSOLUTE_GATE_LUFS]
    if len(loud) == 0:
        return SILENT_LUFS
    gate = _lufs(float(loud.mean())) + _RELATIVE_GATE_LU
    return _lufs(float(loud[_lufs_of(loud) > gate].mean()))


def true_peak_dbtp(audio: Audio) -> float:
    """Largest magnitude between the samples, in dB full scale; `SILENT_LUFS` for digital silence."""
    peak = 0.0
    for block, inner in _blocks_with_margin(audio.samples):
        peak = max(peak, float(_envelope(block)[inner].max(initial=0.0)))
    return max(SILENT_LUFS, 20 * np.log10(max(peak, 1e-12)))


def limit(audio: Audio, ceiling_dbtp: float = CEILING_DBTP) -> tuple[Audio, float]:
    """Keep the true peak under ``ceiling_dbtp``; also returns the deepest gain reduction in dB.

    Look-ahead limiter: the gain each sample needs, its minimum over the look-ahead on both sides, smoothed by a
    Hann window as long, so the gain is never above what a peak needs and moves without steps. All channels share it.
    """
    ceiling = 10 ** (ceiling_dbtp / 20)
    reach = round(_LOOK_AHEAD_S * audio.sample_rate)
    window = np.hanning(2 * reach + 3)[1:-1]
    window /= window.sum()
    out = np.empty_like(audio.samples)
    lowest, start = 1.0, 0
    for block, inner in _blocks_with_margin(audio.samples):
        needed = np.minimum(1.0, ceiling * 0.998 / np.maximum(_envelope(block), 1e-9))
        if needed.min() < 1.0:
            held = minimum_filter1d(needed, 2 * reach + 1, mode="nearest")
            gain = oaconvolve(np.pad(held, reach, mode="edge"), window, mode="valid")[inner]
        else:
            gain = np.ones(inner.stop - inner.start)
        size = inner.stop - inner.start
        out[:, start : start + size] = block[:, inner] * gain.astype(np.float32)
        lowest = min(lowest, float(gain.min(initial=1.0)))
        start += size
    return Audio(out, audio.sample_rate), max(0.0, float(-20 * np.log10(lowest)))


def _scaled(audio: Audio, gain_db: float) -> Audio:
    return Audio(audio.samples * np.float32(10 ** (gain_db / 20)), audio.sample_rate)


def _blocks_with_margin(samples: np.ndarray) -> Iterator[tuple[np.ndarray, slice]]:
    """Blocks (channels, n) with context on both sides, and where the block itself lies in them."""
    length = samples.shape[1]
    for start in range(0, length, _BLOCK_SAMPLES):
        stop = min(start + _BLOCK_SAMPLES, length)
        left, right = max(0, start - _MARGIN_SAMPLES), min(length, stop + _MARGIN_SAMPLES)
        yield samples[:, left:right], slice(start - left, stop - left)


def _envelope(block: np.ndarray) -> np.ndarray:
    """True-peak magnitude around every sample, over all channels: (n,) float64."""
    if block.shape[1] == 0:
        return np.zeros(0)
    padded = np.pad(block.astype(np.float64), ((0, 0), (64, 64)))
    fine = np.abs(resample_poly(padded, _OVERSAMPLING, 1, axis=1)).max(axis=0)
    fine = fine[64 * _OVERSAMPLING : -64 * _OVERSAMPLING].reshape(-1, _OVERSAMPLING).max(axis=1)
    # A peak between two samples belongs to both.
    after = np.concatenate([fine[:1], fine[:-1]])
    return np.maximum(np.maximum(fine, after), np.abs(block).max(axis=0))


def _weighting(sample_rate: int) -> tuple[IIRfilter, IIRfilter]:
    """The two K-weighting stages."""
    shelf = IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, sample_rate, "high_shelf")
    return shelf, IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass")


def _weighted_blocks(audio: Audio) -> Iterator[np.ndarray]:
    """K-weighted power summed over channels, block after block: (n,) float64."""
    stages = _weighting(audio.sample_rate)
    channels = audio.samples.shape[0]
    states = [np.zeros((channels, max(len(stage.a), len(stage.b)) - 1)) for stage in stages]
    for start in range(0, audio.length_samples, _BLOCK_SAMPLES):
        signal = audio.samples[:, start : start + _BLOCK_SAMPLES].astype(np.float64)
        for i, stage in enumerate(stages):
            signal, states[i] = lfilter(stage.b, stage.a, signal, axis=1, zi=states[i])
        yield (signal**2).sum(axis=0)


def _step_powers(audio: Audio) -> np.ndarray:
    """Mean K-weighted power of every full 100 ms."""
    step = round(_STEP_S * audio.sample_rate)
    rest = np.zeros(0)
    powers = []
    for block in _weighted_blocks(audio):
        joined = np.concatenate([rest, block])
        full = len(joined) // step
        powers.append(joined[: full * step].reshape(full, step).mean(axis=1))
        rest = joined[full * step :]
    return np.concatenate(powers) if powers else np.zeros(0)


def _mean_power(audio: Audio) -> float:
    return sum(float(block.sum()) for block in _weighted_blocks(audio)) / max(1, audio.length_samples)


def _lufs_of(powers: np.ndarray) -> np.ndarray:
    return -0.691 + 10 * np.log10(np.maximum(powers, 1e-30))


def _lufs(power: float) -> float:
    return max(SILENT_LUFS, float(_lufs_of(np.array([power]))[0]))

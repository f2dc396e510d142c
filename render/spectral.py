"""Short-time Fourier transforms there and back on the frames of a mel, in blocks whose borders make no difference.

Convention: complex spectra have shape (channels, frames, bins), complex64, with the windows and the scale of
`render.mel`. The inverse is the least-squares one of Griffin and Lim (1984): windowed overlap-add over the sum of the
squared windows. Every frame reaches half a window to both sides, so a block that is transformed with enough frames
around it is the same as in one pass.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
import scipy.fft
from scipy.interpolate import CubicSpline
from threadpoolctl import threadpool_limits

from render.mel import MelSpec, band_edges, filterbank, hann, mel_scale
from render.sounds import Sound

BLOCK_FRAMES = 128
MAX_WORKERS = 4
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Block:
    """Frames ``start`` to ``stop``, and ``left`` to ``right``: the same with the frames around them."""

    start: int
    stop: int
    left: int
    right: int

    @property
    def inner(self) -> slice:
        """Where the block lies among its frames."""
        return slice(self.start - self.left, self.stop - self.left)


def blocks(frames: int, around: int, block_frames: int = BLOCK_FRAMES) -> list[Block]:
    """Blocks that cover ``frames`` frames, each with up to ``around`` frames on both sides."""
    return [
        Block(start, stop, max(0, start - around), min(frames, stop + around))
        for start in range(0, frames, block_frames)
        for stop in [min(start + block_frames, frames)]
    ]


def in_order(work: Callable[[Block], _Result], todo: list[Block]) -> Iterator[_Result]:
    """``work`` on every block, in order, on several threads; holds the results of a few blocks at most.

    Meanwhile matrices are multiplied on one thread each: threads within threads wait for one another.
    """
    workers = min(MAX_WORKERS, os.cpu_count() or 1)
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        running = deque(pool.submit(work, block) for block in todo[: workers + 1])
        for block in [*todo[workers + 1 :], *[None] * len(running)]:
            yield running.popleft().result()
            if block is not None:
                running.append(pool.submit(work, block))


def reach(spec: MelSpec, sample_rate: int) -> int:
    """How many frames to each side share samples with a frame."""
    return (spec.n_fft(sample_rate) - 1) // spec.hop(sample_rate)


def samples_of(sound: Sound, spec: MelSpec, block: Block) -> np.ndarray:
    """What the frames of ``block`` see of ``sound``, zeros beyond its ends: (channels, samples) float32."""
    hop, half = spec.hop(sound.sample_rate), spec.n_fft(sound.sample_rate) // 2
    first, last = block.left * hop - half, (block.right - 1) * hop + half
    part = sound.read(max(first, 0), max(0, min(last, sound.length_samples)))
    return np.pad(part, ((0, 0), (max(-first, 0), last - max(first, 0) - part.shape[1])))


def transform(samples: np.ndarray, spec: MelSpec, sample_rate: int) -> np.ndarray:
    """Spectra (channels, frames, bins) of samples (channels, (frames - 1) hop + window)."""
    n_fft, hop = spec.n_fft(sample_rate), spec.hop(sample_rate)
    windows = np.lib.stride_tricks.sliding_window_view(samples, n_fft, axis=1)[:, ::hop]
    return scipy.fft.rfft(windows * hann(n_fft), axis=2)


def inverse(spectra: np.ndarray, spec: MelSpec, sample_rate: int) -> np.ndarray:
    """Samples (channels, (frames - 1) hop + window) whose spectra come nearest to ``spectra``."""
    n_fft, hop = spec.n_fft(sample_rate), spec.hop(sample_rate)
    window = hann(n_fft)
    frames = spectra.shape[1]
    waves = scipy.fft.irfft(spectra, n_fft, axis=2)
    waves *= window
    total = _overlapped(waves, hop)
    weight = _overlapped(np.broadcast_to(window * window, (1, frames, n_fft)), hop)
    return total / np.maximum(weight, 1e-3 * weight.max())


def power_of(spectra: np.ndarray) -> np.ndarray:
    """Power of the bins, averaged over the channels: (frames, bins) float32."""
    power = np.square(spectra.real)
    power += np.square(spectra.imag)
    return power.mean(axis=0)


def mel_power(spectra: np.ndarray, spec: MelSpec, sample_rate: int) -> np.ndarray:
    """Power of the mel bands, averaged over the channels: (frames, bands) float32."""
    return power_of(spectra) @ filterbank(spec, sample_rate).T


@cache
def band_spline(spec: MelSpec, sample_rate: int) -> np.ndarray:
    """Takes values of the bands to smooth values of the bins: (bands, bins) float32.

    Cubic spline between the centres of the bands on the mel scale, constant beyond the first and the last.
    """
    bins_mel = mel_scale(np.arange(spec.n_fft(sample_rate) // 2 + 1) * spec.bin_hz)
    centres = band_edges(spec)[1:-1]
    spline = CubicSpline(centres, np.eye(spec.bands))
    return spline(np.clip(bins_mel, centres[0], centres[-1])).T.astype(np.float32, order="C")


def _overlapped(waves: np.ndarray, hop: int) -> np.ndarray:
    """Sum of windows (channels, frames, window) laid ``hop`` samples apart: (channels, samples)."""
    channels, frames, length = waves.shape
    hops = -(-length // hop)
    total = np.zeros((channels, frames + hops - 1, hop), np.float32)
    for index in range(hops):
        part = waves[:, :, index * hop : (index + 1) * hop]
        total[:, index : index + frames, : part.shape[2]] += part
    return total.reshape(channels, -1)[:, : (frames - 1) * hop + length]

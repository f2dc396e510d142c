"""Log-mel spectrograms: the one picture of sound that the codec, the diffusion and mel-to-audio share.

Convention: the specification is physical (Hz and frames a second), so sound at 48 kHz and at 32 kHz has the same mel.
Frame i is centred at i / 50 s; n samples have ceil(n / hop) frames; the sound is zero before its start and after its
end. Magnitudes are scaled so that a sinusoid of amplitude 1 peaks at 1. Bands are HTK's triangles (O'Shaughnessy's mel
scale) over power; a mel is the natural logarithm of the band's root power, never below ``floor``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.fft
from scipy.signal import get_window

from render.audio import Audio

DB_A_NAT = 20 / math.log(10)  # decibels of one natural logarithm of amplitude
_BLOCK = 1024  # frames transformed at once


@dataclass(frozen=True, slots=True)
class MelSpec:
    """``bin_hz``: spacing of the spectrum; ``frame_hz``: frames a second; bands from ``low_hz`` to ``high_hz``."""

    bin_hz: float = 15.625
    frame_hz: int = 50
    bands: int = 128
    low_hz: float = 30.0
    high_hz: float = 16_000.0
    floor: float = 1e-5

    def n_fft(self, sample_rate: int) -> int:
        """Samples of a window. Raises ValueError for a rate whose windows or hops are no whole samples."""
        length = sample_rate / self.bin_hz
        if length % 2 or sample_rate % self.frame_hz or sample_rate < 2 * self.high_hz:
            raise ValueError(
                f"sample rate {sample_rate} Hz does not fit a mel to {self.high_hz:.0f} Hz; use 48000"
            )
        return int(length)

    def hop(self, sample_rate: int) -> int:
        """Samples from frame to frame."""
        return sample_rate // self.frame_hz

    def frames(self, samples: int, sample_rate: int) -> int:
        """Frames of a sound of ``samples`` samples."""
        return -(-samples // self.hop(sample_rate))


SPEC = MelSpec()


@dataclass(frozen=True, eq=False)
class Mel:
    """``log`` (bands, frames) float32: natural log amplitude. ``spec`` says what the axes mean."""

    log: np.ndarray
    spec: MelSpec = SPEC

    def __post_init__(self) -> None:
        if self.log.ndim != 2 or self.log.shape[0] != self.spec.bands or self.log.dtype != np.float32:
            raise ValueError(
                f"mel of shape {self.log.shape} and type {self.log.dtype}: needs ({self.spec.bands}, frames) float32"
            )

    @property
    def frames(self) -> int:
        """How many frames."""
        return int(self.log.shape[1])


def mel_of(audio: Audio, spec: MelSpec = SPEC) -> Mel:
    """The mel of ``audio``, power averaged over its channels. Raises ValueError for an unfitting sample rate."""
    bank = filterbank(spec, audio.sample_rate)
    columns = [bank @ power for power in power_blocks(audio, spec)]
    power = np.concatenate(columns, axis=1) if columns else np.zeros((spec.bands, 0), np.float32)
    return Mel(log_amplitude(power, spec), spec)


def log_amplitude(power: np.ndarray, spec: MelSpec = SPEC) -> np.ndarray:
    """A mel's values, float32, for the power of its bands."""
    return (0.5 * np.log(np.maximum(power, np.float32(spec.floor**2)))).astype(np.float32, copy=False)


def power_blocks(audio: Audio, spec: MelSpec = SPEC, window_s: float | None = None) -> Iterator[np.ndarray]:
    """Power spectra (bins, frames) float32, averaged over the channels, some seconds at a time.

    ``window_s`` takes a window other than the specification's, on the same frames.
    """
    rate = audio.sample_rate
    n_fft = spec.n_fft(rate) if window_s is None else 2 * round(window_s * rate / 2)
    frames = spec.frames(audio.length_samples, rate)
    for start in range(0, frames, _BLOCK):
        count = min(_BLOCK, frames - start)
        spectra = [magnitudes(channel, rate, spec, start, count, n_fft) for channel in audio.samples]
        yield sum(np.square(spectrum) for spectrum in spectra) / np.float32(len(spectra))


def magnitudes(
    samples: np.ndarray, rate: int, spec: MelSpec, start: int, count: int, n_fft: int
) -> np.ndarray:
    """Magnitude spectra (bins, count) float32 of the frames from ``start`` on of one channel (samples,)."""
    hop = spec.hop(rate)
    first = start * hop - n_fft // 2
    stop = first + (count - 1) * hop + n_fft
    part = samples[max(first, 0) : max(stop, 0)]
    part = np.pad(part, (max(-first, 0), stop - max(first, 0) - len(part)))
    windows = np.lib.stride_tricks.sliding_window_view(part, n_fft)[::hop]
    return np.abs(scipy.fft.rfft(windows * hann(n_fft), axis=1)).T


@cache
def hann(n_fft: int) -> np.ndarray:
    """Hann, scaled so that a sinusoid of amplitude 1 peaks at 1: (n_fft,) float32."""
    window = get_window("hann", n_fft)
    return (window * (2 / window.sum())).astype(np.float32)


@cache
def filterbank(spec: MelSpec, sample_rate: int) -> np.ndarray:
    """HTK's triangles: (bands, bins) float32, each with a peak of 1."""
    bins_hz = np.arange(spec.n_fft(sample_rate) // 2 + 1) * spec.bin_hz
    edges_hz = 700 * (10 ** (band_edges(spec) / 2595) - 1)
    low, centre, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def band_edges(spec: MelSpec) -> np.ndarray:
    """Where the bands begin, peak and end, on the mel scale: (bands + 2,), each band from i to i + 2."""
    low, high = mel_scale(np.array([spec.low_hz, spec.high_hz]))
    return np.linspace(low, high, spec.bands + 2)


def mel_scale(frequency_hz: np.ndarray) -> np.ndarray:
    """Hz to mel, as HTK and O'Shaughnessy define it."""
    return 2595 * np.log10(1 + frequency_hz / 700)

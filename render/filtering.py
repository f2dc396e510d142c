"""A linear filter that changes over time: gains on the frames of a spectrum, laid on sound of any length.

It is the same filter for all channels and for all sounds it is laid on: a stereo image stays, and filtered stems add up
to the filtered mix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from render.audio import Audio
from render.mel import MelSpec
from render.sounds import Sound
from render.spectral import Block, band_spline, blocks, in_order, inverse, reach, samples_of, transform


@dataclass(frozen=True, eq=False)
class Gains:
    """A linear filter that changes over time.

    ``log`` (rows, frames) float32: natural logarithm of the gain, on the frames of ``spec``. ``spread`` gives for a
    specification and a sample rate the weights (rows, bins) that spread rows over bins; a mel's bands by default.
    """

    log: np.ndarray
    spec: MelSpec
    spread: Callable[[MelSpec, int], np.ndarray] = band_spline

    def lay_on(self, spectra: np.ndarray, start: int, sample_rate: int) -> None:
        """Filter ``spectra`` (channels, frames, bins), whose first frame is frame ``start``, in place."""
        weights = self.spread(self.spec, sample_rate)
        low, high = np.flatnonzero(weights.any(axis=0))[[0, -1]]
        reached = slice(low, high + 1)
        log = self.log[:, start : start + spectra.shape[1]]
        spectra[:, :, reached] *= np.exp(log.T @ weights[:, reached])


def filtered(audio: Audio, gains: Gains) -> Audio:
    """``audio`` through the filter ``gains``. Raises ValueError as `filtered_blocks`."""
    return joined(filtered_blocks(audio, gains), audio.channels, audio.length_samples, audio.sample_rate)


def filtered_blocks(sound: Sound, gains: Gains) -> Iterator[np.ndarray]:
    """The same piece by piece, (channels, samples) float32, for sound that is not to be held in memory.

    Raises ValueError for gains of another number of frames than the sound.
    """
    spec, rate = gains.spec, sound.sample_rate
    frames = spec.frames(sound.length_samples, rate)
    if gains.log.shape[1] != frames:
        raise ValueError(f"the sound has {frames} frames, the filter {gains.log.shape[1]}")

    def work(block: Block) -> np.ndarray:
        spectra = transform(samples_of(sound, spec, block), spec, rate)
        gains.lay_on(spectra, block.left, rate)
        return inner_samples(inverse(spectra, spec, rate), sound.length_samples, spec, rate, block)

    return in_order(work, blocks(frames, reach(spec, rate)))


def joined(parts: Iterable[np.ndarray], channels: int, length_samples: int, sample_rate: int) -> Audio:
    """The ``parts`` (channels or 1, samples), which follow one another, as one sound."""
    samples = np.empty((channels, length_samples), np.float32)
    position = 0
    for part in parts:
        samples[:, position : position + part.shape[1]] = part
        position += part.shape[1]
    return Audio(samples, sample_rate)


def inner_samples(
    sound: np.ndarray, length: int, spec: MelSpec, sample_rate: int, block: Block
) -> np.ndarray:
    """The samples from the block's first frame to the next block's, of ``sound`` as all its frames see it."""
    hop = spec.hop(sample_rate)
    first = block.left * hop - spec.n_fft(sample_rate) // 2
    return sound[:, block.start * hop - first : min(block.stop * hop, length) - first]


def silenced_outside(
    sound: np.ndarray, length: int, spec: MelSpec, sample_rate: int, block: Block
) -> np.ndarray:
    """``sound`` as the frames of ``block`` see it, set to zero before the start and after the end of the piece."""
    first = block.left * spec.hop(sample_rate) - spec.n_fft(sample_rate) // 2
    sound[:, : max(0, -first)] = 0
    sound[:, max(0, length - first) :] = 0
    return sound

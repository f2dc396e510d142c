"""Sounds that are read block by block, so that long cues need no more memory than short ones.

A `Sound` is anything with a sample rate, a number of channels, a length, and ``read``; `render.audio.Audio` is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from render.errors import BadInput

BLOCK_SAMPLES = 1 << 18
_SAMPLE_BYTES = 4


class Sound(Protocol):
    """Sound that can be read in parts."""

    @property
    def sample_rate(self) -> int:
        """In Hz."""

    @property
    def channels(self) -> int:
        """How many."""

    @property
    def length_samples(self) -> int:
        """Samples a channel."""

    def read(self, start: int, stop: int) -> np.ndarray:
        """Samples ``start`` to ``stop``, both within the sound: (channels, stop - start) float32, not to be changed."""


def blocks(sound: Sound, size: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
    """The whole sound, ``size`` samples at a time."""
    for start in range(0, sound.length_samples, size):
        yield sound.read(start, min(start + size, sound.length_samples))


def in_memory(sound: Sound) -> np.ndarray:
    """All of it: (channels, samples) float32, fresh."""
    out = np.empty((sound.channels, sound.length_samples), np.float32)
    start = 0
    for block in blocks(sound):
        out[:, start : start + block.shape[1]] = block
        start += block.shape[1]
    return out


def peak_of(sound: Sound) -> float:
    """Largest magnitude of a sample, 1.0 = full scale."""
    return max((float(np.abs(block).max(initial=0.0)) for block in blocks(sound)), default=0.0)


@dataclass(frozen=True)
class SampleFile:
    """A file of raw interleaved float32 samples in the machine's byte order."""

    path: Path
    channels: int
    length_samples: int
    sample_rate: int

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Sound`. Raises BadInput where the file ends early."""
        width = self.channels * _SAMPLE_BYTES
        values = np.fromfile(
            self.path, np.float32, count=(stop - start) * self.channels, offset=start * width
        )
        if len(values) != (stop - start) * self.channels:
            raise BadInput(f"{self.path}: ends early; render it again")
        return values.reshape(-1, self.channels).T


@dataclass(frozen=True)
class Mix:
    """The sum of ``parts``, each with its gain. They agree in shape and sample rate."""

    parts: tuple[tuple[Sound, float], ...]

    @classmethod
    def of(cls, sounds: Iterable[Sound]) -> Mix:
        """The sum of ``sounds`` as they are."""
        return cls(tuple((sound, 1.0) for sound in sounds))

    def __post_init__(self) -> None:
        shapes = {(part.sample_rate, part.channels, part.length_samples) for part, _ in self.parts}
        if len(shapes) != 1:
            raise ValueError("needs at least one part, and parts of one shape and sample rate")

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.parts[0][0].sample_rate

    @property
    def channels(self) -> int:
        """How many."""
        return self.parts[0][0].channels

    @property
    def length_samples(self) -> int:
        """Samples a channel."""
        return self.parts[0][0].length_samples

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Sound`."""
        (first, gain), *others = self.parts
        total = first.read(start, stop) * np.float32(gain)
        for part, gain in others:
            total += part.read(start, stop) * np.float32(gain)
        return total


class SampleWriter:
    """Writes a `SampleFile` block by block; used as a context manager."""

    def __init__(self, path: Path, channels: int, sample_rate: int) -> None:
        self._path, self._channels, self._rate = path, channels, sample_rate
        self._length = 0

    def __enter__(self) -> SampleWriter:
        self._file = self._path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, block: np.ndarray) -> None:
        """Append ``block`` (channels, n) float32."""
        self._file.write(np.ascontiguousarray(block.T, dtype=np.float32).data)
        self._length += block.shape[1]

    @property
    def sound(self) -> SampleFile:
        """What was written so far."""
        self._file.flush()
        return SampleFile(self._path, self._channels, self._length, self._rate)

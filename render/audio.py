"""Audio in memory and as WAV files.

Convention: samples have shape (channels, n), float32, full scale 1.0. Files are written as 24-bit PCM to a temporary
file beside the target, synced and renamed, so that a reader never sees half a file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from render.errors import BadInput, OutOfResources
from render.files import replacing
from render.sounds import Sound, blocks, peak_of

SAMPLE_RATE = 48_000
MAX_CHANNELS = 8
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
MAX_READ_BYTES = 8 * 2**30  # of float32 samples: about three hours of stereo at 96 kHz
_READ_FRAMES = 1 << 18
_PCM24_STEP = 2.0**-23


@dataclass(frozen=True, eq=False)
class Audio:
    """``samples`` (channels, n) float32, 1.0 = full scale; ``sample_rate`` in Hz."""

    samples: np.ndarray
    sample_rate: int = SAMPLE_RATE

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or not 1 <= self.samples.shape[0] <= MAX_CHANNELS:
            raise ValueError(
                f"audio of shape {self.samples.shape}: needs (1-{MAX_CHANNELS} channels, samples)"
            )
        if self.samples.dtype != np.float32:
            raise ValueError(f"audio of type {self.samples.dtype}: needs float32")
        if not LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE:
            raise ValueError(f"sample rate {self.sample_rate} Hz is outside {LOWEST_RATE}-{HIGHEST_RATE}")

    @property
    def channels(self) -> int:
        """How many channels."""
        return int(self.samples.shape[0])

    @property
    def length_samples(self) -> int:
        """Samples a channel."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.length_samples / self.sample_rate

    @property
    def peak(self) -> float:
        """Largest magnitude of a sample, 1.0 = full scale."""
        return peak_of(self)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Samples ``start`` to ``stop``: (channels, stop - start) float32, a view (`render.sounds.Sound`)."""
        return self.samples[:, start:stop]


def write_wav(sound: Sound, path: Path) -> None:
    """Write ``sound`` as 24-bit PCM, atomically. Samples beyond full scale are clipped.

    Raises OutOfResources when the disk is full or the file would pass WAV's 4 GiB, BadInput when the folder cannot
    be written.
    """
    size = sound.length_samples * sound.channels * 3
    if size > 2**32 - 4096:
        raise OutOfResources(
            f"{path}: {size / 2**30:.1f} GiB is more than a WAV file can hold; render it in parts"
        )
    with replacing(path) as partial:
        try:
            _write_pcm24(sound, partial)
        except soundfile.LibsndfileError as error:
            raise OutOfResources(f"{path}: could not be written ({error}); free some disk space") from None


def read_wav(path: Path, longest_s: float = math.inf) -> Audio:
    """Read a sound file (WAV, FLAC, AIFF, Ogg). Raises BadInput (unreadable, empty, longer than ``longest_s`` or than
    memory holds, not finite)."""
    if not path.exists():
        raise BadInput(f"{path}: no such file; check the path")
    try:
        with soundfile.SoundFile(path) as file:
            frames, channels, rate = file.frames, file.channels, file.samplerate
            if not 1 <= channels <= MAX_CHANNELS:
                raise BadInput(f"{path}: {channels} channels; give at most {MAX_CHANNELS}")
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise BadInput(f"{path}: has a sample rate of {rate} Hz; convert it to 48000")
            if frames > longest_s * rate:
                raise BadInput(f"{path}: lasts {frames / rate:.0f} s; give at most {longest_s:.0f} s")
            if not 0 < frames <= MAX_READ_BYTES // (4 * channels):
                raise BadInput(
                    f"{path}: {frames} samples; give a sound file that is neither empty nor hours long"
                )
            parts = []
            while len(block := file.read(_READ_FRAMES, dtype="float32", always_2d=True)):
                parts.append(block.T)
    except (OSError, soundfile.SoundFileError) as error:
        cause = " ".join(str(error).split())
        raise BadInput(f"{path}: not a readable sound file ({cause}); give a WAV file") from None
    if not parts:
        raise BadInput(f"{path}: no sound could be read; give a sound file that is complete")
    samples = np.concatenate(parts, axis=1)
    if not np.isfinite(samples).all():
        raise BadInput(f"{path}: holds samples that are no numbers; write the file again")
    return Audio(np.ascontiguousarray(samples), rate)


def _write_pcm24(sound: Sound, path: Path) -> None:
    with soundfile.SoundFile(path, "w", sound.sample_rate, sound.channels, "PCM_24", format="WAV") as target:
        for block in blocks(sound):
            target.write(np.ascontiguousarray(np.clip(block, -1.0, 1.0 - _PCM24_STEP).T))

"""From controls to a mel in a chosen style: the networks, and what is measured for them on a synthesis.

Convention: mels and controls are at the level of the MIDI's loudness model (`render.controls.calibration_db`); a
synthesis is measured block by block, so that its length costs no memory but its mel's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from render.audio import Audio
from render.checkpoints import FOLDER, load_codec, load_predictor, read_card
from render.controls import LINE_BINS, RenderControls, channels
from render.diffusion import DEFAULT_SAMPLING, Conditions, Journal, Sampling, sample
from render.errors import NotInstalled
from render.mel import SPEC, Mel, filterbank, hann, power_blocks
from render.models.codec import PATCH, PcaCodec
from render.models.predictor import Predictor
from render.sounds import Sound

_BLOCK_FRAMES = 1000
_REACH_FRAMES = 2  # half a window of the spectrogram


@dataclass(frozen=True, eq=False)
class Painter:
    """The networks, on one device. ``digests``: file name of every checkpoint -> sha256."""

    predictor: Predictor
    codec: PcaCodec
    digests: dict[str, str]
    device: torch.device

    def paint(
        self,
        controls: RenderControls | None,
        style: torch.Tensor | None,
        mood: np.ndarray,
        *,
        seed: int,
        sampling: Sampling = DEFAULT_SAMPLING,
        start: Mel | None = None,
        strength: float = 1.0,
        journal: Journal | None = None,
        progress: Callable[[float], None] | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> Mel:
        """The mel of a cue: ``style`` (128,), ``mood`` (3, frames) as `render.mood` gives it at 50 frames a second.

        ``start``, needed below a ``strength`` of 1, is the synthesis' mel; the rest as `render.diffusion.sample`.
        """
        frames = mood.shape[1]
        tokens = -(-frames // PATCH)
        conditions = Conditions(
            None if style is None else style.to(self.device),
            self._tensor(mood[:, ::PATCH]),
            None if controls is None else self._tensor(channels(controls.cut(0, PATCH * tokens))),
        )
        latent = sample(
            self.predictor,
            conditions,
            self.codec.channels,
            seed=seed,
            sampling=sampling,
            start=self._encoded(start) if start is not None and strength < 1.0 else None,
            strength=strength,
            journal=journal,
            progress=progress,
            warn=warn,
        )
        return self._decoded(latent, frames)

    def through_codec(self, mel: Mel) -> Mel:
        """What the codec leaves of ``mel``."""
        return self._decoded(self._encoded(mel), mel.frames)

    def _encoded(self, mel: Mel) -> torch.Tensor:
        missing = -mel.frames % PATCH
        padded = np.pad(mel.log, ((0, 0), (0, missing)), constant_values=math.log(mel.spec.floor))
        with torch.inference_mode():
            return self.codec.encode(self._tensor(padded)[None])[0]

    def _decoded(self, latent: torch.Tensor, frames: int) -> Mel:
        with torch.inference_mode():
            log = self.codec.decode(latent[None])[0, :, :frames].cpu().numpy()
        return Mel(np.maximum(log, np.float32(math.log(SPEC.floor))))

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(self.device)


def load_painter(folder: Path = FOLDER, device: str = "auto") -> Painter:
    """The networks in ``folder`` on ``device`` (auto, cpu, cuda). Raises NotInstalled, BadInput."""
    place = device_named(device)
    digests: dict[str, str] = {}
    for name in ("codec", "base", "branch"):
        digests |= read_card(folder, name)["files"]
    return Painter(load_predictor(folder).to(place), load_codec(folder).to(place), digests, place)


def device_named(name: str) -> torch.device:
    """``auto`` takes a GPU where there is one. Raises NotInstalled where CUDA was asked for and is missing."""
    if name == "cuda" and not torch.cuda.is_available():
        raise NotInstalled("--device cuda: PyTorch finds no CUDA device; use --device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What a sound shows frame by frame: ``power`` (bands, frames) of its mel and ``energy`` (frames,), float32."""

    power: np.ndarray
    energy: np.ndarray

    def mel(self, gain_db: float = 0.0) -> Mel:
        """The sound's mel after a gain."""
        power = self.power * np.float32(10 ** (gain_db / 10))
        return Mel((0.5 * np.log(np.maximum(power, SPEC.floor**2))).astype(np.float32))


def spectrum_of(sound: Sound) -> Spectrum:
    """Look at ``sound`` block by block."""
    bank = filterbank(SPEC, sound.sample_rate)
    frames = SPEC.frames(sound.length_samples, sound.sample_rate)
    power = np.zeros((SPEC.bands, frames), np.float32)
    energy = np.zeros(frames, np.float32)
    for start, stop, first, block in _framed(sound):
        for spectrum in power_blocks(block, SPEC):
            inner = spectrum[:, start - first : stop - first]
            power[:, start:stop] = bank @ inner
            energy[start:stop] = inner.sum(axis=0) / LINE_BINS
    return Spectrum(power, energy)


def energy_of_sound(sound: Sound) -> np.ndarray:
    """Energy of every frame as `render.controls.energy_of`, (frames,) float32; without a transform, by Parseval."""
    rate = sound.sample_rate
    hop, n_fft = SPEC.hop(rate), SPEC.n_fft(rate)
    weights = np.square(hann(n_fft)) * np.float32(n_fft / 2 / LINE_BINS)
    energy = np.zeros(SPEC.frames(sound.length_samples, rate), np.float32)
    for start, stop, first, block in _framed(sound):
        squares = np.square(block.samples).mean(axis=0)
        left = n_fft // 2 - (start - first) * hop
        right = (stop - 1 - first) * hop + n_fft // 2 - len(squares)
        seen = np.pad(squares[max(0, -left) :], (max(0, left), max(0, right)))
        energy[start:stop] = (
            np.lib.stride_tricks.sliding_window_view(seen, n_fft)[::hop][: stop - start] @ weights
        )
    return energy


def _framed(sound: Sound) -> Iterator[tuple[int, int, int, Audio]]:
    """Blocks of frames: the first, the one after the last, and the sound of these and their neighbours from a frame on,
    with which it begins."""
    hop, length = SPEC.hop(sound.sample_rate), sound.length_samples
    frames = SPEC.frames(length, sound.sample_rate)
    for start in range(0, frames, _BLOCK_FRAMES):
        stop = min(start + _BLOCK_FRAMES, frames)
        first, last = max(0, start - _REACH_FRAMES), min(frames, stop + _REACH_FRAMES)
        yield start, stop, first, Audio(sound.read(first * hop, min(last * hop, length)), sound.sample_rate)

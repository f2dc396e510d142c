"""From controls to a mel in a chosen style: the networks, and what is measured for them on a synthesis.

Convention: mels and controls are at the level of the MIDI's loudness model (`render.controls.calibration_db`); a
synthesis is measured block by block, so that its length costs no memory but its mel's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from render.checkpoints import FOLDER, load_codec, load_predictor, read_card
from render.controls import LINE_BINS, RenderControls, channels
from render.diffusion import DEFAULT_SAMPLING, Conditions, Journal, Sampling, sample
from render.errors import NotInstalled
from render.mel import SPEC, Mel, filterbank, log_amplitude
from render.models.codec import PATCH, PcaCodec
from render.models.predictor import Predictor
from render.sounds import Sound
from render.spectral import Block, blocks, in_order, power_of, samples_of, transform

STEADIEST_S = 1.28  # deviation of the smoothing at the weakest strength


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

        ``start``, needed below a ``strength`` of 1, is the synthesis' mel: the weaker, the slower is what is added to
        it (`STEADIEST_S`), nothing at 0. The rest as `render.diffusion.sample`.
        """
        if start is not None and strength == 0.0:
            return start
        start = start if strength < 1.0 else None
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
            start=None if start is None else self._encoded(start),
            strength=strength,
            journal=journal,
            progress=progress,
            warn=warn,
        )
        painted = self._decoded(latent, frames)
        return painted if start is None else _steadied(painted, start, strength)

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


def _steadied(painted: Mel, start: Mel, strength: float) -> Mel:
    """``painted``, what it adds to ``start`` smoothed over time: networks waver where an instrument does not."""
    sigma_frames = (1.0 - strength) * STEADIEST_S * SPEC.frame_hz
    added = gaussian_filter1d(painted.log - start.log, sigma_frames, axis=1, mode="nearest")
    return Mel(np.maximum(start.log + added, np.float32(math.log(SPEC.floor))))


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What a sound shows frame by frame: ``power`` (bands, frames) of its mel and ``energy`` (frames,), float32."""

    power: np.ndarray
    energy: np.ndarray

    def mel(self, gain_db: float = 0.0) -> Mel:
        """The sound's mel after a gain."""
        return Mel(log_amplitude(self.power * np.float32(10 ** (gain_db / 10))))


def spectrum_of(sound: Sound) -> Spectrum:
    """Look at ``sound`` block by block."""
    rate = sound.sample_rate
    frames = SPEC.frames(sound.length_samples, rate)
    power, energy = np.zeros((SPEC.bands, frames), np.float32), np.zeros(frames, np.float32)

    def work(block: Block) -> np.ndarray:
        return power_of(transform(samples_of(sound, SPEC, block), SPEC, rate)).T

    todo = blocks(frames, around=0)
    for block, seen in zip(todo, in_order(work, todo), strict=True):
        power[:, block.start : block.stop] = filterbank(SPEC, rate) @ seen
        energy[block.start : block.stop] = seen.sum(axis=0) / LINE_BINS
    return Spectrum(power, energy)

"""One layer of a performance on its way from controls to sound."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import diffusers
import numpy as np
import torch

from render.audio import Audio
from render.balance import LIMIT_DB, MAX_LIMIT_DB, balance_gains
from render.controls import RenderControls, channels, controls_of_performance, level_gap_db
from render.diffusion import Sampling, make_scheduler, precision_of
from render.events import Performance
from render.filtering import Gains, filtered_blocks
from render.layers import Layer, Strengths
from render.mel import Mel
from render.mel_to_audio import FILTER, METHODS, filter_gains, mel_to_audio
from render.painting import Painter, spectrum_of
from render.recordings import borrowed
from render.resume import Journal, journal_of
from render.sounds import Mix, SampleWriter, Sound, in_memory
from render.stems import shared_out

Report = Callable[[float], None]  # takes the share done, 0-1


@dataclass(frozen=True)
class Wishes:
    """How to paint. ``method``: one of `render.mel_to_audio.METHODS`; ``balance_db``: by how much a pitch class may be
    raised or lowered (`render.balance`), 0 for not at all; recordings at 48 kHz lend dynamics or melody."""

    strengths: Strengths = field(default_factory=Strengths)
    sampling: Sampling = field(default_factory=Sampling)
    method: str = FILTER
    balance_db: float = LIMIT_DB
    dynamics_from: Audio | None = None
    melody_from: Audio | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method {self.method!r} is not one of {', '.join(METHODS)}")
        if not 0.0 <= self.balance_db <= MAX_LIMIT_DB:
            raise ValueError(f"balance of {self.balance_db:g} dB is outside 0-{MAX_LIMIT_DB:g}")


DEFAULT_WISHES = Wishes()


def asked_of(performance: Performance, frames: int, wishes: Wishes) -> RenderControls:
    """The controls of ``performance``, with what ``wishes`` borrow from recordings."""
    controls = controls_of_performance(performance, frames)
    if wishes.dynamics_from is not None:
        controls = borrowed(controls, wishes.dynamics_from, dynamics=True)
    if wishes.melody_from is not None:
        controls = borrowed(controls, wishes.melody_from, melody=True)
    return controls


class PaintedLayer:
    """``controls`` are what it obeys, ``gain_db`` brings its synthesis to their level (0 until it is heard)."""

    def __init__(
        self,
        painter: Painter,
        embedding: torch.Tensor,
        wishes: Wishes,
        layer: Layer,
        mood: np.ndarray,
        warn: Callable[[str], None],
    ) -> None:
        """``embedding`` (128,) of the style; ``mood`` (3, frames) as `render.mood` gives it, as long as the cue."""
        self.controls = asked_of(layer.performance, mood.shape[1], wishes)
        self.gain_db = 0.0
        self._painter, self._embedding, self._wishes = painter, embedding, wishes
        self._strength, self._mood, self._warn = layer.strength, mood, warn
        self._journal: Journal | None = None
        self._mel: Mel | None = None

    def begin(self, progress: Report) -> None:
        """Paint what needs no synthesis to start from."""
        if self._strength == 1.0:
            self._mel = self._painted(None, progress)

    def laid_on(
        self, carriers: Mapping[str, Sound], folder: Path, painting: Report, sounding: Report
    ) -> dict[str, Sound]:
        """Paint what is not painted yet, and give the sound of each of ``carriers``, in files in the empty ``folder``.

        The sum of the carriers gets the mel and the balance, and each its share of it, at the carriers' level.
        """
        carrier = Mix.of(carriers.values())
        spectrum = spectrum_of(carrier)
        self.gain_db = level_gap_db(spectrum.energy, self.controls.dynamics_db)
        if self._mel is None:
            self._mel = self._painted(spectrum.mel(self.gain_db), painting)
        gain = 10 ** (self.gain_db / 20)
        levelled = Mix(((carrier, gain),))
        dynamics_db = self.controls.asked_dynamics_db
        if self._wishes.method == FILTER:
            gains = filter_gains(self._mel, levelled, dynamics_db=dynamics_db)
            painted = _filtered(carriers, gains, folder / "filtered", lambda share: sounding(share / 2))
        else:
            audio = Audio(in_memory(levelled), levelled.sample_rate)
            audio = mel_to_audio(
                self._mel, audio, self._wishes.method, dynamics_db=dynamics_db, seed=self._wishes.seed
            )
            painted = dict(shared_out(Mix(((audio, 1 / gain),)), carriers))
        if self._wishes.balance_db:
            gains = balance_gains(
                Mix.of(painted.values()), self.controls.asked_melody, self._wishes.balance_db
            )
            painted = _filtered(painted, gains, folder / "balanced", lambda share: sounding(0.5 + share / 2))
            shutil.rmtree(folder / "filtered", ignore_errors=True)  # an hour of a stem takes 1.4 GB
        return painted

    def close(self) -> None:
        """All is written: there is nothing to be resumed."""
        if self._journal is not None:
            self._journal.close()

    def _painted(self, start: Mel | None, progress: Report) -> Mel:
        self._journal = journal_of(
            {
                "controls": _digest(channels(self.controls)),
                "mood": _digest(self._mood),
                "style": _digest(self._embedding.cpu().numpy()),
                "start": None if start is None else _digest(start.log),
                "strength": self._strength,
                "seed": self._wishes.seed,
                "sampling": asdict(self._wishes.sampling),
                "levels": make_scheduler(self._wishes.sampling, self._strength)[1].tolist(),
                "checkpoints": self._painter.digests,
                "device": [str(self._painter.device), str(precision_of(self._painter.device))],
                "versions": [torch.__version__, diffusers.__version__],
            }
        )
        return self._painter.paint(
            self.controls,
            self._embedding,
            self._mood,
            seed=self._wishes.seed,
            sampling=self._wishes.sampling,
            start=start,
            strength=self._strength,
            journal=self._journal,
            progress=progress,
            warn=self._warn,
        )


def _filtered(sounds: Mapping[str, Sound], gains: Gains, folder: Path, progress: Report) -> dict[str, Sound]:
    """Each of ``sounds`` through ``gains``, in files in ``folder``, which is made."""
    folder.mkdir()
    found: dict[str, Sound] = {}
    for number, (key, sound) in enumerate(sounds.items(), 1):
        with SampleWriter(folder / f"{number}.f32", sound.channels, sound.sample_rate) as writer:
            for block in filtered_blocks(sound, gains):
                writer.write(block)
            found[key] = writer.sound
        progress(number / len(sounds))
    return found


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()

"""Learn a style from recordings: the library behind ``framescore style learn RECORDINGS --name N``.

The style encoder gives the embedding; LoRA adapters (`render.models.lora`) on control branch and style layers learn to
paint the recordings under the melody, chroma and dynamics that are measured on them, some of which are left out now and
then. The last part of every recording is not learnt from: it chooses the weights. An interrupted run with the same
recordings and settings goes on.
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from render.carriers import carrier_for
from render.controls import RenderControls, channels, controls_of_audio
from render.errors import BadInput
from render.mel import SPEC, mel_of
from render.models.codec import PATCH, PcaCodec
from render.models.controlnet import ControlledTransformer
from render.models.lora import AdapterConfig, adapter_of, add_adapters
from render.models.style_encoder import StyleEncoder, embed_windows, mean_embedding
from render.painting import Painter
from render.recordings import read_recording
from render.style_files import SUFFIX, LearnedStyle, StyleCard, check_name, style_folder, write_style
from render.style_source import network_digest
from render.styles import STYLES
from render.train import loop

CROP_FRAMES = 256
SHORTEST_IN_ALL_S = 10.0
TUNING_SHARE, TUNING_CROPS = 0.15, 16
NO_STYLE_SHARE, NO_CONTROL_SHARE, LEFT_OUT_SHARE = 0.1, 0.1, 0.15
HEARD = ("melody", "chroma", "dynamics")  # controls that a recording has


@dataclass(frozen=True)
class Learning:
    """How to learn: processor ``minutes``, crops of 5 s a step, learning rate, adapters."""

    minutes: float = 5.0
    batch: int = 8
    rate: float = 1.5e-3
    seed: int = 0
    adapter: AdapterConfig = field(default_factory=AdapterConfig)


@dataclass(frozen=True, eq=False)
class Recording:
    """What is learnt from a recording: ``mel`` (128, frames) float32, its own controls, and the embeddings (windows,
    128) of its parts. Whole patches."""

    mel: np.ndarray
    controls: RenderControls
    styles: np.ndarray

    @property
    def frames(self) -> int:
        """How many frames."""
        return self.mel.shape[1]

    def cut(self, start: int, stop: int) -> Recording:
        """Frames ``start`` to ``stop``."""
        return Recording(self.mel[:, start:stop], self.controls.cut(start, stop), self.styles)


def learn_style(
    recordings: Sequence[Path],
    name: str,
    painter: Painter,
    encoder: StyleEncoder,
    learning: Learning = Learning(),
    *,
    carrier: str | None = None,
    licence: str = "",
    folder: Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Path:
    """Learn the style ``name`` and write it to ``folder`` (else the user's); returns the file.

    ``carrier``: the named style whose instruments the synthesis plays, else what `render.carriers` finds; ``licence``:
    what the file says about its use; ``progress`` gets the share done, 0-1. With no ``minutes`` only the embedding is
    learnt. Raises BadInput (a name that cannot be, a recording that cannot be used, less than ten seconds in all),
    NotInstalled.
    """
    check_new_name(name)
    if carrier is not None and carrier not in STYLES:
        raise BadInput(f"carrier {carrier!r} is no named style; give one of {', '.join(STYLES)}")
    if not licence.isprintable():
        raise BadInput("the licence is more than one line of plain text; name it in one")
    heard = read_recordings(recordings, encoder)
    seconds = sum(each.frames for each in heard) / SPEC.frame_hz
    embedding = mean_embedding(torch.from_numpy(np.concatenate([each.styles for each in heard])))
    folder = style_folder() if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    log_mel = np.concatenate([each.mel for each in heard], axis=1)
    carrier = carrier or carrier_for(embedding, log_mel, encoder)
    card = StyleCard(name, carrier, seconds, len(heard), licence=licence)
    adapter: dict[str, torch.Tensor] = {}
    if learning.minutes > 0:
        run = folder / ".learning" / _key(heard, learning, painter)
        network = copy_of(painter)
        add_adapters(network, learning.adapter, learning.seed)
        fit(network, painter.codec, heard, learning, run, painter.device.type, progress)
        adapter = adapter_of(network)
        shutil.rmtree(run)
        card = StyleCard(
            **{
                **asdict(card),
                "network_sha256": network_digest(painter.digests),
                "rank": learning.adapter.rank,
                "scale": learning.adapter.scale,
                "minutes": learning.minutes,
                "seed": learning.seed,
            }
        )
    path = folder / f"{name}{SUFFIX}"
    write_style(LearnedStyle(card, embedding, adapter), path)
    return path


def check_new_name(name: str) -> None:
    """Raise BadInput for a name that cannot be a file's, or is a named style's."""
    try:
        check_name(name)
    except ValueError as error:
        raise BadInput(str(error)) from None
    if name in STYLES:
        raise BadInput(f"style name {name!r} is that of a style FrameScore comes with; choose another")


def read_recordings(paths: Sequence[Path], encoder: StyleEncoder) -> list[Recording]:
    """What is to be learnt from. Raises BadInput where one cannot be used or there are not ten seconds in all."""
    found = []
    for path in paths:
        audio = read_recording(path)
        mel = mel_of(audio).log
        whole = mel.shape[1] // PATCH * PATCH
        try:
            styles = embed_windows(encoder, mel)
        except ValueError as error:
            raise BadInput(
                f"{path}: has no style ({error}); give a recording in which music sounds"
            ) from None
        found.append(Recording(mel[:, :whole], controls_of_audio(audio).cut(0, whole), styles))
    seconds = sum(each.frames for each in found) / SPEC.frame_hz
    if seconds < SHORTEST_IN_ALL_S:
        raise BadInput(
            f"{seconds:.0f} s of recordings; give at least {SHORTEST_IN_ALL_S:.0f} s, better three minutes"
        )
    return found


def divided(recordings: Sequence[Recording]) -> tuple[list[Recording], list[Recording]]:
    """The beginnings, to learn from, and the ends, to tune on; of short recordings all is learnt from."""
    beginnings, ends = [], []
    for each in recordings:
        border = round(each.frames * (1 - TUNING_SHARE)) // PATCH * PATCH
        if each.frames - border < CROP_FRAMES:
            beginnings.append(each)
        else:
            beginnings.append(each.cut(0, border))
            ends.append(each.cut(border, each.frames))
    return beginnings, ends or beginnings


def copy_of(painter: Painter) -> ControlledTransformer:
    """A copy of the networks, to be trained. Raises BadInput for other networks than a base with its branch."""
    if not isinstance(painter.predictor, ControlledTransformer):
        raise BadInput(
            "styles are learnt on the transformer with its control branch; use the shipped networks"
        )
    return copy.deepcopy(painter.predictor)


def fit(
    network: ControlledTransformer,
    codec: PcaCodec,
    recordings: Sequence[Recording],
    learning: Learning,
    run: Path,
    device: str = "cpu",
    progress: Callable[[float], None] = lambda share: None,
    say: Callable[[str], None] = lambda line: None,
) -> loop.Progress:
    """Train what of ``network`` requires a gradient on ``recordings``, and fill in the best weights. ``progress`` gets
    the share done, 0-1; ``say`` a line about the losses now and then."""
    beginnings, ends = divided(recordings)
    plan = loop.Plan(learning.minutes, learning.batch, learning.rate, learning.seed, device)
    weights = np.array([each.frames for each in beginnings], float)

    def draw(rng: np.random.Generator) -> loop.Example:
        chosen = beginnings[rng.choice(len(beginnings), p=weights / weights.sum())]
        return example(chosen, codec, learning.batch, rng)

    rng = np.random.default_rng(0)
    tuning = [example(each, codec, TUNING_CROPS, rng, all_controls=True) for each in ends[:4]]
    run.mkdir(parents=True, exist_ok=True)
    loop.train(network, plan, run, draw, tuning, say, progress)
    return loop.load_best(network, run)


def example(
    recording: Recording, codec: PcaCodec, count: int, rng: np.random.Generator, all_controls: bool = False
) -> loop.Example:
    """``count`` crops of a recording with the embedding of one of its parts; style and controls are left out at random
    unless ``all_controls`` are wanted."""
    frames = min(CROP_FRAMES, recording.frames)
    mels, controls = [], []
    for start in rng.integers(0, (recording.frames - frames) // PATCH + 1, count) * PATCH:
        crop = recording.cut(int(start), int(start) + frames)
        mels.append(crop.mel)
        controls.append(channels(crop.controls if all_controls else with_some_left_out(crop.controls, rng)))
    styles = recording.styles[rng.integers(len(recording.styles), size=count)]
    has_style = np.ones(count, bool) if all_controls else rng.random(count) >= NO_STYLE_SHARE
    device = codec.mean.device
    latent = codec.encode(torch.from_numpy(np.stack(mels)).to(device))
    return loop.Example(
        latent.cpu(),
        torch.from_numpy(styles),
        torch.zeros(count, 3, frames // PATCH),
        torch.from_numpy(np.stack(controls)),
        torch.from_numpy(has_style),
    )


def with_some_left_out(controls: RenderControls, rng: np.random.Generator) -> RenderControls:
    """``controls`` without those that chance takes away: now and then all, now and then one."""
    if rng.random() < NO_CONTROL_SHARE:
        return controls.only()
    return controls.only(*(name for name in HEARD if rng.random() >= LEFT_OUT_SHARE))


def _key(recordings: Sequence[Recording], learning: Learning, painter: Painter) -> str:
    """What a run that goes on must have in common with the one that was interrupted."""
    digest = hashlib.sha256(json.dumps([asdict(learning), painter.digests], sort_keys=True).encode())
    for each in recordings:
        digest.update(each.mel.tobytes())
    return digest.hexdigest()[:16]

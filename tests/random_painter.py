"""Untrained networks for painting, of any size, and a small song."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import mido
import torch

from render.controls import CONTROL_CHANNELS
from render.models.codec import PcaCodec
from render.models.controlnet import ControlBranch, ControlledTransformer
from render.models.style_encoder import EMBEDDING
from render.models.transformer import LatentTransformer, TransformerConfig
from render.painting import Painter
from render.style_source import StyleSource

SMALL = TransformerConfig(width=32, blocks=2, heads=2, reach=64)


@cache
def random_painter(config: TransformerConfig = SMALL, seed: int = 0) -> Painter:
    """Networks whose predictions depend on everything they are given."""
    torch.manual_seed(seed)
    base = LatentTransformer(config)
    branch = ControlBranch.copy_of(base, CONTROL_CHANNELS, min(3, config.blocks))
    for layer in (
        base.head,
        branch.enter,
        *branch.leave,
        base.trunk.modulation[1],
        branch.trunk.modulation[1],
    ):
        torch.nn.init.normal_(layer.weight, std=0.02)
    codec = PcaCodec.of_moments(torch.full((128, 4), -6.0), _covariance())
    network = ControlledTransformer(base, branch).eval().requires_grad_(False)
    return Painter(network, codec, {"base.safetensors": "ab" * 32}, torch.device("cpu"))


def _covariance() -> torch.Tensor:
    """Neighbouring values of mels go together."""
    band, frame = torch.arange(512) // 4, torch.arange(512) % 4
    distance = (band[:, None] - band).abs() / 4 + (frame[:, None] - frame).abs() / 2
    return 4.0 * torch.exp(-distance)


def random_style(carrier: str = "string-orchestra", seed: int = 1) -> StyleSource:
    """A style that nobody has heard."""
    torch.manual_seed(seed)
    return StyleSource(
        carrier, "named", torch.nn.functional.normalize(torch.randn(EMBEDDING), dim=0), carrier
    )


def song(path: Path, seconds: float = 4.0, ticks: int = 480) -> Path:
    """Piano and strings with a drum kit, a note each half a second, or of other ``ticks`` of 1/960 s."""
    tracks = [mido.MidiTrack()]
    for name, program, channel, pitch in (("Piano", 0, 0, 60), ("Strings", 48, 1, 55), ("Drums", 0, 9, 38)):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.append(mido.Message("program_change", program=program, channel=channel))
        for step in range(round(2 * seconds)):
            note = pitch + (0 if channel == 9 else (0, 4, 7, 12)[step % 4])
            track.append(mido.Message("note_on", note=note, velocity=70 + step % 40, channel=channel))
            track.append(mido.Message("note_off", note=note, channel=channel, time=ticks))
        tracks.append(track)
    mido.MidiFile(tracks=tracks, ticks_per_beat=480).save(path)
    return path

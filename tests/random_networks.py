"""Untrained networks of the real shapes, small: whatever they say must come out as valid music."""

from __future__ import annotations

from pathlib import Path

import torch

from composer.habits import HABITS
from composer.models.checkpoint import save_checkpoint
from composer.models.decoder import Decoder, DecoderConfig
from composer.models.sampling import Draw
from composer.tokens import harmony as harmony_tokens
from composer.tokens import notes as note_tokens
from composer.tokens.picture import COLOR_WIDTH, SEMANTIC_WIDTH

SMALL = {"width": 32, "layers": 2, "heads": 2, "encoder_layers": 1}
NOTES = DecoderConfig(
    tuple(note_tokens.ATTRIBUTES.values()),
    tuple(note_tokens.CONDITIONS.values()),
    tuple(note_tokens.MEMORY.values()),
    **SMALL,
)
CHORDS = DecoderConfig(
    tuple(harmony_tokens.ATTRIBUTES.values()), tuple(harmony_tokens.CONDITIONS.values()),
    features=(COLOR_WIDTH, SEMANTIC_WIDTH), **SMALL,
)  # fmt: skip


def save_networks(folder: Path) -> dict[str, Path]:
    """A checkpoint file for each stage."""
    paths = {}
    for index, (stage, config) in enumerate(
        {"chords": CHORDS, "melody": NOTES, "accompaniment": NOTES}.items()
    ):
        torch.manual_seed(index)
        paths[stage] = folder / f"{stage}.safetensors"
        habits = ((0.0,) * len(HABITS[stage]), (1.0,) * len(HABITS[stage]))
        save_checkpoint(Decoder(config), [Draw()] * len(config.attributes), paths[stage], {}, habits)
    return paths

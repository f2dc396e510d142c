"""Training of the two note stages, melody and accompaniment: the same network and loop, another track."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from composer.models.decoder import DecoderConfig
from composer.tokens import notes as note_tokens
from composer.train import loop
from composer.train.examples import Example, note_example, withhold, withhold_plan
from composer.train.song import load_songs, split_of
from composer.train.songs import track_has_notes

STAGES = ("melody", "accompaniment")
CONFIG = DecoderConfig(
    attributes=tuple(note_tokens.ATTRIBUTES.values()),
    conditions=tuple(note_tokens.CONDITIONS.values()),
    memory=tuple(note_tokens.MEMORY.values()),
    width=256, layers=5, heads=4, encoder_layers=1, cross_every=2,
)  # fmt: skip
CONFIGS = {"melody": replace(CONFIG, layers=4, dropout=0.2), "accompaniment": CONFIG}


def examples(songs: Path, stage: str) -> dict[str, list[Example]]:
    """Whole songs of every split, for a stage: those that have its track."""
    found: dict[str, list[Example]] = {"training": [], "tuning": [], "held-out": []}
    for song in load_songs(songs):
        if not track_has_notes(song, STAGES.index(stage)):
            continue
        found[split_of(song.number)].append(note_example(song, STAGES.index(stage)))
    return found


def prepare(example: Example, rng: np.random.Generator) -> Example:
    """An example with conditions withheld at random."""
    conditions = withhold(example.conditions, list(note_tokens.CONDITIONS), rng)
    return replace(example, conditions=withhold_plan(conditions, rng))


def main(stage: str) -> None:
    """Command line of a note stage."""
    parser = argparse.ArgumentParser(description=f"Train the {stage} stage.")
    loop.add_arguments(
        parser, minutes=60, batch=4 if stage == "melody" else 2, steps=512 if stage == "melody" else 1024
    )
    args = parser.parse_args()
    data = examples(args.songs, stage)
    config = loop.tiny(CONFIGS[stage]) if args.tiny else CONFIGS[stage]
    loop.train(config, loop.plan_from(args), args.run, data["training"], data["tuning"], prepare)

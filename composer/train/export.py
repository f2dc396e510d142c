"""Make the checkpoints that ship: ``python -m composer.train.export runs/open.npz --runs runs/open --name open``.

Takes the EMA weights of the three run folders and the draws that `composer.train.tune` found for them, measures their
held-out loss, lets them write whole pieces together, compares these with the held-out songs and with what was asked
(`composer.train.measure`), and writes safetensors with model cards.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from composer.habits import (
    HABITS,
    LEAST_DEVIATION,
    accompaniment_habits,
    harmony_habits,
    melody_habits,
)
from composer.models.checkpoint import Habits, save_checkpoint
from composer.models.decoder import Decoder
from composer.train import chords as train_chords
from composer.train import loop
from composer.train import notes as train_notes
from composer.train.examples import Example
from composer.train.measure import CONTROL_PIECES, TABLE_PIECES, controls, table
from composer.train.pictures import paint_palettes
from composer.train.pieces import STAGES, Network, piece_of
from composer.train.song import songs_to_compare
from composer.train.songs import plan_of
from composer.train.tune import read_draws

SPLIT = "works whose number ends in 0 are held out, those in 5 are for tuning, the rest is for training"


def held_out(stage: str, songs: Path, seed: int) -> list[Example]:
    """The held-out examples of a stage, as its training prepares them but with every condition given."""
    if stage != "chords":
        return train_notes.examples(songs, stage)["held-out"]
    rng = np.random.default_rng(seed)
    palettes = paint_palettes(1000, rng)
    return [
        train_chords.with_picture(part, rng, palettes) for part in train_chords.examples(songs)["held-out"]
    ]


def describe_data(sources: Sequence[Path]) -> dict:
    """What `composer.train.data` and `composer.train.pairs` say of their songs: collections, licences, counts."""
    kept = ("title", "licence", "source", "sha256", "works", "songs", "notes")
    told = [json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) for path in sources]
    collections = [{k: c[k] for k in kept if k in c} for each in told for c in each["collections"]]
    return {"collections": collections, "split": SPLIT}


def make_card(stage: str, data: dict, plan: loop.Plan, progress: loop.Progress, nats: list[float]) -> dict:
    """The model card of a stage, without what `save_checkpoint` adds."""
    names = train_chords.tokens.ATTRIBUTES if stage == "chords" else train_notes.note_tokens.ATTRIBUTES
    return {
        "stage": stage,
        "data": data,
        "licence": "Apache-2.0",
        "training": {
            "processor minutes": round(progress.seconds / 60),
            "steps": progress.step,
            "tokens": progress.tokens,
            "seed": plan.seed,
            "rate": plan.rate,
            "batch": plan.batch,
            "crop": plan.steps,
            "start": plan.start_from or "random weights",
            "weights": f"EMA {loop.EMA_DECAY}, stored as float16",
        },
        "held-out nats": {name: round(value, 4) for name, value in zip(names, nats, strict=True)},
    }


def habits_of(stage: str, songs: Path) -> Habits:
    """The habits of the tuning songs, by which `composer.habits` chooses among candidates."""
    rows = []
    for song in songs_to_compare(songs, "tuning"):
        piece = piece_of(song)
        if stage == "chords":
            rows.append(harmony_habits(piece.frame, piece.chords))
        elif stage == "melody":
            rows.append(melody_habits(piece.frame, piece.chords, piece.melody))
        else:
            rows.append(
                accompaniment_habits(piece.frame, piece.chords, plan_of(song, 1), piece.accompaniment)
            )
    least = np.array([LEAST_DEVIATION.get(name, 1e-3) for name in HABITS[stage]])
    mean, deviation = np.mean(rows, 0), np.maximum(np.std(rows, 0), least)
    return tuple(mean.round(4).tolist()), tuple(deviation.round(4).tolist())


def nats_of(stage: str, decoder: Decoder, songs: Path, plan: loop.Plan, seed: int) -> list[float]:
    """Held-out nats of every attribute of a stage."""
    measuring = replace(plan, device="cpu", steps=1024)
    return loop.evaluate(decoder, held_out(stage, songs, seed), measuring)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("songs", type=Path)
    parser.add_argument("--runs", type=Path, required=True, help="holds chords/, melody/, accompaniment/")
    parser.add_argument("--name", required=True, help="of the set: open or pop909")
    parser.add_argument("-o", "--output", type=Path, default=Path("composer/checkpoints"))
    parser.add_argument("--pieces", type=int, default=TABLE_PIECES, help="to compare with real songs")
    parser.add_argument("--requests", type=int, default=CONTROL_PIECES, help="pieces on random requests")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    draws = read_draws(args.runs)
    trained = {stage: loop.load_average(args.runs / stage) for stage in STAGES}
    habits = {stage: habits_of(stage, args.songs) for stage in STAGES}
    networks = {
        stage: Network(decoder, draws[stage], habits[stage]) for stage, (decoder, _) in trained.items()
    }
    written = {
        "pieces against the held-out songs": table(networks, args.songs, args.pieces, args.seed),
        "controls": controls(networks, args.requests, args.seed),
    }
    for stage, (decoder, progress) in trained.items():
        plan = loop.Plan(**loop.read_run(args.runs / stage)["plan"])
        sources = [args.songs, *([Path(plan.pairs)] if plan.pairs else [])]
        card = make_card(
            stage,
            describe_data(sources),
            plan,
            progress,
            nats_of(stage, decoder, args.songs, plan, args.seed),
        )
        card |= written
        weights = args.output / f"{stage}-{args.name}.safetensors"
        save_checkpoint(decoder, draws[stage], weights, card, habits[stage])
        print(stage, json.dumps(card["held-out nats"]))
    print(json.dumps(written, indent=1))


if __name__ == "__main__":
    main()

"""Make the checkpoints that ship: ``python -m composer.train.export runs/pop909.npz -o composer/checkpoints``.

Takes the EMA weights of the three run folders, measures their held-out loss, lets them write whole pieces together and
compares these with the held-out songs by V-MusProd's five statistics, and writes safetensors with model cards.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from composer import accompaniment, chords, melody
from composer.harmony_stage import unbound, write_harmony
from composer.metrics import symbolic
from composer.models.checkpoint import save_checkpoint
from composer.models.decoder import Decoder
from composer.note_stage import Request, write_notes
from composer.tokens import grid
from composer.tokens.frame import Frame
from composer.tokens.notes import GridNotes
from composer.tokens.picture import COLOR_WIDTH, SEMANTIC_WIDTH, Picture
from composer.tokens.vocabulary import CHORD_NONE, chord_of
from composer.train import chords as train_chords
from composer.train import loop
from composer.train import notes as train_notes
from composer.train.song import Song, load_songs, split_of
from composer.train.examples import Example
from composer.train.pictures import paint_palettes
from composer.train.songs import frame_of, track

STATISTICS = ("SC", "PE", "PCE", "EBR", "IOI")
WEIGHTS = {
    "chords": chords.CHECKPOINT,
    "melody": melody.CHECKPOINT,
    "accompaniment": accompaniment.CHECKPOINT,
}
DATA = {
    "name": "POP909",
    "licence": "MIT",
    "source": "music-x-lab/POP909-Dataset (Wang et al., ISMIR 2020)",
    "split": "songs whose number ends in 0 are held out, those in 5 are for tuning, the rest is for training",
}


@dataclass(frozen=True)
class Piece:
    """A whole piece on the grid: frame, chord ids (beats,), melody and accompaniment."""

    frame: Frame
    chords: np.ndarray
    melody: GridNotes
    accompaniment: GridNotes


def piece_of(song: Song) -> Piece:
    """A real song."""
    return Piece(frame_of(song), song.chords.astype(np.int64), track(song, 0), track(song, 1))


def write_piece(stages: dict[str, Decoder], frame: Frame, seed: int) -> Piece:
    """A piece by the three stages on a given frame, plans and chords generated too, no picture, nothing bound."""
    generator = torch.Generator().manual_seed(seed)
    bars = len(frame.bar_beats)
    no_picture = Picture(
        np.zeros((bars, COLOR_WIDTH), np.float32), np.zeros((bars, SEMANTIC_WIDTH), np.float32)
    )
    harmony = write_harmony(stages["chords"], frame, no_picture, lambda bar, rested: unbound(), generator)
    plan = melody.melody_plan(harmony.plan.melody_notes)
    request = Request(frame, harmony.chords, plan, None, {})
    tune = write_notes(stages["melody"], request, melody.SAMPLING, generator)
    request = Request(frame, harmony.chords, harmony.plan, tune, {})
    return Piece(
        frame,
        harmony.chords,
        tune,
        write_notes(stages["accompaniment"], request, accompaniment.SAMPLING, generator),
    )


def statistics(piece: Piece) -> np.ndarray:
    """SC, PE, PCE, EBR, IOI of a piece, melody and accompaniment merged: (5,)."""
    parts = (piece.melody, piece.accompaniment)
    beat, sub, pitch, duration = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("beat", "sub", "pitch", "duration")
    )
    onset = beat + np.array(grid.SUB_TICKS)[sub] / grid.TICKS_PER_BEAT
    end = onset + np.array(grid.DURATION_TICKS)[duration] / grid.TICKS_PER_BEAT
    beats = len(piece.frame.bar_of_beat)
    beat_s = np.append(0.0, np.cumsum(60.0 / piece.frame.bpm[piece.frame.bar_of_beat]))
    onset_s = np.interp(onset, np.arange(beats + 1), beat_s)
    return np.array(
        [
            symbolic.scale_consistency(pitch), symbolic.pitch_entropy(pitch), symbolic.pitch_class_entropy(pitch),
            symbolic.empty_beat_rate(onset, end, beats), symbolic.mean_inter_onset_interval(onset_s),
        ]
    )  # fmt: skip


def chord_tone_share(piece: Piece) -> float:
    """Share of accompaniment notes whose pitch class is in the chord of their beat."""
    hits = total = 0
    for beat, pitch in zip(piece.accompaniment.beat, piece.accompaniment.pitch, strict=True):
        index = int(piece.chords[beat])
        if index != CHORD_NONE:
            chord = chord_of(index)
            hits += chord is not None and int(pitch) % 12 in chord.pitch_classes
            total += 1
    return hits / max(total, 1)


def held_out(stage: str, songs: Path, seed: int) -> list[Example]:
    """The held-out examples of a stage, as its training prepares them but with every condition given."""
    if stage != "chords":
        return train_notes.examples(songs, stage)["held-out"]
    rng = np.random.default_rng(seed)
    palettes = paint_palettes(1000, rng)
    return [
        train_chords.with_picture(part, rng, palettes) for part in train_chords.examples(songs)["held-out"]
    ]


def write_pieces(stages: dict[str, Decoder], frames: list[Frame], seed: int) -> list[Piece]:
    """A piece on each frame, the processor's cores side by side; piece i has the seed ``seed + i``."""
    seeds = range(seed, seed + len(frames))
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return list(pool.map(write_piece, repeat(stages), frames, seeds))


def compare(pieces: list[Piece], songs: list[Piece]) -> dict:
    """The five statistics and the share of chord tones of generated pieces, beside those of real songs."""
    made, real = (np.array([statistics(piece) for piece in group]) for group in (pieces, songs))
    spread = np.maximum(real.std(0), 1e-9)
    table = {
        name: {
            "generated": round(float(made[:, i].mean()), 4),
            "held-out songs": round(float(real[:, i].mean()), 4),
            "deviation between songs": round(float(spread[i]), 4),
            "distance in deviations": round(float((made[:, i].mean() - real[:, i].mean()) / spread[i]), 2),
        }
        for i, name in enumerate(STATISTICS)
    }
    tones = {
        name: round(float(np.mean([chord_tone_share(piece) for piece in group])), 4)
        for name, group in (("generated", pieces), ("held-out songs", songs))
    }
    return {
        "count": len(pieces),
        "frames": "bars, tempi and moods of tuning songs; all else generated; no picture",
        "statistics": table,
        "accompaniment notes on chord tones": tones,
    }


def make_card(stage: str, plan: loop.Plan, progress: loop.Progress, nats: list[float], pieces: dict) -> dict:
    """The model card of a stage, without what `save_checkpoint` adds."""
    names = train_chords.tokens.ATTRIBUTES if stage == "chords" else train_notes.note_tokens.ATTRIBUTES
    return {
        "stage": stage,
        "data": DATA,
        "licence": "Apache-2.0",
        "training": {
            "processor minutes": round(progress.seconds / 60),
            "steps": progress.step,
            "tokens": progress.tokens,
            "seed": plan.seed,
            "rate": plan.rate,
            "batch": plan.batch,
            "crop": plan.steps,
            "weights": f"EMA {loop.EMA_DECAY}, stored as float16",
        },
        "held-out nats": {name: round(value, 4) for name, value in zip(names, nats, strict=True)},
        "pieces": pieces,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("songs", type=Path)
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="holds chords/, melody/ and accompaniment/"
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--pieces", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    trained = {stage: loop.load_average(args.runs / stage) for stage in WEIGHTS}
    songs: dict[str, list[Song]] = {"training": [], "tuning": [], "held-out": []}
    for song in load_songs(args.songs):
        songs[split_of(song.number)].append(song)

    stages = {stage: decoder for stage, (decoder, _) in trained.items()}
    frames = [frame_of(songs["tuning"][i % len(songs["tuning"])]) for i in range(args.pieces)]
    pieces = compare(write_pieces(stages, frames, args.seed), [piece_of(song) for song in songs["held-out"]])
    for stage, (decoder, progress) in trained.items():
        plan = loop.Plan(**loop.read_run(args.runs / stage)["plan"])
        measuring = replace(plan, device="cpu", steps=2048)
        nats = loop.evaluate(decoder, held_out(stage, args.songs, args.seed), measuring)
        card = make_card(stage, plan, progress, nats, pieces)
        save_checkpoint(decoder, args.output / WEIGHTS[stage].name, card)
        print(stage, json.dumps(card["held-out nats"]))
    for name, row in pieces["statistics"].items():
        print(f"{name:4}", json.dumps(row))
    print("chord tones", json.dumps(pieces["accompaniment notes on chord tones"]))


if __name__ == "__main__":
    main()

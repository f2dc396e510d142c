"""Sound to learn from: ``python -m render.train.data MIDI_FOLDER -o DATA --hours 20``.

A take is some minutes of one ensemble in one room: excerpts of many pieces, transposed, stretched, their velocities and
expression drawn anew, played by FluidSynth on a named style's instruments. What is kept of it is its mel, its own
melody, chroma and dynamics, and chroma, onsets and roll of the MIDI. Files are called ``<corpus>-<number>.mid``:
numbers that end in 0 are held out, in 5 for tuning, the rest is for training; no piece is in two splits. A take that is
there already is not made again, so an interrupted run goes on. Every take holds its recipe (`play` sounds it again).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from render.audio import Audio
from render.controls import controls_of_audio, controls_of_performance, energy_of, level_gap_db
from render.errors import BadInput
from render.events import Performance, read_performance
from render.files import replacing
from render.mel import SPEC, mel_of
from render.models.codec import PATCH
from render.mood import MoodCurve
from render.soundfont import sha256_of
from render.styles import STYLES, restyle
from render.synth import MIX, Room, synthesize
from render.train.excerpts import (
    excerpt,
    joined,
    random_swell,
    shaped,
    stretched,
    transposed,
    without_drums,
)

SPLITS = ("training", "tuning", "held-out")
TAKE_S = {"training": 300.0, "tuning": 150.0, "held-out": 150.0}
HELD_OUT_TAKES_PER_STYLE, TUNING_TAKES_PER_STYLE = 2, 1
SHORTEST_EXCERPT_S, LONGEST_EXCERPT_S, GAP_S = 12.0, 30.0, 1.0
OWN_SHARE = 0.4  # of excerpts written for the style itself, where there are any
CORPUS_WEIGHTS = {"pop909": 3.0, "composed": 3.0, "lieder": 2.0, "quartets": 1.0, "orchestra": 1.5}
SAMPLE_RATE = 32_000
_NAME = re.compile(r"(?P<corpus>[a-z0-9]+)-(?P<rest>.*?)(?P<number>\d+)\.mid$")


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a piece as it was played. ``pace`` stretches its times, ``scale`` its velocities."""

    piece: str
    start_s: float
    length_s: float
    pace: float
    semitones: int
    scale: float
    spread: float


@dataclass(frozen=True)
class Recipe:
    """How a take was made."""

    split: str
    number: int
    seed: int
    style: str
    font: str
    variant: int
    room: Room
    excerpts: tuple[Excerpt, ...]
    calibration_db: float = 0.0

    @property
    def name(self) -> str:
        """The take's name, and its file's."""
        return f"{self.split}-{self.number:04d}"

    @property
    def line_up(self) -> str:
        """Style, SoundFont and variant: what sounds alike but for the room."""
        return f"{self.style}/{self.font}/{self.variant}"


@dataclass(frozen=True)
class Piece:
    """A MIDI file: ``corpus``, the palette it was ``written_for`` if any, and its split."""

    path: Path
    corpus: str
    written_for: str
    split: str


def list_pieces(folder: Path) -> list[Piece]:
    """The pieces of a folder by name. Raises BadInput when there are none of a split."""
    pieces = []
    for path in sorted(folder.glob("*.mid")):
        if found := _NAME.match(path.name):
            split = {"0": "held-out", "5": "tuning"}.get(found["number"][-1], "training")
            pieces.append(Piece(path, found["corpus"], found["rest"].strip("-"), split))
    for split in SPLITS:
        if not any(piece.split == split for piece in pieces):
            raise BadInput(f"{folder}: holds no {split} pieces; make them with composer.train.scores")
    return pieces


def draw(
    split: str, number: int, seed: int, fonts: Sequence[str], pieces: list[Piece], durations: dict[str, float]
) -> Recipe:
    """The recipe of a take; styles, SoundFonts and variants take turns, everything else is drawn."""
    rng = np.random.default_rng([seed, SPLITS.index(split), number])
    turn, style_index = divmod(number, len(STYLES))
    style = list(STYLES.values())[style_index]
    font, variant = fonts[turn % len(fonts)], turn // len(fonts) % style.variants
    room = Room(
        size=float(rng.uniform(0.2, 0.9)),
        damping=float(rng.uniform(0.1, 0.7)),
        level=float(rng.uniform(0.3, 0.9)),
        reverb_send=int(rng.integers(10, 100)),
    )
    own = [piece for piece in pieces if piece.split == split and piece.written_for == style.name]
    rest = [piece for piece in pieces if piece.split == split and durations[piece.path.name] > 1]
    counts = {corpus: sum(piece.corpus == corpus for piece in rest) for corpus in {p.corpus for p in rest}}
    weights = np.array([CORPUS_WEIGHTS.get(piece.corpus, 1.0) / counts[piece.corpus] for piece in rest])
    excerpts, total_s = [], 0.0
    while total_s < TAKE_S[split]:
        if own and rng.random() < OWN_SHARE:
            piece = own[rng.integers(len(own))]
        else:
            piece = rest[rng.choice(len(rest), p=weights / weights.sum())]
        length_s = min(float(rng.uniform(SHORTEST_EXCERPT_S, LONGEST_EXCERPT_S)), durations[piece.path.name])
        start_s = float(rng.uniform(0, max(durations[piece.path.name] - length_s, 1e-3)))
        pace = float(rng.uniform(0.8, 1.25))
        semitones, scale = int(rng.integers(-5, 7)), float(rng.uniform(0.6, 1.25))
        excerpts.append(
            Excerpt(piece.path.name, start_s, length_s, pace, semitones, scale, float(rng.uniform(0, 0.12)))
        )
        total_s += length_s * pace + GAP_S
    return Recipe(split, number, seed, style.name, font, variant, room, tuple(excerpts))


def performance_of(recipe: Recipe, folder: Path) -> tuple[Performance, np.ndarray]:
    """What the recipe plays, on its style's instruments, and its mood (3, patches) float32."""
    style = STYLES[recipe.style]
    rng = np.random.default_rng([recipe.seed, SPLITS.index(recipe.split), recipe.number, 1])
    played, moods, begin_s = [], [], 0.0
    patch_hz = SPEC.frame_hz / PATCH
    for part in recipe.excerpts:
        piece = read_performance(folder / part.piece)
        if style.kit is None:
            piece = without_drums(piece)
        cut = excerpt(piece, part.start_s, part.length_s)
        cut = stretched(transposed(cut, part.semitones), part.pace)
        swell = random_swell(cut.end_s, rng)
        cut = shaped(cut, part.scale, part.spread, swell, rng)
        played.append(restyle(cut, style, recipe.variant))
        mood = MoodCurve.of(piece).channels(int(piece.end_s * patch_hz) + 1, patch_hz)
        end_s = begin_s + cut.end_s + GAP_S
        at_s = np.arange(np.ceil(begin_s * patch_hz), np.ceil(end_s * patch_hz)) / patch_hz - begin_s
        source = np.minimum((part.start_s + at_s / part.pace) * patch_hz, mood.shape[1] - 1)
        moods.append(mood[:, source.astype(int)])
        begin_s = end_s
    return joined(played, GAP_S), np.concatenate(moods, axis=1)


def play(
    recipe: Recipe, folder: Path, font: Path, sample_rate: int = SAMPLE_RATE
) -> tuple[Audio, Performance, np.ndarray]:
    """The recipe's sound, uncalibrated, and what was played with its mood, as `performance_of`."""
    performance, mood = performance_of(recipe, folder)
    audio = synthesize(performance, font, room=recipe.room, sample_rate=sample_rate).audio[MIX]
    return audio, performance, mood


def make_take(recipe: Recipe, folder: Path, font: Path, out: Path) -> float:
    """Play, measure and write one take; returns its length in seconds."""
    audio, performance, mood = play(recipe, folder, font)
    energy = energy_of(audio)
    written = controls_of_performance(performance, len(energy))
    gain_db = level_gap_db(energy, written.dynamics_db)
    audio = Audio(audio.samples * np.float32(10 ** (gain_db / 20)), audio.sample_rate)
    mel, heard = mel_of(audio), controls_of_audio(audio)
    patches = mel.frames // PATCH
    mood = np.pad(mood, ((0, 0), (0, max(0, patches - mood.shape[1]))))[:, :patches]
    with replacing(out / f"{recipe.name}.npz") as partial, partial.open("wb") as file:
        np.savez(
            file,
            mel=mel.log.astype(np.float16),
            melody=heard.melody,
            chroma=_bytes(heard.chroma),
            dynamics_db=heard.dynamics_db.astype(np.float16),
            written_melody=written.melody,
            written_chroma=_bytes(written.chroma),
            written_dynamics_db=written.dynamics_db.astype(np.float16),
            onsets=_bytes(written.onsets),
            roll=_bytes(written.roll),
            mood=mood.astype(np.float16),
            recipe=json.dumps(asdict(replace(recipe, calibration_db=gain_db))),
        )
    return audio.duration_s


def take_files(folder: Path, split: str) -> list[Path]:
    """The files of a split's takes, by number. Raises BadInput where there are none."""
    if paths := sorted(folder.glob(f"{split}-*.npz")):
        return paths
    raise BadInput(f"{folder}: holds no {split} takes; make them with render.train.data")


def recipe_in(take: np.lib.npyio.NpzFile) -> Recipe:
    """The recipe that the opened file of a take holds."""
    values = json.loads(str(take["recipe"]))
    values["room"] = Room(**values["room"])
    values["excerpts"] = tuple(Excerpt(**part) for part in values["excerpts"])
    return Recipe(**values)


def _bytes(shares: np.ndarray) -> np.ndarray:
    """0-1 as uint8 0-255."""
    return np.round(shares * 255).astype(np.uint8)


def _duration_s(path: Path) -> float:
    """Length of a piece, 0 where it cannot be used."""
    try:
        return read_performance(path).end_s
    except BadInput:
        return 0.0


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="render.train.data", description=__doc__.splitlines()[0])
    parser.add_argument("pieces", type=Path, help="folder of MIDI files, from composer.train.scores")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=20.0, help="of training takes")
    parser.add_argument("--font", type=Path, action="append", required=True, help="a SoundFont; give several")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    pieces = list_pieces(args.pieces)
    fonts = {font.stem: font for font in args.font}
    (args.out / "fonts.json").write_text(json.dumps({n: sha256_of(p) for n, p in fonts.items()}, indent=1))
    counts = {
        "held-out": HELD_OUT_TAKES_PER_STYLE * len(STYLES),
        "tuning": TUNING_TAKES_PER_STYLE * len(STYLES),
        "training": round(args.hours * 3600 / TAKE_S["training"]),
    }
    started = time.monotonic()
    with ProcessPoolExecutor(args.workers) as pool:
        paths = [piece.path for piece in pieces]
        lengths = pool.map(_duration_s, paths, chunksize=32)
        durations = {path.name: length for path, length in zip(paths, lengths, strict=True)}
        recipes = [
            draw(split, number, args.seed, sorted(fonts), pieces, durations)
            for split, count in counts.items()
            for number in range(count)
        ]
        waiting = [recipe for recipe in recipes if not (args.out / f"{recipe.name}.npz").exists()]
        jobs = [
            pool.submit(make_take, recipe, args.pieces, fonts[recipe.font], args.out) for recipe in waiting
        ]
        made_s = 0.0
        for done, job in enumerate(jobs, start=1):
            made_s += job.result()
            spent_s = time.monotonic() - started
            left_s = spent_s / done * (len(jobs) - done)
            print(
                f"\r{done}/{len(jobs)} takes, {made_s / 3600:.2f} h of sound, {left_s / 60:.0f} min left",
                end="",
                file=sys.stderr,
            )
    print(file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

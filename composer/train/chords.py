"""Train the chord stage: ``python -m composer.train.chords runs/pop909.npz -o runs/chords``.

A song whose file holds its picture (`composer.train.pairs`) is learnt with it; for every other song a picture is drawn
that agrees with its mood (`composer.train.pictures`). ``--pairs FILE`` adds songs of the first kind.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from pathlib import Path

import numpy as np

from composer.errors import BadInput
from composer.models.decoder import DecoderConfig
from composer.tokens import harmony as tokens
from composer.tokens.frame import BARS_LEFT, mood_middle
from composer.tokens.picture import COLOR_WIDTH, SEMANTIC_WIDTH, Picture
from composer.train import loop
from composer.train.examples import Example, withhold
from composer.train.pairs import load_pictures
from composer.train.pictures import Palettes, draw_picture, paint_palettes, withheld
from composer.train.song import Song, load_songs, split_of
from composer.train.songs import frame_of, plan_of

CONFIG = DecoderConfig(
    attributes=tuple(tokens.ATTRIBUTES.values()), conditions=tuple(tokens.CONDITIONS.values()),
    features=(COLOR_WIDTH, SEMANTIC_WIDTH), width=192, layers=4, heads=3, encoder_layers=1, window=2, dropout=0.2,
)  # fmt: skip
PALETTES = 4000
NO_MEMORY = np.zeros((0, 0), np.int64)


def example(song: Song, picture: Picture | None = None) -> Example:
    """A whole song with its picture; without one `prepare` draws one anew each time."""
    frame = frame_of(song)
    beat, _ = tokens.layout(frame)
    plan = plan_of(song, 1)
    if not plan.notes.any():  # a lead sheet: its accompaniment is unknown, not empty
        plan = replace(plan, notes=np.full_like(plan.notes, -1))
    bars = np.arange(len(song.bar_beats))
    return Example(
        tokens.encode(frame, plan, song.chords.astype(np.int64)), tokens.conditions(frame),
        frame.bar_of_beat[beat], NO_MEMORY, np.zeros(0, np.int64),
        (picture.color, picture.semantic) if picture else (), (bars, bars) if picture else (),
    )  # fmt: skip


def examples(songs: Path) -> dict[str, list[Example]]:
    """Whole songs of every split."""
    found: dict[str, list[Example]] = {"training": [], "tuning": [], "held-out": []}
    for song, picture in zip(load_songs(songs), load_pictures(songs), strict=True):
        found[split_of(song.number)].append(example(song, picture))
    return found


def with_pairs(data: dict[str, list[Example]], pairs: Path) -> dict[str, list[Example]]:
    """Examples and those of a file of pairs, by turns, so that the first ones for tuning are of both kinds. Raises
    BadInput where the file holds no pictures."""
    if None in load_pictures(pairs):
        raise BadInput(f"{pairs}: holds no pictures; make it with composer.train.pairs")
    real = examples(pairs)
    return {
        split: [part for both in zip_longest(real[split], data[split]) for part in both if part]
        for split in data
    }


def prepare(part: Example, rng: np.random.Generator, palettes: Palettes) -> Example:
    """A crop with conditions withheld at random and its picture."""
    part = with_picture(part, rng, palettes)
    names = list(tokens.CONDITIONS)
    conditions = withhold(part.conditions, names, rng)
    if rng.random() < 0.3:  # the crop becomes a whole cue, short as cues are
        left = part.bars[-1] - part.bars
        conditions[:, names.index("bars_left")] = np.searchsorted(BARS_LEFT, left, side="right")
        conditions[:, names.index("progress")] = 0
    if rng.random() < 0.15:  # the picture alone must tell the mood
        conditions[:, [names.index("valence"), names.index("arousal")]] = 0
    return replace(part, conditions=conditions)


def with_picture(part: Example, rng: np.random.Generator, palettes: Palettes) -> Example:
    """A song or crop with its own picture, or else with one drawn for its mood; now and then without a part of it."""
    if part.features:
        real = withheld(Picture(*part.features), rng)
        return replace(part, features=(real.color, real.semantic))
    names = list(tokens.CONDITIONS)
    first_of_bar = np.flatnonzero(np.append(True, np.diff(part.bars) > 0))
    valence, arousal = (
        mood_middle(part.conditions[first_of_bar, names.index(name)] - 1) for name in ("valence", "arousal")
    )
    picture = draw_picture(valence, arousal, palettes, rng)
    bars = part.bars[first_of_bar]
    return replace(part, features=(picture.color, picture.semantic), feature_bars=(bars, bars))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    loop.add_arguments(parser, minutes=30, batch=4, steps=512)
    parser.add_argument("--pairs", type=Path, metavar="FILE", help="learn from these real pairs as well")
    args = parser.parse_args()
    data = with_pairs(examples(args.songs), args.pairs) if args.pairs else examples(args.songs)
    plan = replace(loop.plan_from(args), pairs=str(args.pairs or ""))
    rng = np.random.default_rng(args.seed)
    palettes = paint_palettes(PALETTES // 40 if args.tiny else PALETTES, rng)
    tuning = [with_picture(part, rng, palettes) for part in data["tuning"]]
    config = loop.tiny(CONFIG) if args.tiny else CONFIG
    loop.train(config, plan, args.run, data["training"], tuning, partial(prepare, palettes=palettes))


if __name__ == "__main__":
    main()

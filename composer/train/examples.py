"""Songs to training examples: crops of token streams with their conditions, dropped at random, and memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from composer.models.decoder import IGNORED, Memory
from composer.tokens import notes as note_tokens
from composer.tokens.frame import CHORD_CONDITIONS, FRAME_CONDITIONS, GUIDED
from composer.train.song import Song
from composer.train.songs import frame_of, plan_of, track

START_SHARE = 0.3  # of the crops begin at the song's first bar
PLAN_COLUMNS = range(len(FRAME_CONDITIONS) + len(CHORD_CONDITIONS), len(note_tokens.CONDITIONS))
COUNTDOWN = len(note_tokens.CONDITIONS) - 1
WITHHELD = ("bars_left", "progress", "tempo", "mode", "valence", "arousal", "style", "phrase_left", "cadence")
WITHHELD_SHARE = 0.15  # of the crops do without each of these
UNGUIDED_SHARE = 0.1  # ... and without all that guidance may strengthen


@dataclass(frozen=True)
class Example:
    """One sequence: ``targets`` (t, attributes; -1 absent), ``conditions`` (t, columns), ``bars`` (t,), and the
    memory's ids (s, attributes) or features (modality -> (s, width)), with bars."""

    targets: np.ndarray
    conditions: np.ndarray
    bars: np.ndarray
    memory: np.ndarray
    memory_bars: np.ndarray
    features: tuple[np.ndarray, ...] = ()
    feature_bars: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class Batch:
    """Padded examples as tensors, ready for `Decoder.hidden`."""

    previous: torch.Tensor
    conditions: torch.Tensor
    bars: torch.Tensor
    memory: Memory
    targets: torch.Tensor  # (batch * steps, attributes)


def note_example(song: Song, index: int) -> Example:
    """A whole song for the melody (``index`` 0) or accompaniment (1) stage."""
    frame = frame_of(song)
    chords = song.chords.astype(np.int64)
    steps = note_tokens.encode(track(song, index), len(chords))
    beat, left = note_tokens.countdowns(steps, frame.bar_of_beat)
    conditions = note_tokens.conditions(frame, chords, plan_of(song, index))[beat]
    memory, memory_bars = note_tokens.memory(frame, chords, track(song, 0) if index else None)
    return Example(
        steps,
        np.concatenate([conditions, left[:, None] + 1], 1),
        frame.bar_of_beat[beat],
        memory,
        memory_bars,
    )


def crop(example: Example, steps: int, window: int, rng: np.random.Generator) -> Example:
    """At most ``steps`` steps from a bar's beginning, with the memory that they may see."""
    starts = np.flatnonzero(np.append(True, np.diff(example.bars) > 0))
    starts = starts[starts <= max(len(example.bars) - steps // 2, 0)]
    first = 0 if rng.random() < START_SHARE else int(rng.choice(starts))
    part = slice(first, first + steps)
    low, high = example.bars[part][0] - window - 1, example.bars[part][-1] + window + 1
    near = (example.memory_bars >= low) & (example.memory_bars <= high)
    feature_near = [(bars >= low) & (bars <= high) for bars in example.feature_bars]
    return Example(
        example.targets[part], example.conditions[part], example.bars[part],
        example.memory[near], example.memory_bars[near],
        tuple(f[n] for f, n in zip(example.features, feature_near, strict=True)),
        tuple(b[n] for b, n in zip(example.feature_bars, feature_near, strict=True)),
    )  # fmt: skip


def withhold(conditions: np.ndarray, names: list[str], rng: np.random.Generator) -> np.ndarray:
    """Withhold each of `WITHHELD` at random, and all of `GUIDED` together now and then, so that each may be left
    unset and guidance works: (steps, columns) with columns ``names``."""
    conditions = conditions.copy()
    dropped = {name for name in WITHHELD if rng.random() < WITHHELD_SHARE}
    if rng.random() < UNGUIDED_SHARE:
        dropped |= set(GUIDED)
    conditions[:, [i for i, name in enumerate(names) if name in dropped]] = 0
    return conditions


def withhold_plan(conditions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As `withhold`, for the plan of a note stage."""
    conditions = conditions.copy()
    for column in PLAN_COLUMNS:
        if rng.random() < (0.25 if column == COUNTDOWN else WITHHELD_SHARE):
            conditions[:, column] = 0
    return conditions


def collate(examples: list[Example]) -> Batch:
    """Pad to one length; the previous token of a step is the target before it."""
    steps = max(len(e.targets) for e in examples)

    def pad(arrays: list[np.ndarray], length: int, value: int = 0) -> torch.Tensor:
        out = np.full((len(arrays), length, *arrays[0].shape[1:]), value, arrays[0].dtype)
        for row, array in zip(out, arrays, strict=True):
            row[: len(array)] = array
        return torch.from_numpy(out)

    targets = pad([e.targets for e in examples], steps, IGNORED)
    previous = torch.zeros_like(targets)
    previous[:, 1:] = targets[:, :-1] + 1
    memory_length = max(len(e.memory) for e in examples)
    tokens = bars = None
    if memory_length:
        tokens = pad([e.memory for e in examples], memory_length)
        bars = pad([e.memory_bars for e in examples], memory_length, -1)
    modalities = range(len(examples[0].features))
    memory = Memory(
        tokens,
        bars,
        tuple(
            pad([e.features[m] for e in examples], max(len(e.features[m]) for e in examples))
            for m in modalities
        ),
        tuple(
            pad([e.feature_bars[m] for e in examples], max(len(e.features[m]) for e in examples), -1)
            for m in modalities
        ),
    )
    return Batch(
        previous,
        pad([e.conditions for e in examples], steps),
        pad([e.bars for e in examples], steps),
        memory,
        targets.flatten(0, 1),
    )

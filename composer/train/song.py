"""Songs as arrays on the grid, and files of many songs: what `composer.train.data` makes and the training reads.

A song is in C major or A minor, so the models learn one tonality and the composer transposes. Where a work modulates
for long, each part is a song of its own under the work's number. Works whose number ends in 0 are held out; those
ending in 5 are for tuning; the rest is for training.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

SHORTEST_COMPARED_BARS = 16


@dataclass(frozen=True)
class Song:
    """One song. A pulse is a quarter note, or a dotted quarter in compound metres (`composer.tokens.grid`).

    - ``notes`` (n, 6) int16, sorted by its columns: pulse, sub index, track (0 melody, 1 accompaniment), pitch,
      duration index, velocity level
    - ``chords`` (pulses,) int16 ids of `composer.tokens.vocabulary`
    - ``bar_beats`` (bars,) int16 pulses of each bar, 1-8; ``compound`` (bars,) int16 0 or 1
    - ``bpm`` (bars,) float32 pulses a minute
    - ``phrase_left`` (bars,) int16 bars to the end of the phrase, 0 in its last bar
    - ``cadence`` (bars,) int16, an index into `composer.tokens.frame.CADENCES`
    - ``meta`` (5,) int32: number of the work, 1 for minor, semitones it was moved by, index into
      `composer.tokens.frame.STYLES`, part of the work
    """

    notes: np.ndarray
    chords: np.ndarray
    bar_beats: np.ndarray
    compound: np.ndarray
    bpm: np.ndarray
    phrase_left: np.ndarray
    cadence: np.ndarray
    meta: np.ndarray

    @property
    def number(self) -> int:
        """The number of the work, which decides its split."""
        return int(self.meta[0])

    @property
    def minor(self) -> bool:
        """Whether the song was moved to A minor."""
        return bool(self.meta[1])

    @property
    def style(self) -> int:
        """Index into `composer.tokens.frame.STYLES`."""
        return int(self.meta[3])


def split_of(number: int) -> str:
    """ "held-out", "tuning" or "training" by the work's number."""
    return {0: "held-out", 5: "tuning"}.get(number % 10, "training")


def save_songs(songs: list[Song], path: Path) -> None:
    """All songs in one npz: every field concatenated, with its lengths."""
    arrays: dict[str, Any] = {}
    for field in fields(Song):
        values = [getattr(song, field.name) for song in songs]
        arrays[field.name] = np.concatenate(values)
        arrays[field.name + "_lengths"] = np.array([len(value) for value in values])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


def load_songs(path: Path) -> list[Song]:
    """The inverse of `save_songs`."""
    with np.load(path, allow_pickle=False) as file:
        columns = []
        for field in fields(Song):
            borders = np.cumsum(file[field.name + "_lengths"])[:-1]
            columns.append(np.split(file[field.name], borders))
    return [Song(*values) for values in zip(*columns, strict=True)]


def songs_to_compare(path: Path, split: str) -> list[Song]:
    """The songs of a split that have both melody and accompaniment and some length."""
    return [
        song
        for song in load_songs(path)
        if split_of(song.number) == split
        and len(song.bar_beats) >= SHORTEST_COMPARED_BARS
        and {0, 1} <= set(song.notes[:, 2].tolist())
    ]

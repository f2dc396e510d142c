"""Clips of sines, and takes and pieces on disk, for the tests of the measuring."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import mido
import numpy as np

from render import smf
from render.audio import Audio
from render.events import Part, Performance
from render.notes import notes_of
from render.synth import Room
from render.train.clips import Clip, calibrated
from render.train.data import Excerpt, Recipe

RATE, LENGTH_S, NOTE_S = 32_000, 5.2, 1.0
STYLE_HARMONICS = {"harp": (1.0,), "choir": (1.0, 0.6, 0.5, 0.4, 0.3)}


def played(style: str, pitches: tuple[int, ...], number: int = 0) -> Clip:
    """A clip of notes of one second, the later the louder."""
    rows = []
    for index, pitch in enumerate(pitches):
        rows += [
            (NOTE_S * index, smf.NOTE_ON, pitch, 60 + 10 * index),
            (NOTE_S * (index + 0.95), smf.NOTE_OFF, pitch, 0),
        ]
    table = np.array([(0.0, smf.PROGRAM, 48, 0), *rows])
    columns = table[:, 1:].astype(np.uint8)
    part = Part("Melody", 0, table[:, 0], columns[:, 0], columns[:, 1], columns[:, 2])
    recipe = Recipe("held-out", number, 0, style, "font", 0, Room(), ())
    performance = Performance((part,), (), LENGTH_S, ())
    return Clip(f"clip-{number}", recipe, performance, performance)


def tones(performance: Performance, style: str) -> Audio:
    """The clip as harmonics, at the level that its velocities ask for."""
    times_s = np.arange(round(LENGTH_S * RATE)) / RATE
    notes, total = notes_of(performance), np.zeros(len(times_s))
    for onset_s, end_s, pitch, velocity in zip(
        notes.onset_s, notes.end_s, notes.pitch, notes.velocity, strict=True
    ):
        inside = (times_s >= onset_s) & (times_s < end_s)
        for number, share in enumerate(STYLE_HARMONICS[style], start=1):
            wave = np.sin(2 * np.pi * number * 440 * 2 ** ((pitch - 69) / 12) * times_s)
            total += inside * share * (velocity / 127) ** 2 * wave
    audio = Audio(np.stack([total, total]).astype(np.float32) * np.float32(0.1), RATE)
    return calibrated(audio, performance)


def write_piece(path: Path) -> None:
    """A minute of a broken chord."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = file.add_track("Melody")
    for pitch in [60, 64, 67, 72] * 30:
        track += [
            mido.Message("note_on", note=pitch, velocity=90),
            mido.Message("note_off", note=pitch, time=240),
        ]
    file.save(path)


def take_with(
    path: Path,
    excerpts: tuple[Excerpt, ...],
    style: str,
    number: int,
    split: str = "held-out",
    font: str = "font",
) -> None:
    recipe = Recipe(split, number, 0, style, font, 0, Room(), excerpts)
    np.savez(
        path / f"{recipe.name}.npz", mel=np.zeros((128, 8), np.float16), recipe=json.dumps(asdict(recipe))
    )

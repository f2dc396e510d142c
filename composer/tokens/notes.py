"""Compound note tokens: one token a beat and one a note (place in the beat, pitch, duration, velocity).

A stream is read beat by beat: the notes of a beat in order of (sub-position, pitch), then a BEAT token that moves to
the next beat. A note token's kind is 1 + sub-position. `decode` is total: any ids give valid notes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.tokens import grid
from composer.tokens.frame import (
    CHORD_CONDITIONS,
    FRAME_CONDITIONS,
    MAX_BAR_BEATS,
    MAX_MELODY_NOTES,
    MAX_NOTES_A_BAR,
    REGISTER_STEP,
    Frame,
    chord_conditions,
)
from composer.tokens.vocabulary import CHORDS

BEAT = 0
KINDS = 1 + len(grid.SUB_TICKS)
ATTRIBUTES = {
    "kind": KINDS,
    "pitch": 128,
    "duration": len(grid.DURATION_TICKS),
    "velocity": grid.VELOCITY_LEVELS,
}

# What a stage is told about the bar it writes, beside the frame and the chords.
PLAN_CONDITIONS = {
    "notes": MAX_NOTES_A_BAR + 1,
    "velocity": grid.VELOCITY_LEVELS,
    "register": 128 // REGISTER_STEP,
    "melody_notes": MAX_MELODY_NOTES + 1,
    "countdown": MAX_NOTES_A_BAR + 1,  # notes still to come in the bar
}
CONDITIONS = {**FRAME_CONDITIONS, **CHORD_CONDITIONS, **PLAN_CONDITIONS}

# Attributes of the tokens that the note decoders look at: chords (one a beat) and melody notes.
MEMORY = {
    "chord": CHORDS,
    "beat_in_bar": MAX_BAR_BEATS,
    "bar_of_four": 4,
    "sub": len(grid.SUB_TICKS),
    "pitch": 128,
    "duration": len(grid.DURATION_TICKS),
    "velocity": grid.VELOCITY_LEVELS,
}


@dataclass(frozen=True)
class GridNotes:
    """Notes on the grid, sorted by (beat, sub, pitch): int64 arrays (n,). ``duration`` and ``velocity`` are indices."""

    beat: np.ndarray
    sub: np.ndarray
    pitch: np.ndarray
    duration: np.ndarray
    velocity: np.ndarray

    def __len__(self) -> int:
        return len(self.beat)


@dataclass(frozen=True)
class NotePlan:
    """What one stage writes in every bar: (bars,) int64, -1 where nothing is asked for. ``notes`` counts; ``velocity``
    is a level 0-31; ``register`` the mean pitch; ``melody_notes`` the melody's count."""

    notes: np.ndarray
    velocity: np.ndarray
    register: np.ndarray
    melody_notes: np.ndarray

    def conditions(self) -> np.ndarray:
        """The first four `PLAN_CONDITIONS` of every bar: (bars, 4) int64."""
        register = np.where(self.register < 0, -1, self.register // REGISTER_STEP)
        columns = (
            np.minimum(self.notes, MAX_NOTES_A_BAR), self.velocity, register,
            np.minimum(self.melody_notes, MAX_MELODY_NOTES),
        )  # fmt: skip
        return np.stack(columns, 1).astype(np.int64) + 1


def encode(notes: GridNotes, beats: int) -> np.ndarray:
    """Notes to a stream: (steps, 4) int64 classes, -1 for attributes a BEAT token does not have."""
    steps = np.full((len(notes) + beats, len(ATTRIBUTES)), -1, np.int64)
    at = np.arange(len(notes)) + notes.beat  # every earlier beat put one BEAT token before
    steps[:, 0] = BEAT
    steps[at] = np.stack([1 + notes.sub, notes.pitch, notes.duration, notes.velocity], 1)
    return steps


def decode(steps: np.ndarray, beats: int) -> GridNotes:
    """Stream to notes; total. Values are wrapped into the piano's range, notes out of order are put in order, doubled
    notes and everything after the last beat are dropped."""
    steps = np.asarray(steps, np.int64).reshape(-1, len(ATTRIBUTES))
    is_note = steps[:, 0] > 0
    beat = np.cumsum(~is_note)
    kept = is_note & (beat < beats)
    pitch = steps[kept, 1] % 128
    octaves = np.where(pitch < grid.LOWEST_PITCH, 2, np.where(pitch > grid.HIGHEST_PITCH, -2, 0))
    rows = np.stack(
        [
            beat[kept], (steps[kept, 0] - 1) % len(grid.SUB_TICKS), pitch + 12 * octaves,
            steps[kept, 2] % len(grid.DURATION_TICKS), steps[kept, 3] % grid.VELOCITY_LEVELS,
        ],
        1,
    )  # fmt: skip
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    doubled = np.all(rows[1:, :3] == rows[:-1, :3], axis=1)
    rows = rows[np.append(True, ~doubled)] if len(rows) else rows
    return GridNotes(*rows.T)


def conditions(frame: Frame, chords: np.ndarray, plan: NotePlan) -> np.ndarray:
    """All conditions of every beat but the countdown: (beats, columns - 1) int64."""
    return np.concatenate(
        [frame.conditions, chord_conditions(chords), plan.conditions()[frame.bar_of_beat]], axis=1
    )


def memory(frame: Frame, chords: np.ndarray, melody: GridNotes | None) -> tuple[np.ndarray, np.ndarray]:
    """What the note decoders look at: (tokens, `MEMORY`) int64 with each token's bar (tokens,), sorted by beat."""
    beats = np.arange(len(frame.bar_of_beat))
    chord_rows = np.zeros((len(beats), len(MEMORY)), np.int64)
    chord_rows[:, 0] = chords + 1
    rows, at = chord_rows, beats
    if melody is not None:
        note_rows = np.zeros((len(melody), len(MEMORY)), np.int64)
        note_rows[:, 3:] = np.stack([melody.sub, melody.pitch, melody.duration, melody.velocity], 1) + 1
        rows, at = np.concatenate([rows, note_rows]), np.concatenate([beats, melody.beat])
    bar = frame.bar_of_beat[at]
    rows[:, 1] = np.minimum(at - frame.first_beats[bar], MAX_BAR_BEATS - 1) + 1
    rows[:, 2] = bar % 4 + 1
    order = np.argsort(at, kind="stable")
    return rows[order], bar[order]


def countdowns(steps: np.ndarray, bar_of_beat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every step of a stream: the beat it is predicted in (steps,), and notes left in that bar (steps,), capped."""
    is_note = steps[:, 0] > 0
    beat = np.minimum(np.cumsum(~is_note) - ~is_note, len(bar_of_beat) - 1)
    bar = bar_of_beat[beat]
    total = np.bincount(bar[is_note], minlength=bar_of_beat[-1] + 1)
    written: np.ndarray = np.cumsum(is_note) - is_note  # notes before this step
    before_bar = np.cumsum(total) - total
    left = total[bar] - (written - before_bar[bar])
    return beat, np.minimum(left, MAX_NOTES_A_BAR)

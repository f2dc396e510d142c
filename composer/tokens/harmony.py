"""Tokens of the chord stage: one plan token a bar, then one chord token a beat.

A plan token says how many notes melody and accompaniment have in the bar, how loud and in which register the
accompaniment lies (the last two are absent for an empty bar); a chord token holds a chord id.
"""

from __future__ import annotations

import numpy as np

from composer.tokens import grid
from composer.tokens.frame import FRAME_CONDITIONS, MAX_MELODY_NOTES, MAX_NOTES_A_BAR, REGISTER_STEP, Frame
from composer.tokens.notes import NotePlan
from composer.tokens.vocabulary import CHORDS

ATTRIBUTES = {
    "melody_notes": MAX_MELODY_NOTES + 1,
    "notes": MAX_NOTES_A_BAR + 1,
    "velocity": grid.VELOCITY_LEVELS,
    "register": 128 // REGISTER_STEP,
    "chord": CHORDS,
}
CHORD = list(ATTRIBUTES).index("chord")
CONDITIONS = {**FRAME_CONDITIONS, "kind": 2}  # kind of the step: 0 plan, 1 chord


def layout(frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Where the tokens lie: the beat of every step (steps,), and whether it is a plan token (steps,) bool."""
    beats = len(frame.bar_of_beat)
    beat = np.concatenate([np.arange(beats), frame.first_beats])
    is_plan = np.arange(len(beat)) >= beats
    order = np.lexsort((~is_plan, beat))
    return beat[order], is_plan[order]


def conditions(frame: Frame) -> np.ndarray:
    """The `CONDITIONS` of every step: (steps, columns) int64."""
    beat, is_plan = layout(frame)
    return np.concatenate([frame.conditions[beat], np.where(is_plan, 1, 2)[:, None]], axis=1)


def encode(frame: Frame, plan: NotePlan, chords: np.ndarray) -> np.ndarray:
    """A piece's plan and chords to tokens: (steps, 5) int64 classes, -1 for what a token does not have."""
    beat, is_plan = layout(frame)
    steps = np.full((len(beat), len(ATTRIBUTES)), -1, np.int64)
    steps[is_plan, 0] = np.minimum(plan.melody_notes, MAX_MELODY_NOTES)
    steps[is_plan, 1] = np.minimum(plan.notes, MAX_NOTES_A_BAR)
    steps[is_plan, 2] = plan.velocity
    steps[is_plan, 3] = np.where(plan.register < 0, -1, plan.register // REGISTER_STEP)
    steps[~is_plan, CHORD] = chords[beat[~is_plan]]
    return steps

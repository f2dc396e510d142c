"""The first stage: cue sheet and picture in, chords and a plan for every bar out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from composer.form import Form, form_of
from composer.harmony_stage import Bounds, unbound, write_harmony
from composer.models.checkpoint import load_checkpoint
from composer.music import BarPlan, Harmony
from composer.spotting.cues import CueSheet
from composer.tokens import grid
from composer.tokens.frame import MAX_NOTES_A_BAR
from composer.tokens.picture import picture_of
from composer.tokens.vocabulary import CHORD_NONE, chord_id
from composer.video.features import VideoFeatures

CHECKPOINT = Path(__file__).parent / "checkpoints" / "chords-pop909.safetensors"
STAGE_SEED = 1

# A section's density 0-1 in accompaniment notes a second, its dynamics 0-1 in mean velocity: the span of POP909.
NOTES_A_SECOND = (1.2, 9.0)
VELOCITY = (44, 104)
FREEDOM_NOTES = 0.3  # the model may choose within this share of the wished count
FREEDOM_LEVELS = 2  # ... and within so many velocity levels
MELODY_NOTES_A_SECOND = 3.0  # at most
LONGEST_MELODY_REST_BARS = 1


def compose_chords(
    cues: CueSheet, features: VideoFeatures | None, *, seed: int, checkpoint: Path | None = None
) -> Harmony:
    """Write the harmony of a film and plan its bars. The last chord is the tonic.

    Deterministic for a seed on CPU. Raises NotInstalled or BadInput where the checkpoint cannot be used.
    """
    form = form_of(cues)
    written = write_harmony(
        load_checkpoint(checkpoint or CHECKPOINT).decoder,
        form.frame,
        picture_of(features, cues.tempo_map),
        lambda bar, rested: bounds_of(form, bar, rested),
        torch.Generator().manual_seed(seed * 8 + STAGE_SEED),
    )
    plan = written.plan
    bars = tuple(
        BarPlan(
            melody_notes=int(plan.melody_notes[bar]),
            accompaniment_notes=int(plan.notes[bar]),
            velocity=int(plan.velocity[bar]) * grid.VELOCITY_STEP + grid.VELOCITY_STEP // 2,
            register=int(plan.register[bar] + form.shifts[bar]),
        )
        if plan.notes[bar] > 0
        else BarPlan(int(plan.melody_notes[bar]), 0, 0, 0)
        for bar in range(len(form.sections))
    )
    return Harmony(form.chord_spans(written.chords), bars)


def bounds_of(form: Form, bar: int, rested_bars: int) -> Bounds:
    """What the cue sheet leaves open for a bar, after ``rested_bars`` bars without melody."""
    section = form.sections[bar]
    free = unbound()
    melody = np.arange(free.melody_notes.size)
    count = np.arange(free.notes.size)
    chord = np.arange(free.chord.size)
    if section.silent:
        return Bounds(melody == 0, count == 0, free.velocity, chord == CHORD_NONE)
    bar_s = float(form.bar_s[bar])
    wished = np.clip(np.interp(section.density, (0, 1), NOTES_A_SECOND) * bar_s, 1, MAX_NOTES_A_BAR)
    level = np.interp(section.dynamics, (0, 1), VELOCITY) / grid.VELOCITY_STEP
    melody_notes = melody <= max(1.0, MELODY_NOTES_A_SECOND * bar_s)
    if rested_bars >= LONGEST_MELODY_REST_BARS:
        melody_notes &= melody > 0
    tonic = chord_id(9, "m") if form.frame.minor[bar] else chord_id(0, "")
    is_last = bar == len(form.sections) - 1
    return Bounds(
        melody_notes=melody_notes,
        notes=np.abs(count - wished) <= max(1.0, FREEDOM_NOTES * wished),
        velocity=np.abs(np.arange(free.velocity.size) - level) <= FREEDOM_LEVELS,
        chord=chord == tonic if is_last else chord != CHORD_NONE,
    )

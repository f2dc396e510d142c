"""Writing chords and bar plans with the chord decoder, within the bounds that a caller sets for each bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from composer.models.decoder import Decoder, Memory, Sampler
from composer.models.sampling import Stepper, draw, nucleus, one_thread
from composer.tokens import harmony as tokens
from composer.tokens.frame import REGISTER_STEP, Frame
from composer.tokens.notes import NotePlan
from composer.tokens.picture import Picture

NUCLEUS = 0.92


@dataclass(frozen=True)
class Bounds:
    """Which classes of each plan attribute, and which chords, a bar may have: bool arrays of the vocabulary."""

    melody_notes: np.ndarray
    notes: np.ndarray
    velocity: np.ndarray
    chord: np.ndarray


@dataclass(frozen=True)
class WrittenHarmony:
    """A plan for every bar, and a chord id for every beat (beats,), in the models' key."""

    plan: NotePlan
    chords: np.ndarray


def unbound() -> Bounds:
    """Everything is allowed."""
    sizes = tokens.ATTRIBUTES
    return Bounds(*(np.ones(sizes[name], bool) for name in ("melody_notes", "notes", "velocity", "chord")))


@one_thread()
def write_harmony(
    decoder: Decoder,
    frame: Frame,
    picture: Picture,
    bounds_of: Callable[[int, int], Bounds],
    generator: torch.Generator,
) -> WrittenHarmony:
    """Decode a whole piece. ``bounds_of(bar, bars rested by the melody before it)`` binds each bar."""
    bars = torch.arange(len(frame.bar_beats))[None]
    memory = Memory(
        features=(torch.from_numpy(picture.color)[None], torch.from_numpy(picture.semantic)[None]),
        feature_bars=(bars, bars),
    )
    stepper = Stepper(decoder, memory)
    conditions = torch.from_numpy(tokens.conditions(frame))
    beats, is_plan = tokens.layout(frame)
    previous = torch.zeros(1, len(tokens.ATTRIBUTES), dtype=torch.int64)
    steps = np.full((len(beats), len(tokens.ATTRIBUTES)), -1, np.int64)
    rested = 0
    bounds = unbound()
    for step, (beat, plans) in enumerate(zip(beats, is_plan, strict=True)):
        bar = int(frame.bar_of_beat[beat])
        if plans:
            bounds = bounds_of(bar, rested)
        hidden = stepper.step(previous, conditions[None, step], bar)
        choices = decoder.heads.sample(
            hidden, _plan_left if plans else _chord_left, _sampler(bounds, generator)
        )
        values = [int(choice) for choice in choices]
        if plans:
            steps[step, : len(values)] = values
            rested = rested + 1 if values[0] == 0 else 0
        else:
            steps[step, tokens.CHORD] = values[0]
        previous = torch.from_numpy(steps[None, step]) + 1
    planned = steps[is_plan]
    register = planned[:, 3] * REGISTER_STEP + REGISTER_STEP // 2
    plan = NotePlan(
        notes=planned[:, 1],
        velocity=planned[:, 2],
        register=np.where(planned[:, 3] < 0, -1, register),
        melody_notes=planned[:, 0],
    )
    return WrittenHarmony(plan, steps[~is_plan, tokens.CHORD])


def _plan_left(choices: list[Tensor]) -> tuple[int, ...]:
    """An empty bar has no velocity and no register."""
    if len(choices) == 2 and int(choices[1]) == 0:
        return ()
    return tuple(range(len(choices), tokens.CHORD))


def _chord_left(choices: list[Tensor]) -> tuple[int, ...]:
    return () if choices else (tokens.CHORD,)


def _sampler(bounds: Bounds, generator: torch.Generator) -> Sampler:
    masks = {0: bounds.melody_notes, 1: bounds.notes, 2: bounds.velocity, tokens.CHORD: bounds.chord}

    def sample(attribute: int, logits: Tensor, choices: list[Tensor]) -> Tensor:
        if attribute in masks:
            logits = logits.masked_fill(~torch.from_numpy(masks[attribute]), float("-inf"))
        return draw(nucleus(logits, NUCLEUS), generator)

    return sample

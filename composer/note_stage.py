"""Writing notes with a note decoder: what melody and accompaniment share.

The grammar lives here: notes of a beat in order, only pitches of the piano, never more notes than the plan asks for.
Whatever the weights, what comes out is valid music.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from composer.models.decoder import Decoder, Memory
from composer.models.sampling import Stepper, draw, nucleus, one_thread
from composer.tokens import grid
from composer.tokens import notes as note_tokens
from composer.tokens.frame import MAX_NOTES_A_BAR, Frame

MIN_PIECE_FOR_PROGRESS_BEATS = (
    128  # shorter cues leave "how far" open: the songs behind the models are longer
)
PROGRESS_COLUMN = list(note_tokens.CONDITIONS).index("progress")


@dataclass(frozen=True)
class Sampling:
    """Nucleus sizes by attribute (COMPOSE: place, pitch, duration, velocity), and the voices a stage may write."""

    nucleus: tuple[float, float, float, float] = (0.95, 0.90, 0.90, 0.95)
    monophonic: bool = False
    lowest: int = grid.LOWEST_PITCH
    highest: int = grid.HIGHEST_PITCH
    max_notes_a_beat: int = 16
    shortfall: float = 0.2  # share of the notes asked for in a bar that may be left out


@dataclass(frozen=True)
class Request:
    """What a stage is to write. ``pitch_classes``: bound beat -> allowed pitch classes (12,) bool."""

    frame: Frame
    chords: np.ndarray  # (beats,) ids in the models' key
    plan: note_tokens.NotePlan
    melody: note_tokens.GridNotes | None  # looked at by the accompaniment
    pitch_classes: dict[int, np.ndarray]


@one_thread()
def write_notes(
    decoder: Decoder, request: Request, sampling: Sampling, generator: torch.Generator
) -> note_tokens.GridNotes:
    """Decode a whole piece, one token at a time, at constant cost a token."""
    frame = request.frame
    beats = len(frame.bar_of_beat)
    memory, memory_bars = note_tokens.memory(frame, request.chords, request.melody)
    stepper = Stepper(decoder, Memory(torch.from_numpy(memory)[None], torch.from_numpy(memory_bars)[None]))
    conditions = note_tokens.conditions(frame, request.chords, request.plan)
    if beats < MIN_PIECE_FOR_PROGRESS_BEATS:
        conditions[:, PROGRESS_COLUMN] = 0
    asked = np.where(request.plan.notes < 0, -1, np.minimum(request.plan.notes, MAX_NOTES_A_BAR))
    steps: list[list[int]] = []
    previous = torch.zeros(1, len(note_tokens.ATTRIBUTES), dtype=torch.int64)
    last_bar, left = -1, 0
    for beat in range(beats):
        bar = int(frame.bar_of_beat[beat])
        if bar != last_bar:
            last_bar, left = bar, int(asked[bar])
        place = (-1, -1)  # sub-position and pitch of the last note in this beat
        written = 0
        while True:
            condition = np.append(conditions[beat], max(left, 0) + 1 if asked[bar] >= 0 else 0)
            hidden = stepper.step(previous, torch.from_numpy(condition)[None], bar)
            full = written >= sampling.max_notes_a_beat or (asked[bar] >= 0 and left <= 0)
            ends_bar = beat + 1 == beats or frame.bar_of_beat[beat + 1] != bar
            short = bool(ends_bar and left > sampling.shortfall * asked[bar] >= 0)
            bound = request.pitch_classes.get(beat)
            sample = _sampler(sampling, bound, place, full, short, generator)
            choices = decoder.heads.sample(hidden, _remaining, sample)
            token = [int(choice) for choice in choices]
            if token[0] == note_tokens.BEAT:
                steps.append([note_tokens.BEAT, -1, -1, -1])
                previous = torch.tensor([steps[-1]]) + 1
                break
            steps.append(token)
            previous = torch.tensor([token]) + 1
            place = (token[0] - 1, token[1])
            written += 1
            left -= 1
    return note_tokens.decode(np.array(steps), beats)


def _remaining(choices: list[Tensor]) -> tuple[int, ...]:
    """A BEAT token has a kind only; a note has all four attributes."""
    if choices and int(choices[0]) == note_tokens.BEAT:
        return ()
    return tuple(range(len(choices), len(note_tokens.ATTRIBUTES)))


def _sampler(
    sampling: Sampling,
    pitch_classes: np.ndarray | None,
    place: tuple[int, int],
    full: bool,
    short: bool,
    generator: torch.Generator,
):
    """The grammar of one step, as a `Sampler`. ``full``: no more notes; ``short``: another note if there is room."""
    last_sub, last_pitch = place
    allowed = np.zeros(128, bool)
    allowed[sampling.lowest : sampling.highest + 1] = True
    if pitch_classes is not None:
        allowed &= pitch_classes[np.arange(128) % 12]
    above = allowed & (np.arange(128) > last_pitch)

    def sample(attribute: int, logits: Tensor, choices: list[Tensor]) -> Tensor:
        if attribute == 0:
            mask = np.ones(note_tokens.KINDS, bool)
            mask[1:] = not full
            mask[1 : 1 + max(last_sub, 0)] = False
            if last_sub >= 0 and (sampling.monophonic or not above.any()):
                mask[1 + last_sub] = False
            mask[1:] &= bool(allowed.any())
            mask[note_tokens.BEAT] = not (short and mask[1:].any())
            logits = logits.masked_fill(~torch.from_numpy(mask), float("-inf"))
        elif attribute == 1:
            mask = above if int(choices[0]) - 1 == last_sub else allowed
            logits = logits.masked_fill(~torch.from_numpy(mask), float("-inf"))
        return draw(nucleus(logits, sampling.nucleus[attribute]), generator)

    return sample

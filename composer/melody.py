"""The second stage: chords and plan in, a melody out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import numpy as np

from composer.form import Form, form_of
from composer.habits import melody_habits
from composer.models.checkpoint import load_checkpoint
from composer.models.sampling import stream
from composer.music import Harmony, LeadSheet, Note
from composer.note_stage import Request, Sampling, write_best
from composer.pipeline import CANDIDATES, Checkpoints
from composer.spotting.cues import CueSheet
from composer.themes import NEW, recall_melody, recalled_bars
from composer.tokens.notes import GridNotes, NotePlan
from composer.tokens.vocabulary import chord_of

SAMPLING = Sampling(monophonic=True, lowest=52, highest=91, shortfall=0.75)
STAGE_SEED = 2  # stages draw from streams of their own, so that one can be run again alone


def compose_melody(
    harmony: Harmony,
    cues: CueSheet,
    *,
    seed: int,
    checkpoint: Path | None = None,
    candidates: int = CANDIDATES,
) -> LeadSheet:
    """Write a monophonic melody over ``harmony``: the best of ``candidates`` by `composer.habits`.

    Deterministic for a seed on CPU. Raises NotInstalled or BadInput where the checkpoint cannot be used.
    """
    network = load_checkpoint(checkpoint or Checkpoints.for_cues(cues).melody)
    form = form_of(cues)
    request = melody_request(form, harmony)
    streams = [stream(seed, STAGE_SEED, candidate) for candidate in range(candidates)]
    written = write_best(
        network,
        request,
        SAMPLING,
        streams,
        lambda notes: melody_habits(form.frame, request.chords, notes),
    )
    return lead_sheet(form, harmony, written)


def melody_request(form: Form, harmony: Harmony) -> Request:
    """What the melody network is asked for: a tune over the chords, themes brought back."""
    chords = form.chord_ids(harmony.chords)
    recalled = recalled_bars(form)

    def theme(bar: int, written: Callable[[], GridNotes]) -> GridNotes | None:
        source = int(recalled[bar])
        return None if source == NEW else recall_melody(form, bar, source, written(), chords)

    plan = melody_plan(np.array([bar.melody_notes for bar in harmony.plan]))
    return Request(form.frame, chords, plan, None, _closing(form, chords), theme)


def lead_sheet(form: Form, harmony: Harmony, written: GridNotes) -> LeadSheet:
    """What the network wrote, as sounding notes, one at a time."""
    return LeadSheet(harmony, _monophonic(form.notes(written)))


def melody_plan(count: np.ndarray) -> NotePlan:
    """``count`` notes in each bar (bars,); loudness and register are the model's own."""
    unset = np.full(len(count), -1)
    return NotePlan(notes=count, velocity=unset, register=unset, melody_notes=count)


def _closing(form: Form, chords: np.ndarray) -> dict[int, np.ndarray]:
    """In the last bar the melody keeps to the notes of its chords."""
    last = np.flatnonzero(form.frame.bar_of_beat == form.last_bar)
    bound = {}
    for beat in last:
        chord = chord_of(int(chords[beat]))
        if chord is not None:
            bound[int(beat)] = np.isin(np.arange(12), list(chord.pitch_classes))
    return bound


def _monophonic(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """Cut every note where the next begins."""
    cut = []
    for note, following in zip_longest(notes, notes[1:]):
        length = note.duration_beats
        if following is not None:
            length = min(length, following.onset_beats - note.onset_beats)
        if length > 0:
            cut.append(Note(note.onset_beats, length, note.pitch, note.velocity))
    return tuple(cut)

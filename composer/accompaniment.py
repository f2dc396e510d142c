"""The third stage: chords, plan and melody in, an accompaniment (piano texture) out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from composer.form import Form, form_of
from composer.habits import accompaniment_habits
from composer.models.checkpoint import load_checkpoint
from composer.models.sampling import stream
from composer.music import LeadSheet, Note
from composer.note_stage import Request, Sampling, write_best
from composer.pipeline import CANDIDATES, Checkpoints
from composer.spotting.cues import CueSheet
from composer.tokens import grid
from composer.tokens.notes import NotePlan

SAMPLING = Sampling()
STAGE_SEED = 3


def compose_accompaniment(
    lead: LeadSheet,
    cues: CueSheet,
    *,
    seed: int,
    checkpoint: Path | None = None,
    candidates: int = CANDIDATES,
) -> tuple[Note, ...]:
    """Write the accompaniment of ``lead``: polyphonic, sorted by onset, pitch 21-108, over by the end of the music;
    the best of ``candidates`` by `composer.habits`.

    Deterministic for a seed on CPU. Raises NotInstalled or BadInput where the checkpoint cannot be used.
    """
    network = load_checkpoint(checkpoint or Checkpoints.for_cues(cues).accompaniment)
    form = form_of(cues)
    request = accompaniment_request(form, lead)
    streams = [stream(seed, STAGE_SEED, candidate) for candidate in range(candidates)]
    written = write_best(
        network,
        request,
        SAMPLING,
        streams,
        lambda notes: accompaniment_habits(form.frame, request.chords, request.plan, notes),
    )
    return form.notes(written)


def accompaniment_request(form: Form, lead: LeadSheet) -> Request:
    """What the accompaniment network is asked for: the bars of the plan, under the melody."""
    plan = lead.harmony.plan
    notes = np.array([bar.accompaniment_notes for bar in plan])
    note_plan = NotePlan(
        notes=notes,
        velocity=np.where(notes > 0, [bar.velocity // grid.VELOCITY_STEP for bar in plan], -1),
        register=np.where(notes > 0, [bar.register for bar in plan] - form.shifts, -1),
        melody_notes=np.array([bar.melody_notes for bar in plan]),
    )
    chords = form.chord_ids(lead.harmony.chords)
    return Request(form.frame, chords, note_plan, form.grid_notes(lead.melody), pitch_classes={})

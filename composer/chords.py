"""The first stage: cue sheet and picture in, chords and a plan for every bar out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from composer.form import Form, form_of
from composer.habits import best_harmony, harmony_habits
from composer.harmony_stage import (
    Bounds,
    HarmonyRequest,
    WrittenHarmony,
    unbound,
    write_harmony,
)
from composer.models.checkpoint import Habits, load_checkpoint
from composer.models.decoder import Decoder
from composer.models.sampling import Draw, stream
from composer.music import BarPlan, Harmony
from composer.pipeline import CANDIDATES, Checkpoints
from composer.spotting.cues import CueSheet
from composer.themes import NEW, only, recall_chords, recalled_bars
from composer.tokens import grid
from composer.tokens.frame import MAX_NOTES_A_BAR
from composer.tokens.picture import Picture, picture_of
from composer.tokens.vocabulary import CHORD_NONE, CHORDS, chord_id, transpose_chord
from composer.video.features import VideoFeatures

STAGE_SEED = 1

# A section's density 0-1 in accompaniment notes a second, its dynamics 0-1 in mean velocity: the span of POP909.
NOTES_A_SECOND = (1.2, 9.0)
VELOCITY = (44, 104)
FREEDOM_NOTES = 0.3  # the model may choose within this share of the wished count
FREEDOM_LEVELS = 2  # ... and within so many velocity levels
MELODY_NOTES_A_SECOND = 3.0  # at most
LONGEST_MELODY_REST_BARS = 1
HARMONIES = 6  # for every candidate of the other stages
# Chords of the models' C major (False) and A minor (True) that may stand before the last tonic.
LEADING_HOME = {
    False: ((7, ""), (7, "7"), (11, "dim"), (5, ""), (2, "m"), (2, "m7"), (7, "sus4")),
    True: ((4, ""), (4, "7"), (8, "dim"), (2, "m"), (11, "m7b5"), (11, "dim"), (4, "sus4")),
}


def compose_chords(
    cues: CueSheet,
    features: VideoFeatures | None,
    *,
    seed: int,
    checkpoint: Path | None = None,
    candidates: int = CANDIDATES,
) -> Harmony:
    """Write the harmony of a film and plan its bars: the best of `HARMONIES` times ``candidates``, for harmonies are
    short and a key is soon unclear. The music ends with a cadence on the tonic.

    Deterministic for a seed on CPU. Raises NotInstalled or BadInput where the checkpoint cannot be used.
    """
    form = form_of(cues)
    network = load_checkpoint(checkpoint or Checkpoints.for_cues(cues).chords)
    request = harmony_request(form, picture_of(features, cues.tempo_map))
    streams = [stream(seed, STAGE_SEED, candidate) for candidate in range(candidates * HARMONIES)]
    return harmony_of(form, choose_harmony(network.decoder, network.draws, network.habits, request, streams))


def choose_harmony(
    decoder: Decoder,
    draws: Sequence[Draw],
    habits: Habits,
    request: HarmonyRequest,
    streams: Sequence[np.random.Generator],
) -> WrittenHarmony:
    """The best of the harmonies written from ``streams``, by `composer.habits`."""
    written = write_harmony(decoder, [request] * len(streams), draws, streams)
    found = [harmony_habits(request.frame, harmony.chords) for harmony in written]
    return written[best_harmony(found, *habits)]


def harmony_request(form: Form, picture: Picture) -> HarmonyRequest:
    """What the chord network is asked for a form."""
    recalled = recalled_bars(form)
    return HarmonyRequest(form.frame, picture, lambda bar, written: bounds_of(form, recalled, bar, written))


def harmony_of(form: Form, written: WrittenHarmony) -> Harmony:
    """What the network wrote, in the sounding keys."""
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


def bounds_of(form: Form, recalled: np.ndarray, bar: int, written: WrittenHarmony) -> Bounds:
    """What cue sheet and themes leave open for a bar, after the bars already ``written``."""
    section = form.sections[bar]
    free = unbound()
    melody = np.arange(free.melody_notes.size)
    count = np.arange(free.notes.size)
    chord = np.arange(free.chord.size)
    if section.silent:
        return replace(free, melody_notes=melody == 0, notes=count == 0, chord=chord == CHORD_NONE)
    bar_s = float(form.bar_s[bar])
    wished = np.clip(np.interp(section.density, (0, 1), NOTES_A_SECOND) * bar_s, 1, MAX_NOTES_A_BAR)
    level = np.interp(section.dynamics, (0, 1), VELOCITY) / grid.VELOCITY_STEP
    bounds = replace(
        free,
        notes=np.abs(count - wished) <= max(1.0, FREEDOM_NOTES * wished),
        velocity=np.abs(np.arange(free.velocity.size) - level) <= FREEDOM_LEVELS,
    )
    source = int(recalled[bar])
    if source != NEW:
        recall = recall_chords(form, bar, source, written.chords)
        return replace(bounds, melody_notes=melody == written.plan.melody_notes[source], chord=only(recall))
    melody_notes = melody <= max(1.0, MELODY_NOTES_A_SECOND * bar_s)
    if bar > 0 and not written.plan.melody_notes[-LONGEST_MELODY_REST_BARS:].any():
        melody_notes &= melody > 0
    return replace(bounds, melody_notes=melody_notes, chord=_cadence(form, bar))


def _cadence(form: Form, bar: int) -> np.ndarray:
    """Chords that the end of the music leaves open: (beats, chords) bool. The last bar is the tonic; what comes
    before it leads there: V, V7, vii, IV or ii (Caplin, *Classical Form*, 1998, ch. 3)."""
    beats = int(form.frame.bar_beats[bar])
    allowed = np.tile(np.arange(CHORDS) != CHORD_NONE, (beats, 1))
    last = form.last_bar
    minor = bool(form.frame.minor[last])
    if bar == last:
        allowed[:] = np.arange(CHORDS) == (chord_id(9, "m") if minor else chord_id(0, ""))
    elif bar == last - 1:
        to_its_key = int(form.shifts[last] - form.shifts[bar])
        leading = [transpose_chord(chord_id(*name), to_its_key) for name in LEADING_HOME[minor]]
        allowed[-1] = np.isin(np.arange(CHORDS), leading)
    return allowed

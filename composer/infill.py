"""Writing some bars anew between others that stay: both ways are looked.

The network hears the bars before the gap as it goes; what follows it cannot hear, for it reads from left to right. So
it writes the gap several times, and of these that one stays after which the music that follows is likeliest, weighed
by the habits of real music: p(gap | before, after) is proportional to p(gap | before) p(after | before, gap), and
candidates drawn from the first factor are weighed by the second (sampling, importance resampling; Rubin 1987).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from composer import accompaniment as accompaniment_stage
from composer import chords as chord_stage
from composer import melody as melody_stage
from composer.form import Form
from composer.habits import accompaniment_habits, best_harmony, harmony_habits, melody_habits
from composer.harmony_stage import Bounds, HarmonyRequest, WrittenHarmony, unbound, write_harmony
from composer.models.checkpoint import load_checkpoint
from composer.models.sampling import stream
from composer.music import BarPlan, Harmony, LeadSheet, Note
from composer.note_stage import Request, Sampling, nats_of, write_notes
from composer.stretches import Stretch, shifted
from composer.themes import NEW, only
from composer.tokens import grid
from composer.tokens.frame import REGISTER_STEP
from composer.tokens.notes import GridNotes
from composer.tokens.picture import picture_between

BEFORE_BARS = 16  # heard before the gap, whole fours
AFTER_BARS = 4  # by which the candidates are judged
_FOUR = 4


@dataclass(frozen=True)
class Gap:
    """Bars to be written anew: ``open`` of the form, in a ``stretch`` that has neighbours on both sides where there
    are any."""

    stretch: Stretch
    open: frozenset[int]

    @classmethod
    def of(cls, form: Form, open_bars: Collection[int]) -> Gap:
        """The gap of some bars of a form."""
        bars = len(form.sections)
        first = max(min(open_bars) - BEFORE_BARS, 0) // _FOUR * _FOUR
        last = min(max(open_bars) + 1 + AFTER_BARS, bars)
        edges = np.append(form.frame.first_beats, form.beats).tolist()
        frame = form.frame.between(range(first, last), goes_on=last < bars)
        stretch = Stretch(range(first, last), range(edges[first], edges[last]), frame)
        return cls(stretch, frozenset(open_bars))

    @property
    def after(self) -> range:
        """The beats of the stretch that follow the gap, counted from the stretch's first."""
        starts = self.stretch.frame.first_beats
        bar = max(self.open) + 1 - self.stretch.bars.start
        return range(
            int(starts[bar]) if bar < len(starts) else len(self.stretch.beats), len(self.stretch.beats)
        )

    def given(self, notes: GridNotes) -> Callable[[int, Callable[[], GridNotes]], GridNotes | None]:
        """For a `Request`: the ``notes`` of the form in the bars that stay."""
        own = self.stretch.cut(notes)
        return lambda bar, written: None if bar + self.stretch.bars.start in self.open else own


@dataclass(frozen=True)
class Draws:
    """Where random numbers come from: ``seed``, the ``key`` of a variation, and how many ``candidates`` are drawn."""

    seed: int
    key: tuple[int, ...]
    candidates: int

    def streams(self, stage: int, times: int = 1) -> list[np.random.Generator]:
        """A stream for each candidate of a stage, ``times`` as many."""
        return [stream(self.seed, stage, *self.key, i) for i in range(self.candidates * times)]


def new_harmony(
    form: Form, harmony: Harmony, bars: Collection[int], checkpoint: Path, draws: Draws
) -> Harmony:
    """``harmony`` with chords and plan of ``bars`` written anew, as the form asks."""
    network = load_checkpoint(checkpoint)
    gap = Gap.of(form, bars)
    known = form.chord_ids(harmony.chords)
    nothing_returns = np.full(len(form.sections), NEW)
    first = gap.stretch.bars.start

    def bounds(bar: int, written: WrittenHarmony) -> Bounds:
        at = first + bar
        if at in gap.open:
            return chord_stage.bounds_of(form, nothing_returns, at, written, written, is_first=bar == 0)
        return _exactly(harmony.plan[at], int(form.shifts[at]), known[form.frame.bar_of_beat == at])

    blind = picture_between(None, np.zeros(len(gap.stretch.bars) + 1))
    request = HarmonyRequest(gap.stretch.frame, blind, bounds)
    streams = draws.streams(chord_stage.STAGE_SEED, chord_stage.HARMONIES)
    written = write_harmony(network.decoder, [request] * len(streams), network.draws, streams)
    found = [harmony_habits(gap.stretch.frame, each.chords) for each in written]
    best = written[best_harmony(found, *network.habits)]
    chords, plan = known.copy(), list(harmony.plan)
    inside = np.isin(form.frame.bar_of_beat, list(gap.open))
    chords[inside] = best.chords[inside[gap.stretch.beats.start : gap.stretch.beats.stop]]
    found_plan = chord_stage.harmony_of(form, chord_stage.in_form(form, gap.stretch, best)).plan
    for bar in gap.open:
        plan[bar] = found_plan[bar]
    return Harmony(form.chord_spans(chords), tuple(plan))


def new_melody(
    form: Form, lead: LeadSheet, bars: Collection[int], checkpoint: Path, draws: Draws
) -> LeadSheet:
    """``lead`` with the tune of ``bars`` written anew over its chords."""
    gap = Gap.of(form, bars)
    part = slice(gap.stretch.bars.start, gap.stretch.bars.stop)
    request = Request(
        gap.stretch.frame,
        form.chord_ids(lead.harmony.chords)[gap.stretch.beats.start : gap.stretch.beats.stop],
        melody_stage.melody_plan(np.array([bar.melody_notes for bar in lead.harmony.plan[part]])),
        None,
        {},
        gap.given(form.grid_notes(lead.melody)),
    )
    new = _write(
        checkpoint, gap, request, melody_stage.SAMPLING, _tune_habits, draws, melody_stage.STAGE_SEED
    )
    return replace(lead, melody=_one_voice(_merged(form, lead.melody, new, gap)))


def new_accompaniment(
    form: Form,
    lead: LeadSheet,
    accompaniment: tuple[Note, ...],
    bars: Collection[int],
    checkpoint: Path,
    draws: Draws,
) -> tuple[Note, ...]:
    """``accompaniment`` with ``bars`` written anew under the tune."""
    gap = Gap.of(form, bars)
    (request,) = accompaniment_stage.accompaniment_requests(form, lead, [gap.stretch])
    request = replace(request, given=gap.given(form.grid_notes(accompaniment)))
    sampling, stage = accompaniment_stage.SAMPLING, accompaniment_stage.STAGE_SEED
    new = _write(checkpoint, gap, request, sampling, _texture_habits, draws, stage)
    return _merged(form, accompaniment, new, gap)


def _write(
    checkpoint: Path,
    gap: Gap,
    request: Request,
    sampling: Sampling,
    habits_of: Callable[[Request, GridNotes], np.ndarray],
    draws: Draws,
    stage: int,
) -> GridNotes:
    """The notes of the gap, counted from the form's first beat: those of the likeliest candidate."""
    network = load_checkpoint(checkpoint)
    streams = draws.streams(stage)
    drawn = replace(sampling, draws=network.draws)
    written = write_notes(network.decoder, [request] * len(streams), drawn, streams)
    mean, deviation = (np.asarray(values) for values in network.habits)
    habits = np.stack([habits_of(request, notes) for notes in written])
    cost = (((habits - mean) / np.maximum(deviation, 1e-6)) ** 2).sum(1) / 2
    if len(gap.after):
        cost += nats_of(network.decoder, request, written, gap.after)
    best = written[int(cost.argmin())]
    bar = gap.stretch.bars.start + gap.stretch.frame.bar_of_beat[best.beat]
    inside = np.isin(bar, list(gap.open))
    return shifted(GridNotes(*(column[inside] for column in vars(best).values())), gap.stretch.beats.start)


def _exactly(plan: BarPlan, shift: int, chords: np.ndarray) -> Bounds:
    """Bounds that leave a bar as it is, with its ``chords`` (beats,). ``shift``: semitones from the networks' key."""
    free = unbound()
    values = {
        "melody_notes": plan.melody_notes,
        "notes": plan.accompaniment_notes,
        "velocity": plan.velocity // grid.VELOCITY_STEP,
        "register": (plan.register - shift) // REGISTER_STEP,
    }
    masks = {
        name: np.arange(size := getattr(free, name).size) == min(max(value, 0), size - 1)
        for name, value in values.items()
    }
    return Bounds(**masks, chord=only(chords))


def _merged(form: Form, old: tuple[Note, ...], new: GridNotes, gap: Gap) -> tuple[Note, ...]:
    """``old`` notes with those that begin in the gap replaced, in order of onset."""
    edges = np.append(form.beat_onsets[form.frame.first_beats], form.beat_ends[-1])
    bar = np.searchsorted(edges, [note.onset_beats + 1e-6 for note in old], side="right") - 1
    stay = [note for note, at in zip(old, bar, strict=True) if int(at) not in gap.open]
    return tuple(sorted((*stay, *form.notes(new)), key=lambda note: (note.onset_beats, note.pitch)))


def _one_voice(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """Every note cut where the next begins."""
    limits = [*(note.onset_beats for note in notes[1:]), np.inf]
    return tuple(
        replace(note, duration_beats=min(note.duration_beats, limit - note.onset_beats))
        for note, limit in zip(notes, limits, strict=True)
        if limit > note.onset_beats
    )


def _tune_habits(request: Request, notes: GridNotes) -> np.ndarray:
    return melody_habits(request.frame, request.chords, notes)


def _texture_habits(request: Request, notes: GridNotes) -> np.ndarray:
    return accompaniment_habits(request.frame, request.chords, request.plan, notes)

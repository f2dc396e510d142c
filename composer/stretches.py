"""Stretches: what is written in one go.

The music of a film is written section by section. What a section's music depends on is its own wishes and bars, and
the section whose theme it brings back: whoever edits one section of a cue sheet and composes again finds the others as
they were. Music without a picture is one stretch, written from its first bar to its last.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from composer.form import Form
from composer.models.sampling import stream
from composer.themes import NEW
from composer.tokens.frame import Frame
from composer.tokens.notes import GridNotes


@dataclass(frozen=True)
class Stretch:
    """Some ``bars`` of a form and their ``beats``, as a ``frame`` of their own. ``key`` sets its random numbers apart
    from those of other stretches."""

    bars: range
    beats: range
    frame: Frame
    key: tuple[int, ...] = ()

    def streams(self, count: int, *key: int) -> list[np.random.Generator]:
        """A random stream for each of ``count`` candidates."""
        return [stream(*key, candidate, *self.key) for candidate in range(count)]

    def cut(self, notes: GridNotes) -> GridNotes:
        """The notes of the form that begin here, counted from this stretch's first beat."""
        inside = (notes.beat >= self.beats.start) & (notes.beat < self.beats.stop)
        return shifted(GridNotes(*(column[inside] for column in vars(notes).values())), -self.beats.start)


def whole(form: Form) -> Stretch:
    """All of a form as one stretch."""
    return Stretch(range(len(form.sections)), range(form.beats), form.frame)


def stretches_of(form: Form, by_section: bool) -> list[Stretch]:
    """The stretches of a form in order; silent sections are none."""
    if not by_section:
        return [whole(form)]
    first_beats = np.append(form.frame.first_beats, form.beats).tolist()
    found, heard, start = [], dict[str, int](), 0
    for _, group in groupby(form.sections, key=id):
        sections = list(group)
        bars = range(start, start + len(sections))
        start = bars.stop
        label = sections[0].label
        heard[label] = heard.get(label, 0) + 1
        if sections[0].silent:
            continue
        key = (zlib.crc32(label.encode()), heard[label])
        beats = range(first_beats[bars.start], first_beats[bars.stop])
        frame = form.frame.between(bars, goes_on=bars.stop - 1 not in form.last_bars)
        found.append(Stretch(bars, beats, frame, key))
    return found


def in_waves(stretches: list[Stretch], recalled: np.ndarray) -> Iterator[list[Stretch]]:
    """The stretches that bring nothing back from others, then those that do. ``recalled`` (bars,) as
    `composer.themes.recalled_bars` gives it."""
    later = [_looks_back(stretch, recalled) for stretch in stretches]
    for wave in (False, True):
        chosen = [stretch for stretch, waits in zip(stretches, later, strict=True) if waits == wave]
        if chosen:
            yield chosen


def shifted(notes: GridNotes, beats: int) -> GridNotes:
    """The notes so many beats later."""
    return GridNotes(notes.beat + beats, notes.sub, notes.pitch, notes.duration, notes.velocity)


def joined(parts: list[GridNotes]) -> GridNotes:
    """The notes of several stretches in order of onset and pitch; none for no parts."""
    columns = [
        np.concatenate([np.zeros(0, np.int64), *rows])
        for rows in zip(*(vars(p).values() for p in parts), strict=True)
    ]
    if not columns:
        columns = [np.zeros(0, np.int64)] * 5
    order = np.lexsort((columns[2], columns[1], columns[0]))
    return GridNotes(*(column[order] for column in columns))


def _looks_back(stretch: Stretch, recalled: np.ndarray) -> bool:
    sources = recalled[stretch.bars.start : stretch.bars.stop]
    return bool(((sources != NEW) & (sources < stretch.bars.start)).any())

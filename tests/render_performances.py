"""Performances made by hand, for the tests of the renderer."""

import numpy as np

from render import smf
from render.events import Part, Performance


def part(
    notes: list[tuple[float, float, int, int]],
    *,
    stem: str = "Part",
    program: int = 0,
    channel: int = 0,
    controls: list[tuple[float, int, int]] = (),
) -> Part:
    """A part of ``notes`` (onset s, end s, pitch, velocity) and ``controls`` (time s, number, value)."""
    rows = [(0.0, 0, smf.PROGRAM, program, 0)]
    rows += [(time_s, 1, smf.CONTROL, number, value) for time_s, number, value in controls]
    rows += [(onset_s, 3, smf.NOTE_ON, pitch, velocity) for onset_s, _, pitch, velocity in notes]
    rows += [(end_s, 2, smf.NOTE_OFF, pitch, 0) for _, end_s, pitch, _ in notes]
    rows.sort()
    table = np.array(rows)
    columns = [table[:, column].astype(np.uint8) for column in (2, 3, 4)]
    return Part(stem, channel, table[:, 0], *columns)


def performance(*parts: Part, end_s: float | None = None) -> Performance:
    """A performance of ``parts``; it ends with the last event unless told."""
    last_s = max((float(p.time_s[-1]) for p in parts), default=0.0)
    return Performance(parts, (), last_s if end_s is None else end_s, ())


def scale(
    pitches: list[int], *, beat_s: float = 0.5, velocity: int = 96, program: int = 0, **given: object
) -> Part:
    """One note after the other."""
    notes = [(i * beat_s, (i + 0.95) * beat_s, pitch, velocity) for i, pitch in enumerate(pitches)]
    return part(notes, program=program, **given)

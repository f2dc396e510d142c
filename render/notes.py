"""A performance as a table of notes: when each sounds, how loud, and how it dies away.

Loudness convention (General MIDI 2, recommended): amplitude goes with the square of velocity / 127, CC7 / 127 and
CC11 / 127, so energy with the fourth power. Struck and plucked instruments decay by themselves, `DECAY_S` their time
constant in energy at middle C; the others last as long as they are held.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from render import smf
from render.events import Part, Performance

VOLUME, EXPRESSION, PEDAL = 7, 11, 64
DEFAULT_VOLUME, DEFAULT_EXPRESSION = 100, 127
PEDAL_DOWN = 64
DRUM_DECAY_S = 0.12
SUSTAINED_S = float("inf")
# First program of a group of General MIDI programs -> time constant in seconds.
DECAY_S = {
    0: 0.7, 8: 0.5, 16: SUSTAINED_S, 24: 0.5, 29: SUSTAINED_S, 32: 0.6, 40: SUSTAINED_S, 45: 0.12, 46: 0.6, 47: 0.5,
    48: SUSTAINED_S, 55: 0.5, 56: SUSTAINED_S, 104: 0.4, 109: SUSTAINED_S, 112: 0.3, 120: SUSTAINED_S,
}  # fmt: skip


@dataclass(frozen=True)
class Notes:
    """Columns of shape (notes,): ``onset_s``, ``end_s`` (pedal counted), ``pitch``, ``velocity``, ``part`` (index into
    the performance's parts) and ``decay_s``."""

    onset_s: np.ndarray
    end_s: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    part: np.ndarray
    decay_s: np.ndarray

    def __len__(self) -> int:
        return len(self.onset_s)


def notes_of(performance: Performance) -> Notes:
    """Every note of every part, in order of the parts."""
    tables = [_part_notes(part) for part in performance.parts]
    sizes = [len(table) for table in tables]
    rows = np.concatenate(tables) if tables else np.zeros((0, 5))
    return Notes(
        rows[:, 0],
        rows[:, 1],
        rows[:, 2].astype(np.int64),
        rows[:, 3],
        np.repeat(np.arange(len(sizes)), sizes),
        rows[:, 4],
    )


def level_of(part: Part, times_s: np.ndarray) -> np.ndarray:
    """Energy factor of the part's volume and expression at each time: (times,), 0-1."""
    volume = controller(part, VOLUME, DEFAULT_VOLUME, times_s)
    expression = controller(part, EXPRESSION, DEFAULT_EXPRESSION, times_s)
    return (volume * expression / 127**2) ** 4


def controller(part: Part, number: int, default: int, times_s: np.ndarray) -> np.ndarray:
    """The value of a controller at each time: (times,) float64, ``default`` before the first."""
    chosen = (part.status == smf.CONTROL) & (part.data1 == number)
    values = np.concatenate([[default], part.data2[chosen]]).astype(float)
    return values[np.searchsorted(part.time_s[chosen], times_s, side="right")]


def _part_notes(part: Part) -> np.ndarray:
    """(notes, 5): onset, end, pitch, velocity, decay of one part."""
    begun: dict[int, list[tuple[float, int, int]]] = {}
    held: list[tuple] = []  # onset, pitch, velocity, program of what is released, but the pedal is down
    rows: list[tuple] = []  # onset, end, pitch, velocity, program
    program, pedal = 0, False
    events = zip(
        part.time_s.tolist(), part.status.tolist(), part.data1.tolist(), part.data2.tolist(), strict=True
    )
    for time_s, status, data1, data2 in events:
        if status == smf.NOTE_ON:
            begun.setdefault(data1, []).append((time_s, data2, program))
        elif status == smf.NOTE_OFF and begun.get(data1):
            onset_s, velocity, played = begun[data1].pop(0)
            if pedal and not part.is_drums:
                held.append((onset_s, data1, velocity, played))
            else:
                rows.append((onset_s, time_s, data1, velocity, played))
        elif status == smf.PROGRAM:
            program = data1
        elif status == smf.CONTROL and data1 == PEDAL:
            pedal = data2 >= PEDAL_DOWN
            if not pedal:
                rows += [(onset_s, time_s, *rest) for onset_s, *rest in held]
                held.clear()
    end_s = float(part.time_s[-1]) if len(part.time_s) else 0.0
    held += [(start_s, pitch, *rest) for pitch, notes in begun.items() for start_s, *rest in notes]
    rows += [(onset_s, end_s, *rest) for onset_s, *rest in held]
    table = np.array(rows, dtype=float).reshape(-1, 5)
    pitches, programs = table[:, 2], table[:, 4].astype(int)
    groups = np.array(list(DECAY_S))
    constants = np.array(list(DECAY_S.values()))[np.searchsorted(groups, programs, side="right") - 1]
    table[:, 4] = DRUM_DECAY_S if part.is_drums else constants * 2.0 ** ((60 - pitches) / 24)
    return table[np.lexsort((pitches, table[:, 0]))]

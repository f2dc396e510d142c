"""Performances cut, stretched, transposed and joined: the variety that the renderer is trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from render import smf
from render.events import Part, Performance
from render.notes import EXPRESSION, PEDAL, VOLUME

_KEPT_CONTROLLERS = (VOLUME, 10, EXPRESSION, PEDAL)
_NOTES = (smf.NOTE_ON, smf.NOTE_OFF)
SWELL_STEP_S = 0.1


def excerpt(performance: Performance, start_s: float, length_s: float) -> Performance:
    """The notes that begin in the stretch, cut at its end, with the programs and controllers they had."""
    parts = [cut for part in performance.parts if (cut := _cut(part, start_s, length_s)) is not None]
    return replace(performance, parts=tuple(parts), end_s=length_s)


def without_drums(performance: Performance) -> Performance:
    """The same without drum parts."""
    return replace(performance, parts=tuple(part for part in performance.parts if not part.is_drums))


def stretched(performance: Performance, factor: float) -> Performance:
    """Every time multiplied by ``factor``."""
    parts = [replace(part, time_s=part.time_s * factor) for part in performance.parts]
    return replace(performance, parts=tuple(parts), end_s=performance.end_s * factor)


def transposed(performance: Performance, semitones: int) -> Performance:
    """Every pitched note moved; pitches beyond MIDI's range stay within it by octaves."""

    def moved(part: Part) -> Part:
        if part.is_drums:
            return part
        pitch = part.data1.astype(int) + semitones
        pitch += 12 * (pitch < 0) - 12 * (pitch > 127)
        note = np.isin(part.status, _NOTES)
        return replace(part, data1=np.where(note, pitch, part.data1).astype(np.uint8))

    return replace(performance, parts=tuple(moved(part) for part in performance.parts))


def shaped(
    performance: Performance, scale: float, spread: float, swell: np.ndarray, rng: np.random.Generator
) -> Performance:
    """Velocities scaled by ``scale`` and by chance (``spread``, a share); CC11 multiplied by ``swell`` (steps of 0.1 s,
    0-1)."""
    parts = []
    times_s = np.arange(len(swell)) * SWELL_STEP_S
    for part in performance.parts:
        begins = part.status == smf.NOTE_ON
        factor = scale * (1 + spread * rng.standard_normal(len(begins)))
        velocity = np.clip(np.round(part.data2 * factor), 1, 127)
        part = replace(part, data2=np.where(begins, velocity, part.data2).astype(np.uint8))
        expression = (part.status == smf.CONTROL) & (part.data1 == EXPRESSION)
        values = np.concatenate([[127], part.data2[expression]])
        base = values[np.searchsorted(part.time_s[expression], times_s, side="right")]
        kept = _rows(part, ~expression)
        parts.append(_with_controller(kept, EXPRESSION, times_s, np.round(base * swell)))
    return replace(performance, parts=tuple(parts))


def joined(performances: list[Performance], gap_s: float) -> Performance:
    """One after the other, ``gap_s`` seconds of rest after each. Every excerpt keeps parts of its own."""
    parts, start_s = [], 0.0
    for performance in performances:
        parts += [replace(part, time_s=part.time_s + start_s) for part in performance.parts]
        start_s += performance.end_s + gap_s
    return Performance(tuple(parts), (), start_s, ())


def random_swell(length_s: float, rng: np.random.Generator) -> np.ndarray:
    """A curve of loudness factors in steps of 0.1 s: flat, one long swell, or waves; between .35 and 1."""
    steps = int(length_s / SWELL_STEP_S) + 1
    kind = rng.integers(4)
    if kind == 0:
        return np.ones(steps)
    phase = np.linspace(0, 1, steps)
    if kind == 1:
        low, high = np.sort(rng.uniform(0.35, 1.0, 2))
        return low + (high - low) * (phase if rng.random() < 0.5 else 1 - phase)
    periods = length_s / rng.uniform(2.0, 12.0)
    depth = rng.uniform(0.1, 0.6)
    return 1 - depth * (0.5 + 0.5 * np.sin(2 * np.pi * (periods * phase + rng.random())))


def _cut(part: Part, start_s: float, length_s: float) -> Part | None:
    """The part's events of the stretch, from zero; None when no note begins in it."""
    inside = (part.time_s >= start_s) & (part.time_s < start_s + length_s)
    if not np.any(inside & (part.status == smf.NOTE_ON)):
        return None
    before = part.time_s < start_s
    rows: list[tuple[float, int, int, int]] = []
    for status, number in [(smf.PROGRAM, None), *((smf.CONTROL, n) for n in _KEPT_CONTROLLERS)]:
        chosen = before & (part.status == status) & (True if number is None else part.data1 == number)
        if chosen.any():
            last = np.flatnonzero(chosen)[-1]
            rows.append((0.0, status, int(part.data1[last]), int(part.data2[last])))
    sounding: dict[int, int] = {}
    for index in np.flatnonzero(inside).tolist():
        status, pitch = int(part.status[index]), int(part.data1[index])
        if status == smf.NOTE_ON:
            sounding[pitch] = sounding.get(pitch, 0) + 1
        elif status == smf.NOTE_OFF:
            if not sounding.get(pitch):
                continue
            sounding[pitch] -= 1
        rows.append((float(part.time_s[index]) - start_s, status, pitch, int(part.data2[index])))
    rows += [(length_s, smf.NOTE_OFF, pitch, 0) for pitch, count in sounding.items() for _ in range(count)]
    rows.append((length_s, smf.CONTROL, PEDAL, 0))
    table = np.array(rows)
    status, data1, data2 = table[:, 1:].astype(np.uint8).T
    return replace(part, time_s=table[:, 0], status=status, data1=data1, data2=data2)


def _rows(part: Part, kept: np.ndarray) -> Part:
    status, data1, data2 = (column[kept] for column in part.columns)
    return replace(part, time_s=part.time_s[kept], status=status, data1=data1, data2=data2)


def _with_controller(part: Part, number: int, times_s: np.ndarray, values: np.ndarray) -> Part:
    """The part with a controller's values added, before the events of the same time."""
    added = (np.full(len(times_s), smf.CONTROL), np.full(len(times_s), number), values)
    time_s = np.concatenate([times_s, part.time_s])
    order = np.argsort(time_s, kind="stable")
    status, data1, data2 = (
        np.concatenate([new, old])[order].astype(np.uint8)
        for new, old in zip(added, part.columns, strict=True)
    )
    return replace(part, time_s=time_s[order], status=status, data1=data1, data2=data2)

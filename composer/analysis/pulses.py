"""Notes cut at the pulses. Units: onsets and ends in pulses."""

from __future__ import annotations

import numpy as np


def notes_by_pulse(
    onset_pulses: np.ndarray, end_pulses: np.ndarray, pulses: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Notes cut at the pulses: index of the note, pulse, and share of the pulse that it sounds, (cuts,) each."""
    onset, end = np.asarray(onset_pulses, float), np.asarray(end_pulses, float)
    first = np.floor(onset + 1e-9).astype(np.int64)
    spans = np.maximum(np.ceil(end - 1e-9).astype(np.int64) - first, 1)
    note = np.repeat(np.arange(onset.size), spans)
    pulse = first[note] + np.arange(note.size) - np.repeat(np.cumsum(spans) - spans, spans)
    inside = (pulse >= 0) & (pulse < pulses)
    note, pulse = note[inside], pulse[inside]
    lasting = np.clip(np.minimum(end[note], pulse + 1) - np.maximum(onset[note], pulse), 0.0, 1.0)
    return note, pulse, lasting

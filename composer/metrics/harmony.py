"""How far an accompaniment keeps to its chords.

Conventions: chords are ids of `composer.tokens.vocabulary`, one a pulse; onsets and ends in pulses; drums and melody
are the caller's to leave out. Notes and time under "no chord" count neither way. Counting notes is the chord tone to
non-chord tone ratio's numerator (CTnCTR, Yeh et al., "Automatic melody harmonization with triad chords", JNMR 2021)
taken over all notes; counting time weighs a note by how long it sounds on each chord.
"""

from __future__ import annotations

import numpy as np

from composer.analysis.pulses import notes_by_pulse
from composer.metrics import TooLittleMusic
from composer.metrics.piece import EARLY_PULSES
from composer.tokens.vocabulary import CHORD_NONE, CHORDS, chord_tones


def chord_tone_note_share(onset_pulses: np.ndarray, pitch: np.ndarray, chords: np.ndarray) -> float:
    """Share of notes whose pitch class is in the chord of the pulse where they start, 0-1.

    A note that starts `EARLY_PULSES` or less before a pulse belongs to it.
    """
    chords, tones = _checked(chords)
    pulse = np.floor(np.asarray(onset_pulses, float) + EARLY_PULSES).astype(np.int64)
    pitch = np.asarray(pitch, np.int64)
    inside = (pulse >= 0) & (pulse < len(chords))
    chord, pitch = chords[pulse[inside]], pitch[inside]
    judged = chord != CHORD_NONE
    if not judged.any():
        raise TooLittleMusic("chord adherence needs a note that starts on a chord")
    return float(tones[chord[judged], pitch[judged] % 12].mean())


def chord_tone_time_share(
    onset_pulses: np.ndarray, end_pulses: np.ndarray, pitch: np.ndarray, chords: np.ndarray
) -> float:
    """Share of sounding time (of each note, so chords count their notes) that is on tones of the chord of the moment,
    0-1."""
    chords, tones = _checked(chords)
    pitch = np.asarray(pitch, np.int64)
    note, pulse, lasting = notes_by_pulse(onset_pulses, end_pulses, len(chords))
    chord = chords[pulse]
    lasting = np.where(chord == CHORD_NONE, 0.0, lasting)
    if not lasting.sum() > 0:
        raise TooLittleMusic("chord adherence needs a note that sounds on a chord")
    return float((lasting * tones[chord, pitch[note] % 12]).sum() / lasting.sum())


def pulse_chroma(
    onset_pulses: np.ndarray, end_pulses: np.ndarray, pitch: np.ndarray, pulses: int
) -> np.ndarray:
    """How long each pitch class sounds in every pulse: (pulses, 12) float64, in pulses."""
    note, pulse, lasting = notes_by_pulse(onset_pulses, end_pulses, pulses)
    cell = pulse * 12 + np.asarray(pitch, np.int64)[note] % 12
    return np.bincount(cell, weights=lasting, minlength=pulses * 12).reshape(pulses, 12)


def _checked(chords: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    chords = np.asarray(chords, np.int64)
    if chords.size and (chords.min() < 0 or chords.max() >= CHORDS):
        raise ValueError(f"chord ids {chords.min()} to {chords.max()} are outside 0-{CHORDS - 1}")
    return chords, chord_tones()

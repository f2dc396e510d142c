"""Chord tones by count and by time, and notes cut at pulses."""

from __future__ import annotations

import numpy as np
import pytest

from composer.metrics import TooLittleMusic, harmony
from composer.tokens.vocabulary import CHORD_NONE, CHORDS, chord_id

C, G7, NONE = chord_id(0, ""), chord_id(7, "7"), CHORD_NONE
CHORD_LINE = np.array([C, C, G7, NONE])


def test_notes_are_judged_by_the_chord_they_start_on() -> None:
    onset = np.array([0.0, 0.5, 1.0, 2.0, 3.5])
    pitch = np.array(
        [60, 64, 65, 65, 61]
    )  # C and E on C; F on C is not; F on G7 is; the last is under no chord
    assert harmony.chord_tone_note_share(onset, pitch, CHORD_LINE) == pytest.approx(3 / 4)


def test_a_note_that_comes_a_little_early_belongs_to_the_chord_it_anticipates() -> None:
    f = np.array([65])
    assert harmony.chord_tone_note_share(np.array([1.93]), f, CHORD_LINE) == 1.0
    assert harmony.chord_tone_note_share(np.array([1.83]), f, CHORD_LINE) == 0.0


def test_time_weighs_notes_by_how_long_they_sound_on_each_chord() -> None:
    onset, end = np.array([1.0, 0.0]), np.array([3.5, 1.0])
    pitch = np.array([65, 60])  # F: one pulse off C, one on G7, the rest under no chord; C: one pulse on C
    assert harmony.chord_tone_time_share(onset, end, pitch, CHORD_LINE) == pytest.approx(2 / 3)


def test_notes_are_cut_at_pulses() -> None:
    note, pulse, lasting = harmony.notes_by_pulse(np.array([0.5, 2.0]), np.array([2.25, 3.0]), 4)
    assert list(zip(note.tolist(), pulse.tolist(), lasting.tolist(), strict=True)) == [
        (0, 0, 0.5), (0, 1, 1.0), (0, 2, 0.25), (1, 2, 1.0)
    ]  # fmt: skip
    chroma = harmony.pulse_chroma(np.array([0.5, 2.0]), np.array([2.25, 3.0]), np.array([60, 67]), 4)
    assert chroma.sum() == pytest.approx(2.75)
    assert chroma[2, 7] == 1.0


@pytest.mark.parametrize("semitones", range(12))
def test_transposing_music_and_chords_together_changes_nothing(semitones: int) -> None:
    from composer.tokens.vocabulary import transpose_chord

    rng = np.random.default_rng(1)
    onset = rng.uniform(0, 4, 50)
    end, pitch = onset + rng.uniform(0.1, 3, 50), rng.integers(40, 80, 50)
    moved = np.array([transpose_chord(int(chord), semitones) for chord in CHORD_LINE])
    for share, arguments in (
        (harmony.chord_tone_note_share, (onset,)),
        (harmony.chord_tone_time_share, (onset, end)),
    ):
        assert share(*arguments, pitch + semitones, moved) == pytest.approx(
            share(*arguments, pitch, CHORD_LINE)
        )


def test_no_chord_and_no_note_are_said() -> None:
    silent = np.array([NONE, NONE])
    for chords, onset in ((silent, np.array([0.0])), (CHORD_LINE, np.array([]))):
        pitch = np.full(len(onset), 60)
        with pytest.raises(TooLittleMusic):
            harmony.chord_tone_note_share(onset, pitch, chords)
        with pytest.raises(TooLittleMusic):
            harmony.chord_tone_time_share(onset, onset + 1, pitch, chords)
    with pytest.raises(ValueError, match="chord ids"):
        harmony.chord_tone_note_share(np.array([0.0]), np.array([60]), np.array([CHORDS]))

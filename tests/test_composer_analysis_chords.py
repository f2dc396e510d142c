import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.analysis.chords import MELODY_WEIGHT, SILENT_PULSES, pulse_classes, recognize_chords
from composer.music import QUALITIES
from composer.tokens import grid
from composer.tokens.vocabulary import CHORD_NONE, CHORDS, chord_id, chord_of, transpose_chord

note_lists = st.lists(
    st.tuples(
        st.integers(-24, 300), st.integers(1, 200), st.integers(0, 127), st.sampled_from([0.0, 0.3, 1.0])
    ),
    max_size=40,
)


def recognise(notes, beats, bar=4):
    """Chords of (onset, duration, pitch) in bars of ``bar`` pulses."""
    table = np.array(notes, float).reshape(-1, 3)
    first = np.arange(beats) % bar == 0
    return recognize_chords(
        table[:, 0], table[:, 1], table[:, 2].astype(int), np.ones(len(table)), beats, first
    )


def block(start, length, *pitches):
    """One chord struck and held."""
    return [(start, length, pitch) for pitch in pitches]


def names(ids):
    """Names of chords, ``N`` for none."""
    return [str(chord_of(int(i)) or "N") for i in ids]


@pytest.mark.parametrize("quality", [q for q in QUALITIES if q not in ("sus4", "sus2")])
@pytest.mark.parametrize("root", [0, 5, 10])
def test_block_chords_of_every_quality_in_root_position(root, quality):
    notes = block(0, 8, *(48 + root + step for step in QUALITIES[quality]))
    assert names(recognise(notes, 8)) == [str(chord_of(chord_id(root, quality)))] * 8


def test_suspensions_over_their_own_bass():
    """sus4 and sus2 hold the same pitch classes: the bass tells which."""
    assert names(recognise(block(0, 4, 36, 48, 53, 55), 4)) == ["Csus4"] * 4
    assert names(recognise(block(0, 4, 36, 43, 48, 50), 4)) == ["Csus2"] * 4


def test_inversions_keep_their_root():
    assert names(recognise(block(0, 4, 52, 60, 67), 4)) == ["C"] * 4
    assert names(recognise(block(0, 4, 55, 60, 64), 4)) == ["C"] * 4
    assert names(recognise(block(0, 4, 47, 55, 62, 65), 4)) == ["G7"] * 4


def test_a_progression_in_four_and_in_three():
    for bar in (4, 3):
        notes = (
            block(0, bar, 45, 57, 60, 64)
            + block(bar, bar, 41, 57, 60, 65)
            + block(2 * bar, bar, 36, 55, 60, 64)
            + block(3 * bar, bar, 43, 55, 59, 62)
        )
        found = names(recognise(notes, 4 * bar, bar))
        assert found == [name for name in ("Am", "F", "C", "G") for _ in range(bar)]


def test_broken_chords_and_a_tune_with_passing_notes():
    alberti = [
        (bar * 4 + i / 2, 0.5, pitch)
        for bar, chord in enumerate([(48, 55, 52, 55), (43, 53, 47, 53), (48, 55, 52, 55)])
        for i, pitch in enumerate(chord * 2)
    ]
    tune = [(i / 2, 0.5, pitch) for i, pitch in enumerate([72, 74, 76, 77, 79, 77, 76, 74] * 1)]
    assert names(recognise(alberti + tune, 12)) == ["C"] * 4 + ["G7"] * 4 + ["C"] * 4


def test_two_chords_in_a_bar():
    notes = block(0, 2, 48, 52, 55) + block(2, 2, 43, 47, 50) + block(4, 4, 48, 52, 55)
    assert names(recognise(notes, 8)) == ["C", "C", "G", "G", "C", "C", "C", "C"]


def test_silence_keeps_the_chord_unless_it_is_long():
    notes = block(4, 1, 48, 52, 55) + block(12 + SILENT_PULSES, 4, 43, 47, 50)
    ids = recognise(notes, 16 + SILENT_PULSES)
    assert names(ids[:5]) == ["N"] * 4 + ["C"]
    assert names(ids[5:-4]) == ["N"] * (7 + SILENT_PULSES)
    assert names(ids[-4:]) == ["G"] * 4
    short = recognise(block(0, 1, 48, 52, 55) + block(SILENT_PULSES, 4, 48, 52, 55), 12)
    assert names(short) == ["C"] * 12


def test_weight_nought_is_not_heard():
    onset, duration, pitch = np.zeros(6), np.full(6, 4.0), np.array([48, 52, 55, 61, 66, 70])
    ids = recognize_chords(onset, duration, pitch, np.array([1, 1, 1, 0, 0, 0.0]), 4, np.arange(4) == 0)
    assert names(ids) == ["C"] * 4
    lower = np.array([24, 52, 55, 48])
    ids = recognize_chords(
        np.zeros(4), np.full(4, 4.0), lower, np.array([0, 1, 1, 1.0]), 4, np.arange(4) == 0
    )
    assert names(ids) == ["C"] * 4


def test_nothing():
    empty = np.zeros(0)
    assert recognize_chords(empty, empty, empty, empty, 0, empty).shape == (0,)
    assert (recognize_chords(empty, empty, empty, empty, 5, np.zeros(5, bool)) == CHORD_NONE).all()


def test_refuses_what_does_not_fit():
    one = np.ones(1)
    with pytest.raises(ValueError, match="first_of_bar"):
        recognize_chords(one, one, one, one, 4, np.zeros(3, bool))
    with pytest.raises(ValueError, match="as many"):
        recognize_chords(one, np.ones(2), one, one, 4, np.zeros(4, bool))
    with pytest.raises(ValueError, match="weight"):
        recognize_chords(one, one, one, -one, 4, np.zeros(4, bool))


@settings(deadline=None)
@given(note_lists, st.integers(0, 24), st.integers(1, 6))
def test_any_notes_give_one_chord_a_pulse(notes, beats, bar):
    table = np.array(notes, float).reshape(-1, 4)
    first = np.arange(beats) % bar == 0
    arguments = (table[:, 0] / 12, table[:, 1] / 12, table[:, 2].astype(int), table[:, 3], beats, first)
    ids = recognize_chords(*arguments)
    assert ids.shape == (beats,)
    assert ids.dtype == np.int64
    assert ((ids >= 0) & (ids < CHORDS)).all()
    np.testing.assert_array_equal(ids, recognize_chords(*arguments))
    classes, bass = pulse_classes(*arguments[:5])
    assert classes.shape == (beats, 12)
    assert (classes >= 0).all()
    assert (classes.sum(1)[bass < 128] > 0).all()


@pytest.mark.parametrize("semitones", [-5, 1, 6])
def test_transposed_music_has_transposed_chords(semitones):
    rng = np.random.default_rng(3)
    onset, duration = rng.integers(0, 400, 300) / 4, rng.integers(1, 9, 300) / 4
    pitch, first = rng.choice([48, 52, 55, 57, 59, 60, 62, 64, 65, 67], 300), np.arange(100) % 4 == 0
    ids = recognize_chords(onset, duration, pitch, np.ones(300), 100, first)
    moved = recognize_chords(onset, duration, pitch + semitones, np.ones(300), 100, first)
    assert len(set(ids.tolist())) > 5
    np.testing.assert_array_equal(moved, [transpose_chord(int(i), semitones) for i in ids])


@pytest.mark.slow
def test_agrees_with_the_labels_of_pop909(shared_data):
    """Three held-out songs; all ninety: root .93, with its mode .85, full .81."""
    from composer.train.corpora.pop909 import read_song

    archive = shared_data / "midi" / "pop909.tar.xz"
    if not archive.is_file():
        pytest.skip("no pop909.tar.xz")
    wanted = {
        f"./POP909/{n}/{name}": (n, name.split(".")[0])
        for n in ("100", "200", "300")
        for name in (f"{n}.mid", "beat_midi.txt", "chord_midi.txt")
    }
    texts = {}
    with tarfile.open(archive, "r:xz") as tar:
        for member in tar:
            if member.name in wanted:
                texts[wanted[member.name]] = tar.extractfile(member).read()
    right = beats = 0
    for number in ("100", "200", "300"):
        beat_text, chord_text = (texts[number, name].decode() for name in ("beat_midi", "chord_midi"))
        song = read_song(int(number), texts[number, number], beat_text, chord_text).songs[0]
        pulse, sub, track, pitch, duration, _ = song.notes.astype(int).T
        first = np.zeros(song.chords.size, bool)
        first[(np.cumsum(song.bar_beats) - song.bar_beats).astype(int)] = True
        found = recognize_chords(
            pulse + np.array(grid.SUB_TICKS)[sub] / grid.TICKS_PER_BEAT,
            np.array(grid.DURATION_TICKS)[duration] / grid.TICKS_PER_BEAT,
            pitch,
            np.where(track == 0, MELODY_WEIGHT, 1.0),
            song.chords.size,
            first,
        )
        labelled = song.chords != CHORD_NONE
        right += int((found[labelled] // len(QUALITIES) == song.chords[labelled] // len(QUALITIES)).sum())
        beats += int(labelled.sum())
    assert right / beats > 0.85

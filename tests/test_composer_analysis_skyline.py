import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from composer.analysis.skyline import TOGETHER, skyline

note_lists = st.lists(
    st.tuples(st.integers(0, 300), st.integers(1, 100), st.integers(0, 127)), min_size=1, max_size=50
)


def tune(notes):
    """Which of (onset, duration, pitch) are the tune."""
    onset, duration, pitch = np.array(notes, float).T
    return skyline(onset, duration, pitch.astype(int)).tolist()


def test_the_top_of_block_chords():
    assert tune([(0, 1, 48), (0, 1, 64), (0, 1, 55), (1, 1, 65), (1, 1, 50)]) == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_what_starts_under_a_held_note_is_not_the_tune():
    held = [(0, 4, 72), (1, 1, 60), (2, 1, 64), (3, 1, 60), (4, 1, 71)]
    assert tune(held) == [True, False, False, False, True]
    assert tune([(0, 4, 60), (1, 1, 72)]) == [True, True]


def test_a_voice_alone_is_the_tune_however_wide():
    wide = [(float(i), 1.0, 84 if i % 2 else 40) for i in range(16)]
    assert all(tune(wide))


def test_accompaniment_through_a_rest_of_the_tune_is_left_out():
    voice = [(i / 2, 0.5, 76 + i % 5) for i in range(8)] + [(8 + i / 2, 0.5, 76 + i % 5) for i in range(8)]
    piano = [(i / 2, 0.5, pitch) for i in range(24) for pitch in (48, 55)]
    found = tune(voice + piano)
    assert all(found[:16])
    assert not any(found[16:])


def test_of_doubled_notes_one():
    assert tune([(0, 4, 72), (0, 1, 72), (2, 1, 60)]) == [False, True, True]


def test_nothing():
    empty = np.zeros(0)
    assert skyline(empty, empty, empty).shape == (0,)


@given(note_lists)
def test_one_voice_that_holds_the_highest_note(notes):
    found = np.array(tune(notes))
    onset, duration, pitch = np.array(notes, float).T
    assert found.shape == onset.shape
    assert found[pitch == pitch.max()].any()
    starts = np.sort(onset[found])
    assert (np.diff(starts) >= TOGETHER - 1e-9).all()
    for i in np.flatnonzero(found):
        higher = found & (onset < onset[i]) & (onset + duration > onset[i] + TOGETHER) & (pitch > pitch[i])
        latest = np.flatnonzero(found & (onset < onset[i]))
        if higher.any() and latest.size:
            assert not higher[latest[onset[latest].argmax()]]


@given(note_lists, st.integers(-20, 20), st.integers(0, 40), st.randoms(use_true_random=False))
def test_moving_and_shuffling_change_nothing(notes, semitones, pulses, random):
    unique = list({(onset, pitch): (onset, duration, pitch) for onset, duration, pitch in notes}.values())
    found = dict(zip(unique, tune(unique), strict=True))
    moved = [(onset + pulses, duration, pitch + semitones) for onset, duration, pitch in unique]
    assert tune(moved) == list(found.values())
    shuffled = unique[:]
    random.shuffle(shuffled)
    assert tune(shuffled) == [found[note] for note in shuffled]

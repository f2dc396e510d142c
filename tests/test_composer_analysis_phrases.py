from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.analysis.phrases import (
    CLOSING_CADENCE,
    HALF_CADENCE,
    LONGEST_PHRASE,
    NO_CADENCE,
    boundary_strengths,
    cadences,
    phrase_lefts,
)
from composer.tokens.vocabulary import CHORD_NONE, CHORDS, chord_id

EMPTY = np.zeros(0)


def melody(*bars):
    """Onsets and durations from bars of four pulses, each a list of (place, duration)."""
    notes = [(4 * i + place, duration) for i, bar in enumerate(bars) for place, duration in bar]
    return np.array([n[0] for n in notes]), np.array([n[1] for n in notes])


def lines(bars, length=4):
    """Bar lines of equal bars."""
    return np.arange(bars + 1) * float(length)


def ends(left):
    """Last bars of the phrases."""
    return np.flatnonzero(left == 0).tolist()


MOVING = [(0, 1), (1, 1), (2, 1), (3, 1)]
RESTING = [(0, 2)]
UPBEAT = [(0, 2), (3, 1)]


def test_no_melody_means_phrases_of_four_bars():
    assert phrase_lefts(EMPTY, EMPTY, lines(10)).tolist() == [3, 2, 1, 0, 3, 2, 1, 0, 1, 0]
    assert phrase_lefts(EMPTY, EMPTY, lines(0)).shape == (0,)
    assert phrase_lefts(EMPTY, EMPTY, EMPTY).shape == (0,)


def test_fours_where_nothing_else_is_said():
    onset, duration = melody(*[MOVING] * 16)
    assert ends(phrase_lefts(onset, duration, lines(16))) == [3, 7, 11, 15]


@pytest.mark.parametrize("last", [RESTING, UPBEAT])
def test_long_notes_end_phrases_with_and_without_a_pickup(last):
    onset, duration = melody(*([MOVING] * 3 + [last]) * 3 + [MOVING] * 3 + [RESTING])
    assert ends(phrase_lefts(onset, duration, lines(16))) == [3, 7, 11, 15]


def test_phrases_of_three_and_five_bars_when_the_tune_says_so():
    for length in (3, 5):
        onset, duration = melody(*([MOVING] * (length - 1) + [RESTING]) * 4)
        assert ends(phrase_lefts(onset, duration, lines(4 * length))) == [
            i * length - 1 for i in (1, 2, 3, 4)
        ]


def test_an_introduction_stands_alone_and_fours_count_from_the_entry():
    onset, duration = melody(*[[]] * 2 + [MOVING] * 12)
    assert ends(phrase_lefts(onset, duration, lines(14))) == [1, 5, 9, 13]


def test_a_pickup_puts_the_line_after_it_and_a_rest_puts_one_where_the_tune_stops():
    onset, duration = melody([(3, 1)], MOVING, RESTING, [], [], MOVING)
    strength = boundary_strengths(onset, duration, lines(6))
    assert strength[0] == strength[-1] == 0.0
    assert strength[1] == 1.0  # the entry, on its pickup
    assert strength[3] == 1.0
    assert strength[5] > 0.3 > strength[2]


def test_other_metres_and_pickups():
    starts = np.append(0.0, 1 + 3.0 * np.arange(17))  # a pick-up of one pulse, then sixteen bars of three
    onset = np.concatenate(
        [[0.0]] + [1 + 3.0 * i + np.array([0, 1, 2] if i % 4 != 3 else [0, 2]) for i in range(16)]
    )
    assert ends(phrase_lefts(onset, np.full(onset.size, 1.0), starts))[-4:] == [4, 8, 12, 16]
    one = lines(16, 1)  # 3/8: one pulse a bar
    onset = np.array([x for i in range(16) for x in ([i, i + 0.5] if i % 4 != 3 else [i])], float)
    assert ends(phrase_lefts(onset, np.full(onset.size, 0.5), one)) == [3, 7, 11, 15]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(-20, 400), st.integers(1, 100)), max_size=40),
    st.lists(st.integers(1, 8), max_size=30),
)
def test_phrases_count_down_to_nought_and_are_short_enough(notes, lengths):
    onset, duration = np.array(notes, float).reshape(-1, 2).T / 4
    starts = np.append(0.0, np.cumsum(lengths))
    left = phrase_lefts(onset, duration, starts)
    assert left.shape == (len(lengths),)
    assert left.dtype == np.int64
    if lengths:
        assert left[-1] == 0
        assert left.max() < LONGEST_PHRASE
        assert all(b == a - 1 for a, b in pairwise(left) if a > 0)
        strength = boundary_strengths(onset, duration, starts)
        assert ((strength >= 0) & (strength <= 1)).all()
        order = np.random.default_rng(0).permutation(onset.size)
        np.testing.assert_array_equal(left, phrase_lefts(onset[order], duration[order], starts))


def cadence_of(*chords, minor=False, beats=4):
    """What a phrase of one chord a bar closes with."""
    ids = np.repeat([CHORD_NONE if c is None else chord_id(*c) for c in chords], beats)
    left = np.arange(len(chords))[::-1]
    out = cadences(ids, np.repeat(np.arange(len(chords)), beats), left, minor)
    assert (out[:-1] == NO_CADENCE).all()
    return int(out[-1])


@pytest.mark.parametrize(
    ("chords", "minor", "expected"),
    [
        ([(0, ""), (5, ""), (7, ""), (0, "")], False, CLOSING_CADENCE),
        ([(0, ""), (7, "7"), (0, "sus4"), (0, "")], False, CLOSING_CADENCE),
        ([(0, ""), (11, "dim"), (0, "maj7")], False, CLOSING_CADENCE),
        ([(0, ""), (5, "m"), (0, "")], False, CLOSING_CADENCE),
        ([(0, ""), (2, "m"), (7, "")], False, HALF_CADENCE),
        ([(0, ""), (7, "sus4"), (7, "7")], False, HALF_CADENCE),
        ([(0, ""), (7, "m")], False, NO_CADENCE),
        ([(7, ""), (9, "m")], False, NO_CADENCE),
        ([(7, ""), (0, "7")], False, NO_CADENCE),
        ([(0, ""), (0, "")], False, NO_CADENCE),
        ([(9, "m"), (0, "")], False, NO_CADENCE),
        ([(9, "m"), (4, "7"), (9, "m")], True, CLOSING_CADENCE),
        ([(9, "m"), (7, ""), (9, "m")], True, CLOSING_CADENCE),
        ([(9, "m"), (4, ""), (9, "")], True, CLOSING_CADENCE),
        ([(9, "m"), (2, "m"), (4, "")], True, HALF_CADENCE),
        ([(7, ""), (0, "")], True, NO_CADENCE),
        ([(7, ""), (0, ""), None], False, NO_CADENCE),
        ([None, None], False, NO_CADENCE),
    ],
)
def test_cadences(chords, minor, expected):
    assert cadence_of(*chords, minor=minor) == expected


def test_a_phrase_of_one_bar_hears_the_bar_before():
    ids = np.repeat([chord_id(7, ""), chord_id(0, "")], 4)
    bar = np.repeat([0, 1], 4)
    assert cadences(ids, bar, np.array([0, 0]), False).tolist() == [HALF_CADENCE, CLOSING_CADENCE]


def test_no_bars_no_cadences():
    assert cadences(EMPTY, EMPTY, EMPTY, False).shape == (0,)


@given(st.lists(st.integers(0, CHORDS - 1), max_size=40), st.integers(1, 5), st.booleans())
def test_cadences_only_end_phrases(chords, beats, minor):
    bar = np.arange(len(chords)) // beats
    bars = int(bar[-1]) + 1 if chords else 0
    left = phrase_lefts(EMPTY, EMPTY, lines(bars))
    out = cadences(np.array(chords, np.int64), bar, left, minor)
    assert out.shape == (bars,)
    assert out.dtype == np.int64
    assert set(out.tolist()) <= {NO_CADENCE, HALF_CADENCE, CLOSING_CADENCE}
    assert not out[left > 0].any()

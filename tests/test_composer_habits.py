"""Habits: what is counted, and that the more ordinary candidate is chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from composer.habits import (
    ACCOMPANIMENT_HABITS,
    HARMONY_HABITS,
    MELODY_HABITS,
    accompaniment_habits,
    best_harmony,
    best_of,
    harmony_habits,
    melody_habits,
)
from composer.tokens.frame import Frame
from composer.tokens.notes import GridNotes, NotePlan
from composer.tokens.vocabulary import chord_id


def make_frame(bars: int) -> Frame:
    whole, none = np.zeros(bars, int), np.full(bars, -1)
    return Frame(
        np.full(bars, 4), whole, np.full(bars, 90.0), whole, np.zeros(bars), np.zeros(bars), whole, none, none
    )


C_MAJOR = np.zeros(8, np.int64)


def test_harmony_habits_hear_the_key():
    frame = make_frame(4)
    home = np.array([chord_id(*c) for c in ((0, ""), (5, ""), (7, "7"), (0, ""))]).repeat(4)
    away = np.array([chord_id(*c) for c in ((2, ""), (7, ""), (9, "7"), (2, ""))]).repeat(4)
    at_home, not_at_home = (
        dict(zip(HARMONY_HABITS, harmony_habits(frame, c), strict=True)) for c in (home, away)
    )
    assert at_home["doubt of the key"] < 0 < not_at_home["doubt of the key"]
    assert at_home["tonic"] == pytest.approx(0.5)
    assert at_home["changes a bar"] == pytest.approx(3 / 4)
    assert at_home["chords of the key"] == pytest.approx(1.0)
    assert not_at_home["chords of the key"] == pytest.approx(1 / 4)
    minor = replace(frame, minor=np.ones(4, int))
    cadence = np.array([chord_id(*c) for c in ((9, "m"), (2, "m"), (4, ""), (9, "m"))]).repeat(4)
    assert dict(zip(HARMONY_HABITS, harmony_habits(minor, cadence), strict=True))["chords of the key"] == 1.0
    assert harmony_habits(minor, cadence)[0] < harmony_habits(frame, cadence)[0]


def test_melody_habits_count_what_is_there():
    tune = GridNotes(*np.array([[0, 0, 60, 7, 9], [1, 0, 62, 7, 9], [4, 0, 62, 7, 9], [5, 0, 74, 7, 9]]).T)
    found = dict(zip(MELODY_HABITS, melody_habits(make_frame(2), C_MAJOR, tune), strict=True))
    assert found["chord tones on the beat"] == pytest.approx(1 / 4)
    assert found["mean interval"] == pytest.approx(14 / 3)
    assert found["repeated notes"] == pytest.approx(1 / 3)
    assert found["leaps"] == pytest.approx(1 / 3)
    assert found["rhythm taken up"] == pytest.approx(1 / 2)


def test_accompaniment_habits_compare_with_the_plan():
    notes = GridNotes(*np.array([[0, 0, 48, 7, 10], [1, 0, 52, 7, 14], [4, 0, 50, 7, 12]]).T)
    plan = NotePlan(np.array([2, 2]), np.array([12, 10]), np.array([50, 53]), np.array([0, 0]))
    found = dict(
        zip(ACCOMPANIMENT_HABITS, accompaniment_habits(make_frame(2), C_MAJOR, plan, notes), strict=True)
    )
    assert found["chord tones"] == pytest.approx(2 / 3)
    assert found["missing notes"] == pytest.approx(1 / 4)
    assert found["velocity error"] == pytest.approx(1.0)
    assert found["register error"] == pytest.approx(1.5)
    assert found["bass on the root"] == pytest.approx(1 / 3)


def test_the_nearest_to_the_mean_is_chosen():
    candidates = [np.array([0.0, 9.0]), np.array([0.9, 2.2]), np.array([5.0, 2.0])]
    assert best_of(candidates, [1.0, 2.0], [0.5, 1.0]) == 1
    assert best_of(candidates[:1], [], []) == 0


def test_a_harmony_clear_in_its_key_goes_before_an_ordinary_one():
    mean, deviation = [-0.1, 0.3], [0.1, 0.1]
    candidates = [np.array([-0.2, 0.3]), np.array([-0.3, 0.6]), np.array([-0.27, 0.35])]
    assert best_harmony(candidates, mean, deviation) == 2
    assert best_harmony([np.array([0.2, 0.3]), np.array([0.1, 0.9])], mean, deviation) == 1


def test_silence_has_habits_too():
    nothing = GridNotes(*np.zeros((5, 0), np.int64))
    plan = NotePlan(*np.zeros((4, 2), np.int64))
    assert np.isfinite(melody_habits(make_frame(2), C_MAJOR, nothing)).all()
    assert np.isfinite(accompaniment_habits(make_frame(2), C_MAJOR, plan, nothing)).all()

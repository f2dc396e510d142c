"""Requested against obtained: correlations, shares, endings, and what bars hold; means with their intervals."""

from __future__ import annotations

import metric_cases
import numpy as np
import pytest

from composer.metrics import TooLittleMusic, controls, spread
from composer.metrics.piece import ACCOMPANIMENT, DRUMS, MELODY
from composer.theory import Key
from composer.tokens.vocabulary import CHORD_NONE, chord_id

CORRELATIONS = (controls.density_adherence, controls.dynamics_adherence, controls.register_adherence)


@pytest.mark.parametrize("adherence", CORRELATIONS)
def test_r_is_pearsons_over_the_bars_of_which_something_was_asked(adherence) -> None:
    asked = np.array([1.0, 2.0, np.nan, 3.0, 4.0])
    assert adherence(asked, np.array([10.0, 20.0, -99.0, 30.0, 40.0])) == pytest.approx(1.0)
    assert adherence(asked, -asked) == pytest.approx(-1.0)
    assert adherence(asked, np.array([1.0, 2.0, 0.0, 4.0, 3.0])) == pytest.approx(0.8)
    assert adherence(asked, np.array([1.0, 2.0, 0.0, np.nan, 3.0])) == pytest.approx(
        np.corrcoef([1, 2, 4], [1, 2, 3])[0, 1]
    )
    assert adherence(asked, np.full(5, 7.0)) == 0.0  # deaf


@pytest.mark.parametrize("adherence", CORRELATIONS)
def test_r_needs_two_wishes_that_differ(adherence) -> None:
    for asked in (np.array([]), np.full(3, np.nan), np.full(3, 5.0)):
        with pytest.raises(TooLittleMusic):
            adherence(asked, np.arange(len(asked)))
    with pytest.raises(ValueError, match="requested"):
        adherence(np.arange(3), np.arange(4))


def test_shares_of_mode_metre_and_tempo() -> None:
    nan = np.nan
    assert controls.mode_adherence(np.array([1, 0, 1, nan]), np.array([1, 0, 0, 0])) == pytest.approx(2 / 3)
    asked = np.array([[4, 4], [3, 4], [nan, nan]])
    assert controls.metre_adherence(asked, np.array([[4, 4], [6, 8], [4, 4]])) == 0.5
    assert controls.tempo_adherence(np.array([100, 100, nan]), np.array([100.05, 101, 7])) == 0.5
    for call, arguments in (
        (controls.mode_adherence, (np.array([nan]), np.array([1.0]))),
        (controls.metre_adherence, (np.full((2, 2), nan), np.ones((2, 2)))),
        (controls.tempo_adherence, (np.array([]), np.array([]))),
    ):
        with pytest.raises(TooLittleMusic):
            call(*arguments)
    with pytest.raises(ValueError, match="bars, 2"):
        controls.metre_adherence(np.ones(3), np.ones(3))


@pytest.mark.parametrize(
    ("last", "key", "closed"),
    [
        ((0, ""), "C", True), ((0, "maj7"), "C", True), ((0, "sus4"), "C", True), ((0, "m"), "C", False),
        ((7, ""), "C", False), ((9, "m"), "Am", True), ((9, ""), "Am", True), ((9, "dim"), "Am", False),
        ((0, ""), "Am", False),
    ],
)  # fmt: skip
def test_the_last_chord_closes_or_not(last: tuple[int, str], key: str, closed: bool) -> None:
    chords = np.array([chord_id(5, ""), chord_id(*last), CHORD_NONE])
    assert controls.ends_on_tonic(chords, Key.parse(key)) is closed


def test_an_ending_needs_a_chord() -> None:
    with pytest.raises(TooLittleMusic):
        controls.ends_on_tonic(np.array([CHORD_NONE]), Key(0))


def test_bars_count_average_and_leave_drums_out() -> None:
    rows = [
        (0, 1, 60, MELODY),
        (1, 1, 64, ACCOMPANIMENT),
        (2, 1, 36, DRUMS),
        (8, 1, 72, MELODY),
        (11.99, 1, 48, MELODY),
    ]
    piece = metric_cases.make_piece(rows, bars=4)
    assert controls.bar_density(piece).tolist() == [2, 0, 1, 1]  # the last note anticipates bar 4
    assert np.array_equal(controls.bar_register(piece), [62, np.nan, 72, 48], equal_nan=True)
    assert np.array_equal(controls.bar_dynamics(piece), [80, np.nan, 80, 80], equal_nan=True)


def test_the_mode_of_a_span_is_heard_from_its_notes() -> None:
    scale = {"major": (60, 64, 67, 72, 65, 71, 67, 60), "minor": (69, 72, 76, 69, 71, 80, 76, 69)}
    rows = [
        (bar * 4 + i / 2, 0.5, pitch, MELODY)
        for bar, mode in enumerate(("major", "minor", "major", "minor"))
        for i, pitch in enumerate(scale[mode])
    ]
    piece = metric_cases.make_piece(rows, bars=5)
    minor = controls.bar_minor(piece, np.array([0, 1, 2, 1, 3]))
    assert np.array_equal(minor, [0, 1, 0, 1, np.nan], equal_nan=True)


def test_a_mean_and_its_interval() -> None:
    values = np.random.default_rng(1).normal(5.0, 2.0, 400)
    found = spread.spread_of(values, np.random.default_rng(2))
    assert (found.count, found.mean, found.deviation) == (400, values.mean(), values.std())
    error = values.std() / 20
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.3 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.3 * error)
    assert spread.spread_of(values, np.random.default_rng(2)) == found
    one = spread.spread_of(np.array([3.0]), np.random.default_rng(0))
    assert (one.mean, one.deviation, one.low, one.high) == (3.0, 0.0, 3.0, 3.0)


def test_a_distance_is_in_deviations_of_the_reference() -> None:
    reference = np.array([1.0, 3.0])  # mean 2, deviation 1
    assert spread.distance_in_deviations(np.array([2.5, 3.5]), reference) == pytest.approx(1.0)
    with pytest.raises(TooLittleMusic):
        spread.distance_in_deviations(reference, np.array([1.0, 1.0]))
    with pytest.raises(TooLittleMusic):
        spread.bootstrap_interval(np.array([]), np.random.default_rng(0))
    with pytest.raises(ValueError, match="finite"):
        spread.spread_of(np.array([np.nan]), np.random.default_rng(0))
    with pytest.raises(ValueError, match="confidence"):
        spread.bootstrap_interval(reference, np.random.default_rng(0), confidence=1.0)

"""Adherence to controls, recognition of styles, and figures with their intervals: known answers and properties."""

from __future__ import annotations

import numpy as np
import pytest

from render.metrics import TooLittleSound
from render.metrics.adherence import (
    dynamics_correlation,
    in_chord_accuracy,
    macro_correlation,
    melody_accuracy,
    micro_correlation,
)
from render.metrics.recognition import confusions, embedding_distance, recognised
from render.metrics.spread import figure_of, mean_figure


def test_melody_counts_only_frames_in_which_something_is_requested() -> None:
    requested = np.array([0, 4, 7, -1, 11])
    assert melody_accuracy(requested, np.array([0, 4, 8, 3, -1])) == 0.5
    assert melody_accuracy(requested, requested) == 1.0
    with pytest.raises(TooLittleSound):
        melody_accuracy(np.full(4, -1), np.zeros(4, int))
    with pytest.raises(ValueError, match="shapes"):
        melody_accuracy(requested, requested[1:])


def test_in_chord_takes_any_class_that_sounds_and_no_silence() -> None:
    sounding = np.zeros((12, 4), np.float32)
    sounding[[0, 4, 7], 0] = 0.3
    sounding[11, 1:3] = 1.0
    assert in_chord_accuracy(sounding, np.array([7, 11, -1, 5])) == pytest.approx(2 / 3)
    with pytest.raises(TooLittleSound):
        in_chord_accuracy(np.zeros((12, 4)), np.zeros(4, int))
    with pytest.raises(ValueError, match="12, 3"):
        in_chord_accuracy(sounding, np.zeros(3, int))


def test_in_chord_is_never_below_melody_where_the_strongest_class_sounds() -> None:
    rng = np.random.default_rng(0)
    chroma = rng.random((12, 200)) * (rng.random((12, 200)) < 0.3)
    requested = np.where(chroma.any(0), chroma.argmax(0), -1)
    obtained = rng.integers(-1, 12, 200)
    assert in_chord_accuracy(chroma, obtained) >= melody_accuracy(requested, obtained)


def test_dynamics_ignore_gain_and_span_but_not_direction() -> None:
    curve = np.sin(np.linspace(0, 9, 300)) * 12 - 20
    assert dynamics_correlation(curve, 0.3 * curve + 7) == pytest.approx(1.0)
    assert dynamics_correlation(curve, -curve) == pytest.approx(-1.0)
    assert dynamics_correlation(curve, np.full(300, -9.0)) == 0.0
    with pytest.raises(TooLittleSound):
        dynamics_correlation(np.zeros(300), curve)


def test_micro_hears_each_clip_and_macro_hears_levels_between_clips() -> None:
    rise = np.linspace(0.0, 1.0, 50)
    clips = [(rise, rise), (rise + 40, rise - 40)]  # right within, upside down between
    assert micro_correlation(clips) == pytest.approx(1.0)
    assert macro_correlation(clips) < -0.9
    assert micro_correlation([*clips, (np.zeros(50), rise)]) == pytest.approx(
        1.0
    )  # a still request does not count
    for correlation in (micro_correlation, macro_correlation):
        with pytest.raises(TooLittleSound):
            correlation([])


def test_styles_recognised_confused_and_apart() -> None:
    true, named = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])
    assert recognised(true, named) == 0.75
    assert confusions(true, named, 3).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    east, north = np.array([2.0, 0.0]), np.array([0.0, 5.0])
    assert embedding_distance(east, north) == pytest.approx(1.0)
    assert embedding_distance(east, 3 * east) == pytest.approx(0.0)
    with pytest.raises(TooLittleSound):
        recognised(np.array([], int), np.array([], int))
    with pytest.raises(ValueError, match="length 0"):
        embedding_distance(east, np.zeros(2))


def test_a_figure_lies_in_its_interval_which_narrows_with_clips() -> None:
    values = np.random.default_rng(1).normal(0.8, 0.1, 400)
    few, many = (mean_figure(values[:n], np.random.default_rng(2), draws=300) for n in (20, 400))
    assert few.low < few.value < few.high
    assert many.high - many.low < few.high - few.low
    assert many == mean_figure(values, np.random.default_rng(2), draws=300)
    assert mean_figure(np.array([0.5, np.nan, 0.7]), np.random.default_rng(0)).clips == 2
    with pytest.raises(TooLittleSound):
        figure_of(lambda chosen: 0.0, 0, np.random.default_rng(0))

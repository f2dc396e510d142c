"""Curves within a section: few points, around the section's value, following what is seen."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from made_films import Shot, made_film

from composer.spotting.affect import rgb_difference_at
from composer.spotting.cues import CueSheet, Section
from composer.spotting.curves import MAX_POINTS, fit_curve, simplify
from composer.spotting.spot import spot
from composer.video.features import VideoFeatures

NAMES = ("valence", "arousal", "density", "dynamics")


def moving(movement: np.ndarray, **more: float) -> VideoFeatures:
    """One shot with this RGB difference, five values a second."""
    film = made_film([Shot(movement.size / 5, 0)])
    return replace(film, rgb_difference=movement.astype(np.float32), **more)


def waves(length_s: float, period_s: float, low: float, high: float) -> np.ndarray:
    times_s = np.arange(0, length_s, 0.2)
    return low + (high - low) * (1 - np.cos(2 * np.pi * times_s / period_s)) / 2


def by_bar(cues: CueSheet, features: VideoFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Density of the sheet and movement of the picture, a mean a bar."""
    times_s = np.arange(0.05, features.duration_s, 0.1)
    bar = np.searchsorted(cues.tempo_map.bar_starts_s, times_s, side="right")
    density = np.array([section_at(cues, time_s).density_at(time_s) for time_s in times_s])
    movement = rgb_difference_at(features, times_s)
    return (
        np.array([density[bar == b].mean() for b in np.unique(bar)]),
        np.array([movement[bar == b].mean() for b in np.unique(bar)]),
    )


def section_at(cues: CueSheet, time_s: float) -> Section:
    return next(section for section in cues.sections if time_s < section.end_s)


@pytest.mark.parametrize("period_s", [8.0, 15.0, 31.0])
@pytest.mark.parametrize(("low", "high"), [(1, 6), (4, 30), (0, 60)])
def test_density_follows_movement_bar_by_bar(period_s, low, high):
    features = moving(waves(60, period_s, low, high))
    density, movement = by_bar(spot(features, seed=1), features)
    assert np.corrcoef(density, movement)[0, 1] > 0.9
    assert np.ptp(density) > 0.2


def test_density_follows_movement_over_the_sections_of_a_film():
    rng = np.random.default_rng(1)
    shots = [Shot(20, place, movement=float(rng.uniform(2, 30))) for place in range(6)]
    features = made_film(shots)
    features = replace(
        features, rgb_difference=features.rgb_difference * rng.lognormal(0, 0.4, features.rgb_difference.size)
    )
    density, movement = by_bar(spot(features, seed=1), features)
    assert np.corrcoef(density, movement)[0, 1] > 0.9


def test_more_light_and_movement_raise_the_curves_where_they_are():
    features = moving(np.where(np.arange(49) < 25, 3.0, 20.0))
    section = spot(features, seed=1).sections[0]
    for name in ("arousal", "density", "dynamics"):
        assert (
            getattr(section, f"{name}_at")(2.0) < getattr(section, name) < getattr(section, f"{name}_at")(8.0)
        )


def test_where_nothing_varies_there_are_no_curves():
    section = spot(moving(np.full(300, 8.0)), seed=1).sections[0]
    assert all(getattr(section, f"{name}_curve") == () for name in NAMES)


def test_curves_stay_within_their_section_around_its_value_and_in_range():
    rng = np.random.default_rng(4)
    for seed in range(5):
        shots = [
            Shot(float(rng.uniform(1, 9)), int(rng.integers(6)), movement=float(rng.lognormal(2, 1)))
            for _ in range(30)
        ]
        for section in spot(made_film(shots, seed=seed), seed=1, tempo_bpm=100.0).sections:
            times_s = np.linspace(section.start_s, section.end_s, 400)
            for name in NAMES:
                curve = getattr(section, f"{name}_curve")
                assert len(curve) != 1
                assert len(curve) <= MAX_POINTS
                assert all(section.start_s <= point.time_s <= section.end_s for point in curve)
                assert all(a.time_s < b.time_s for a, b in itertools.pairwise(curve))
                at = [getattr(section, f"{name}_at")(time_s) for time_s in times_s]
                assert np.mean(at) == pytest.approx(getattr(section, name), abs=0.02)
                assert (-1 if name in NAMES[:2] else 0) <= min(at)
                assert max(at) <= 1


def test_a_curve_is_a_few_straight_lines_within_its_tolerance():
    times_s = np.arange(0, 40, 0.5)
    values = np.interp(times_s, [0, 10, 12, 30, 40], [0.2, 0.2, 0.7, 0.3, 0.3])
    kept = simplify(times_s, values, 0.02)
    assert kept.size <= 6
    assert np.abs(np.interp(times_s, times_s[kept], values[kept]) - values).max() <= 0.02
    noisy = values + np.random.default_rng(0).normal(0, 0.004, values.size)
    assert simplify(times_s, noisy, 0.03).size <= 8
    assert fit_curve(times_s, values * 0.01, 0.1, 0.05) == ()
    assert (
        len(fit_curve(np.arange(4000) * 0.5, np.random.default_rng(0).normal(size=4000), 0.1, 0.05))
        <= MAX_POINTS
    )

"""Nearest moments and stretches of film, against looking at each moment."""

from __future__ import annotations

import numpy as np

from composer.spotting.samples import distance_to_nearest, inside, nearest


def test_the_nearest_is_the_nearest_of_all():
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 50):
        samples_s, times_s = np.sort(rng.uniform(0, 10, size)), rng.uniform(-2, 12, 40)
        away_s = np.abs(times_s[:, None] - samples_s)
        assert np.array_equal(nearest(samples_s, times_s), away_s.argmin(axis=1))
        assert np.array_equal(distance_to_nearest(times_s, samples_s), away_s.min(axis=1))
    assert np.isinf(distance_to_nearest(times_s, np.zeros(0))).all()


def test_a_stretch_without_a_moment_has_the_one_nearest_to_its_middle():
    samples_s = np.array([0.5, 1.5, 2.5])
    assert inside(samples_s, 0.5, 2.5).tolist() == [True, True, False]
    assert inside(samples_s, 1.6, 2.2).tolist() == [False, True, False]
    assert inside(samples_s, 9.0, 10.0).tolist() == [False, False, True]

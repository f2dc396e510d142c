"""Accents: the clearest visual beats, apart from each other, from the hits and from silence."""

from __future__ import annotations

import numpy as np
from made_films import Shot, made_film

from composer.spotting.accents import ACCENT_GAP_S, HIT_GAP_S, accents_of
from composer.spotting.cues import Accent, Hit
from composer.spotting.spot import spot
from composer.video.features import VideoFeatures


def film(beats_s: np.ndarray, strengths: np.ndarray) -> VideoFeatures:
    return made_film([Shot(60, 0)], visual_beats_s=beats_s, visual_beat_strengths=strengths)


def test_the_stronger_of_two_near_beats_stays_and_weak_ones_go():
    features = film(np.array([1.0, 1.2, 3.0, 5.0]), np.array([0.4, 0.9, 0.05, 0.5]))
    assert accents_of(features, []) == (Accent(1.2, 0.9), Accent(5.0, 0.5))


def test_a_beat_on_a_hit_is_the_hit_and_silence_has_none():
    features = film(np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.5, 0.5]))
    assert accents_of(features, [Hit(2.1, "slam")]) == (Accent(1.0, 0.5), Accent(3.0, 0.5))
    assert accents_of(features, [], [(0.5, 2.5)]) == (Accent(3.0, 0.5),)


def test_dense_beats_are_thinned_to_what_music_can_use():
    rng = np.random.default_rng(0)
    beats_s = np.sort(rng.uniform(0, 60, 1000))
    features = film(beats_s, rng.uniform(0, 1, 1000))
    hits = [Hit(float(time_s), "hit") for time_s in rng.uniform(0, 60, 20)]
    found = accents_of(features, hits)
    times_s = np.array([accent.time_s for accent in found])
    assert np.diff(times_s).min() >= ACCENT_GAP_S
    assert np.abs(times_s[:, None] - [hit.time_s for hit in hits]).min() >= HIT_GAP_S
    assert 60 < len(found) < 60 / ACCENT_GAP_S
    assert np.mean([accent.strength for accent in found]) > 0.55


def test_the_sheet_holds_them_and_a_still_film_has_none():
    features = film(np.array([10.0, 20.0]), np.array([0.7, 1.0]))
    assert spot(features, seed=1).accents == (Accent(10.0, 0.7), Accent(20.0, 1.0))
    assert spot(made_film([Shot(60, 0)]), seed=1).accents == ()
    assert spot(features, seed=1, silences=[(5.0, 15.0)]).accents == (Accent(20.0, 1.0),)

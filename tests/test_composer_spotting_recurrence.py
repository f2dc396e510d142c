"""Which stretches share a theme: places that come back, and places that only resemble them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from made_films import Shot, made_film

from composer.spotting.recurrence import themes
from composer.video.features import VideoFeatures


def numbers(features: VideoFeatures, count: int) -> list[int]:
    """Themes of ``count`` equal stretches, each unlike the one before."""
    edges_s = np.linspace(0, features.duration_s, count + 1)
    stretches = [(float(a), float(b)) for a, b in itertools.pairwise(edges_s)]
    return themes(features, stretches, [True] * count)


def shots(places: Sequence[int]) -> list[Shot]:
    """20 s in each place, from four views that are never seen again."""
    return [Shot(5, place, view=4 * i + k) for i, place in enumerate(places) for k in range(4)]


@pytest.mark.parametrize("clip", [False, True])
def test_places_are_known_again_from_other_views(clip):
    order = [0, 1, 2, 0, 3, 1, 4, 2, 0, 5, 6, 7, 1]
    found = numbers(made_film(shots(order), clip=clip), len(order))
    assert found == [0, 1, 2, 0, 3, 1, 4, 2, 0, 5, 6, 7, 1]


def test_the_same_colours_elsewhere_bring_no_theme_back_where_clip_sees():
    order = [0, 1, 0]
    blind, seeing = made_film(shots(order)), made_film(shots(order), clip=True)
    tokens = seeing.semantic_tokens.copy()
    tokens[40:] = made_film(shots([2, 2, 2]), clip=True).semantic_tokens[40:]
    assert numbers(blind, 3) == [0, 1, 0]
    assert numbers(replace(seeing, semantic_tokens=tokens), 3) == [0, 1, 2]


def test_the_same_place_in_another_light_keeps_its_theme_where_clip_sees():
    order = [Shot(20, 0, light=0.1), Shot(20, 1), Shot(20, 0, light=-0.15)]
    assert numbers(made_film(order, clip=True), 3) == [0, 1, 0]


def test_neighbours_that_differ_never_share_a_theme_and_others_may():
    features = made_film([Shot(20, 0), Shot(20, 0)])
    assert themes(features, [(0, 20), (20, 40)], [True, True]) == [0, 1]
    assert themes(features, [(0, 20), (20, 40)], [True, False]) == [0, 0]


def test_where_nothing_was_seen_every_stretch_is_its_own():
    features = replace(
        made_film([Shot(20, 0), Shot(20, 1)]),
        color_times_s=np.zeros(0), color_histograms=np.zeros((0, 3, 8, 8)), brightness=np.zeros(0),
        saturation=np.zeros(0), warmth=np.zeros(0), palettes=np.zeros((0, 5, 3)), palette_shares=np.zeros((0, 5)),
        aesthetics=np.zeros((0, 9)),
    )  # fmt: skip
    assert themes(features, [(0, 10), (10, 20), (20, 40)], [True, True, True]) == [0, 1, 2]

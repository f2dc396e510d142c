"""Sections of made films with a known right answer: what is one section, and where another begins."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from made_films import Shot, made_film

from composer.spotting.affect import affect_curve
from composer.spotting.segments import Segment, film_reach, section_labels, segment_film, theme_letter
from composer.spotting.silences import Silence
from composer.video.features import VideoFeatures


def segments(features: VideoFeatures, silences: tuple[Silence, ...] = ()) -> tuple[Segment, ...]:
    return segment_film(features, affect_curve(features), silences)


def scene(place: int, length_s: float, shot_s: float, seed: int, views: int = 5) -> list[Shot]:
    """A scene of shots of about ``shot_s``, no view twice in a row."""
    rng = np.random.default_rng((seed, place))
    shots: list[Shot] = []
    while (left_s := length_s - sum(shot.length_s for shot in shots)) > 0.5:
        view = int(rng.integers(views - 1))
        view += bool(shots) and view >= shots[-1].view
        shots.append(Shot(float(min(left_s, shot_s * rng.lognormal(0, 0.4))), place, view))
    return shots


ONE_SECTION = {
    "one shot": [Shot(60, 0)],
    "strobe": [Shot(0.2, i % 2) for i in range(200)],
    "fast montage": [Shot(0.5, i) for i in range(80)],
    "montage, never the same place": [Shot(1.0, i) for i in range(60)],
    "montage of three looks": [Shot(1.5, i % 3) for i in range(60)],
    "slower montage": [Shot(2.5, i) for i in range(24)],
    "conversation": [Shot(3, 0, i % 2) for i in range(20)],
    "slow conversation": [Shot(6, 0, i % 2) for i in range(10)],
    "telephone, two places": [Shot(8, i % 2) for i in range(8)],
    "insert": [Shot(20, 0), Shot(4, 1), Shot(20, 0)],
}


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("what", ONE_SECTION)
def test_one_section(what, clip):
    assert len(segments(made_film(ONE_SECTION[what], clip=clip))) == 1


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_places_that_come_back_bring_their_theme_back(clip, seed):
    found = segments(made_film([Shot(15, 0), Shot(15, 1), Shot(15, 0), Shot(15, 2)], clip=clip, seed=seed))
    assert "".join(segment.theme for segment in found) == "ABAC"
    assert [segment.start_s for segment in found] == [0, 15, 30, 45]
    assert all(segment.reason.endswith("at a cut") for segment in found[1:])


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize(("length_s", "shot_s"), [(30, 3), (60, 4), (200, 4)])
def test_three_scenes_are_three_sections(length_s, shot_s, clip):
    shots = [shot for place in range(3) for shot in scene(place, length_s, shot_s, seed=1)]
    found = segments(made_film(shots, clip=clip))
    assert [segment.theme for segment in found] == ["A", "B", "C"]
    assert [segment.start_s for segment in found] == pytest.approx([0, length_s, 2 * length_s], abs=1.0)


def test_a_calm_shot_and_then_a_montage_are_two_sections():
    found = segments(made_film([Shot(30, 0), *(Shot(0.8, i) for i in range(10, 45))]))
    assert [segment.start_s for segment in found] == [0, 30]


@pytest.mark.parametrize("dissolve_s", [2, 8])
def test_a_dissolve_changes_section_in_its_middle(dissolve_s):
    found = segments(made_film([Shot(25, 0), Shot(25, 1), Shot(25, 2)], dissolve_s=dissolve_s))
    assert [segment.start_s for segment in found] == pytest.approx([0, 25, 50], abs=2.0)


def test_a_sunset_changes_section_though_no_moment_does():
    found = segments(made_film([Shot(60, 0, light=0.3), Shot(60, 0, light=-0.3)], dissolve_s=110))
    assert len(found) == 2
    assert 45 < found[1].start_s < 75
    assert "light" in found[1].reason


def faded(middles_s: list[float], length_s: float = 60.0) -> VideoFeatures:
    middles = np.array(middles_s)
    return made_film([Shot(length_s, 0)], fade_starts_s=middles - 1, fade_ends_s=middles + 1)


def test_a_lone_fade_ends_a_chapter_and_many_are_a_manner_of_cutting():
    found = segments(faded([25.0]))
    assert [segment.start_s for segment in found] == [0, 25]
    assert found[1].reason == "a fade through black"
    assert found[0].theme == found[1].theme  # the same place goes on
    assert len(segments(faded(list(np.arange(5.0, 58.0, 4.0))))) == 1


def test_silences_keep_their_borders_and_themes_go_on_after_them():
    silences = (Silence(12.345, 20.0, "asked for"), Silence(50.0, 60.0, "asked for"))
    found = segments(made_film([Shot(60, 0)]), silences)
    assert [(segment.start_s, segment.end_s) for segment in found] == [
        (0.0, 12.345), (12.345, 20.0), (20.0, 50.0), (50.0, 60.0),
    ]  # fmt: skip
    assert [segment.theme for segment in found] == ["A", "", "A", ""]
    assert [bool(segment.silence) for segment in found] == [False, True, False, True]


def test_no_boundary_lies_in_a_silence_or_near_its_borders():
    silence = Silence(13.0, 40.0, "asked for")
    found = segments(made_film([Shot(15, 0), Shot(15, 1), Shot(15, 2), Shot(15, 3)]), (silence,))
    assert [segment.start_s for segment in found] == [0.0, 13.0, 40.0]


def test_a_feature_film_is_told_in_scenes():
    rng = np.random.default_rng(7)
    places = [int(place) for place in rng.permutation(np.arange(60) % 20)]
    lengths_s = rng.uniform(80, 160, 60)
    films = [scene(p, s, 4, seed=i) for i, (p, s) in enumerate(zip(places, lengths_s, strict=True))]
    shots = [shot for film in films for shot in film]
    features = made_film(shots, clip=True)
    assert features.duration_s > 6000
    found = segments(features)
    real = 1 + sum(one != other for one, other in itertools.pairwise(places))
    assert abs(len(found) - real) <= 3
    lengths = np.array([segment.end_s - segment.start_s for segment in found])
    assert lengths.min() >= 7 * film_reach(features.duration_s)
    assert 60 < np.median(lengths) < 200
    assert len({segment.theme for segment in found}) == pytest.approx(20, abs=2)


def test_what_is_found_follows_without_gaps():
    rng = np.random.default_rng(2)
    for seed in range(6):
        shots = [Shot(float(rng.uniform(0.3, 9)), int(rng.integers(8))) for _ in range(40)]
        features = made_film(shots, seed=seed)
        found = segments(features)
        assert found[0].start_s == 0
        assert found[-1].end_s == features.duration_s
        for one, other in itertools.pairwise(found):
            assert one.end_s == other.start_s
            assert one.theme != other.theme
            assert other.start_s - one.start_s >= 7


def test_labels_count_how_often_a_theme_was_heard():
    assert section_labels(["A", "", "A", "B", "A", "", "A"]) == [
        "A", "silence", "A'", "B", "A''", "silence", "A4",
    ]  # fmt: skip


def test_theme_letters():
    assert [theme_letter(index) for index in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]

"""Where a film has no music: asked for, black, resting; and where it must not fall silent."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from made_films import Shot, made_film

from composer.errors import BadInput
from composer.spotting.affect import affect_curve
from composer.spotting.silences import Silence, black_stretches, rest_reasons, silences_of
from composer.spotting.spot import spot
from composer.video.features import VideoFeatures


def with_black(
    features: VideoFeatures, *spans_s: tuple[float, float], movement: float = 0.2
) -> VideoFeatures:
    """The film, black and with hardly any ``movement`` in ``spans_s``."""
    brightness, difference = features.brightness.copy(), features.rgb_difference.copy()
    for start_s, end_s in spans_s:
        brightness[(features.color_times_s >= start_s) & (features.color_times_s < end_s)] = 0.01
        difference[(features.motion_times_s >= start_s) & (features.motion_times_s < end_s)] = movement
    return replace(features, brightness=brightness, rgb_difference=difference)


def spans(silences: Sequence[Silence]) -> list[tuple[float, float]]:
    return [(silence.start_s, silence.end_s) for silence in silences]


def test_wished_silences_are_exact_joined_and_in_order():
    film = made_film([Shot(60, 0)])
    found = silences_of(film, [(30.001, 35.5), (10.0, 12.25), (35.0, 40.0)])
    assert spans(found) == [(10.0, 12.25), (30.001, 40.0)]
    assert spans(silences_of(film, [(10.0, 12.0), (12.49, 14.0), (14.5, 15.0)])) == [
        (10.0, 14.0),
        (14.5, 15.0),
    ]
    assert spans(silences_of(film, [(50.0, 60.01)])) == [(50.0, 60.0)]
    assert {silence.reason for silence in found} == {"asked for"}


@pytest.mark.parametrize(
    "wish",
    [(-1.0, 5.0), (5.0, 5.0), (8.0, 3.0), (50.0, 61.0), (60.005, 60.01), (60.0, 60.01), (float("nan"), 5.0)],
)
def test_impossible_silences_are_refused(wish):
    with pytest.raises(BadInput, match="silence"):
        silences_of(made_film([Shot(60, 0)]), [wish])


def test_black_and_still_stretches_are_silent_between_pictures():
    film = with_black(made_film([Shot(60, 0)]), (0.0, 3.0), (20.0, 24.0), (40.0, 41.0))
    assert spans(black_stretches(film)) == [
        pytest.approx(span, abs=0.5) for span in ((0.0, 3.0), (20.0, 24.0))
    ]
    assert "black" in black_stretches(film)[0].reason


def test_black_meets_the_cuts_beside_it():
    film = with_black(made_film([Shot(20.12, 0), Shot(4.04, 1), Shot(20, 0)]), (20.12, 24.16))
    assert spans(black_stretches(film)) == [(20.12, pytest.approx(24.16))]


def test_closing_black_night_and_a_black_film_keep_their_music():
    film = made_film([Shot(60, 0)])
    assert black_stretches(with_black(film, (50.0, 60.0))) == []
    assert black_stretches(with_black(film, (20.0, 30.0), movement=8.0)) == []  # something moves in the dark
    assert black_stretches(with_black(film, (0.0, 60.0))) == []
    assert black_stretches(with_black(film, (2.0, 55.0))) == []


def test_a_wish_stands_against_black():
    film = with_black(made_film([Shot(60, 0)]), (20.0, 24.0))
    assert spans(silences_of(film, [(22.0, 30.0)])) == [(22.0, 30.0)]


def long_film(rest_s: float = 40.0, rest_movement: float = 0.3, after: float = 25.0) -> VideoFeatures:
    """Lively scenes of fast shots and, in their midst, a long still look at something else."""
    lively = [Shot(2.5, 0, i % 5, movement=25.0) for i in range(160)]
    again = [Shot(2.5, 1, i % 5, movement=after) for i in range(160)]
    return made_film([*lively, Shot(rest_s, 2, movement=rest_movement), *again])


def rests(film: VideoFeatures) -> dict[int, str]:
    curve = affect_curve(film)
    end_s = film.duration_s
    edges = [0.0, 400.0, end_s - 400.0, end_s]
    stretches = list(itertools.pairwise(edges))
    return rest_reasons(film, curve, stretches, [True] * len(stretches))


def test_a_long_film_rests_where_it_is_calm_and_still_and_only_there():
    assert list(rests(long_film())) == [1]
    assert "calm" in rests(long_film())[1]
    assert rests(long_film(rest_movement=6.0)) == {}
    assert rests(long_film(rest_s=12.0)) == {}  # too short to be missed
    assert rests(long_film(rest_s=200.0)) == {}  # too long to be without


def test_a_rest_needs_music_on_both_sides():
    film = long_film()
    curve = affect_curve(film)
    stretches = [(0.0, 400.0), (400.0, 440.0), (440.0, film.duration_s)]
    assert rest_reasons(film, curve, stretches, [True, True, False]) == {}


def test_a_shorter_film_never_rests():
    film = long_film()
    curve = affect_curve(film)
    stretches = [(0.0, 400.0), (400.0, 440.0), (440.0, film.duration_s)]
    assert rest_reasons(replace(film, duration_s=599.0), curve, stretches, [True] * 3) == {}


def test_the_sheet_of_a_long_film_has_cues_and_a_rest():
    cues = spot(long_film(), seed=1, tempo_bpm=100.0)
    assert [section.silent for section in cues.sections] == [False, True, False]
    assert "calm" in cues.sections[1].reasons["silent"]
    assert not cues.sections[1].theme


def test_music_stops_and_starts_again_on_bar_lines():
    film = with_black(made_film([Shot(3, 0, i % 4) for i in range(30)]), (60.0, 64.0))
    cues = spot(film, seed=1, silences=[(20.0, 28.5)])
    silent = [section for section in cues.sections if section.silent]
    assert [(section.start_s, section.end_s) for section in silent] == [
        (20.0, 28.5),
        pytest.approx((60.0, 64.0), abs=0.5),
    ]
    lines_s = cues.tempo_map.bar_starts_s
    for section in silent:
        for time_s in (section.start_s, section.end_s):
            assert np.abs(lines_s - time_s).min() < 0.002
        assert section.label == "silence"
        assert section.reasons["silent"]
        assert not any(section.start_s < hit.time_s < section.end_s for hit in cues.hits)
    before, after = cues.sections[0], cues.sections[2]
    assert before.theme == after.theme == "A"
    assert before.key == silent[0].key == after.key
    assert cues.sections[-1].end_s == film.duration_s


def test_black_between_two_fades_is_one_pause_and_no_boundary_more():
    film = made_film([Shot(60, 0)], fade_starts_s=np.array([28.0]), fade_ends_s=np.array([34.0]))
    cues = spot(with_black(film, (29.0, 33.0)), seed=1, tempo_bpm=100.0)
    assert [section.label for section in cues.sections] == ["A", "silence", "A'"]


@pytest.mark.parametrize(
    "wish", [[(0.0, 60.0)], [(0.0, 10.0)], [(50.0, 60.0)], [(0.0, 0.4)], [(10, 20), (20, 30)]]
)
def test_silence_anywhere_gives_a_sheet_without_gaps(wish):
    cues = spot(made_film([Shot(60, 0)]), seed=1, silences=wish, tempo_bpm=100.0)
    assert cues.sections[0].start_s == 0
    assert cues.sections[-1].end_s == 60.0
    for one, other in zip(cues.sections, cues.sections[1:], strict=False):
        assert one.end_s == other.start_s
        assert one.silent != other.silent
    silent_s = sum(section.end_s - section.start_s for section in cues.sections if section.silent)
    assert silent_s == pytest.approx(sum(end_s - start_s for start_s, end_s in wish))

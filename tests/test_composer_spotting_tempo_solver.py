"""The tempo solver: the picture's end, tempo limits and required hits hold for anything it is given."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.spotting.cues import Hit, Section
from composer.spotting.tempo_solver import TINY_S, landings, largest_change, solve
from composer.timing import Bar, TempoMap

METRES = ("4/4", "3/4", "2/4", "5/4", "6/8", "9/8", "12/8", "2/2", "3/2", "3/8", "5/8", "7/8")


def section(start_s: float, end_s: float, tempo_bpm: float = 100.0, metre: str = "4/4") -> Section:
    return Section(start_s, end_s, "A", 0.0, 0.0, "C", tempo_bpm, 0.5, 0.5, "chamber", metre=metre)


def sections_at(bounds_s: list[float], tempi: list[float], metres: Sequence[str] = ("4/4",)) -> list[Section]:
    return [
        section(a, b, tempi[i % len(tempi)], metres[i % len(metres)])
        for i, (a, b) in enumerate(pairwise(bounds_s))
    ]


def metre_of(bar: Bar) -> str:
    return f"{bar.numerator}/{bar.denominator}"


@st.composite
def films(draw: st.DrawFn) -> tuple[float, float, list[Section], list[Hit]]:
    duration_s = draw(st.one_of(st.floats(0.001, 5), st.floats(5, 200), st.floats(200, 3000)))
    frame_rate = draw(st.sampled_from([6.0, 23.976, 25.0, 29.97, 60.0, 1000.0]))
    starts = draw(st.lists(st.floats(0.001, 0.999), max_size=8, unique=True))
    bounds = [0.0, *sorted(duration_s * share for share in starts), duration_s]
    tempi = draw(st.lists(st.floats(40, 200), min_size=1, max_size=4))
    metres = draw(st.lists(st.sampled_from([*METRES, "1/8", "11/8", "8/4", "4/2"]), min_size=1, max_size=4))
    hits = draw(
        st.lists(
            st.builds(
                Hit,
                time_s=st.floats(0, 1).map(lambda share: share * duration_s),
                label=st.just("x"),
                weight=st.floats(0, 1),
                tolerance_s=st.floats(0, 0.2),
                required=st.booleans(),
            ),
            max_size=25,
        )
    )
    return duration_s, frame_rate, sections_at(bounds, tempi, metres), hits


@settings(max_examples=50, deadline=None)
@given(films())
def test_any_film_ends_with_its_picture_within_the_limits(film):
    duration_s, frame_rate, sections, hits = film
    solution = solve(duration_s, frame_rate, sections, hits)
    assert abs(solution.tempo_map.end_s - duration_s) <= 0.002
    assert all(20 <= bar.bpm <= 400 for bar in solution.tempo_map.bars)
    if duration_s > 3:
        assert all(39.9 <= bar.bpm <= 200.1 for bar in solution.tempo_map.bars)
        assert solution.largest_change <= 0.101
    assert len(solution.landings) == len(hits)
    for landing in solution.landings:
        assert abs(solution.tempo_map.seconds(landing.beat) - landing.hit.time_s - landing.residual_s) < 1e-9
        if landing.hit.required and landing.hit not in solution.unmet:
            assert abs(landing.residual_s) <= 0.5 / frame_rate
    for hit in solution.unmet:
        assert any(repr(hit.label) in note and f"{hit.time_s:.3f}" in note for note in solution.notes)


@pytest.mark.parametrize("duration_s", [0.001, 0.04, 0.1, 0.5, 1.0, 2.4, 2.5, 3.3, 7.0, 30.0, 7200.0])
def test_plain_films_end_on_a_whole_bar(duration_s):
    tempo_map = solve(duration_s, 25.0, [section(0, duration_s)], []).tempo_map
    assert abs(tempo_map.end_s - duration_s) <= 0.002
    if duration_s > 0.02:
        assert tempo_map.end_beats == sum(bar.length_beats for bar in tempo_map.bars)
    if duration_s > 5:
        assert {metre_of(bar) for bar in tempo_map.bars} == {"4/4"}
        assert all(85 <= bar.bpm <= 115 for bar in tempo_map.bars)


@settings(max_examples=60, deadline=None)
@given(
    metre=st.sampled_from(METRES),
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    tempo_bpm=st.floats(44, 182),
)
def test_without_hits_metre_and_tempo_are_exact(metre, counts, tempo_bpm):
    bar_s = Bar.at_bpm(tempo_bpm, *map(int, metre.split("/"))).length_s
    bounds = (bar_s * np.concatenate([[0], np.cumsum(counts)])).tolist()
    tempo_map = solve(bounds[-1], 25.0, sections_at(bounds, [tempo_bpm], [metre]), []).tempo_map
    assert abs(tempo_map.end_s - bounds[-1]) <= 0.002
    if bounds[-1] > TINY_S:
        assert [metre_of(bar) for bar in tempo_map.bars] == [metre] * sum(counts)
        assert all(abs(bar.bpm / tempo_bpm - 1) < 1e-4 for bar in tempo_map.bars)


@settings(max_examples=60, deadline=None)
@given(
    metres=st.lists(st.sampled_from(METRES), min_size=1, max_size=4),
    lengths_s=st.lists(st.floats(15, 60), min_size=1, max_size=5),  # three bars of 5/4 and more
    tempo_bpm=st.floats(60, 140),
)
def test_without_hits_every_bar_is_in_the_metre_of_its_section(metres, lengths_s, tempo_bpm):
    bounds = np.concatenate([[0.0], np.cumsum(lengths_s)]).tolist()
    sections = sections_at(bounds, [tempo_bpm], metres)
    solution = solve(bounds[-1], 25.0, sections, [])
    assert solution.largest_change <= 0.101
    for entry in sections:
        first = solution.tempo_map.bar_at_s(entry.start_s + 0.01)
        last = solution.tempo_map.bar_at_s(entry.end_s - 0.01)
        assert abs(solution.tempo_map.bar_starts_s[first] - entry.start_s) < 0.002
        assert {metre_of(bar) for bar in solution.tempo_map.bars[first : last + 1]} == {entry.metre}


@pytest.mark.parametrize("duration_s", [0.9, 1.7, 2.3])
@pytest.mark.parametrize("metre", ["3/4", "6/8", "2/4"])
def test_a_tiny_film_is_one_bar_of_its_metre(duration_s, metre):
    bars = solve(duration_s, 25.0, [section(0, duration_s, 100, metre)], []).tempo_map.bars
    assert [metre_of(bar) for bar in bars] == [metre]


def test_section_starts_fall_on_bar_lines():
    sections = sections_at([0.0, 11.3, 31.7, 52.9, 70.0], [90.0, 110.0, 84.0])
    tempo_map = solve(70.0, 25.0, sections, []).tempo_map
    for start_s in (11.3, 31.7, 52.9):
        assert np.min(np.abs(tempo_map.bar_starts_s - start_s)) < 0.001
    assert largest_change(tempo_map) <= 0.045


@pytest.mark.parametrize(
    ("weight", "downbeats", "regulars"), [(0.5, 0.2, 0.85), (1.0, 0.85, 0.75)], ids=["light", "heavy"]
)
@pytest.mark.parametrize("metre", METRES)
def test_required_hits_are_met_over_many_films(metre, weight, downbeats, regulars):
    """Heavy hits are worth a bar that is longer or shorter, light ones are not."""
    rng = np.random.default_rng(7)
    refused = 0
    on: list[str] = []
    regular: list[bool] = []
    for _ in range(12):
        duration_s = float(rng.uniform(20, 180))
        times: list[float] = []
        for time_s in rng.uniform(2, duration_s - 2, 60):
            if len(times) < rng.integers(1, 13) and all(abs(time_s - other) >= 2 for other in times):
                times.append(float(time_s))
        hits = [Hit(time_s, "hit", weight, required=True) for time_s in sorted(times)]
        wish = float(rng.uniform(60, 140))
        solution = solve(duration_s, 25.0, [section(0, duration_s, wish, metre)], hits)
        refused += bool(solution.unmet)
        assert solution.largest_change <= 0.101
        for hit in (landing for landing in solution.landings if landing.hit not in solution.unmet):
            assert abs(hit.residual_s) <= 0.02
        on += [landing.on for landing in solution.landings]
        regular += [metre_of(bar) == metre for bar in solution.tempo_map.bars]
    assert refused <= 1
    assert np.mean([place in ("beat", "downbeat") for place in on]) > 0.85
    assert np.mean([place == "downbeat" for place in on]) > downbeats
    assert np.mean(regular) > regulars


def test_a_required_hit_on_a_section_start_is_a_downbeat():
    hits = [Hit(12.01, "slam", 1.0, required=True)]
    solution = solve(30.0, 25.0, sections_at([0.0, 12.0, 30.0], [100.0]), hits)
    assert solution.landings[0].on == "downbeat"
    assert abs(solution.landings[0].residual_s) < 0.001


@pytest.mark.parametrize("mode", ["constant", "stepped"])
def test_the_tempo_stands_still_as_the_mode_asks(mode):
    rng = np.random.default_rng(11)
    for _ in range(6):
        times = [4.0, *(4.0 + np.cumsum(rng.uniform(5, 12, 4))).tolist()]
        hits = [Hit(time_s, "hit", 0.9, required=True) for time_s in times]
        sections = sections_at([0.0, times[1] + 0.9, 60.0], [100.0, 108.0])
        solution = solve(60.0, 25.0, sections, hits, mode)
        tempo_map = solution.tempo_map
        assert abs(tempo_map.end_s - 60) <= 0.002
        assert solution.largest_change <= 0.101
        if mode == "constant":
            assert len({bar.tempo_us for bar in tempo_map.bars}) == 1
        moments = [*times, *(entry.start_s for entry in sections)]
        for bar, other, line_s in zip(
            tempo_map.bars, tempo_map.bars[1:], tempo_map.bar_starts_s[1:], strict=False
        ):
            if bar.tempo_us != other.tempo_us:
                assert min(abs(line_s - moment) for moment in moments) <= 0.1  # a missed hit, too
        for hit in solution.unmet:
            assert any(f"at {hit.time_s:.3f} s is missed" in note for note in solution.notes)


def test_one_tempo_meets_hits_that_lie_on_one():
    beat_s = 60 / 93.7
    hits = [Hit(beat_s * count, f"h{count}", 1.0, required=True) for count in (7, 16, 33, 50)]
    solution = solve(40.0, 25.0, [section(0, 40, 100)], hits, "constant")
    assert not solution.unmet
    assert {landing.on for landing in solution.landings} <= {"beat", "downbeat"}


def test_heavy_hits_fall_on_downbeats_and_others_on_beats():
    times = [7.1, 13.9, 22.3, 29.0, 41.7]
    for weight, wanted in ((1.0, {"downbeat"}), (0.3, {"downbeat", "beat"})):
        hits = [Hit(time_s, "hit", weight, required=True) for time_s in times]
        solution = solve(50.0, 25.0, [section(0, 50)], hits)
        assert {landing.on for landing in solution.landings} <= wanted
        assert solution.largest_change <= 0.0401


def test_the_tempo_stays_in_the_range_of_its_section():
    hits = [Hit(10.0 + 1.37 * i, f"h{i}", 0.5, required=True) for i in range(12)]
    solution = solve(40.0, 25.0, [section(0, 40, 90)], hits)
    assert all(90 * 0.78 - 0.05 <= bar.bpm <= 90 * 1.28 + 0.05 for bar in solution.tempo_map.bars)


def test_a_refusal_tells_why_and_where_the_hit_would_be_met():
    hits = [Hit(10.0, "door", 1.0, required=True), Hit(10.1, "gun", 0.9, required=True)]
    solution = solve(20.0, 25.0, [section(0, 20)], hits)
    assert [hit.label for hit in solution.unmet] == ["gun"]
    (note,) = [note for note in solution.notes if "missed" in note]
    assert "'gun' at 10.100 s" in note
    assert "'door' is 0.100 s away, less than an eighth lasts at 128 BPM" in note
    moved = float(note.split("move it to ")[1].split(" s")[0])
    assert not solve(20.0, 25.0, [section(0, 20)], [hits[0], Hit(moved, "gun", 0.9, required=True)]).unmet


def test_hits_too_close_together_are_named_not_forced():
    hits = [Hit(10.0 + 0.03 * i, f"h{i}", 1.0, required=True) for i in range(12)]
    solution = solve(20.0, 25.0, [section(0, 20)], hits)
    assert solution.unmet
    assert solution.largest_change <= 0.101
    assert any("is missed by" in note for note in solution.notes)


def test_cuts_draw_beats():
    rng = np.random.default_rng(3)
    cuts = np.cumsum(rng.uniform(2.5, 7, 25))
    duration_s = float(cuts[-1] + 3)
    hits = [Hit(float(time_s), "cut", 0.7) for time_s in cuts]
    tempo_map = solve(duration_s, 25.0, [section(0, duration_s)], hits).tempo_map
    beats_s = np.array([tempo_map.seconds(beat) for beat in range(int(tempo_map.end_beats) + 1)])
    near = np.abs(beats_s - cuts[:, None]).min(axis=1)
    chance = np.abs(beats_s - rng.uniform(0, duration_s, 500)[:, None]).min(axis=1)
    assert np.mean(near <= 0.1) >= 0.8 > 2 * np.mean(chance <= 0.1) - 0.2
    assert largest_change(tempo_map) <= 0.05


def test_landings_name_the_place_in_the_bar():
    tempo_map = TempoMap((Bar.at_bpm(120), Bar.at_bpm(120)))
    hits = [Hit(2.0, "a"), Hit(2.52, "b"), Hit(2.74, "c"), Hit(2.87, "d", tolerance_s=0.05), Hit(99.0, "e")]
    found = landings(tempo_map, hits)
    assert [landing.on for landing in found] == ["downbeat", "beat", "eighth", "none", "none"]
    assert found[1].beat == 5.0
    assert found[1].residual_s == pytest.approx(-0.02)
    compound = TempoMap((Bar.at_bpm(120, 6, 8), Bar.at_bpm(120, 6, 8)))
    hits = [Hit(1.5, "a"), Hit(2.25, "b"), Hit(2.0, "c")]
    assert [landing.on for landing in landings(compound, hits)] == ["downbeat", "beat", "eighth"]


def test_the_metre_changes_with_the_section_even_where_a_hit_takes_its_start():
    sections = sections_at([0.0, 12.0, 24.0, 40.0], [100.0], ["3/4", "6/8", "4/4"])
    hits = [Hit(12.01, "slam", 1.0, required=True), Hit(17.3, "cut", 0.6), Hit(30.2, "cut", 0.6)]
    tempo_map = solve(40.0, 25.0, sections, hits).tempo_map
    found = [metre_of(tempo_map.bars[tempo_map.bar_at_s(time_s)]) for time_s in (0.1, 12.1, 24.1)]
    assert found == ["3/4", "6/8", "4/4"]


def test_nonsense_is_refused():
    for duration_s, frame_rate in ((0.0, 25.0), (-1.0, 25.0), (float("nan"), 25.0), (1e9, 25.0), (5.0, 0.0)):
        with pytest.raises(ValueError, match=r"duration|frame rate"):
            solve(duration_s, frame_rate, [], [])


@pytest.mark.slow
def test_a_feature_film_is_solved_to_its_end():
    rng = np.random.default_rng(0)
    hits = [
        Hit(float(t), "cut", float(w))
        for t, w in zip(rng.uniform(0, 7200, 3000), rng.uniform(0.2, 1, 3000), strict=True)
    ]
    bounds = [0.0, *np.cumsum(np.full(299, 24.0)).tolist(), 7200.0]
    solution = solve(7200.0, 24.0, sections_at(bounds, [90.0, 100.0, 84.0]), hits)
    assert abs(solution.tempo_map.end_s - 7200) <= 0.002
    assert solution.largest_change <= 0.101

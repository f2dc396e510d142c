"""Spotting made films: sections, moods, keys, tempi, hits, and what the reasons tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from make_video import textured, write_video

from composer.errors import BadInput
from composer.palettes import PALETTES
from composer.spotting.affect import (
    BRIGHTNESS_MEAN,
    BRIGHTNESS_SPREAD,
    SATURATION_MEAN,
    SATURATION_SPREAD,
    affect_curve,
    color_mood,
    smooth,
)
from composer.spotting.cues import Hit
from composer.spotting.spot import spot
from composer.theory import Key
from composer.video.analyze import analyze
from composer.video.features import VideoFeatures
from composer.video.prompts import AESTHETIC_PROMPTS, BANK, PROMPTS, Prompt

Look = tuple[float, float, float]  # brightness, saturation, RGB difference


def film(
    duration_s: float,
    cuts_s: Sequence[float] = (),
    looks: Sequence[Look] = ((0.55, 0.3, 8.0),),
    scores: np.ndarray | None = None,
) -> VideoFeatures:
    """A film whose shots take their looks in turn."""
    color_s, motion_s = np.arange(0, duration_s, 1.0), np.arange(0.2, duration_s, 0.2)
    edges = np.array([0.0, *cuts_s])

    def look(times_s: np.ndarray, which: int) -> np.ndarray:
        shot = np.searchsorted(edges, times_s, side="right") - 1
        return np.array([looks[i % len(looks)][which] for i in shot], dtype=np.float32)

    histograms = np.full((color_s.size, 3, 8, 8), 1 / 192, dtype=np.float32)
    semantic_s = np.arange(0 if scores is None else len(scores), dtype=np.float64)
    return VideoFeatures(
        source="film.mp4",
        sha256="0" * 64,
        duration_s=duration_s,
        frame_count=round(duration_s * 25),
        frame_rate=25.0,
        width=640,
        height=360,
        start_timecode="00:00:00:00",
        has_audio=False,
        cut_times_s=np.array(cuts_s, dtype=np.float64),
        cut_strengths=np.full(len(cuts_s), 0.6, dtype=np.float32),
        color_times_s=color_s,
        color_histograms=histograms,
        brightness=look(color_s, 0),
        saturation=look(color_s, 1),
        warmth=np.zeros(color_s.size, dtype=np.float32),
        motion_times_s=motion_s,
        rgb_difference=look(motion_s, 2),
        saliency=np.zeros(motion_s.size, dtype=np.float32),
        semantic_times_s=semantic_s,
        semantic_tokens=np.tile(np.eye(1, 4, dtype=np.float32), (semantic_s.size, 1)),
        semantic_scores=np.zeros((0, 0), dtype=np.float32) if scores is None else scores.astype(np.float32),
    )


DAY, NIGHT = (0.75, 0.45, 4.0), (0.15, 0.1, 20.0)


def test_places_alternate_and_bring_their_theme_and_key_back():
    cues = spot(film(60.0, [15.0, 32.0, 48.0], [DAY, NIGHT]), seed=1)
    assert [section.label for section in cues.sections] == ["A", "B", "A'", "B'"]
    assert [section.start_s for section in cues.sections] == [0.0, 15.0, 32.0, 48.0]
    assert cues.sections[0].key == cues.sections[2].key
    assert cues.sections[1].key == cues.sections[3].key
    assert Key.parse(cues.sections[0].key).mode == "major"
    assert Key.parse(cues.sections[1].key).mode == "minor"
    for section in cues.sections[1:]:
        assert np.min(np.abs(cues.tempo_map.bar_starts_s - section.start_s)) < 0.001
        assert "at a cut" in section.reasons["start_s"]
    assert len({section.style for section in cues.sections}) == 1


def test_a_fast_edit_is_one_section():
    cues = spot(film(90.0, np.arange(2, 90, 1.5).tolist(), [DAY, NIGHT, (0.5, 0.5, 10.0)]), seed=1)
    assert len(cues.sections) == 1


def test_sections_follow_without_gaps_and_are_not_short():
    rng = np.random.default_rng(5)
    cuts = np.unique(np.round(np.sort(rng.uniform(1, 238, 60)) * 25) / 25)
    looks = [tuple(rng.uniform((0.1, 0.0, 0.0), (0.9, 0.9, 30.0))) for _ in range(7)]
    cues = spot(film(240.0, cuts.tolist(), looks), seed=1)
    assert cues.sections[0].start_s == 0
    assert cues.sections[-1].end_s == 240.0
    for one, other in zip(cues.sections, cues.sections[1:], strict=False):
        assert one.end_s == other.start_s
        assert one.theme != other.theme
        fifths = [Key.parse(section.key).signature_fifths for section in (one, other)]
        assert abs(fifths[0] - fifths[1]) <= 1
    assert all(section.end_s - section.start_s >= 7 for section in cues.sections)
    assert len(cues.hits) == cuts.size


def test_dark_and_slow_differs_from_bright_and_fast():
    slow = spot(film(30.0, looks=[(0.08, 0.1, 0.5)]), seed=1).sections[0]
    fast = spot(film(30.0, np.arange(2, 29, 2.0).tolist(), [(0.8, 0.7, 25.0)]), seed=1).sections[0]
    assert Key.parse(slow.key).mode == "minor"
    assert Key.parse(fast.key).mode == "major"
    assert slow.tempo_bpm < 85 < 115 < fast.tempo_bpm
    assert slow.density < fast.density
    assert slow.dynamics < fast.dynamics
    assert slow.arousal < fast.arousal
    assert "motion" in slow.reasons["arousal"]
    assert "colour" in slow.reasons["valence"]


@pytest.mark.parametrize("duration_s", [0.04, 0.5, 3.0, 9.9])
def test_short_films_are_one_section(duration_s):
    cues = spot(film(duration_s, [duration_s / 2], [DAY, NIGHT]), seed=1)
    assert len(cues.sections) == 1
    assert abs(cues.tempo_map.end_s - duration_s) <= 0.002


def test_a_film_in_which_nothing_is_seen_still_gets_music():
    for look in ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)):
        section = spot(film(20.0, looks=[look]), seed=1).sections[0]
        assert 40 <= section.tempo_bpm <= 140
        assert 0 < section.density < 1
        assert not section.silent
        assert section.style in PALETTES


def test_wishes_are_respected():
    source = film(60.0, [15.0, 32.0, 48.0], [DAY, NIGHT])
    hit = Hit(20.04, "slam", 1.0, required=True, kind="user")
    cues = spot(source, seed=1, key="f# minor", style="jazz-combo", tempo_bpm=88.0, metre="3/4", hits=[hit])
    assert {section.key for section in cues.sections} == {"F#m"}
    assert {section.style for section in cues.sections} == {"jazz-combo"}
    assert {section.tempo_bpm for section in cues.sections} == {88.0}
    assert {(section.metre, section.reasons["metre"]) for section in cues.sections} == {("3/4", "asked for")}
    bars = cues.tempo_map.bars
    assert sum((bar.numerator, bar.denominator) == (3, 4) for bar in bars) >= len(bars) - 2
    assert all(section.reasons["key"] == "asked for" for section in cues.sections)
    assert hit in cues.hits
    eighths = np.round(cues.tempo_map.beats(20.04) * 2) / 2
    assert abs(cues.tempo_map.seconds(eighths) - 20.04) <= 0.02
    assert [hit.time_s for hit in cues.hits] == sorted(hit.time_s for hit in cues.hits)


@pytest.mark.parametrize(
    "wish",
    [
        {"key": "H"},
        {"style": "polka"},
        {"tempo_bpm": 220.0},
        {"metre": "4/3"},
        {"hits": [Hit(99.0, "late")]},
        {"silences": [(5.0, 99.0)]},
        {"tempo_mode": "rubato"},
    ],
)
def test_impossible_wishes_are_refused(wish):
    with pytest.raises(BadInput):
        spot(film(10.0), seed=1, **wish)


def test_the_same_seed_gives_the_same_sheet_and_seeds_vary_the_key():
    source = film(40.0, [20.0], [DAY, NIGHT])
    assert spot(source, seed=3) == spot(source, seed=3)
    assert len({spot(source, seed=seed).sections[0].key for seed in range(12)}) == 3


def test_semantics_move_the_mood_and_give_tags():
    sad = min(range(len(PROMPTS)), key=lambda i: PROMPTS[i].valence)
    glad = max(range(len(PROMPTS)), key=lambda i: PROMPTS[i].valence)
    found = []
    for prompt in (sad, glad):
        scores = np.full((20, len(PROMPTS)), 0.3 / len(PROMPTS))
        scores[:, prompt] += 0.7
        section = spot(film(20.0, scores=scores), seed=1).sections[0]
        assert section.tags[: len(PROMPTS[prompt].tags)] == PROMPTS[prompt].tags
        assert "semantics" in section.reasons["valence"]
        found.append(section.valence)
    assert found[0] < -0.2 < 0.2 < found[1]


def test_scores_of_another_bank_are_refused():
    with pytest.raises(ValueError, match="prompts"):
        affect_curve(film(5.0, scores=np.ones((5, 3))))


def test_smooth_keeps_constants_and_length():
    assert smooth(np.full(9, 2.0), 4) == pytest.approx(np.full(9, 2.0))
    assert smooth(np.zeros(0), 5).size == 0


def test_a_cut_that_is_given_as_a_hit_is_not_hit_twice():
    source = film(60.0, [15.0, 32.0, 48.0], [DAY, NIGHT])
    given = [
        Hit(15.03, "slam", 1.0, required=True, kind="user"),
        Hit(32.0, "chase", 0.5, kind="marker"),
        Hit(40.0, "elsewhere", 0.5, kind="marker"),
    ]
    cues = spot(source, seed=1, hits=given)
    assert [(hit.time_s, hit.label) for hit in cues.hits] == [
        (15.03, "slam"), (32.0, "chase"), (40.0, "elsewhere"), (48.0, "cut"),
    ]  # fmt: skip
    assert [hit.kind for hit in cues.hits] == ["user", "marker", "marker", "cut"]


def test_a_section_starts_on_the_hit_that_means_its_start():
    source = film(60.0, [15.0, 32.0, 48.0], [DAY, NIGHT])
    given = [
        Hit(15.08, "slam", required=True, kind="user"),
        Hit(31.9, "door", kind="user"),
        Hit(48.5, "later"),
    ]
    cues = spot(source, seed=1, hits=given)
    assert [section.start_s for section in cues.sections] == [0.0, 15.08, 31.9, 48.0]
    assert "on the hit 'slam'" in cues.sections[1].reasons["start_s"]
    assert [section.end_s for section in cues.sections] == [15.08, 31.9, 48.0, 60.0]


def test_times_are_whole_microseconds_and_sections_still_start_on_their_cuts():
    frames = np.array([380, 811, 1203])
    cuts_s = frames * 1001 / 24000 + 1e-12
    source = replace(film(60.0, cuts_s.tolist(), [DAY, NIGHT]), frame_rate=24000 / 1001)
    cues = spot(source, seed=1)
    hits_s = [hit.time_s for hit in cues.hits]
    assert hits_s == [section.start_s for section in cues.sections[1:]] == [round(t, 6) for t in cuts_s]
    assert all(hit.weight >= 0.8 for hit in cues.hits)
    assert cues.sections[-1].end_s == 60.0


@pytest.mark.parametrize("mode", ["constant", "stepped", "smooth"])
def test_the_tempo_mode_is_kept_and_obeyed(mode):
    cues = spot(film(60.0, [14.3, 32.2, 47.1], [DAY, NIGHT]), seed=1, tempo_mode=mode)
    assert cues.tempo_mode == mode
    bpm = np.array([bar.bpm for bar in cues.tempo_map.bars])
    if mode == "constant":
        assert np.ptp(bpm) < 0.01 * bpm.mean()


def test_users_prompts_join_mood_and_tags():
    mine = Prompt("a lighthouse in a storm", "scene", -0.9, 0.9, ("lighthouse",))
    scores = np.full((20, len(BANK) + 1), 1 / len(BANK))
    scores[:, -1] = 0.9
    plain = spot(film(20.0, scores=scores[:, : len(BANK)]), seed=1).sections[0]
    source = replace(film(20.0, scores=scores[:, : len(BANK)]), semantic_scores=scores, user_prompts=(mine,))
    section = spot(source, seed=1).sections[0]
    assert "lighthouse" in section.tags
    assert section.valence < plain.valence
    assert section.arousal > plain.arousal


def test_colour_tells_mood_by_the_equations_of_valdez_and_mehrabian():
    """Signs and order of the standardised weights: .69 B + .22 S and -.31 B + .60 S."""
    step = 0.02  # small enough for the curve that bounds them to be straight

    def mood(brighter: float, more_saturated: float) -> np.ndarray:
        pleasure, arousal = color_mood(
            np.array([BRIGHTNESS_MEAN + brighter * BRIGHTNESS_SPREAD]),
            np.array([SATURATION_MEAN + more_saturated * SATURATION_SPREAD]),
            np.zeros(1),
        )
        return np.array([pleasure[0], arousal[0]])

    bright, saturated = mood(step, 0), mood(0, step)
    assert mood(0, 0) == pytest.approx([0, 0])
    assert saturated[0] / bright[0] == pytest.approx(0.22 / 0.69, rel=1e-3)
    assert saturated[1] / bright[1] == pytest.approx(0.60 / -0.31, rel=1e-3)
    assert bright[0] > 0 > bright[1]


def made_clip(path: Path, seed: int, brightness: float, step_px: int, cuts: bool) -> VideoFeatures:
    """Ten seconds of blots that drift by ``step_px`` a picture, another view every second where it is cut."""
    pictures = []
    for number in range(250):
        blots = textured(seed + (number // 25 if cuts else 0), 96, 64)
        pictures.append((np.roll(blots, step_px * number // 4, axis=1) * brightness).astype(np.uint8))
    return analyze(write_video(path, pictures, np.arange(250) / 25))


def test_a_dark_slow_clip_and_a_bright_fast_clip_differ(tmp_path):
    slow = spot(made_clip(tmp_path / "slow.mp4", 1, 0.12, 0, cuts=False), seed=1).sections[0]
    fast = spot(made_clip(tmp_path / "fast.mp4", 1, 1.0, 12, cuts=True), seed=1).sections[0]
    assert Key.parse(slow.key).mode == "minor"
    assert Key.parse(fast.key).mode == "major"
    assert slow.tempo_bpm < fast.tempo_bpm - 20
    assert slow.density < fast.density - 0.2
    assert slow.dynamics < fast.dynamics - 0.1


def test_aesthetics_speak_a_little():
    scores = np.full((20, len(BANK)), 1 / len(BANK))
    plain = spot(film(20.0, scores=scores), seed=1).sections[0]
    dark = min(AESTHETIC_PROMPTS, key=lambda prompt: prompt.valence)
    scores[:, BANK.index(dark)] = 1.0
    section = spot(film(20.0, scores=scores), seed=1).sections[0]
    assert plain.valence - 0.4 < section.valence < plain.valence
    assert "look" in section.reasons["valence"]

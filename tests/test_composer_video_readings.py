"""The three readings of a film, and the feature they are fused to by the weights that ship."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from composer.analysis.mood import MoodFeatures
from composer.errors import BadInput, NotInstalled
from composer.spotting.affect import affect_curve
from composer.video.features import AESTHETICS, VideoFeatures
from composer.video.fusion import MUSIC_COLUMNS, WEIGHTS, Fusion, load_fusion, music_parts
from composer.video.likeness import block_scores, blocks_of
from composer.video.prompts import BANK
from composer.video.readings import COLUMNS, READINGS, film_readings

DARK_SLOW, BRIGHT_FAST = (-0.7, -0.7), (0.8, 0.8)


def film(
    mood: tuple[float, float], seed: int = 0, *, seconds: float = 40.0, clip: bool = True
) -> VideoFeatures:
    """A film whose light, movement, cutting and prompts all tell of one mood, with some noise."""
    valence, arousal = mood
    rng = np.random.default_rng(seed)
    color_s, motion_s, semantic_s = (np.arange(0.0, seconds, step) for step in (0.5, 0.2, 1.0))
    if not clip:
        semantic_s = semantic_s[:0]
    n, cuts = len(color_s), np.arange(1.0, seconds, 5 / 4**arousal)[1:]
    moods = np.array([(prompt.valence, prompt.arousal) for prompt in BANK])
    logits = -((moods - mood) ** 2).sum(axis=1) / 0.4 + rng.normal(0, 0.3, (len(semantic_s), len(BANK)))
    light = np.clip(0.5 + 0.35 * valence + rng.normal(0, 0.02, n), 0, 1)
    palette = np.clip(light[:, None, None] * np.linspace(1.2, 0.5, 5)[:, None] + np.zeros(3), 0, 1)
    return VideoFeatures(
        source="made.mp4", sha256="", duration_s=seconds, frame_count=round(25 * seconds), frame_rate=25.0, width=64,
        height=36, start_timecode="00:00:00:00", has_audio=False,
        cut_times_s=cuts, cut_strengths=np.ones(len(cuts)),
        color_times_s=color_s, color_histograms=np.full((n, 3, 8, 8), 1 / 192),
        brightness=light, saturation=np.full(n, 0.3 + 0.15 * arousal), warmth=np.full(n, 0.2 * valence),
        motion_times_s=motion_s, rgb_difference=np.full(len(motion_s), 8 * 4**arousal),
        saliency=np.zeros(len(motion_s)),
        semantic_times_s=semantic_s, semantic_tokens=np.ones((len(semantic_s), 4)) / 2,
        semantic_scores=block_scores(logits, blocks_of()), semantic_model="made" if clip else "",
        palettes=palette, palette_shares=np.full((n, 5), 0.2), aesthetics=np.full((n, len(AESTHETICS)), 0.4),
    )  # fmt: skip


@pytest.fixture(scope="module")
def fusion() -> Fusion:
    return load_fusion()


def music(valence: float, arousal: float, bars: int = 16) -> MoodFeatures:
    """Music as bars are measured: mode and register by valence, rate, loudness and tempo by arousal."""
    ones = np.ones(bars)
    return MoodFeatures(
        note_rate=7.3 * np.exp(0.5 * arousal) * ones,
        velocity=(73 + 14 * arousal) * ones,
        pitch=(62.7 + 3 * valence) * ones,
        majorness=0.25 * valence * ones,
        bpm=82 * np.exp(0.3 * arousal) * ones,
        minor=float(valence < 0) * ones,
    )


def test_readings_are_what_their_columns_say():
    features = film(DARK_SLOW)
    readings = film_readings(features)
    assert np.diff(readings.times_s) == pytest.approx(np.ones(39))
    assert set(readings.parts) == set(COLUMNS)
    for name in READINGS:
        reading = readings.reading(name)
        assert reading.shape == (40, len(readings.columns(name)))
        assert reading.dtype == np.float32
    curve = affect_curve(features, 1.0)
    emotional = dict(zip(readings.columns("emotional"), readings.emotional.T, strict=True))
    np.testing.assert_allclose(emotional["valence"], curve.valence, rtol=1e-5)
    np.testing.assert_allclose(emotional["arousal"], curve.arousal, rtol=1e-5)
    aesthetic = dict(zip(readings.columns("aesthetic"), readings.aesthetic.T, strict=True))
    assert np.abs(aesthetic["brightness"][:, None] - features.brightness).min(axis=1).max() < 1e-6
    np.testing.assert_allclose(aesthetic["contrast"], 0.4)
    assert set(AESTHETICS) < set(aesthetic)
    instruments = [c for c in readings.columns("semantic") if c.startswith("a scene that calls for")]
    assert len(instruments) == 18
    of = [i for i, c in enumerate(readings.columns("semantic")) if c in instruments]
    np.testing.assert_allclose(readings.semantic[:, of].sum(axis=1), 1, rtol=1e-4)
    assert readings.tokens.shape == (40, 4)


def test_what_cannot_be_read_is_not_there():
    blind = film_readings(film(DARK_SLOW, clip=False))
    assert set(blind.parts) == {"mood", "light and colour", "composition"}
    assert blind.semantic.shape == (40, 0)
    assert blind.emotional.shape == (40, 2)
    assert blind.tokens.shape == (40, 0)
    none = (0, *film(DARK_SLOW).palettes.shape[1:])
    features = replace(film(DARK_SLOW, clip=False), aesthetics=np.zeros(0), palettes=np.zeros(none))
    assert set(film_readings(features).parts) == {"mood"}


def test_a_film_shorter_than_a_second_has_one_step():
    assert len(film_readings(film(DARK_SLOW, seconds=0.5)).times_s) == 1


def test_the_weights_of_a_film_are_convex(fusion):
    for features, missing in (
        (film(DARK_SLOW), ()),
        (film(DARK_SLOW, clip=False), ("meaning", "mood prompts", "aesthetic prompts")),
    ):
        fused = fusion.fuse(features)
        assert fused.steps.shape == (40, fusion.card["width"])
        assert np.linalg.norm(fused.whole) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(sum(fused.weights.values()), 1, rtol=1e-5)
        assert fused.step_weights.sum() == pytest.approx(1, abs=1e-5)
        assert sum(fused.reading_weights.values()) == pytest.approx(1, abs=1e-5)
        for part, weights in fused.weights.items():
            assert (weights == 0).all() if part in missing else (weights > 0).all()
    assert fused.reading_weights["semantic"] == 0


@pytest.mark.parametrize("clip", [True, False])
def test_like_films_lie_nearer_than_unlike_ones(fusion, clip):
    dark, dark_too = (fusion.fuse(film(DARK_SLOW, seed, clip=clip)).whole for seed in (1, 2))
    bright = fusion.fuse(film(BRIGHT_FAST, 3, clip=clip)).whole
    assert dark @ dark_too > 0.9
    assert dark @ dark_too > dark @ bright + 0.5
    # and with or without CLIP it is the same film
    assert dark @ fusion.fuse(film(DARK_SLOW, 4, clip=not clip)).whole > dark @ bright + 0.3


@pytest.mark.parametrize("clip", [True, False])
def test_a_film_finds_the_music_of_its_mood(fusion, clip):
    moods = {
        "dark slow": DARK_SLOW,
        "bright fast": BRIGHT_FAST,
        "dark fast": (-0.7, 0.7),
        "bright slow": (0.7, -0.7),
    }
    heard = np.stack([fusion.embed_music(music(*mood)) for mood in moods.values()])
    for i, mood in enumerate(moods.values()):
        likeness = heard @ fusion.fuse(film(mood, 5, clip=clip)).whole
        assert likeness.argmax() == i, (list(moods)[i], likeness)


def test_fusing_is_deterministic_and_does_not_look_at_order(fusion):
    features = film(BRIGHT_FAST, 6, clip=False)
    first, again = fusion.fuse(features), fusion.fuse(features)
    np.testing.assert_array_equal(first.whole, again.whole)
    turned = fusion.embed_music(music(0.5, 0.5))
    np.testing.assert_array_equal(turned, fusion.embed_music(music(0.5, 0.5)))


def test_music_is_fused_from_what_is_known(fusion):
    whole = music_parts(music(0.3, 0.2))
    assert {part: values.shape for part, values in whole.items()} == {
        part: (16, len(names)) for part, names in MUSIC_COLUMNS.items()
    }
    measured = music(0.3, 0.2)
    unknown = music_parts(replace(measured, bpm=None, minor=None))
    assert set(unknown) == {"mood", "dynamics", "register"}
    velocity = measured.velocity.copy()
    velocity[3] = np.nan  # a bar without notes
    filled = music_parts(replace(measured, velocity=velocity))["dynamics"]
    np.testing.assert_allclose(filled, whole["dynamics"])
    np.testing.assert_allclose(np.linalg.norm(fusion.embed_music(replace(measured, bpm=None))), 1, rtol=1e-5)
    with pytest.raises(ValueError, match="without bars"):
        fusion.embed_music(music(0.0, 0.0, bars=0))


def test_the_card_tells_what_a_user_must_know(fusion):
    card = fusion.card
    assert WEIGHTS.stat().st_size < 2_000_000
    assert {entry["licence"] for entry in card["data"]["collections"]} <= {"CC0-1.0", "public domain"}
    assert "drawn" in card["data"]["films"]
    found = card["held-out"]["open"]["film to song"]
    for name in ("all readings", "semantic alone", "without aesthetic", "all that is read without CLIP"):
        assert found[name]["mean rank"] < 0.5 * found["chance"]["mean rank"]
    assert card["training"]["seed"] == 0


def test_weights_that_do_not_fit_are_refused(tmp_path):
    import json
    import shutil

    copy = tmp_path / WEIGHTS.name
    with pytest.raises(NotInstalled):
        load_fusion(copy)
    shutil.copy(WEIGHTS, copy)
    card = json.loads(WEIGHTS.with_suffix(".json").read_text())
    card["columns"]["film"]["mood"] = ["arousal", "valence"]
    copy.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(BadInput, match="other columns"):
        load_fusion(copy)

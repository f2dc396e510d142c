"""The mood estimator: directions, invariances, windows, the card."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from composer.analysis import mood
from composer.analysis.mood import (
    Mood,
    MoodFeatures,
    Reference,
    bar_features,
    clip_features,
    clip_mood,
    collection_reference,
    mood_of,
)

MAJOR, MINOR = (0, 4, 7), (0, 3, 7)
PROGRESSIONS = {
    True: ((0, MAJOR), (5, MAJOR), (7, MAJOR), (0, MAJOR)),  # I IV V I
    False: ((0, MINOR), (5, MINOR), (7, MAJOR), (0, MINOR)),  # i iv V i
}
CARD = Path(mood.__file__).with_name("mood.json")
BENCHMARK = Path(__file__).parent / "benchmarks" / "mood_labels.py"


def piece(
    *, major: bool, notes_a_second: float, velocity: float, tonic: int = 60, bars: int = 8
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Broken chords, one chord a two-second bar: onsets and ends in seconds, pitches, velocities."""
    a_bar = max(round(2 * notes_a_second), 1)
    onset_s = np.arange(bars * a_bar) * 2 / a_bar
    chords = [PROGRESSIONS[major][bar % 4] for bar in range(bars)]
    pitch = [tonic + root + chord[i % 3] for root, chord in chords for i in range(a_bar)]
    return onset_s, onset_s + 2 / a_bar, np.array(pitch, float), np.full(len(pitch), float(velocity))


@pytest.mark.parametrize("tonic", range(56, 68))
@pytest.mark.parametrize(
    ("quadrant", "major", "excited"), [(1, True, True), (2, False, True), (3, False, False), (4, True, False)]
)
def test_clear_music_falls_into_its_quadrant(tonic: int, quadrant: int, major: bool, excited: bool) -> None:
    notes = piece(
        major=major, notes_a_second=12 if excited else 3, velocity=95 if excited else 50, tonic=tonic
    )
    assert clip_mood(*notes).quadrant.tolist() == [quadrant]
    assert clip_mood(*notes, bpm=130 if excited else 65, minor=not major).quadrant.tolist() == [quadrant]


@pytest.mark.parametrize("major", [True, False])
def test_arousal_grows_with_rate_loudness_and_tempo_and_valence_stays(major: bool) -> None:
    base = clip_mood(*piece(major=major, notes_a_second=6, velocity=70), bpm=90)
    for notes, bpm in (
        (piece(major=major, notes_a_second=9, velocity=70), 90),
        (piece(major=major, notes_a_second=6, velocity=90), 90),
        (piece(major=major, notes_a_second=6, velocity=70), 120),
    ):
        more = clip_mood(*notes, bpm=bpm)
        assert more.arousal[0] > base.arousal[0] + 0.05
        assert abs(more.valence[0] - base.valence[0]) < 0.05


def test_valence_is_major_and_high() -> None:
    def valence(major: bool, tonic: int, minor: bool | None = None) -> float:
        notes = piece(major=major, notes_a_second=6, velocity=70, tonic=tonic)
        return float(clip_mood(*notes, minor=minor).valence[0])

    assert valence(True, 60) > 0.3 > -0.3 > valence(False, 60)
    assert valence(True, 72) > valence(True, 60) > valence(True, 48)
    assert valence(True, 60, minor=False) > valence(True, 60, minor=True)


def test_majorness_does_not_depend_on_the_tonic_or_the_amount_and_changes_sign_with_the_mode() -> None:
    weights = np.random.default_rng(1).random((20, 12))
    plain = mood.majorness(weights)
    for shift in range(12):
        np.testing.assert_allclose(mood.majorness(np.roll(weights, shift, axis=1)), plain, atol=1e-12)
    np.testing.assert_allclose(mood.majorness(weights * 7), plain, atol=1e-12)
    for mode, sign in (("major", 1), ("minor", -1)):
        assert sign * mood.majorness(np.array([mood.ALBRECHT_SHANAHAN_PROFILES[mode]]))[0] > 0.1
    assert mood.majorness(np.ones((1, 12)))[0] == mood.majorness(np.zeros((1, 12)))[0] == 0


def test_mood_stays_within_bounds_and_finite_for_any_notes() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        n = int(rng.integers(1, 60))
        onset_s = np.sort(rng.random(n) * 10.0 ** rng.integers(-3, 4))
        notes = (onset_s, onset_s + rng.random(n) * 3, rng.integers(0, 128, n), rng.integers(1, 128, n))
        told = clip_mood(*notes, bpm=float(rng.uniform(20, 300)) if rng.random() < 0.5 else None)
        assert np.isfinite(told.valence).all()
        assert np.isfinite(told.arousal).all()
        assert np.abs(told.valence).max() <= 1
        assert np.abs(told.arousal).max() <= 1


def test_bars_follow_the_music_and_one_window_over_all_is_the_clip() -> None:
    calm = piece(major=False, notes_a_second=3, velocity=45, bars=24)
    wild = piece(major=True, notes_a_second=12, velocity=100, bars=24)
    onset_s, end_s, pitch, velocity = (
        np.concatenate([a, b + (48 if i < 2 else 0)]) for i, (a, b) in enumerate(zip(calm, wild, strict=True))
    )
    bar = (onset_s // 2).astype(int)
    told = mood_of(bar_features(bar, end_s - onset_s, pitch, velocity, bar_s=np.full(48, 2.0)))
    assert (told.quadrant[:20] == 3).all()
    assert (told.quadrant[28:] == 1).all()
    assert (np.diff(told.arousal) > -1e-9).all()
    wide = bar_features(bar, end_s - onset_s, pitch, velocity, bar_s=np.full(48, 2.0), window_bars=200)
    clip = clip_features(onset_s, end_s, pitch, velocity)
    for name in ("note_rate", "velocity", "pitch", "majorness"):
        np.testing.assert_allclose(getattr(wide, name), getattr(clip, name)[0], rtol=1e-9)


def test_a_window_holds_eight_bars() -> None:
    features = bar_features(
        np.array([10]), np.ones(1), np.array([60]), np.array([64]), bar_s=np.full(24, 2.0)
    )
    assert np.flatnonzero(features.note_rate > 1e-9).tolist() == list(range(6, 14))


def test_bars_without_notes_are_calm_and_keep_their_mode() -> None:
    none = np.zeros(0)
    for minor, sign in ((np.ones(6), -1), (np.zeros(6), 1), (None, 0)):
        told = mood_of(
            bar_features(none.astype(int), none, none, none, bar_s=np.full(6, 2.0), bar_minor=minor)
        )
        assert (told.arousal < -0.9).all()
        assert (np.sign(told.valence) == sign).all()


def test_quadrants_count_zero_as_positive() -> None:
    told = Mood(np.array([0.0, -0.1, -0.1, 0.0]), np.array([0.0, 0.0, -0.1, -0.1]))
    assert told.quadrant.tolist() == [1, 2, 3, 4]


def test_what_cannot_be_used_is_refused() -> None:
    one = np.ones(1)
    with pytest.raises(ValueError, match="lengths"):
        clip_features(one, one, one, np.ones(2))
    with pytest.raises(ValueError, match="notes"):
        clip_features(*(np.zeros(0) for _ in range(4)))
    with pytest.raises(ValueError, match="outside 0-3"):
        bar_features(np.array([4]), one, one, one, bar_s=np.ones(4))
    with pytest.raises(ValueError, match="above 0"):
        bar_features(np.array([0]), one, one, one, bar_s=np.zeros(4))


def test_the_reference_of_a_collection_puts_zero_in_its_middle() -> None:
    rng = np.random.default_rng(3)
    pieces = [
        clip_features(
            *piece(major=True, notes_a_second=float(rng.uniform(1, 4)), velocity=float(rng.uniform(20, 60)))
        )
        for _ in range(101)
    ]
    reference = collection_reference(pieces)
    assert reference.majorness == Reference().majorness
    assert reference.bpm == Reference().bpm
    excited = [mood_of(features, reference).arousal[0] >= 0 for features in pieces]
    assert 0.3 < np.mean(excited) < 0.7
    assert not any(mood_of(features).arousal[0] >= 0 for features in pieces)
    only_tempo = MoodFeatures(*(np.ones(1) for _ in range(4)), bpm=np.array([70.0]))
    assert collection_reference([only_tempo]).bpm == 70


def test_the_card_states_the_coefficients_and_meets_its_target() -> None:
    card = json.loads(CARD.read_text(encoding="utf-8"))
    coefficients = card["coefficients"]
    for name in ("rate_weight", "velocity_weight", "tempo_weight", "arousal_gain", "majorness_weight",
                 "known_mode_weight", "known_majorness_weight", "register_weight", "valence_gain"):  # fmt: skip
        assert coefficients[name] == getattr(mood, name.upper())
    for name, value in card["reference"].items():
        assert getattr(mood.REFERENCE, name) == value
    for told in card["EMOPIA"]["default zero"], card["EMOPIA"]["own median"]:
        assert told["report"]["arousal"] >= 0.80
        assert told["report"]["valence"] >= 0.65


@pytest.mark.slow
def test_the_card_states_what_the_labels_say(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = shared_data / "midi" / "emopia.tar.xz"
    if not archive.is_file():
        pytest.skip(f"no {archive.name} among the shared data")
    spec = importlib.util.spec_from_file_location("mood_labels", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "mood_labels", benchmark)
    spec.loader.exec_module(benchmark)
    clips = list(benchmark.emopia(archive))
    report = [clip for clip in clips if not clip.looked_at]
    stated = json.loads(CARD.read_text(encoding="utf-8"))["EMOPIA"]
    own = collection_reference([clip.features for clip in clips])
    for zero, reference in (("default zero", mood.REFERENCE), ("own median", own)):
        for name, share in benchmark.shares(report, reference).items():
            assert share.share == pytest.approx(stated[zero]["report"][name], abs=0.0006)

"""Learning to fuse readings: drawn films agree with the mood they are drawn for, and what is learnt is measured."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from test_composer_train import make_song

from composer.spotting.affect import affect_curve
from composer.train import fusion
from composer.train.pictures import draw_film, paint_palettes
from composer.train.song import save_songs
from composer.video.fusion import load_fusion
from composer.video.readings import COLUMNS, film_readings


@pytest.fixture(scope="module")
def palettes():
    return paint_palettes(200, np.random.default_rng(0))


@pytest.fixture
def songs(tmp_path):
    """Forty works of different moods: mode, register, loudness and tempo differ."""
    made = []
    for number in range(1, 41):
        song = make_song(number, bars=20)
        slow = (number + number // 10) % 2
        made.append(
            replace(
                song, bpm=song.bpm * (0.6 if slow else 1.3) + number / 10, notes=_tilted(song.notes, slow)
            )
        )
    path = tmp_path / "songs.npz"
    save_songs(made, path)
    about = {"title": "made", "licence": "CC0-1.0", "source": "here", "sha256": "0", "works": 40, "songs": 40}
    path.with_suffix(".json").write_text(json.dumps({"collections": [about]}))
    return path


def _tilted(notes: np.ndarray, soft: int) -> np.ndarray:
    notes = notes.copy()
    notes[:, 5] = 8 if soft else 26
    notes[:, 3] += 0 if soft else 5
    return notes


@pytest.mark.parametrize("with_clip", [True, False])
def test_a_drawn_film_shows_the_mood_it_is_drawn_for(palettes, with_clip):
    rng = np.random.default_rng(1)
    borders_s = np.arange(0, 62, 2.0)
    asked, shown = [], []
    for _ in range(60):
        mood = rng.uniform(-0.9, 0.9, 2)
        film = draw_film(
            np.full(30, mood[0]), np.full(30, mood[1]), borders_s, palettes, rng, with_clip=with_clip
        )
        asked.append(mood)
        curve = affect_curve(film, 1.0)
        shown.append([curve.valence.mean(), curve.arousal.mean()])
    for axis in (0, 1):
        assert np.corrcoef(np.array(asked)[:, axis], np.array(shown)[:, axis])[0, 1] > 0.8


def test_a_drawn_film_is_cut_faster_the_more_excited_it_is(palettes):
    borders_s = np.arange(0, 122, 2.0)
    cuts = [
        len(
            draw_film(np.zeros(60), np.full(60, a), borders_s, palettes, np.random.default_rng(2)).cut_times_s
        )
        for a in (-0.8, 0.0, 0.8)
    ]
    assert cuts[0] < cuts[1] < cuts[2]


def test_drawing_is_repeatable_and_has_all_readings(palettes):
    mood, borders_s = np.linspace(-0.5, 0.5, 10), np.arange(0, 22, 2.0)
    first, again = (
        film_readings(draw_film(mood, mood, borders_s, palettes, np.random.default_rng(3))) for _ in range(2)
    )
    assert set(first.parts) == set(COLUMNS)
    for part, values in first.parts.items():
        np.testing.assert_array_equal(values, again.parts[part])


def test_ranks_and_chance():
    likeness = np.array([[0.9, 0.1, 0.2], [0.5, 0.4, 0.3], [0.2, 0.2, 0.2]])
    assert fusion.ranks_of(likeness).tolist() == [1, 2, 2]
    assert fusion.told(np.array([1, 2, 6, 11])) == {"P@1": 25.0, "P@5": 50.0, "P@10": 75.0, "mean rank": 5.0}


def test_parts_of_songs_are_no_longer_than_asked(songs):
    [[whole], *others] = fusion.works_of(songs, "training")
    assert len(others) == 31  # of 40 works, 4 are held out and 4 are for tuning
    part = whole.part(2, 8)
    assert len(part.bar_s) == len(part.measured.note_rate) == 8
    np.testing.assert_array_equal(part.measured.pitch, whole.measured.pitch[2:10])
    long = fusion.Stretch(np.full(200, 5.0), whole.measured).part(0, 100)
    assert long.bar_s.sum() <= fusion.LONGEST_S


def test_thinning_leaves_something_at_the_same_steps():
    rng = np.random.default_rng(0)
    row = {"a": np.arange(50.0)[:, None], "b": -np.arange(50.0)[:, None]}
    for _ in range(50):
        thin = fusion.thinned(row, rng)
        assert thin
        assert all(len(values) == fusion.STEPS_SEEN for values in thin.values())
        if len(thin) == 2:
            np.testing.assert_array_equal(thin["a"], -thin["b"])


def test_a_short_run_learns_is_written_and_is_measured(songs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fusion, "BATCH", 16)
    monkeypatch.setattr(fusion, "CHECKED_FILMS", 32)
    monkeypatch.setattr(fusion, "PALETTES", 200)
    monkeypatch.setattr(fusion, "POOLS", 2)
    monkeypatch.setattr(sys, "argv", ["fusion", str(songs), "-o", str(tmp_path / "out"), "--steps", "30"])
    fusion.main()
    printed = json.loads(capsys.readouterr().out)
    loaded = load_fusion(tmp_path / "out" / "fusion.safetensors")
    assert loaded.card["held-out"] == printed
    found = printed["songs"]["film to song"]
    assert found["chance"]["mean rank"] == 2.5
    assert found["all readings"]["mean rank"] < 2.2
    for weights in printed["songs"]["mean weights"].values():
        assert sum(weights.values()) == pytest.approx(1, abs=0.01)
    monkeypatch.setattr(
        sys, "argv", ["fusion", str(songs), "--measure", str(tmp_path / "out" / "fusion.safetensors")]
    )
    fusion.main()
    again = json.loads(capsys.readouterr().out)["songs"]["film to song"]
    assert again["chance"] == found["chance"]
    assert again["all readings"]["mean rank"] == pytest.approx(found["all readings"]["mean rank"], abs=0.5)

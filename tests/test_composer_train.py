"""Training: songs become arrays, examples hold what was asked, a tiny run learns, goes on after a kill, and exports."""

from __future__ import annotations

import io
import json
import sys

import mido
import numpy as np
import pytest
import torch

from composer.metrics import symbolic
from composer.models.checkpoint import load_checkpoint
from composer.tokens import notes as note_tokens
from composer.train import chords, export, loop, notes, tune
from composer.train.corpora.pop909 import read_song
from composer.train.examples import collate, crop, note_example, withhold
from composer.train.song import Song, load_songs, save_songs, split_of
from composer.train.songs import frame_of, plan_of, track

BEAT_S = 0.5


def midi_bytes(bars: int, root: int) -> bytes:
    """POP909's three tracks at 120 BPM: an arpeggio, a tune a beat long, a held third."""
    file = mido.MidiFile(ticks_per_beat=480)
    parts = {"MELODY": [12, 14, 16, 19], "BRIDGE": [0] * 4, "PIANO": [-12, 0, 4, 7]}
    for name, steps in parts.items():
        midi_track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        for beat in range(4 * bars):
            pitch = 60 + root + steps[beat % 4]
            midi_track.append(mido.Message("note_on", note=pitch, velocity=70, time=0))
            midi_track.append(mido.Message("note_off", note=pitch, velocity=0, time=480))
        file.tracks.append(midi_track)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def make_song(number: int, bars: int = 8, root: int = 2) -> Song:
    """A song in D major on 4/4 bars, with a pick-up of two beats before."""
    beats = "\n".join(f"{i * BEAT_S} 0.0 {float(i % 4 == 2)}" for i in range(4 * bars))
    letters = {2: "D:maj", 0: "C:maj"}
    labels = f"0.0\t{bars * 2.0}\t{letters[root]}"
    [song] = read_song(number, midi_bytes(bars, root), beats, labels).songs
    return song


@pytest.fixture
def songs(tmp_path):
    path = tmp_path / "songs.npz"
    save_songs([make_song(number, bars=16 + number % 3) for number in range(1, 21)], path)
    about = {
        "title": "made",
        "licence": "MIT",
        "source": "here",
        "sha256": "0",
        "works": 20,
        "songs": 20,
        "notes": 1,
    }
    path.with_suffix(".json").write_text(json.dumps({"collections": [about]}))
    return path


def test_a_song_is_moved_to_c_major_on_its_grid():
    song = make_song(7)
    assert song.meta.tolist() == [7, 0, -2, 0, 0]
    assert song.bar_beats.tolist() == [2, *[4] * 7, 2]
    assert song.bpm == pytest.approx(120, abs=1e-3)
    assert set(song.chords.tolist()) == {0}
    assert track(song, 0).pitch[:4].tolist() == [72, 74, 76, 79]
    assert np.array_equal(track(song, 0).beat, np.arange(32))
    assert set(song.notes[:, 4].tolist()) == {7}  # a beat long


def test_songs_survive_saving(songs):
    loaded = load_songs(songs)
    assert len(loaded) == 20
    again = make_song(5, bars=16 + 5 % 3)
    for name in ("notes", "chords", "bar_beats", "compound", "bpm", "phrase_left", "cadence", "meta"):
        assert np.array_equal(getattr(loaded[4], name), getattr(again, name)), name


def test_splits_follow_the_songs_number():
    assert [split_of(n) for n in (10, 25, 31, 900, 909)] == [
        "held-out", "tuning", "training", "held-out", "training",
    ]  # fmt: skip


def test_conditions_are_withheld_alone_and_together():
    names = list(note_tokens.CONDITIONS)
    rng = np.random.default_rng(0)
    given = np.stack([withhold(np.ones((1, len(names)), int), names, rng)[0] for _ in range(2000)])
    kept = dict(zip(names, given.mean(0), strict=True))
    assert kept["chord"] == kept["bar_beats"] == 1
    assert 0.80 < kept["bars_left"] < 0.90
    assert 0.72 < kept["valence"] < 0.81
    assert 0.87 < kept["notes"] < 0.93


def test_plans_count_what_is_there():
    song = make_song(3)
    plan = plan_of(song, 1)
    assert plan.melody_notes.tolist() == [2, *[4] * 7, 2]
    assert plan.notes.sum() == len(track(song, 1))
    assert (frame_of(song).valence > 0).all()


def test_crops_and_batches_keep_steps_with_their_conditions():
    example = note_example(make_song(3), 1)
    part = crop(example, 20, 1, np.random.default_rng(4))
    assert len(part.targets) == len(part.conditions) == len(part.bars) <= 20
    assert part.memory_bars.min() >= part.bars[0] - 2
    batch = collate([part, example])
    assert batch.previous.shape[0] == 2
    assert torch.equal(batch.previous[1, 1:], torch.from_numpy(example.targets[:-1]) + 1)
    assert batch.previous[:, 0].sum() == 0
    sizes = torch.tensor(list(note_tokens.CONDITIONS.values()))
    assert (batch.conditions <= sizes).all()


def test_a_tiny_run_learns_resumes_and_exports(songs, tmp_path, monkeypatch, capsys):
    runs = tmp_path / "runs"

    def run(main, stage: str, minutes: float) -> None:
        words = [
            "train",
            str(songs),
            "-o",
            str(runs / stage),
            "--tiny",
            "--minutes",
            str(minutes),
            "--steps",
            "64",
        ]
        monkeypatch.setattr(sys, "argv", words)
        main()

    for stage in notes.STAGES:
        run(lambda stage=stage: notes.main(stage), stage, 0.02)
    run(chords.main, "chords", 0.02)
    first = [row.split(",") for row in (runs / "melody" / "losses.csv").read_text().splitlines()]
    run(lambda: notes.main("melody"), "melody", 0.06)
    assert "goes on from step" in capsys.readouterr().err
    rows = [row.split(",") for row in (runs / "melody" / "losses.csv").read_text().splitlines()]
    tuning = [sum(map(float, row[4:])) for row in rows if row[0] == "tuning"]
    assert int(rows[-1][1]) > int(first[-1][1])
    assert tuning[-1] < tuning[0]

    def call(main, *words: str) -> None:
        monkeypatch.setattr(
            sys, "argv", ["command", str(songs), "--runs", str(runs), "--pieces", "2", *words]
        )
        main()

    call(tune.main, "--rounds", "1")
    assert set(tune.read_draws(runs)) == set(export.STAGES)
    call(export.main, "-o", str(tmp_path / "out"), "--name", "made", "--requests", "2")
    for stage in export.STAGES:
        loaded = load_checkpoint(tmp_path / "out" / f"{stage}-made.safetensors")
        assert loaded.card["stage"] == stage
        assert loaded.card["data"]["collections"][0]["licence"] == "MIT"
        assert "SC" in loaded.card["pieces against the held-out songs"]["statistics"]
        assert loaded.card["controls"]["pieces, share that obey"]["metre"] == 1.0
        assert len(loaded.habits[0]) == len(loaded.habits[1]) > 0


def test_too_many_pitches_narrow_the_nucleus_and_too_few_widen_it():
    start = tune.Nuclei(pitch=0.9, plan=0.9, place=0.9)
    level = dict.fromkeys(("SC", "PE", "PCE", "EBR", "IOI"), 0.0)
    assert tune.moved(start, level) == start
    assert tune.moved(start, {**level, "PE": 1.0, "PCE": 1.0, "SC": -1.0}).pitch < 0.9
    assert tune.moved(start, {**level, "PE": -1.0, "PCE": -1.0, "SC": 1.0}).pitch > 0.9


def test_learning_rate_warms_up_and_falls():
    assert loop.schedule(0, 0.0) < 0.01
    assert loop.schedule(1000, 0.0) == pytest.approx(1.0)
    assert loop.schedule(1000, 1.0) == pytest.approx(loop.FINAL_RATE)


def test_statistics_match_hand_counts():
    pitches = np.array([60, 62, 64, 65, 67, 69, 71, 61])
    assert symbolic.scale_consistency(pitches) == pytest.approx(7 / 8)
    assert symbolic.pitch_entropy(pitches) == pytest.approx(3.0)
    assert symbolic.pitch_class_entropy(np.array([60, 72, 67, 55])) == pytest.approx(1.0)
    assert symbolic.mean_inter_onset_interval(np.array([0.0, 0.5, 0.5, 2.0])) == pytest.approx(2 / 3)
    onsets, ends = np.array([0.0, 3.25]), np.array([1.5, 3.75])
    assert symbolic.empty_beat_rate(onsets, ends, 5) == pytest.approx(2 / 5)  # beats 2 and 4

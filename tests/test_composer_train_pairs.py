"""Pairs of video and music: found, watched, cached, and learnt from by the chord stage."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import mido
import numpy as np
import pytest
from make_video import plain, write_video

from composer.errors import BadInput
from composer.tokens.picture import COLOR_WIDTH, SEMANTIC_WIDTH, Picture, picture_between
from composer.train import chords, loop, pairs
from composer.train.corpora import folder
from composer.train.corpora.build import build_songs
from composer.train.examples import crop
from composer.train.pictures import DROP_COLOR, paint_palettes, withheld
from composer.train.song import load_songs, save_songs

RED, BLUE = (210, 60, 30), (30, 60, 200)
BAR_S = 2.0  # at 120 beats a minute
BRIGHTNESS, WARMTH = 0, 2  # columns of a colour token
TUNES = ((72, 76, 79, 76), (74, 77, 81, 77), (71, 74, 79, 74), (72, 71, 69, 67))


def write_midi(path, seed: int, bars: int = 12) -> None:
    """A tune over held triads in C major, without a tempo or metre of its own: 120 beats a minute in 4/4."""
    file = mido.MidiFile(ticks_per_beat=480)
    rng = np.random.default_rng(seed)
    tune = mido.MidiTrack([mido.MetaMessage("track_name", name="Melody")])
    chord = mido.MidiTrack([mido.MetaMessage("track_name", name="Piano")])
    for bar in range(bars):
        for pitch in TUNES[int(rng.integers(len(TUNES)))]:
            tune.append(mido.Message("note_on", note=pitch, velocity=80, time=0))
            tune.append(mido.Message("note_off", note=pitch, time=480))
        triad = (48, 52, 55) if bar % 2 == 0 else (43, 47, 50)
        chord += [mido.Message("note_on", note=pitch, velocity=60, time=0) for pitch in triad]
        chord += [mido.Message("note_off", note=p, time=1920 * (i == 0)) for i, p in enumerate(triad)]
    file.tracks += [tune, chord]
    file.save(path)


def write_film(path, colors, seconds: float) -> None:
    """Five pictures a second; each colour has an equal part of the film."""
    count = round(5 * seconds)
    write_video(
        path, (plain(colors[i * len(colors) // count]) for i in range(count)), [i / 5 for i in range(count)]
    )


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Two pairs, a damaged film, a damaged piece, music without a film and a film without music."""
    root = tmp_path_factory.mktemp("symmv")
    (root / "deeper").mkdir()
    write_film(root / "one.mp4", [RED, BLUE], 12 * BAR_S)
    write_midi(root / "one.mid", 1)
    write_film(root / "deeper" / "two.mkv", [BLUE], 4 * BAR_S)
    write_midi(root / "deeper" / "two.mid", 2)
    (root / "torn.mp4").write_bytes(b"not a film")
    write_midi(root / "torn.mid", 3)
    write_film(root / "mute.mp4", [RED], 1.0)
    (root / "mute.mid").write_bytes(b"MThd\0\0")
    write_midi(root / "music.mid", 4)
    write_film(root / "film.mov", [RED], 1.0)
    return root


def run(monkeypatch, main, *words) -> None:
    monkeypatch.setattr(sys, "argv", ["command", *map(str, words)])
    main()


@pytest.fixture
def read(films, tmp_path, monkeypatch):
    """The file that the command makes of `films`."""
    run(monkeypatch, pairs.main, films, "-o", tmp_path / "runs" / "pairs.npz")
    return tmp_path / "runs" / "pairs.npz"


def test_a_pair_is_a_film_and_music_of_one_name_in_one_folder(films):
    found = pairs.find_pairs(films)
    assert [files.name for files in found] == ["deeper/two.mid", "mute.mid", "one.mid", "torn.mid"]
    assert [files.video.name for files in found] == ["two.mkv", "mute.mp4", "one.mp4", "torn.mp4"]


def test_seconds_link_the_picture_and_the_bars(read):
    two, one = pairs.load_pairs(read)
    assert len(one.picture.color) == len(one.song.bar_beats) == 12
    warmth = one.picture.color[:, WARMTH]
    assert (warmth[:6] > 0.2).all()  # red until 12 s
    assert (warmth[6:] < -0.2).all()
    assert (two.picture.color[:4, BRIGHTNESS] > 0).all()
    assert not two.picture.color[4:].any()  # the film is over
    assert not one.picture.semantic.any()  # no CLIP


def test_what_cannot_be_read_is_counted_and_named(read):
    told = json.loads(read.with_suffix(".json").read_text())["collections"][0]
    assert told["licence"] == "unknown: measure only"
    assert told["works"] == told["songs"] == 2
    assert told["refused"] == 2
    assert [line.split(":")[0] for line in told["refused_works"]] == ["mute.mid", "torn.mid"]


def test_a_film_is_watched_once(films, read, tmp_path, monkeypatch, capsys):
    before = pairs.load_pairs(read)
    watched: list[str] = []
    monkeypatch.setattr(pairs, "analyze", lambda path, clip: watched.append(path.name) or 1 / 0)
    run(monkeypatch, pairs.main, films, "-o", read, "--licence", "mine", "--jobs", "1")
    assert watched == ["torn.mp4"]
    for old, new in zip(before, pairs.load_pairs(read), strict=True):
        assert np.array_equal(old.song.notes, new.song.notes)
        assert np.array_equal(old.picture.color, new.picture.color)
    assert json.loads(read.with_suffix(".json").read_text())["collections"][0]["licence"] == "mine"
    assert "torn.mid: ZeroDivisionError" in capsys.readouterr().err


def test_a_folder_without_pairs_is_refused(tmp_path, monkeypatch):
    write_midi(tmp_path / "music.mid", 1)
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, pairs.main, tmp_path, "-o", tmp_path / "out.npz")
    assert end.value.code == 3
    assert not (tmp_path / "out.npz").exists()


def test_unusable_clip_weights_end_the_command_at_once(films, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, pairs.main, films, "-o", tmp_path / "o.npz", "--clip-weights", tmp_path / "none")
    assert end.value.code == 3
    assert "none" in capsys.readouterr().err


def test_songs_without_pictures_have_none(read, tmp_path):
    plain_songs = tmp_path / "songs.npz"
    save_songs(load_songs(read), plain_songs)
    assert pairs.load_pictures(plain_songs) == [None, None]
    with pytest.raises(BadInput, match="holds no pictures"):
        chords.with_pairs(chords.examples(plain_songs), plain_songs)


def test_pictures_of_another_version_are_refused(read):
    with np.load(read) as file:
        arrays = dict(file)
    np.savez(read, **{**arrays, "color": arrays["color"][:, :-1]})
    with pytest.raises(BadInput, match="another version"):
        pairs.load_pictures(read)


def test_borders_follow_tempi_metres_and_split_bars(tmp_path):
    write_midi(tmp_path / "tune.mid", 1)
    piece = folder.read_midi((tmp_path / "tune.mid").read_bytes())
    quarter_bpm = np.where(np.arange(piece.bars) < 3, 120.0, 60.0)
    slower = build_songs(replace(piece, quarter_bpm=quarter_bpm), 1, 6)
    assert slower.borders_s[0][:6].tolist() == pytest.approx([0, 2, 4, 6, 10, 14])
    long_bars = replace(
        piece, bar_starts=np.arange(5) * 12.0, metres=np.tile((12, 4), (4, 1)), pickup=np.zeros(4, bool),
        opens=np.arange(4) == 0, quarter_bpm=np.full(4, 120.0),
    )  # fmt: skip
    split = build_songs(long_bars, 1, 6)
    assert split.songs[0].bar_beats[:3].tolist() == [4, 8, 4]
    assert split.borders_s[0][:4].tolist() == pytest.approx([0, 2, 6, 8])
    assert len(split.borders_s[0]) == len(split.songs[0].bar_beats) + 1


def test_nothing_is_seen_without_a_film():
    picture = picture_between(None, np.arange(4.0))
    assert picture.color.shape == (3, COLOR_WIDTH)
    assert picture.semantic.shape == (3, SEMANTIC_WIDTH)
    assert not picture.color.any()


def test_real_pictures_are_kept_and_withheld_as_drawn_ones_are(read):
    rng = np.random.default_rng(0)
    palettes = paint_palettes(20, rng)
    one = pairs.load_pairs(read)[1]
    example = chords.example(one.song, one.picture)
    shown = [chords.prepare(crop(example, 40, 2, rng), rng, palettes).features[0].any() for _ in range(200)]
    assert abs(np.mean(shown) - (1 - DROP_COLOR)) < 0.1
    part = crop(example, 40, 2, rng)
    found = next(
        p for p in iter(lambda: chords.with_picture(part, rng, palettes), None) if p.features[0].any()
    )
    assert np.array_equal(found.features[0], one.picture.color[found.feature_bars[0]])
    assert one.picture.color.any()  # withholding leaves the song's own picture alone
    drawn = chords.with_picture(chords.example(one.song), rng, palettes)
    assert len(drawn.features[0]) == len(one.song.bar_beats)


def test_withholding_takes_whole_kinds():
    picture = Picture(np.ones((3, COLOR_WIDTH), np.float32), np.ones((3, SEMANTIC_WIDTH), np.float32))
    rng = np.random.default_rng(1)
    kinds = {
        (float(p.color.mean()), float(p.semantic.mean())) for p in (withheld(picture, rng) for _ in range(99))
    }
    assert kinds == {(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)}


def test_the_chord_stage_learns_from_songs_and_pairs(read, tmp_path, monkeypatch):
    pytest.importorskip("accelerate")
    found = pairs.load_pairs(read)
    numbered = [
        [replace(p.song, meta=np.array([n, *p.song.meta[1:]], np.int32)) for n in (1, 2, 5, 10)]
        for p in found
    ]
    save_songs(numbered[0], tmp_path / "songs.npz")
    pairs.save_pairs([pairs.Pair(song, found[1].picture) for song in numbered[1]], read)
    data = chords.with_pairs(chords.examples(tmp_path / "songs.npz"), read)
    assert {split: len(parts) for split, parts in data.items()} == {"training": 4, "tuning": 2, "held-out": 2}
    for parts in data.values():
        assert [bool(part.features) for part in parts] == [True, False] * (len(parts) // 2)
    run(
        monkeypatch, chords.main, tmp_path / "songs.npz", "--pairs", read, "-o", tmp_path / "run", "--tiny",
        "--minutes", "0.005", "--steps", "32", "--device", "cpu",
    )  # fmt: skip
    assert loop.load_average(tmp_path / "run")[1].step >= 1
    assert loop.read_run(tmp_path / "run")["plan"]["pairs"] == str(read)

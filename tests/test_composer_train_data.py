"""The data command: sources to an npz and its JSON, through caches, past damaged files."""

from __future__ import annotations

import io
import json
import sys
import tarfile

import numpy as np
import pytest
from musicxml_builder import attributes, mxl, note, score

from composer.train import data
from composer.train.corpora import catalogue
from composer.train.song import load_songs, split_of

TUNES = ("C5 E5 G5 E5", "D5 F5 A5 F5", "E5 G5 C6 G5", "G5 F5 D5 B4")


def lied(seed: int) -> bytes:
    """Eight bars for voice and piano; ``seed`` tells works apart."""
    rng = np.random.default_rng(seed)
    bars = [TUNES[i].split() for i in rng.integers(0, len(TUNES), 8)]
    word = "<lyric><text>la</text></lyric>"
    voice = ["".join(note(pitch, 12, word) for pitch in bar) for bar in bars]
    piano = ["".join(note(pitch, 48, chord=i > 0) for i, pitch in enumerate(("C3", "E3", "G3")))] * 8
    return mxl(score([attributes() + voice[0], *voice[1:]], [attributes() + piano[0], *piano[1:]]))


def archive(path, files: dict[str, bytes]):
    with tarfile.open(path, "w:xz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo("./" + name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def run(monkeypatch, *words) -> None:
    monkeypatch.setattr(sys, "argv", ["data", *map(str, words), "--jobs", "1"])
    data.main()


@pytest.fixture
def sources(tmp_path):
    """Lieder with a copy, a damaged and a short one; a folder of a user's own."""
    works = {f"scores/A/{i}/lc{i}.mxl": lied(i) for i in range(12)}
    works |= {"scores/B/copy.mxl": lied(3), "scores/B/broken.mxl": lied(3)[:300], "README.md": b"hello"}
    works["scores/B/short.mxl"] = mxl(score([attributes() + note("C4", 48)]))
    own = tmp_path / "own" / "deeper"
    own.mkdir(parents=True)
    (own / "tune.musicxml").write_bytes(lied(50))
    (own / "notes.txt").write_text("not music")
    (own / "damaged.mid").write_bytes(b"MThd\0\0")
    return archive(tmp_path / "lieder.tar.xz", works), tmp_path / "own"


def test_sources_become_songs_and_a_json_that_tells_of_them(sources, tmp_path, monkeypatch, capsys):
    lieder, own = sources
    out = tmp_path / "runs" / "songs.npz"
    run(monkeypatch, f"lieder={lieder}", f"folder={own}", "-o", out)
    songs = load_songs(out)
    told = json.loads(out.with_suffix(".json").read_text())
    first, second = told["collections"]
    assert first["licence"] == "CC0-1.0"
    assert second["licence"] == catalogue.MEASURE_ONLY
    assert (first["works"], second["works"]) == (12, 1)
    assert first["refused"] == 3
    refused = dict(line.split(": ", 1) for line in first["refused_works"])
    assert "compressed" in refused["scores/B/broken.mxl"]
    assert refused["scores/B/copy.mxl"] == "the same music as scores/A/3/lc3.mxl"
    assert refused["scores/B/short.mxl"] == "too short"
    assert [line.split(":")[0] for line in second["refused_works"]] == ["deeper/damaged.mid"]
    assert told["total"]["songs"] == len(songs)
    assert told["total"]["notes"] == sum(len(song.notes) for song in songs)
    assert first["bars_by_metre"] == {"4 quarters": 96}
    assert first["sha256"] == data.fingerprint(lieder)
    assert sum(told["total"]["splits"].values()) == len(songs)
    assert "refused" in capsys.readouterr().err


def test_what_was_read_comes_from_the_cache_until_it_changes(sources, tmp_path, monkeypatch, capsys):
    lieder, own = sources
    out = tmp_path / "runs" / "songs.npz"
    run(monkeypatch, f"lieder={lieder}", f"folder={own}", "-o", out)
    before, told = out.read_bytes(), out.with_suffix(".json").read_bytes()
    out.unlink()
    capsys.readouterr()
    run(monkeypatch, f"lieder={lieder}", f"folder={own}", "-o", out)
    assert capsys.readouterr().err.count("from the cache") == 2
    assert (out.read_bytes(), out.with_suffix(".json").read_bytes()) == (before, told)
    (own / "other.mxl").write_bytes(lied(51))
    run(monkeypatch, f"lieder={lieder}", f"folder={own}", "-o", out)
    assert capsys.readouterr().err.count("from the cache") == 1
    assert len(load_songs(out)) == json.loads(told)["total"]["songs"] + 1
    assert not list(out.parent.rglob("*.part*"))


def test_a_run_cut_short_goes_on_at_the_next_collection(sources, tmp_path, monkeypatch, capsys):
    lieder, own = sources
    out = tmp_path / "runs" / "songs.npz"

    def killed(work):
        raise KeyboardInterrupt

    whole = catalogue.COLLECTIONS["folder"]
    with monkeypatch.context() as patch:
        patch.setitem(data.COLLECTIONS, "folder", data.replace(whole, read=killed))
        with pytest.raises(KeyboardInterrupt):
            run(monkeypatch, f"lieder={lieder}", f"folder={own}", "-o", out)
    assert not out.exists()
    capsys.readouterr()
    run(monkeypatch, f"lieder={lieder}", f"folder={own}", "-o", out)
    assert "lieder: 12 songs from the cache" in capsys.readouterr().err
    assert out.exists()


def test_processes_read_the_same_songs(sources):
    lieder, _ = sources
    collection = catalogue.COLLECTIONS["lieder"]
    alone = data.read_collection(collection, lieder)
    together = data.read_collection(collection, lieder, jobs=2)
    assert alone.refused == together.refused
    for mine, theirs in zip(alone.songs, together.songs, strict=True):
        assert np.array_equal(mine.notes, theirs.notes)
        assert np.array_equal(mine.meta, theirs.meta)


def test_numbers_depend_on_collection_and_path_alone(sources):
    lieder, _ = sources
    works = list(catalogue.COLLECTIONS["lieder"].find(lieder))
    numbers = {work.path: work.number for work in works}
    assert numbers["scores/A/1/lc1.mxl"] == catalogue.work_number("lieder", "scores/A/1/lc1.mxl")
    assert catalogue.work_number("lieder", "x") != catalogue.work_number("quartets", "x")
    assert catalogue.work_number("lieder", "scores/A/1/lc1.mxl") == 148984610  # the split must never move
    assert len(set(numbers.values())) == len(numbers)
    wrapped = archive(lieder.with_name("main.tar"), {"Lieder-main/scores/A/1/lc1.mxl": b""})
    assert [work.number for work in catalogue.COLLECTIONS["lieder"].find(wrapped)] == [148984610]
    assert max(catalogue.work_number(name, "x") for name in catalogue.COLLECTIONS) < 2**31
    many = [split_of(catalogue.work_number("lieder", str(i))) for i in range(2000)]
    assert many.count("held-out") == pytest.approx(200, abs=45)


def test_a_folder_may_be_given_a_licence(sources, tmp_path, monkeypatch):
    out = tmp_path / "songs.npz"
    run(monkeypatch, f"folder={sources[1]}", "-o", out, "--folder-licence", "mine")
    assert json.loads(out.with_suffix(".json").read_text())["collections"][0]["licence"] == "mine"


def test_wrong_sources_are_named(sources, tmp_path, monkeypatch, capsys):
    lieder, _ = sources
    empty = tmp_path / "empty"
    empty.mkdir()
    cut = tmp_path / "cut.tar.xz"
    cut.write_bytes(lieder.read_bytes()[:-200])
    for words, code, message in (
        ((str(lieder),), 2, "NAME=PATH"),
        ((f"songs={lieder}",), 2, "NAME=PATH"),
        (("lieder=nowhere.tar",), 2, "no such file"),
        ((f"folder={empty}",), 3, "no music"),
        ((f"lieder={cut}",), 3, "damaged archive"),
    ):
        with pytest.raises(SystemExit) as exit_info:
            run(monkeypatch, *words, "-o", tmp_path / "out.npz")
        assert exit_info.value.code == code
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_the_published_archives_read(shared_data, tmp_path, monkeypatch):
    midi = shared_data / "midi"
    out = tmp_path / "songs.npz"
    run(monkeypatch, f"ewld={midi / 'openewld.tar.xz'}", f"jsb={midi / 'jsb.tar.xz'}", "-o", out)
    told = json.loads(out.with_suffix(".json").read_text())
    assert [c["works"] for c in told["collections"]] == [502, 382]
    assert [c["refused"] for c in told["collections"]] == [0, 0]
    assert max(c["off_grid_share_of_notes"] for c in told["collections"]) < 0.01

"""The cache of features: a second run does not decode; nothing about it ever fails."""

from __future__ import annotations

import dataclasses
import os
import time

import numpy as np
import pytest
from make_video import textured, write_video

from composer.errors import BadInput
from composer.video import analyze as analyzing
from composer.video import cache
from composer.video.analyze import analyze
from composer.video.prompts import Prompt
from composer.video.semantics import ClipSource


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    pictures = [textured(1 if number < 12 else 2) for number in range(25)]
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", pictures, np.arange(25) / 25)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FRAMESCORE_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def watched(monkeypatch):
    """How often a film was decoded."""
    times = []
    watch = analyzing._watch
    monkeypatch.setattr(analyzing, "_watch", lambda *given: times.append(given) or watch(*given))
    return times


def same(one, other):
    return all(
        np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(type(one))
    )


def test_a_second_run_does_not_decode(film, folder, watched, tmp_path):
    first = analyze(film, cache=True)
    assert same(analyze(film, cache=True), first)
    assert len(watched) == 1
    copy = tmp_path / "another name.mp4"
    copy.write_bytes(film.read_bytes())
    progress = []
    assert analyze(copy, cache=True, progress=progress.append).source == "another name.mp4"
    assert len(watched) == 1
    assert progress == [1.0]


def test_without_being_asked_nothing_is_kept(film, folder, watched):
    analyze(film)
    analyze(film)
    assert len(watched) == 2
    assert not folder.exists()


def test_what_the_features_depend_on_makes_another_entry(film, folder, watched, tmp_path):
    analyze(film, cache=True)
    analyze(film, cache=True, detector="content")
    longer = tmp_path / "film.mp4"
    longer.write_bytes(film.read_bytes() + b"\0")
    analyze(longer, cache=True)
    assert len(watched) == 3
    weights = tmp_path / "weights"
    names = set()
    for content in (b"1", b"2"):
        weights.write_bytes(content)
        for prompts in ((), (Prompt("rain", "mood", 0.0, 0.0, ()),)):
            clip = ClipSource(weights=weights, prompts=prompts)
            looked = analyzing._looked_with(clip, analyzing.DEFAULT_LIMITS, "adaptive")
            names.add(cache.entry_name("0", looked))
    assert len(names) == 4


def test_without_weights_the_entry_is_that_of_no_clip_and_the_warning_stays(film, folder, watched):
    analyze(film, cache=True)
    clip = ClipSource(model="ViT-B-16", offline=True)
    for _ in range(2):
        features = analyze(film, clip=clip, cache=True)
        assert len(features.warnings) == 1
        assert features.semantic_model == ""
    assert len(watched) == 1


def test_a_damaged_entry_is_written_again(film, folder, watched):
    analyze(film, cache=True)
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    for damaged in (whole[:1000], b"", bytes(len(whole))):
        entry.write_bytes(damaged)
        analyze(film, cache=True)
        assert len(entry.read_bytes()) == len(whole)
    assert len(watched) == 4


def test_a_folder_that_cannot_be_written_means_no_cache(film, monkeypatch, watched, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FRAMESCORE_CACHE", str(tmp_path / "file" / "kept"))
    analyze(film, cache=True)
    analyze(film, cache=True)
    assert len(watched) == 2


def test_the_entries_not_used_for_longest_go_first(film, folder, monkeypatch):
    features = analyze(film)
    for number in range(4):
        cache.keep(f"{number}{cache.SUFFIX}", features)
        os.utime(folder / f"{number}{cache.SUFFIX}", (1000.0 + number, 1000.0 + number))
    assert cache.find(f"0{cache.SUFFIX}") is not None  # used now
    size = (folder / f"0{cache.SUFFIX}").stat().st_size
    monkeypatch.setattr(cache, "MAX_BYTES", 3 * size)
    cache.keep(f"4{cache.SUFFIX}", features)
    assert {path.name[0] for path in folder.iterdir()} == {"0", "3", "4"}


def test_leftovers_of_killed_runs_go(film, folder):
    features = analyze(film)
    folder.mkdir()
    old, young = (folder / f".x{cache.SUFFIX}.{name}.part" for name in ("old", "young"))
    for path, age_s in ((old, 2 * cache.LEFTOVER_S), (young, 10.0)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age_s, time.time() - age_s))
    cache.keep(f"x{cache.SUFFIX}", features)
    assert not old.exists()
    assert young.exists()


def test_where_the_folder_is(monkeypatch, tmp_path):
    monkeypatch.setenv("FRAMESCORE_CACHE", str(tmp_path))
    assert cache.cache_folder() == tmp_path
    monkeypatch.delenv("FRAMESCORE_CACHE")
    monkeypatch.setattr(cache.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "framescore" / "features"


def test_a_missing_film_is_told_as_without_cache(folder, tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        analyze(tmp_path / "nothing.mp4", cache=True)


def test_without_a_home_folder_there_is_no_cache(monkeypatch):
    def lost():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("FRAMESCORE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("composer.video.cache.Path.home", lost)
    assert cache.find("name") is None

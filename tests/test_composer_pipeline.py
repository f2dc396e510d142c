"""compose(): the stages in order, the same music for the same arguments, and where it says it comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import plain_music
import pytest

from composer import __version__
from composer.errors import NotInstalled
from composer.output import sha256_of
from composer.pipeline import STAGES, Checkpoints, compose
from composer.spotting.cues import CueSheet, Hit, Section
from composer.timing import Bar, TempoMap


def make_cues(seed: int = 3) -> CueSheet:
    section = Section(0.0, 16.0, "A", 0.4, 0.2, "C", 120.0, 0.6, 0.6, "full-orchestra")
    tempo_map = TempoMap(tuple(Bar.at_bpm(120) for _ in range(8)))
    origin = {"input": "film.mp4", "input_sha256": "ab" * 32}
    return CueSheet(
        "film", 16.0, 25.0, "00:00:00:00", (section,), (Hit(4.0, "cut"),), tempo_map, seed, origin
    )


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    plain_music.install(monkeypatch, tmp_path)
    return tmp_path


def test_stages_run_in_order_and_the_music_ends_with_the_picture(plain: Path) -> None:
    seen: list[str] = []
    score = compose(make_cues(), None, seed=3, on_stage=seen.append)
    assert tuple(seen) == STAGES
    assert score.tracks
    ends = [score.tempo_map.seconds(note.end_beats) for track in score.tracks for note in track.notes]
    assert max(ends) <= 16.0 + 1e-6


def test_the_same_seed_gives_the_same_music_and_another_seed_does_not(plain: Path) -> None:
    first, again, other = (compose(make_cues(seed), None, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first.tracks != other.tracks


def test_provenance_names_version_seed_film_and_networks(plain: Path) -> None:
    score = compose(make_cues(), None, seed=3)
    networks = {
        name: sha256_of(plain / name) for name in ("chords-open.safetensors", "melody-open.safetensors")
    }
    expected = {
        "framescore": __version__,
        "seed": "3",
        "input": "film.mp4",
        "input_sha256": "ab" * 32,
        **networks,
    }
    assert expected.items() <= score.provenance.items()


def test_pop_is_written_by_the_networks_that_learnt_from_pop(plain: Path) -> None:
    cues = make_cues()
    pop = replace(cues, sections=tuple(replace(section, style="pop") for section in cues.sections))
    assert "melody-pop909.safetensors" in compose(pop, None, seed=3).provenance
    assert Checkpoints.for_cues(cues) == Checkpoints.shipped("open")


def test_a_missing_network_is_named_with_its_remedy(plain: Path) -> None:
    missing = Checkpoints(
        plain / "chords-open.safetensors", plain / "gone.safetensors", plain / "gone.safetensors"
    )
    with pytest.raises(NotInstalled, match=r"gone\.safetensors: .*run `"):
        compose(make_cues(), None, seed=3, checkpoints=missing)

"""``framescore score`` as a user runs it, with the trained networks: the quick ones of the benchmarks' promises."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import harness
import inputs
import promises

from composer.pipeline import Checkpoints, compose
from composer.scoring import film_name
from composer.spotting.cues import CueSheet, Section
from composer.timing import Bar, TempoMap

GOOD = ("ExoPlayer__sample.flv", "imageio-binaries__newtonscradle.gif", "decord__video_90.mov")
BAD = ("mp4parse-rust__minimal.mp4", "fuzzing-corpus__ogv_bug498855_1_ogv__bug498855-1.ogv")


def test_the_film_is_named_after_the_video() -> None:
    assert film_name(Path("a/beach.mov")) == "beach.scored.mp4"
    assert len(film_name(Path("é" * 125 + ".mov")).encode()) <= 255


def test_the_trained_networks_repeat_themselves_for_a_seed_and_end_with_the_picture() -> None:
    section = Section(0.0, 8.0, "A", 0.4, 0.3, "G", 120.0, 0.6, 0.6, "chamber")
    tempo_map = TempoMap(tuple(Bar.at_bpm(120) for _ in range(4)))
    first, again, other = (
        compose(
            CueSheet("film", 8.0, 25.0, "00:00:00:00", (section,), (), tempo_map, seed),
            None,
            seed=seed,
            checkpoints=Checkpoints.shipped(),
        )
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first.tracks != other.tracks
    ends = [tempo_map.seconds(note.end_beats) for track in first.tracks for note in track.notes]
    assert 7.95 <= max(ends) <= 8.0 + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", GOOD)
def test_a_real_video_gives_all_outputs(tmp_path: Path, shared_data: Path, name: str) -> None:
    video = shared_data / "video" / name
    outcome = harness.run(["score", video, "-o", tmp_path / "out", "--offline"], limit_s=60)
    assert outcome.exit_code == 0, outcome.errors
    assert harness.faults_of(video, tmp_path / "out") == []


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_a_damaged_video_gives_all_outputs_or_one_line(tmp_path: Path, shared_data: Path, name: str) -> None:
    video = shared_data / "bad" / "video" / name
    outcome = harness.run(["score", video, "-o", tmp_path / "out", "--offline"], limit_s=60)
    assert inputs.judge_score(video, tmp_path / "out", outcome) == ""


@pytest.mark.slow
def test_killing_score_leaves_old_outputs_or_complete_new_ones(tmp_path: Path) -> None:
    from composer.video.animatic import draw_animatic

    film = tmp_path / "film.mp4"
    draw_animatic(film, duration_s=4.0)
    assert [line.measured for line in promises.kills(tmp_path, film, count=4) if not line.holds] == []

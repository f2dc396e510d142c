"""The picture is heard: a dark, slow film and a bright, fast one, from pixels to report.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from make_video import textured, write_video

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import harness

RATE_HZ = 25
LENGTH_S = 12
pytestmark = pytest.mark.slow


def drifting(
    seed: int, pixels_a_second: float, light: float, tint: tuple[float, float, float], cut_every_s: float
):
    """Pictures of soft blots that drift, in ``light`` (0-1) and ``tint``, another one after every cut."""
    for number in range(RATE_HZ * LENGTH_S):
        time_s = number / RATE_HZ
        scene = textured(seed + int(time_s / cut_every_s), 192, 128)
        moved = np.roll(scene, round(pixels_a_second * time_s), axis=1)
        shade = 255 * light * (0.6 + 0.4 * moved / 255.0) * np.array(tint)
        yield np.clip(shade, 0, 255).astype(np.uint8)


def scored(folder: Path, name: str, **look) -> dict:
    film = folder / f"{name}.mp4"
    times_s = [number / RATE_HZ for number in range(RATE_HZ * LENGTH_S)]
    write_video(film, drifting(3, **look), times_s)
    outcome = harness.run(["score", film, "-o", folder / name, "--offline", "--seed", "5"], limit_s=120)
    assert outcome.exit_code == 0, outcome.errors
    return json.loads((folder / name / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    dark = scored(folder, "dark", pixels_a_second=2, light=0.12, tint=(0.5, 0.6, 1.0), cut_every_s=99)
    bright = scored(folder, "bright", pixels_a_second=160, light=1.0, tint=(1.0, 0.75, 0.3), cut_every_s=1.5)
    return dark, bright


def mean(report: dict, what: str) -> float:
    """Mean over the sections, by their length."""
    lengths_s = [section["end_s"] - section["start_s"] for section in report["sections"]]
    return float(np.average([section["written"][what] for section in report["sections"]], weights=lengths_s))


def test_the_mode_is_heard(reports):
    dark, bright = reports
    assert {section["written"]["mode"] for section in dark["sections"]} == {"minor"}
    assert {section["written"]["mode"] for section in bright["sections"]} == {"major"}


@pytest.mark.parametrize(
    ("what", "least"),
    [("tempo_bpm", 20.0), ("notes_a_second", 3.0), ("mean_pitch", 4.0), ("mean_velocity", 12.0)],
)
def test_bright_and_fast_is_more(reports, what, least):
    dark, bright = reports
    assert mean(bright, what) >= mean(dark, what) + least


def test_the_reasons_are_told(reports):
    for report in reports:
        for section in report["sections"]:
            assert {"valence", "arousal", "key", "tempo_bpm", "density", "dynamics"} <= set(
                section["reasons"]
            )

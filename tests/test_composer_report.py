"""report.json: every decision with its reason, every hit with its residual, and nothing JSON cannot hold."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from composer import report
from composer.music import Note, Score, Track
from composer.spotting.cues import CueSheet, CurvePoint, Hit, Section
from composer.spotting.landing import Landing
from composer.timing import Bar, TempoMap
from composer.versions import package_versions
from composer.video.features import VideoFeatures

TEMPO_MAP = TempoMap((Bar.at_bpm(120),) * 4 + (Bar.at_bpm(100),) * 2)


def make_run() -> report.Run:
    empty = np.zeros(0, dtype=np.float32)
    features = VideoFeatures(
        source="film.mp4",
        sha256="ab" * 32,
        duration_s=12.8,
        frame_count=320,
        frame_rate=25.0,
        width=64,
        height=48,
        start_timecode="01:00:00:00",
        has_audio=True,
        cut_times_s=np.array([4.0]),
        cut_strengths=np.ones(1, dtype=np.float32),
        color_times_s=empty,
        color_histograms=np.zeros((0, 3, 64, 64), dtype=np.float32),
        brightness=empty,
        saturation=empty,
        warmth=empty,
        motion_times_s=empty,
        rgb_difference=empty,
        saliency=empty,
        semantic_times_s=empty,
        semantic_tokens=np.zeros((0, 0), dtype=np.float32),
        semantic_scores=np.zeros((0, 0), dtype=np.float32),
        warnings=("no CLIP weights",),
        visual_beats_s=np.array([1.0, 2.5]),
        visual_beat_strengths=np.ones(2),
        flash_times_s=np.array([2.0]),
        fade_starts_s=np.array([7.0]),
        fade_ends_s=np.array([8.0]),
    )
    curve = (CurvePoint(0.0, -0.1), CurvePoint(4.0, 0.95))
    reasons = {"key": "mean valence 0.4: major"}
    sections = (
        Section(0.0, 8.0, "A", 0.4, 0.2, "C", 118.0, 0.6, 0.6, "folk", reasons=reasons, arousal_curve=curve),
        Section(8.0, 12.8, "B", -0.4, 0.2, "Am", 100.0, 0.6, 0.6, "folk", silent=True),
    )
    cut, slam = (
        Hit(4.0, "cut"),
        Hit(8.05, "door slam", weight=1.0, required=True, kind="user", gesture="stop"),
    )
    cues = CueSheet("film", 12.8, 25.0, "01:00:00:00", sections, (cut, slam), TEMPO_MAP, 7)
    notes = (Note(0.0, 1.0, 60, 80), Note(23.0, 1.0, 64, 80))
    score = Score("film", TEMPO_MAP, (Track("Flute", "melody", 73, notes),), keys=((0.0, "C"),))
    landings = (Landing(cut, 8.0, 0.0, "downbeat"), Landing(slam, 16.0, -0.05, "downbeat"))
    sound = report.SoundFacts("synth", "gm.sf2", "cd" * 32, "web", None, None)
    return report.Run(
        features, cues, score, landings, {"chords.safetensors": "ef" * 32}, sound, (), {"video": 1.5}
    )


def test_every_decision_and_every_hit_is_there() -> None:
    built = report.build_report(make_run(), {})
    first, second = built["sections"]
    assert first["curves"] == {
        "valence": None,
        "arousal": {"lowest": 0.1, "highest": 1.0},
        "density": None,
        "dynamics": None,
    }
    assert first["reasons"] == {"key": "mean valence 0.4: major"}
    assert first["tempo_bpm"] == {"wished": 118.0, "slowest": 120.0, "fastest": 120.0}
    assert second["tempo_bpm"]["slowest"] == 100.0
    assert second["silent"]
    cut, slam = built["hits"]
    assert (cut["bar"], cut["beat_in_bar"], cut["residual_ms"], cut["landed_on"]) == (3, 1.0, 0.0, "downbeat")
    assert (slam["bar"], slam["residual_ms"]) == (5, -50.0)
    assert built["hit_summary"]["required_missed"] == 1
    assert built["hit_summary"]["largest_tempo_change"] == 0.2
    assert "required hit 'door slam' at 8.050 s is missed by -50 ms" in built["hit_summary"]["notes"][0]
    assert built["music"]["last_note_end_s"] == 12.8
    assert built["framescore"]["seed"] == 7
    assert built["input"]["cuts_s"] == [4.0]
    assert (slam["gesture"], cut["gesture"]) == ("stop", "auto")
    assert built["music"]["tempo_mode"] == "smooth"
    seen = built["input"]
    assert (seen["flashes_s"], seen["fades_s"], seen["visual_beats"]) == ([2.0], [[7.0, 8.0]], 2)


def test_what_was_written_is_measured_from_the_notes() -> None:
    run = make_run()
    scales = {0: (48, 50, 51, 53, 55, 56, 58, 60), 16: (72, 74, 76, 77, 79, 81, 83, 84)}  # C minor; C major
    low, high = (
        [Note(first + i * step, step, scale[j % 8], velocity) for i, j in enumerate(order)]
        for (first, scale), step, velocity, order in zip(
            scales.items(),
            (2.0, 0.5),
            (50, 100),
            ([0, 2, 4, 7, 3, 5, 4, 0], [0, 2, 4, 7, 3, 5, 4, 6] * 2),
            strict=True,
        )
    )
    drums = Track("Drums", "percussion", 0, (Note(0.0, 1.0, 36, 127),) * 99, is_drums=True)
    score = replace(run.score, tracks=(Track("Piano", "melody", 0, (*low, *high)), drums))
    whole, (dark, bright) = report.written_music(score, run.cues.sections)
    assert (whole["notes_a_second"], whole["tempo_bpm"]) == (round(24 / 12.8, 3), 112.5)
    assert (dark["key"], dark["mode"], bright["key"], bright["mode"]) == ("Cm", "minor", "C", "major")
    assert (dark["tempo_bpm"], bright["tempo_bpm"]) == (120.0, 100.0)
    assert (dark["notes_a_second"], bright["notes_a_second"]) == (1.0, round(16 / 4.8, 3))
    assert (dark["mean_velocity"], bright["mean_velocity"]) == (50.0, 100.0)
    assert dark["mean_pitch"] < 60 < 70 < bright["mean_pitch"]
    empty = report.written_music(replace(score, tracks=()), run.cues.sections)
    assert empty == (dict.fromkeys(dark), [dict.fromkeys(dark)] * 2)


def test_the_report_is_json_and_lists_every_file_with_its_digest(tmp_path: Path) -> None:
    (tmp_path / "stems").mkdir()
    (tmp_path / "stems" / "bass.wav").write_bytes(b"abc")
    files = report.file_facts(tmp_path)
    assert files["stems/bass.wav"]["bytes"] == 3
    report.write_report(report.build_report(make_run(), files), tmp_path)
    again = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert again["files"]["stems/bass.wav"]["sha256"].startswith("ba7816bf")


def test_measures_of_silence_and_music_without_notes_or_hits() -> None:
    assert report.finite(-math.inf) is None
    assert report.finite(math.nan) is None
    assert report.finite(-14.0004) == -14.0
    run = make_run()
    bare = replace(run, score=replace(run.score, tracks=()), landings=())
    built = report.build_report(bare, {})
    assert built["music"]["last_note_end_s"] is None
    assert built["hit_summary"]["largest_residual_ms"] is None
    json.dumps(built, allow_nan=False)


def test_a_package_that_is_missing_has_no_version() -> None:
    assert package_versions(["no-such-thing-at-all"]) == {"no-such-thing-at-all": None}

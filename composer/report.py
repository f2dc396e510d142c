"""report.json: where a score comes from, what was decided and why, and what was reached.

Plain JSON, times in seconds of picture time, residuals in milliseconds (positive: the beat comes after the
moment). It names files without folders, so that a report can be given away.
"""

from __future__ import annotations

import json
import math
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from composer import __version__
from composer.analysis.keys import local_keys
from composer.evaluation.pieces import piece_of_score
from composer.metrics.piece import Piece
from composer.music import Score, Track
from composer.output import REPORT_NAME, sha256_of
from composer.spotting.cues import CueSheet, Curve, Section
from composer.spotting.landing import Landing, largest_change, notes, unmet_hits
from composer.spotting.seal import why_kept
from composer.timing import TempoMap
from composer.versions import package_versions
from composer.video.features import VideoFeatures

PACKAGES = (
    "av",
    "mido",
    "numpy",
    "open_clip_torch",
    "opencv-python",
    "pyfluidsynth",
    "scenedetect",
    "torch",
)


@dataclass(frozen=True)
class SoundFacts:
    """How the sound was made and what it measures. Loudness is None for silence; ``painting`` tells how the engine
    ``diffusion`` worked."""

    engine: str
    soundfont: str
    soundfont_sha256: str
    loudness_preset: str
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    painting: dict[str, Any] | None = None


@dataclass(frozen=True)
class Run:
    """Everything a finished run knows about itself."""

    features: VideoFeatures
    cues: CueSheet
    score: Score
    landings: tuple[Landing, ...]
    checkpoints: dict[str, str]  # file name -> sha256
    sound: SoundFacts
    warnings: tuple[str, ...]
    timings_s: dict[str, float]


def build_report(run: Run, files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The report as JSON-ready data. ``files`` maps an output's name to what `file_facts` says of it."""
    tempo_map = run.cues.tempo_map
    whole, written = written_music(run.score, run.cues.sections)
    return {
        "framescore": {
            "version": __version__,
            "seed": run.cues.seed,
            "python": platform.python_version(),
            "packages": package_versions(PACKAGES),
        },
        "input": describe(run.features),
        "checkpoints": run.checkpoints,
        "sections": [
            {**_section(section, tempo_map), "written": music}
            for section, music in zip(run.cues.sections, written, strict=True)
        ],
        "hits": [_landing(landing, tempo_map) for landing in run.landings],
        "hit_summary": _summary(run.landings, run.cues),
        "music": {
            "bars": len(tempo_map.bars),
            "tempo_mode": run.cues.tempo_mode,
            "tempo_map": tempo_map.to_json(),
            "end_s": round(tempo_map.end_s, 4),
            "picture_end_s": round(run.cues.duration_s, 4),
            "last_note_end_s": last_note_end_s(run.score),
            "written": whole,
            "keys": [
                {"time_s": round(tempo_map.seconds(beat), 4), "key": key} for beat, key in run.score.keys
            ],
            "tracks": [_track(track) for track in run.score.tracks],
        },
        "sound": {
            "engine": run.sound.engine,
            "soundfont": {"name": run.sound.soundfont, "sha256": run.sound.soundfont_sha256},
            "loudness_preset": run.sound.loudness_preset,
            "loudness_lufs": run.sound.loudness_lufs,
            "true_peak_dbtp": run.sound.true_peak_dbtp,
            **({"painting": run.sound.painting} if run.sound.painting is not None else {}),
        },
        "files": files,
        "warnings": list(run.warnings),
        "timings_s": run.timings_s,
    }


def write_report(report: dict[str, Any], folder: Path) -> None:
    """Write ``report.json`` into ``folder``."""
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / REPORT_NAME).write_text(text + "\n", encoding="utf-8")


def edited_outputs(folder: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the outputs ``names`` in ``folder`` that may hold a person's work: they are not as the report there says
    they were written, nor cue sheets that say so themselves (`composer.spotting.seal`).
    """
    try:
        listed = json.loads((folder / REPORT_NAME).read_text(encoding="utf-8"))["files"]
        written = {name: listed[name]["sha256"] for name in names if name in listed}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        written = {}
    there = [folder / name for name in names if (folder / name).is_file()]
    return tuple(path.name for path in there if sha256_of(path) != written.get(path.name) and why_kept(path))


def file_facts(folder: Path) -> dict[str, dict[str, Any]]:
    """Every file below ``folder``: name with forward slashes to size in bytes and SHA-256."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in paths
    }


def describe(features: VideoFeatures) -> dict[str, Any]:
    """The film in a few numbers."""
    return {
        "name": features.source,
        "sha256": features.sha256,
        "duration_s": round(features.duration_s, 4),
        "frames": features.frame_count,
        "frame_rate": round(features.frame_rate, 4),
        "width": features.width,
        "height": features.height,
        "start_timecode": features.start_timecode,
        "has_audio": features.has_audio,
        "cuts_s": [round(float(time_s), 4) for time_s in features.cut_times_s],
        "flashes_s": [round(float(time_s), 4) for time_s in features.flash_times_s],
        "fades_s": [
            [round(float(start_s), 4), round(float(end_s), 4)]
            for start_s, end_s in zip(features.fade_starts_s, features.fade_ends_s, strict=True)
        ],
        "visual_beats": len(features.visual_beats_s),
        "semantic_model": features.semantic_model or None,
    }


def last_note_end_s(score: Score) -> float | None:
    """When the last note is released; None for a score without notes."""
    ends = [note.end_beats for track in score.tracks for note in track.notes]
    return round(score.tempo_map.seconds(max(ends)), 4) if ends else None


def finite(value: float) -> float | None:
    """A measure JSON can hold: None for the loudness of silence."""
    return round(value, 3) if math.isfinite(value) else None


def written_music(score: Score, sections: Sequence[Section]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What was written, as a whole and in each section, measured from the notes, drums left out: None without notes.

    ``key`` is the one heard in most bars (`composer.analysis.keys`), ``mode`` that key's. ``tempo_bpm`` is the mean
    over time, ``notes_a_second`` the density, ``mean_pitch`` the register (MIDI), ``mean_velocity`` the dynamics.
    """
    piece, _ = piece_of_score(score)
    middles_s = (piece.bar_starts_s[:-1] + piece.bar_starts_s[1:]) / 2
    starts_s = [section.start_s for section in sections]
    of_bar = np.maximum(np.searchsorted(starts_s, middles_s, side="right") - 1, 0)
    every = np.ones(piece.bars, bool)
    return _written(piece, every), [_written(piece, of_bar == index) for index in range(len(sections))]


def _written(piece: Piece, bars: np.ndarray) -> dict[str, Any]:
    """The music of those of the piece's bars, (bars,) bool, that follow each other."""
    inside = piece.pitched & bars[piece.bar]
    length_s = float(np.diff(piece.bar_starts_s)[bars].sum())
    bar_weights = np.zeros((piece.bars, 12))
    np.add.at(bar_weights, (piece.bar[inside], piece.pitch[inside] % 12), piece.duration_beats[inside])
    if not inside.any():
        return dict.fromkeys(("key", "mode", "tempo_bpm", "notes_a_second", "mean_pitch", "mean_velocity"))
    (key, _), *_ = Counter(local_keys(bar_weights[bars])).most_common(1)
    return {
        "key": str(key),
        "mode": key.mode,
        "tempo_bpm": round(60 * float(piece.bar_beats[bars].sum()) / length_s, 2),
        "notes_a_second": round(int(inside.sum()) / length_s, 3),
        "mean_pitch": round(float(piece.pitch[inside].mean()), 2),
        "mean_velocity": round(float(piece.velocity[inside].mean()), 2),
    }


def _curve(curve: Curve, value_at: Callable[[float], float]) -> dict[str, float] | None:
    """Between which values a curve moves; None for a level one."""
    values = [value_at(point.time_s) for point in curve]
    return {"lowest": round(min(values), 3), "highest": round(max(values), 3)} if values else None


def _section(section: Section, tempo_map: TempoMap) -> dict[str, Any]:
    first = tempo_map.bar_at_s(section.start_s + 1e-6)
    last = max(tempo_map.bar_at_s(section.end_s - 1e-6), first)
    solved = [bar.bpm for bar in tempo_map.bars[first : last + 1]]
    return {
        "label": section.label,
        "start_s": round(section.start_s, 4),
        "end_s": round(section.end_s, 4),
        "silent": section.silent,
        "mood": {"valence": round(section.valence, 3), "arousal": round(section.arousal, 3)},
        "key": section.key,
        "metre": section.metre,
        "tempo_bpm": {
            "wished": round(section.tempo_bpm, 2),
            "slowest": round(min(solved), 2),
            "fastest": round(max(solved), 2),
        },
        "style": section.style,
        "density": round(section.density, 3),
        "dynamics": round(section.dynamics, 3),
        "curves": {
            "valence": _curve(section.valence_curve, section.valence_at),
            "arousal": _curve(section.arousal_curve, section.arousal_at),
            "density": _curve(section.density_curve, section.density_at),
            "dynamics": _curve(section.dynamics_curve, section.dynamics_at),
        },
        "theme": section.theme,
        "tags": list(section.tags),
        "reasons": dict(section.reasons),
    }


def _landing(landing: Landing, tempo_map: TempoMap) -> dict[str, Any]:
    bar = tempo_map.bar_at(landing.beat + 1e-6)
    return {
        "time_s": round(landing.hit.time_s, 4),
        "label": landing.hit.label,
        "kind": landing.hit.kind,
        "weight": round(landing.hit.weight, 3),
        "required": landing.hit.required,
        "gesture": landing.hit.gesture,
        "bar": bar + 1,
        "beat_in_bar": round(landing.beat - float(tempo_map.bar_starts_beats[bar]) + 1, 4),
        "landed_on": landing.on,
        "residual_ms": round(landing.residual_s * 1000, 2),
    }


def _summary(landings: Sequence[Landing], cues: CueSheet) -> dict[str, Any]:
    landed_s = [abs(landing.residual_s) for landing in landings if landing.on != "none"]
    return {
        "count": len(landings),
        "landed_on": dict(sorted(Counter(landing.on for landing in landings).items())),
        "largest_residual_ms": round(1000 * max(landed_s), 2) if landed_s else None,
        "mean_residual_ms": round(1000 * sum(landed_s) / len(landed_s), 2) if landed_s else None,
        "required_missed": len(unmet_hits(landings, cues.frame_rate)),
        "largest_tempo_change": round(largest_change(cues.tempo_map), 4),
        "notes": list(notes(cues.tempo_map, cues.frame_rate, cues.sections, landings, cues.tempo_mode)),
    }


def _track(track: Track) -> dict[str, Any]:
    pitches = [note.pitch for note in track.notes]
    return {
        "name": track.name,
        "role": track.role,
        "program": track.program,
        "is_drums": track.is_drums,
        "notes": len(track.notes),
        "lowest_pitch": min(pitches, default=None),
        "highest_pitch": max(pitches, default=None),
    }

"""Every real and every damaged file: all outputs, or one line with the cause. No traceback, no hang."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from harness import SHARED_DATA, SILENCE, Line, Outcome, faults_of, files_in, run

LIMIT_S = 60.0
SONG_LIMIT_S = 240.0  # some of the damaged songs still play for five minutes
MAX_WAV_BYTES = 2 * 2**30


def videos(work: Path, tell: Callable[[str], None]) -> list[Line]:
    """``framescore score`` over real and damaged videos."""
    lines = []
    for name, folder in (("video", SHARED_DATA / "video"), ("bad/video", SHARED_DATA / "bad" / "video")):
        wrong, scored, slowest_s = [], 0, 0.0
        paths = files_in(folder)
        for number, path in enumerate(paths):
            outdir = work / name.replace("/", "-") / str(number)
            outcome = run(["score", path, "-o", outdir, "--offline"], LIMIT_S)
            fault = judge_score(path, outdir, outcome)
            scored += outcome.exit_code == 0
            slowest_s = max(slowest_s, outcome.took_s)
            said = outcome.error_lines[-1] if outcome.exit_code and outcome.error_lines else ""
            tell(f"  {path.name}: exit {outcome.exit_code}, {outcome.took_s:.1f} s {fault or said}")
            if fault:
                wrong.append(path.name)
        measured = (
            f"{scored} scored, {len(paths) - scored} refused, slowest {slowest_s:.1f} s, {len(wrong)} wrong"
        )
        lines.append(
            Line(f"score over {name} ({len(paths)} files), each within {LIMIT_S:.0f} s", measured, not wrong)
        )
    return lines


def judge_score(path: Path, outdir: Path, outcome: Outcome) -> str:
    """What is wrong with one run of ``score``; empty when all is well."""
    if outcome.exit_code == 0:
        return "; ".join(faults_of(path, outdir))
    if outcome.is_clean_refusal:
        return "refused, but outputs are there" if outdir.exists() else ""
    return f"NOT CLEAN: {outcome.errors.strip()[-300:]}"


def midi_files(work: Path, tell: Callable[[str], None]) -> list[Line]:
    """``framescore render`` over damaged MIDI files."""
    wrong, rendered, slowest_s = [], 0, 0.0
    paths = files_in(SHARED_DATA / "bad" / "midi")
    for path in paths:
        wav = work / "midi.wav"
        wav.unlink(missing_ok=True)
        outcome = run(["render", path, "-o", wav], SONG_LIMIT_S)
        fault = judge_render(wav, outcome)
        rendered += outcome.exit_code == 0
        slowest_s = max(slowest_s, outcome.took_s)
        tell(f"  {path.name}: exit {outcome.exit_code}, {outcome.took_s:.1f} s {fault}")
        if fault:
            wrong.append(path.name)
    measured = (
        f"{rendered} rendered, {len(paths) - rendered} refused, slowest {slowest_s:.1f} s, {len(wrong)} wrong"
    )
    return [Line(f"render over bad/midi ({len(paths)} files)", measured, not wrong)]


def soundfonts(work: Path, midi: Path, tell: Callable[[str], None]) -> list[Line]:
    """``framescore render`` of a good MIDI file with damaged SoundFonts."""
    wrong = []
    paths = files_in(SHARED_DATA / "bad" / "soundfont")
    for path in paths:
        wav = work / "soundfont.wav"
        wav.unlink(missing_ok=True)
        outcome = run(["render", midi, "-o", wav, "--soundfont", path], LIMIT_S)
        fault = judge_render(wav, outcome)
        tell(f"  {path.name}: exit {outcome.exit_code}, {outcome.took_s:.1f} s {fault}")
        if fault:
            wrong.append(path.name)
    return [Line(f"render with bad/soundfont ({len(paths)} files)", f"{len(wrong)} wrong", not wrong)]


def judge_render(wav: Path, outcome: Outcome) -> str:
    """What is wrong with one run of ``render``; empty when all is well."""
    if outcome.exit_code == 0:
        if wav.stat().st_size > MAX_WAV_BYTES:
            return f"WAV of {wav.stat().st_size / 2**30:.1f} GiB"
        samples, _ = soundfile.read(wav, dtype="float32")
        return "a silent WAV called success" if np.abs(samples).max(initial=0.0) < SILENCE else ""
    if outcome.exit_code == 5 and len(outcome.error_lines) == 1:
        return ""
    return (
        "" if outcome.is_clean_refusal and not wav.exists() else f"NOT CLEAN: {outcome.errors.strip()[-300:]}"
    )

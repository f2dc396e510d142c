"""Seeds, speed and sudden death, measured on a film made for it or on a 30-second clip of the shared data."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
from harness import COMMAND, SHARED_DATA, Line, faults_of, run

from composer.output import sha256_of

CLIP = SHARED_DATA / "video" / "moviepy__big_buck_bunny_0_30.webm"
CLIP_LIMIT_S = 40.0
HELP_LIMIT_S = 0.3
HELP_TRIES = 7
KILLS = 12


def seeds(work: Path, film: Path) -> list[Line]:
    """The same seed gives the same bytes of MIDI, another seed other music."""
    digests = []
    for number, seed in enumerate(("7", "7", "8")):
        outdir = work / f"seed{number}"
        outcome = run(["score", film, "-o", outdir, "--offline", "--seed", seed], 120)
        if outcome.exit_code != 0:
            return [
                Line("same seed, same bytes", f"exit {outcome.exit_code}: {outcome.errors[-200:]}", False)
            ]
        digests.append(sha256_of(outdir / "score.mid"))
    first, again, other = digests
    return [
        Line("same seed, same bytes of MIDI", f"{first[:12]} and {again[:12]}", first == again),
        Line("another seed, other music", f"{first[:12]} and {other[:12]}", first != other),
    ]


def speed(work: Path) -> list[Line]:
    """The 30-second 720p clip from cold, beside a plain decode of it; the help, beside an empty Python."""
    outdir = work / "clip"
    outcome = run(["score", CLIP, "-o", outdir, "--offline"], 120)
    faults = faults_of(CLIP, outdir) if outcome.exit_code == 0 else [outcome.errors[-200:]]
    decode_s = plain_decode_s(CLIP)
    measured = f"{outcome.took_s:.1f} s, {outcome.took_s / decode_s:.1f} x a plain decode ({decode_s:.1f} s)"
    if outcome.exit_code == 0:
        timings = json.loads((outdir / "report.json").read_text(encoding="utf-8"))["timings_s"]
        measured += "; " + ", ".join(f"{name} {spent_s:.1f}" for name, spent_s in timings.items())
    help_s = min(timed_s([*COMMAND, "--help"]) for _ in range(HELP_TRIES))
    empty_s = min(timed_s([sys.executable, "-c", "pass"]) for _ in range(HELP_TRIES))
    return [
        Line(
            f"30 s of 720p within {CLIP_LIMIT_S:.0f} s",
            measured + "".join(f"; {fault}" for fault in faults),
            outcome.took_s <= CLIP_LIMIT_S and not faults,
        ),
        Line(
            f"--help within {HELP_LIMIT_S} s",
            f"{help_s:.3f} s, {help_s / empty_s:.1f} x an empty Python ({empty_s:.3f} s)",
            help_s <= HELP_LIMIT_S,
        ),
    ]


def plain_decode_s(video: Path) -> float:
    """Seconds PyAV takes to decode every frame and make it RGB, as any analysis must."""
    started_s = time.monotonic()
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            frame.to_ndarray(format="rgb24")
    return time.monotonic() - started_s


def timed_s(command: list[str]) -> float:
    """Seconds a command takes."""
    started_s = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started_s


def kills(work: Path, film: Path, count: int = KILLS) -> list[Line]:
    """SIGKILL at random moments of ``score``: old outputs or complete new ones, and the user's file."""
    outdir = work / "kills"
    outcome = run(["score", film, "-o", outdir, "--offline", "--seed", "0"], 120)
    if outcome.exit_code != 0:
        return [Line("killed at any moment", f"exit {outcome.exit_code}: {outcome.errors[-200:]}", False)]
    (outdir / "notes.txt").write_text("mine", encoding="utf-8")
    generator = random.Random(0)
    broken, replaced = [], 0
    for seed in range(1, count + 1):
        before = report_of(outdir)
        process = subprocess.Popen(
            [*COMMAND, "score", str(film), "-o", str(outdir), "--offline", "--quiet", "--seed", str(seed)],
            stderr=subprocess.DEVNULL,
        )
        # Half of the kills anywhere, half near the end, where the outputs change hands.
        share = generator.uniform(0.0, 1.1) if seed % 2 else generator.uniform(0.9, 1.1)
        try:
            process.wait(outcome.took_s * share)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        after = report_of(outdir)
        replaced += after != before
        files_agree = all(
            sha256_of(outdir / name) == facts["sha256"] for name, facts in after["files"].items()
        )
        if not files_agree or (outdir / "notes.txt").read_text(encoding="utf-8") != "mine":
            broken.append(seed)
    run(["score", film, "-o", outdir, "--offline"], 120)
    left = [path.name for path in work.glob(".framescore*")]
    measured = f"{count} kills, {replaced} published before it, {len(broken)} broken, {len(left)} leftovers"
    return [Line("killed at any moment: old outputs or complete new ones", measured, not broken and not left)]


def report_of(outdir: Path) -> dict:
    """The report of the outputs that stand in ``outdir``."""
    return json.loads((outdir / "report.json").read_text(encoding="utf-8"))

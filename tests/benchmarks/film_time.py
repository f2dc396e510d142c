"""Does a marker of the written MIDI still stand on its cut after two hours, and does memory stay flat?

For every frame rate a film of `FILM_S` is made whose hard cuts are known to the frame, the last near its end. It goes
the way any film goes: watched (`analyze`), spotted, its markers and cue points written to MIDI. Then mido alone reads
the file (ticks and tempo map; no code of `composer`) and says when each marker sounds.

The films are `BLOCK_S` of pictures, encoded once, whose packets are written again and again with later timestamps: no
more is encoded, every picture is decoded and watched.

*Error* is marker minus cut in frames, *drift* how much the straight line through all errors rises over the film.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import mido
import numpy as np
from harness import COMMAND, Line

from composer.midi import write_midi
from composer.music import Harmony, LeadSheet
from composer.orchestrate import orchestrate
from composer.spotting.spot import spot
from composer.video.analyze import analyze

sys.path.append(str(Path(__file__).resolve().parents[1]))
from make_video import Coding, textured, write_film, write_video

FILM_S = 7200.0
BLOCK_S = 120.0
SHOT_S = 11.3  # about; the cuts are at whole frames
LAST_SHOT_S = 2.0  # of a block, so that the film has a cut near its end
SMALL = (32, 24)
MEMORY_SIZE = (320, 180)
SHORT_FILM_S = 600.0
MAX_ERROR_FRAMES = 0.5
MAX_DRIFT_FRAMES = 0.02  # of rounding to ticks and milliseconds
MAX_GIB = 1.5
MAX_GROWTH = 1.15
NO_MUSIC = LeadSheet(Harmony((), ()), ())
_LABEL = re.compile(r"CUT (\d\d:\d\d:\d\d[:;]\d\d)$")


@dataclass(frozen=True)
class Kind:
    """A kind of film. ``rate`` None: steps of 1/60, 1/30 and 1/24 s, mixed."""

    name: str
    rate: Fraction | None
    container: str
    start_timecode: str = "00:00:00:00"


KINDS = (
    Kind("23.976", Fraction(24000, 1001), "mkv"),
    Kind("24", Fraction(24), "mp4"),
    Kind("25", Fraction(25), "mov", "10:00:00:00"),
    Kind("29.97 drop-frame", Fraction(30000, 1001), "mov", "01:00:00;00"),
    Kind("29.97 non-drop", Fraction(30000, 1001), "mov", "01:00:00:00"),
    Kind("30", Fraction(30), "mkv"),
    Kind("50", Fraction(50), "mp4"),
    Kind("59.94 drop-frame", Fraction(60000, 1001), "mov", "00:59:58;00"),
    Kind("variable", None, "mkv"),
)


@dataclass(frozen=True)
class Film:
    """A made film and where it cuts: ``cuts_s`` (cuts,) and ``cut_frames`` (cuts,), the pictures before each."""

    path: Path
    cuts_s: np.ndarray
    cut_frames: np.ndarray


@dataclass(frozen=True)
class Deviation:
    """How the markers of a film lie to its cuts. ``errors`` (cuts,) in frames."""

    rate_told: float
    errors: np.ndarray
    drift: float
    markers: int
    wrong_labels: int


def lines(work: Path) -> list[Line]:
    """One line a frame rate and two on memory."""
    rows = []
    for kind in KINDS:
        started_s = time.monotonic()
        film = make_film(kind, work)
        found = follow(film, kind, work)
        film.path.unlink()
        late = np.abs(found.errors[-max(1, len(found.errors) // 10) :]).max()
        exact = kind.rate is None or found.rate_told == float(kind.rate)
        measured = (
            f"{len(found.errors)} cuts, {found.markers} markers; error {np.abs(found.errors).max():.3f} frames, at the "
            f"end {late:.3f}, drift {found.drift:+.4f}; {found.wrong_labels} labels wrong; "
            f"told {found.rate_told:.6f}; {time.monotonic() - started_s:.0f} s"
        )
        holds = (
            np.abs(found.errors).max() <= MAX_ERROR_FRAMES
            and abs(found.drift) <= MAX_DRIFT_FRAMES
            and found.markers == len(found.errors)
            and not found.wrong_labels
            and exact
        )
        rows.append(
            Line(f"{FILM_S / 3600:g} h at {kind.name} frames/s: markers on their cuts", measured, holds)
        )
    return [*rows, *memory(work)]


def make_film(kind: Kind, work: Path, length_s: float = FILM_S, block_s: float = BLOCK_S, size=SMALL) -> Film:
    """The film of ``kind``, in ``work``."""
    block = work / f"block.{kind.container}"
    coding = Coding("mpeg4", options={"g": "250", "b": "1M"})
    if kind.rate is None:
        steps_s = np.random.default_rng(0).choice([1 / 60, 1 / 30, 1 / 24], int(30 * block_s))
        times_s = np.round(np.concatenate([[0.0], np.cumsum(steps_s)]), 3)
        times_s, block_s = times_s[:-1], float(times_s[-1])
        write_video(block, shots(times_s, size), times_s.tolist())
    else:
        times_s = np.array([float(n / kind.rate) for n in range(round(block_s * kind.rate))])
        block_s = float(len(times_s) / kind.rate)
        write_film(block, shots(times_s, size), kind.rate, coding)
    repeats = round(length_s / block_s)
    path = work / f"film.{kind.container}"
    repeat(block, path, repeats, Fraction(len(times_s)) / kind.rate if kind.rate else Fraction(block_s), kind)
    block.unlink()
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(shot_numbers(times_s))) + 1])
    blocks = np.arange(repeats)[:, None]
    cuts_s = blocks * block_s + times_s[firsts]
    return Film(path, cuts_s.ravel()[1:], (blocks * len(times_s) + firsts).ravel()[1:])


def shot_numbers(times_s: np.ndarray) -> np.ndarray:
    """The shot that each picture of a block belongs to; the last starts `LAST_SHOT_S` before the end."""
    last = times_s > times_s[-1] - LAST_SHOT_S
    return (times_s / SHOT_S).astype(int) + 1000 * last


def shots(times_s: np.ndarray, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """The pictures of a block: one still a shot."""
    return (textured(number, *size) for number in shot_numbers(times_s).tolist())


def repeat(block: Path, path: Path, repeats: int, block_s: Fraction, kind: Kind) -> None:
    """Write the packets of ``block`` ``repeats`` times, each time ``block_s`` later."""
    with av.open(str(block)) as source, av.open(str(path), "w") as sink:
        stream = source.streams.video[0]
        # A template would leave the rate out, which timecode is counted by.
        copy = sink.add_stream(stream.codec_context.name, rate=kind.rate or 25)
        copy.width, copy.height, copy.pix_fmt = stream.width, stream.height, stream.pix_fmt
        if kind.start_timecode != "00:00:00:00":
            copy.metadata["timecode"] = kind.start_timecode
        packets = [packet for packet in source.demux(stream) if packet.size]
        contents = [(bytes(packet), packet.pts, packet.duration, packet.is_keyframe) for packet in packets]
        base = stream.time_base
        for number in range(repeats):
            offset = round(number * block_s / base)
            for data, pts, duration, is_keyframe in contents:
                packet = av.Packet(data)
                packet.stream, packet.time_base = copy, base
                packet.pts = packet.dts = pts + offset
                packet.duration, packet.is_keyframe = duration, is_keyframe
                sink.mux(packet)


def follow(film: Film, kind: Kind, work: Path) -> Deviation:
    """Watch ``film``, spot it, write its MIDI, and compare the markers there with its cuts."""
    features = analyze(film.path)
    cues = spot(features, seed=0)
    midi = work / "film.mid"
    write_midi(orchestrate(NO_MUSIC, (), cues), midi)
    markers_s, labels = markers_of(midi)
    rate = float(kind.rate) if kind.rate else features.frame_rate
    nearest = np.array([np.abs(markers_s - cut_s).argmin() for cut_s in film.cuts_s])
    errors = (markers_s[nearest] - film.cuts_s) * rate
    drift = np.polyfit(film.cuts_s, errors, 1)[0] * features.duration_s
    wrong = 0
    if kind.rate:
        wanted = labels_from(kind.start_timecode, round(kind.rate), film.cut_frames)
        wrong = sum(labels[which] != label for which, label in zip(nearest, wanted, strict=True))
    return Deviation(features.frame_rate, errors, drift, len(markers_s), wrong)


def markers_of(midi: Path) -> tuple[np.ndarray, list[str]]:
    """When the cue points of cuts sound, by mido: (cuts,) s, and the timecodes in their names."""
    now_s, times_s, labels = 0.0, [], []
    for message in mido.MidiFile(midi):
        now_s += message.time
        if message.type == "cue_marker" and (label := _LABEL.search(message.text)):
            times_s.append(now_s)
            labels.append(label[1])
    return np.array(times_s), labels


def labels_from(start: str, base: int, frames: np.ndarray) -> list[str]:
    """The labels of ``frames`` (ascending), counted one by one from ``start`` on as SMPTE ST 12-1 says."""
    drops = base // 15 if ";" in start else 0
    hours, minutes, seconds, frame = (int(part) for part in re.split("[:;]", start))
    wanted, found = set(frames.tolist()), []
    for number in range(max(wanted, default=-1) + 1):
        if number in wanted:
            separator = ";" if drops else ":"
            found.append(f"{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{frame:02d}")
        frame += 1
        if frame == base:
            frame, seconds = 0, seconds + 1
        if seconds == 60:
            seconds, minutes = 0, minutes + 1
            frame = drops if minutes % 10 else 0
        if minutes == 60:
            minutes, hours = 0, (hours + 1) % 24
    return found


def memory(work: Path) -> list[Line]:
    """Peak memory of ``framescore analyze``, two hours beside ten minutes."""
    kind = Kind("25", Fraction(25), "mp4")
    peaks = []
    for length_s in (SHORT_FILM_S, FILM_S):
        film = make_film(kind, work, length_s, size=MEMORY_SIZE)
        peaks.append(peak_gib(["analyze", film.path, "-o", work / "features.npz", "--offline"], work))
        film.path.unlink()
    short, long = peaks
    return [
        Line(
            f"analyze {FILM_S / 3600:g} h within {MAX_GIB} GiB",
            f"{long:.3f} GiB at its peak",
            long <= MAX_GIB,
        ),
        Line(
            f"and within {MAX_GROWTH} x the memory of {SHORT_FILM_S / 60:.0f} min",
            f"{long / short:.3f} x {short:.3f} GiB",
            long <= MAX_GROWTH * short,
        ),
    ]


def peak_gib(arguments: list[str | Path], work: Path) -> float:
    """Largest resident memory of one ``framescore`` command, in GiB. Raises RuntimeError where it fails."""
    environment = {**os.environ, "FRAMESCORE_CACHE": str(work / "cache")}
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stderr=subprocess.DEVNULL, env=environment
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"framescore {arguments[0]} ended with {process.returncode}")
    return usage.ru_maxrss / 2**20

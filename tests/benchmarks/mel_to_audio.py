"""Mels of true renderings made into sound again: how near each method comes, from which carrier, and how fast.

One held-out clip of 10 s (songs of POP909 whose number is divisible by 10) for every second style. The target is
FluidR3 in one room; the carrier has the same notes in the style's own programs, from the same SoundFont in another
room, in another line-up, or from MuseScore's SoundFont. Distances are those of `render.metrics.spectra`, and also with
bins down to 80 dB below the loudest. The promises are for the mean over the carriers; the table shows each.
"""

from __future__ import annotations

import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import numpy as np
from harness import SHARED_DATA, Line

from render.audio import Audio
from render.controls import dynamics_of_audio
from render.events import read_performance
from render.filtering import filtered
from render.mel import Mel, mel_of
from render.mel_to_audio import METHODS, filter_gains, mel_to_audio
from render.metrics.spectra import chroma_agreement, log_spectral_distance, mel_l1
from render.styles import STYLES, restyle
from render.synth import MIX, Room, synthesize

SONGS = SHARED_DATA / "midi" / "pop909.tar.xz"
FLUID_R3 = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
MUSESCORE = Path("/usr/share/sounds/sf3/MuseScore_General_Lite.sf3")
OTHER_ROOM = Room(size=0.3, damping=0.6, width=0.5, level=0.4, reverb_send=25, chorus_send=20)
# Carrier -> variant of the line-up, SoundFont and room; the target has variant 0, FluidR3 and the default room.
CARRIERS = {
    "other room": (0, FLUID_R3, OTHER_ROOM),
    "other line-up": (1, FLUID_R3, OTHER_ROOM),
    "other SoundFont": (0, MUSESCORE, OTHER_ROOM),
}
START_S, CLIP_S = 10.0, 10.0
STYLE_STEP = 2  # every second style has a clip
LEVEL = 0.06  # root mean square of every rendering
LONG_S = 60.0
MOST_DISTANCE_DB, LEAST_CHROMA, MOST_PROCESSOR_S = 3.3, 0.978, 2.0
Method = Callable[[Mel, Audio], Audio]


def lines(work: Path) -> list[Line]:
    """Nearness of the default method, and its speed; prints the table of all."""
    fast = speed()
    if not (SONGS.is_file() and FLUID_R3.is_file() and MUSESCORE.is_file()):
        print("left out: nearness of mel to audio, for want of songs or SoundFonts", flush=True)
        return [fast]
    clips = rendered(work)
    print(f"{len(clips)} clips; dB down to -60 and -80; chroma; processor seconds per 10 s", flush=True)
    found: dict[str, list[tuple[float, ...]]] = {}
    for name, method in ways().items():
        for carrier in CARRIERS if name != "griffin-lim" else ("no carrier",):
            rows = [measured(method, clip["target"], clip.get(carrier, clip["target"])) for clip in clips]
            found[name] = found.get(name, []) + rows
            l1, near, deep, chroma, took_s = (mean(column) for column in zip(*rows, strict=True))
            print(
                f"{name:18} {carrier:16} L1 {l1:.3f}  {near:.2f} dB  {deep:.2f} dB  {chroma:.4f}  {took_s:.2f} s",
                flush=True,
            )
    _, near, deep, chroma, _ = (mean(column) for column in zip(*found[METHODS[0]], strict=True))
    return [
        Line(
            f"log-spectral distance of mel to audio at most {MOST_DISTANCE_DB} dB",
            f"{near:.2f} dB ({deep:.2f} dB with bins down to -80 dB)",
            near <= MOST_DISTANCE_DB,
        ),
        Line(
            f"chroma after mel to audio agrees in {LEAST_CHROMA} of frames",
            f"{chroma:.4f}",
            chroma >= LEAST_CHROMA,
        ),
        fast,
    ]


def ways() -> dict[str, Method]:
    """Rows of the table: the carrier alone, the filter measured a number of times, the methods."""

    def filtering(rounds: int) -> Method:
        return lambda mel, carrier: filtered(carrier, filter_gains(mel, carrier, rounds=rounds))

    def by(method: str) -> Method:
        return lambda mel, carrier: mel_to_audio(mel, carrier, method)

    return {
        "carrier as it is": lambda _, carrier: carrier,
        **{f"filter, {rounds} x": filtering(rounds) for rounds in (1, 2, 3)},
        **{method: by(method) for method in METHODS},
    }


def measured(method: Method, target: Audio, carrier: Audio) -> tuple[float, ...]:
    """Mel L1, both log-spectral distances, chroma agreement, and processor time in seconds."""
    mel = mel_of(target)
    began_s = time.process_time()
    audio = method(mel, carrier)
    took_s = time.process_time() - began_s
    return (
        mel_l1(mel, mel_of(audio)),
        log_spectral_distance(target, audio),
        log_spectral_distance(target, audio, range_db=80.0),
        chroma_agreement(target, audio),
        took_s * 10 / target.duration_s,
    )


def rendered(work: Path) -> list[dict[str, Audio]]:
    """A target and its carriers for each of the styles, each from a song of its own."""
    with tarfile.open(SONGS) as archive:
        names = sorted(
            member.name
            for member in archive
            if (stem := Path(member.name).stem).isdigit()
            and int(stem) % 10 == 0
            and member.name == f"./POP909/{stem}/{stem}.mid"
        )
        styles = list(STYLES.values())[::STYLE_STEP]
        names = names[:: len(names) // len(styles)][: len(styles)]
        for name in names:
            archive.extract(name, work, filter="data")
    clips = []
    for style, name in zip(styles, names, strict=True):
        performance = read_performance(work / name)

        def heard(variant: int, soundfont: Path, room: Room) -> Audio:
            seated = restyle(performance, style, variant)  # noqa: B023
            sound = synthesize(seated, soundfont, length_s=START_S + CLIP_S, room=room).audio[MIX]
            clip = sound.samples[:, round(START_S * sound.sample_rate) :]
            return Audio(clip * np.float32(LEVEL / np.sqrt(np.mean(np.square(clip)))), sound.sample_rate)

        clips.append(
            {"target": heard(0, FLUID_R3, Room())}
            | {carrier: heard(*setting) for carrier, setting in CARRIERS.items()}
        )
    return clips


def speed() -> Line:
    """The default method with a correction of dynamics, on stereo noise that swells."""
    rng = np.random.default_rng(0)
    count = round(LONG_S * 48_000)
    swell = 0.05 * (1.1 + np.sin(np.arange(count) / 48_000)).astype(np.float32)
    carrier = Audio(swell * rng.standard_normal((2, count), dtype=np.float32))
    mel = Mel(mel_of(carrier).log - np.linspace(0, 2, 128, dtype=np.float32)[:, None])
    dynamics_db = dynamics_of_audio(carrier)
    passed, processor = [], []
    for _ in range(3):
        began = time.monotonic(), time.process_time()
        mel_to_audio(mel, carrier, dynamics_db=dynamics_db)
        passed.append(time.monotonic() - began[0])
        processor.append(time.process_time() - began[1])
    return Line(
        f"mel to audio of {LONG_S:.0f} s of stereo within {MOST_PROCESSOR_S / 2:.0f} s of two processors",
        f"{min(processor):.2f} s of processor time in all, {min(passed):.2f} s passed",
        min(processor) <= MOST_PROCESSOR_S,
    )

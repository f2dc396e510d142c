"""FluidSynth in a guarded child process: a `Performance` in, one `Audio` a stem out.

The child (`render.synth_worker`) has limits on wall-clock time, processor time, memory and file size, and a private
folder; what it wrote is checked here, because FluidSynth reports success without a SoundFont, with a broken one and
on a full disk. Every part has a synthesizer channel of its own, so a file may hold up to 256 instruments. Stems
come from one run in which every part has its own bus and effects, so they sum to the mix.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from render.audio import SAMPLE_RATE, Audio
from render.errors import BadInput, NotInstalled, OutOfResources
from render.events import Performance
from render.notes import notes_of
from render.seating import event_rows, seat
from render.smf import NOTE_ON
from render.soundfont import INSTALL_HINT, check_soundfont
from render.sounds import SampleFile, blocks, in_memory
from render.synth_worker import (
    EVENTS_FILE,
    JOB_FILE,
    RESULT_FILE,
    stem_file,
)

SILENCE = 1e-5  # -100 dB full scale
_POLL_S = 0.02
_VOICES_A_NOTE, _LONGEST_RELEASE_S = 6, 10.0  # layers of a stereo sample; how long it may ring after its end
_FEWEST_VOICES, _MOST_VOICES = 256, 4096
_STEREO_FRAME_BYTES = 8
_FADE_S = 0.05
_OUT_OF_MEMORY = re.compile(r"out of memory|MemoryError|failed to allocate|cannot allocate", re.IGNORECASE)
_LIBRARY_HINT = (
    "run `sh soundfonts/install.sh` "
    "(Debian/Ubuntu: apt-get install libfluidsynth3, macOS: brew install fluid-synth)"
)


@dataclass(frozen=True, slots=True)
class SynthLimits:
    """What the child process may use. Its wall-clock limit is ``wall_s + wall_per_audio_s`` x (seconds to render)."""

    wall_s: float = 60.0
    wall_per_audio_s: float = 0.5
    memory_bytes: int = 6 * 2**30
    max_output_bytes: int = 12 * 2**30

    def __post_init__(self) -> None:
        if (
            self.wall_s <= 0
            or self.wall_per_audio_s < 0
            or self.memory_bytes <= 0
            or self.max_output_bytes <= 0
        ):
            raise ValueError(f"limits must be above zero: {self}")


@dataclass(frozen=True, slots=True)
class Room:
    """Reverb and chorus of the ensemble, and how much each part sends unless its MIDI says otherwise (CC91, CC93).

    Sizes, damping, width and level as FluidSynth defines them (0-1); sends 0-127.
    """

    size: float = 0.65
    damping: float = 0.3
    width: float = 0.8
    level: float = 0.6
    reverb_send: int = 56
    drum_reverb_send: int = 28
    chorus_send: int = 0
    chorus_voices: int = 3
    chorus_level: float = 0.6
    chorus_speed_hz: float = 0.3
    chorus_depth_ms: float = 6.0


DEFAULT_ROOM = Room()


@dataclass(frozen=True)
class Synthesis:
    """Stems by name, all of one length, unmastered; or one entry ``mix`` when no stems were asked for."""

    audio: dict[str, Audio]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class SynthesisFiles:
    """The same as files of raw samples, each to be read in parts; ``silent`` names those in which nothing sounds."""

    sounds: dict[str, SampleFile]
    silent: tuple[str, ...]


MIX = "mix"


def synthesize(
    performance: Performance,
    soundfont: Path,
    *,
    length_s: float | None = None,
    tail_s: float = 0.0,
    stems: bool = False,
    sample_rate: int = SAMPLE_RATE,
    gain: float = 0.2,
    room: Room = DEFAULT_ROOM,
    limits: SynthLimits = SynthLimits(),
    progress: Callable[[float], None] | None = None,
) -> Synthesis:
    """Render ``performance`` into memory; all else as in `synthesize_files`."""
    names = performance.stem_names
    outputs = {name: (name,) for name in names} if stems else {MIX: names}
    with tempfile.TemporaryDirectory(prefix="framescore-") as folder:
        files = synthesize_files(
            performance,
            soundfont,
            Path(folder),
            outputs,
            length_s=length_s,
            tail_s=tail_s,
            sample_rate=sample_rate,
            gain=gain,
            room=room,
            limits=limits,
            progress=progress,
        )
        warnings = tuple(f"{name} is silent" for name in files.silent)
        return Synthesis({name: _loaded(sound) for name, sound in files.sounds.items()}, warnings)


def length_samples_of(
    performance: Performance, length_s: float | None, tail_s: float, sample_rate: int = SAMPLE_RATE
) -> int:
    """How many samples `synthesize_files` gives a channel. Raises BadInput for music without length."""
    samples = round(((performance.end_s if length_s is None else length_s) + tail_s) * sample_rate)
    if samples <= 0:
        raise BadInput("the music has no length; give it a MIDI file that lasts longer than zero seconds")
    return samples


def synthesize_files(
    performance: Performance,
    soundfont: Path,
    folder: Path,
    outputs: Mapping[str, Collection[str]],
    *,
    length_s: float | None = None,
    tail_s: float = 0.0,
    sample_rate: int = SAMPLE_RATE,
    gain: float = 0.2,
    room: Room = DEFAULT_ROOM,
    limits: SynthLimits = SynthLimits(),
    progress: Callable[[float], None] | None = None,
) -> SynthesisFiles:
    """Render ``performance`` into files in the empty ``folder``: for every name in ``outputs``, the stems it sums.

    The sound lasts ``length_s`` (default: to the end of the file) plus ``tail_s`` seconds; what still rings there
    fades out over the last 50 ms. ``progress`` is called with the share done, 0-1. Raises BadInput (SoundFont
    unusable, silent result), NotInstalled (FluidSynth), OutOfResources (a limit was reached).
    """
    check_soundfont(soundfont)
    frames = length_samples_of(performance, length_s, tail_s, sample_rate)
    parts = performance.parts
    seating = seat([[i for i, p in enumerate(parts) if p.stem in stems] for stems in outputs.values()])
    size = frames * _STEREO_FRAME_BYTES * len(outputs)
    if size > limits.max_output_bytes:
        raise OutOfResources(
            f"the sound would take {size / 2**30:.1f} GiB of memory or disk; render it in parts, or without stems"
        )
    wall_s = limits.wall_s + limits.wall_per_audio_s * frames / sample_rate
    font_name = "font" + soundfont.suffix
    job = {
        "soundfont": font_name,
        "sample_rate": sample_rate,
        "frames": frames,
        "gain": gain,
        "polyphony": voices_of(performance),
        "buses": seating.buses,
        "stems": seating.outputs,
        "parts": [{"channel": seating.channels[i], "is_drums": parts[i].is_drums} for i in seating.channels],
        "reverb": {
            "roomsize": room.size,
            "damping": room.damping,
            "width": room.width * 100.0,
            "level": room.level,
        },
        "chorus": {
            "type": 0,
            "nr": room.chorus_voices,
            "level": room.chorus_level,
            "speed": room.chorus_speed_hz,
            "depth": room.chorus_depth_ms,
        },
        "reverb_send": room.reverb_send,
        "drum_reverb_send": room.drum_reverb_send,
        "chorus_send": room.chorus_send,
        "cpu_s": max(1, math.ceil(wall_s)),
        "memory_bytes": limits.memory_bytes,
        "max_file_bytes": frames * _STEREO_FRAME_BYTES + 2**20,
    }
    try:
        (folder / font_name).symlink_to(soundfont.resolve())
        (folder / JOB_FILE).write_text(json.dumps(job), encoding="utf-8")
        np.save(folder / EVENTS_FILE, event_rows(parts, seating.channels, sample_rate))
    except OSError as error:
        raise OutOfResources(
            f"the temporary folder is unusable ({error.strerror}); free disk space"
        ) from None
    outcome = _run(folder, wall_s, size, progress)
    _raise_for(outcome, soundfont, wall_s, limits)
    sounds = {
        name: SampleFile(folder / stem_file(i), 2, frames, sample_rate) for i, name in enumerate(outputs)
    }
    silent = [name for name, sound in sounds.items() if _finish(sound, soundfont) < SILENCE]
    if len(silent) == len(sounds):
        raise _nothing_sounds(performance, frames / sample_rate, soundfont)
    return SynthesisFiles(sounds, tuple(silent))


def voices_of(performance: Performance) -> int:
    """How many voices FluidSynth needs so that none is cut short. Every event costs it time for each of them, whether
    it sounds or not."""
    notes = notes_of(performance)
    changes_s = np.concatenate([notes.onset_s, notes.end_s + _LONGEST_RELEASE_S])
    change = np.repeat([1, -1], len(notes))[np.argsort(changes_s, kind="stable")]
    return int(np.clip(_VOICES_A_NOTE * change.cumsum().max(initial=0), _FEWEST_VOICES, _MOST_VOICES))


@dataclass(frozen=True)
class _Outcome:
    """How the child ended: exit code (negative: signal; None: stopped at the time limit), its result and its words."""

    code: int | None
    result: dict
    words: str


def _run(folder: Path, wall_s: float, size: int, progress: Callable[[float], None] | None) -> _Outcome:
    """Start the child on the job in ``folder`` and wait for it, at most ``wall_s`` seconds."""
    environment = dict(os.environ)
    search = [str(Path(__file__).resolve().parents[1]), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, search))
    environment.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    words = folder / "words.txt"
    with words.open("wb") as sink:
        child = subprocess.Popen(
            [sys.executable, "-m", "render.synth_worker", "."],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        try:
            code = _wait(child, folder, wall_s, size, progress)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    result_file = folder / RESULT_FILE
    result = {}
    if result_file.is_file():
        try:
            result = json.loads(result_file.read_text(encoding="utf-8"))
        except ValueError:
            result = {}
    with words.open("rb") as source:
        said = source.read(65_536).decode("utf-8", "replace")
    return _Outcome(code, result, said)


def _wait(
    child: subprocess.Popen, folder: Path, wall_s: float, size: int, progress: Callable[[float], None] | None
) -> int | None:
    """The child's exit code, or None when ``wall_s`` seconds have passed."""
    deadline = time.monotonic() + wall_s
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            return child.wait(min(_POLL_S if progress is None else 10 * _POLL_S, left_s))
        except subprocess.TimeoutExpired:
            if progress is not None:
                progress(min(1.0, sum(path.stat().st_size for path in folder.glob("*.f32")) / size))
    return None


def _raise_for(outcome: _Outcome, soundfont: Path, wall_s: float, limits: SynthLimits) -> None:
    """Turn a failed outcome into the error that names cause and remedy."""
    error, detail = outcome.result.get("error"), outcome.result.get("detail", "")
    if outcome.code == 0 and error == "":
        return
    memory = (
        f"rendering needs more than {limits.memory_bytes / 2**20:.0f} MB of memory; use a smaller SoundFont"
    )
    if outcome.code is None or outcome.code == -signal.SIGXCPU:
        raise OutOfResources(f"rendering took longer than {wall_s:.0f} s and was stopped; render it in parts")
    if outcome.code == -signal.SIGXFSZ or error == "disk":
        raise OutOfResources(
            f"the rendered sound could not be stored ({detail or 'file limit'}); free disk space"
        )
    if error == "module":
        raise NotInstalled(
            f"pyfluidsynth is not usable ({detail}); run `pip install --force-reinstall pyfluidsynth`"
        )
    if error == "library":
        raise NotInstalled(f"the FluidSynth library is not installed; {_LIBRARY_HINT}")
    if error == "memory" or _OUT_OF_MEMORY.search(outcome.words):
        raise OutOfResources(memory)
    if error == "soundfont":
        raise BadInput(
            f"{soundfont}: FluidSynth cannot load this SoundFont; name another one, or {INSTALL_HINT}"
        )
    if outcome.code < 0:
        if outcome.code == -signal.SIGKILL:
            raise OutOfResources(
                "the system ended the rendering, probably for lack of memory; close other programs"
            )
        name = signal.Signals(-outcome.code).name
        raise BadInput(f"{soundfont}: FluidSynth crashed ({name}) on this SoundFont; name another one")
    last = (outcome.words.strip().splitlines() or ["no message"])[-1]
    raise BadInput(f"{soundfont}: FluidSynth failed ({detail or last}); name another SoundFont")


def _finish(sound: SampleFile, soundfont: Path) -> float:
    """Check the file of one output, fade its last 50 ms, and return its peak. Raises BadInput: short, or not finite."""
    written = sound.path.stat().st_size if sound.path.is_file() else 0
    if written != sound.length_samples * _STEREO_FRAME_BYTES:
        raise BadInput(
            f"{soundfont}: FluidSynth wrote {written} bytes instead of the whole piece; name another one"
        )
    peak = 0.0
    for block in blocks(sound):
        if not np.isfinite(block).all():
            raise BadInput(
                f"{soundfont}: FluidSynth made samples that are no numbers; name another SoundFont"
            )
        peak = max(peak, float(np.abs(block).max()))
    fade = min(sound.length_samples, round(_FADE_S * sound.sample_rate))
    last = sound.read(sound.length_samples - fade, sound.length_samples)
    last = last * (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade))).astype(np.float32)
    with sound.path.open("r+b") as file:
        file.seek(-fade * _STEREO_FRAME_BYTES, os.SEEK_END)
        file.write(np.ascontiguousarray(last.T).data)
    return peak


def _loaded(sound: SampleFile) -> Audio:
    """``sound`` in memory; its file is removed."""
    samples = in_memory(sound)
    sound.path.unlink()
    return Audio(samples, sound.sample_rate)


def _nothing_sounds(performance: Performance, length_s: float, soundfont: Path) -> BadInput:
    """The error for a silent result."""
    starts = [part.time_s[part.status == NOTE_ON] for part in performance.parts]
    sounding = sum(int(np.count_nonzero(start < length_s)) for start in starts)
    if sounding == 0:
        return BadInput(f"no note begins in the {length_s:.1f} s to be rendered; ask for a longer piece")
    return BadInput(
        f"{soundfont}: {sounding} notes were played but nothing sounds; the SoundFont lacks the instruments, "
        "or volume (CC7, CC11) is 0 in the MIDI file: name another SoundFont, or mend the file"
    )

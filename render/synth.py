"""FluidSynth in guarded child processes: a `Performance` in, one `Audio` a stem out.

A child (`render.synth_worker`, started by `render.synth_process`) has limits and a private folder; what it wrote is
checked here, because FluidSynth reports success without a SoundFont, with a broken one and on a full disk. Much music
is shared by two children. Every part has a synthesizer channel of its own, so a file may hold hundreds of instruments,
and every stem its own buses and effects, so they sum to the mix.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from render.audio import SAMPLE_RATE, Audio
from render.errors import BadInput, OutOfResources
from render.events import Performance
from render.notes import notes_of
from render.seating import crews_of, event_rows, seat
from render.smf import NOTE_ON
from render.soundfont import check_soundfont
from render.sounds import Mix, SampleFile, blocks, in_memory
from render.synth_process import check_endings, run_jobs
from render.synth_worker import EVENTS_FILE, JOB_FILE, stem_file

SILENCE = 1e-5  # -100 dB full scale
_VOICES_A_NOTE, _LONGEST_RELEASE_S = 6, 10.0  # layers of a stereo sample; how long it may ring after its end
_FEWEST_VOICES, _MOST_VOICES = 256, 4096
_STEREO_FRAME_BYTES = 8
_FADE_S = 0.05


@dataclass(frozen=True, slots=True)
class SynthLimits:
    """What each child process may use. Its wall-clock limit is ``wall_s + wall_per_audio_s`` x (seconds to render)."""

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
    groups = {
        name: [i for i, part in enumerate(performance.parts) if part.stem in stems]
        for name, stems in outputs.items()
    }
    crews = crews_of(groups, _sounding_s(performance))
    size = frames * _STEREO_FRAME_BYTES * sum(map(len, crews))
    if size > limits.max_output_bytes:
        raise OutOfResources(
            f"the sound would take {size / 2**30:.1f} GiB of memory or disk; render it in parts, or without stems"
        )
    wall_s = limits.wall_s + limits.wall_per_audio_s * frames / sample_rate
    settings = {
        "soundfont": "font" + soundfont.suffix,
        "sample_rate": sample_rate,
        "frames": frames,
        "gain": gain,
        "cpu_s": max(1, math.ceil(wall_s)),
        "memory_bytes": limits.memory_bytes,
        "max_file_bytes": frames * _STEREO_FRAME_BYTES + 2**20,
        **_room_settings(room),
    }
    folders = [folder / f"crew{number}" for number in range(len(crews))]
    files: dict[str, list[SampleFile]] = {name: [] for name in outputs}
    for place, crew in zip(folders, crews, strict=True):
        _write_job(place, settings, performance, list(crew.values()), soundfont)
        for number, name in enumerate(crew):
            files[name].append(SampleFile(place / stem_file(number), 2, frames, sample_rate))
    check_endings(run_jobs(folders, wall_s, size, progress), soundfont, wall_s, limits.memory_bytes)
    silent = [name for name, shares in files.items() if _finish(shares, soundfont) < SILENCE]
    if len(silent) == len(files):
        raise _nothing_sounds(performance, frames / sample_rate, soundfont)
    return SynthesisFiles({name: shares[0] for name, shares in files.items()}, tuple(silent))


def _room_settings(room: Room) -> dict[str, Any]:
    return {
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
    }


def _write_job(
    folder: Path, settings: dict, performance: Performance, groups: list[list[int]], soundfont: Path
) -> None:
    """Write the job of one process to ``folder``, which is made: the parts in ``groups``, a file for each group."""
    seating = seat(groups)
    parts = {i: performance.parts[i] for i in seating.channels}
    job = {
        **settings,
        "polyphony": voices_of(replace(performance, parts=tuple(parts.values()))),
        "buses": seating.buses,
        "stems": seating.outputs,
        "parts": [{"channel": seating.channels[i], "is_drums": part.is_drums} for i, part in parts.items()],
    }
    try:
        folder.mkdir()
        (folder / settings["soundfont"]).symlink_to(soundfont.resolve())
        (folder / JOB_FILE).write_text(json.dumps(job), encoding="utf-8")
        np.save(
            folder / EVENTS_FILE, event_rows(performance.parts, seating.channels, settings["sample_rate"])
        )
    except OSError as error:
        raise OutOfResources(
            f"the temporary folder is unusable ({error.strerror}); free disk space"
        ) from None


def _sounding_s(performance: Performance) -> np.ndarray:
    """Seconds of notes in every part: (parts,)."""
    notes = notes_of(performance)
    return np.bincount(notes.part, notes.end_s - notes.onset_s, len(performance.parts))


def voices_of(performance: Performance) -> int:
    """How many voices FluidSynth needs so that none is cut short. Every event costs it time for each of them, whether
    it sounds or not."""
    notes = notes_of(performance)
    changes_s = np.concatenate([notes.onset_s, notes.end_s + _LONGEST_RELEASE_S])
    change = np.repeat([1, -1], len(notes))[np.argsort(changes_s, kind="stable")]
    return int(np.clip(_VOICES_A_NOTE * change.cumsum().max(initial=0), _FEWEST_VOICES, _MOST_VOICES))


def _finish(shares: Sequence[SampleFile], soundfont: Path) -> float:
    """Check the files of one output, add them up in the first, fade its last 50 ms, and return its peak.

    Raises BadInput for files that are short, or not finite.
    """
    sound, peak = shares[0], 0.0
    size = sound.length_samples * _STEREO_FRAME_BYTES
    for share in shares:
        written = share.path.stat().st_size if share.path.is_file() else 0
        if written != size:
            raise BadInput(
                f"{soundfont}: FluidSynth wrote {written} bytes instead of the whole piece; name another one"
            )
    with sound.path.open("r+b") as file:
        for block in blocks(Mix.of(shares)):
            if not np.isfinite(block).all():
                raise BadInput(
                    f"{soundfont}: FluidSynth made samples that are no numbers; name another SoundFont"
                )
            peak = max(peak, float(np.abs(block).max()))
            if len(shares) > 1:
                file.write(np.ascontiguousarray(block.T).data)
        file.flush()
        fade = min(sound.length_samples, round(_FADE_S * sound.sample_rate))
        last = sound.read(sound.length_samples - fade, sound.length_samples)
        last = last * (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade))).astype(np.float32)
        file.seek(-fade * _STEREO_FRAME_BYTES, os.SEEK_END)
        file.write(np.ascontiguousarray(last.T).data)
    for share in shares[1:]:
        share.path.unlink()
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

"""The child process that runs FluidSynth: ``python -m render.synth_worker JOB_DIR``.

It reads ``job.json`` and ``events.npy`` from the job folder, limits its own time, memory and file size, renders block
by block exactly the samples the job asks for, and writes raw interleaved float32 files. How it went stands in
``result.json``; the parent trusts neither the exit code nor FluidSynth's own output. FluidSynth computes in blocks
of 64 samples, so events fall on multiples of 64 (1.3 ms at 48 kHz).
"""

from __future__ import annotations

import errno
import json
import os
import resource
import sys
from contextlib import ExitStack
from ctypes import c_int, c_void_p
from pathlib import Path

import numpy as np

JOB_FILE, EVENTS_FILE, RESULT_FILE = "job.json", "events.npy", "result.json"
GRID_FRAMES = 64
MAX_BUSES, MAX_CHANNELS = 128, 256
_BLOCK_FRAMES = 4096
_MELODIC, _DRUM = 0, 1
_DRUM_BANK = 128
_NOTE_OFF, _NOTE_ON, _KEY_PRESSURE, _CONTROL, _PROGRAM, _PRESSURE, _BEND = range(0x80, 0xF0, 0x10)
_REVERB_SEND, _CHORUS_SEND = 91, 93


def stem_file(index: int) -> str:
    """Name of the raw file of stem ``index``: interleaved stereo float32 in the machine's byte order."""
    return f"stem{index}.f32"


class _JobError(Exception):
    """Ends the job; ``kind`` tells the parent which error to raise."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class _Abandoned(Exception):
    """The parent has gone."""


class _Engine:
    """FluidSynth with a SoundFont loaded: a channel for each part, spread over buses with buffers and effects each."""

    def __init__(self, fluidsynth, job: dict) -> None:
        self._buses = job["buses"]
        options = {
            "synth.polyphony": job["polyphony"],
            "synth.audio-channels": self._buses,
            "synth.audio-groups": self._buses,
            "synth.effects-groups": self._buses,
            "synth.dynamic-sample-loading": 1,
            "synth.chorus.active": int(job["chorus"]["level"] > 0),
            "synth.reverb.active": int(job["reverb"]["level"] > 0),
        }
        channels = -(-(max(part["channel"] for part in job["parts"]) + 1) // 16) * 16
        self._synth = fluidsynth.Synth(job["gain"], float(job["sample_rate"]), channels, **options)
        self._raw = self._synth.synth
        if not self._raw:
            raise _JobError("memory", "FluidSynth could not start")
        if self._synth.sfload(job["soundfont"]) < 0:
            raise _JobError("soundfont", "FluidSynth refused it")
        self._synth.set_reverb(**job["reverb"])
        self._synth.set_chorus(**job["chorus"])
        triple = [("synth", c_void_p, 1), ("chan", c_int, 1), ("value", c_int, 1)]
        arrays = [("nfx", c_int, 1), ("fx", c_void_p, 1), ("nout", c_int, 1), ("out", c_void_p, 1)]
        self._process = fluidsynth.cfunc(
            "fluid_synth_process", c_int, ("synth", c_void_p, 1), ("len", c_int, 1), *arrays
        )
        self._set_type = fluidsynth.cfunc("fluid_synth_set_channel_type", c_int, *triple)
        self._pressure = fluidsynth.cfunc("fluid_synth_channel_pressure", c_int, *triple)
        self._key_pressure = fluidsynth.cfunc("fluid_synth_key_pressure", c_int, *triple, ("press", c_int, 1))
        if self._process is None or self._set_type is None:
            raise _JobError("library", "FluidSynth is older than version 2")
        self._buffer = np.zeros((self._buses, 2, _BLOCK_FRAMES), dtype=np.float32)
        rows = [self._buffer[bus, side].ctypes.data for bus in range(self._buses) for side in (0, 1)]
        self._dry = (c_void_p * len(rows))(*rows)
        # Reverb and chorus of a bus are added to the bus itself: left, right, left, right.
        wet = [row for bus in range(self._buses) for row in rows[2 * bus : 2 * bus + 2] * 2]
        self._wet = (c_void_p * len(wet))(*wet)

    def prepare(self, channel: int, *, is_drums: bool, reverb_send: int, chorus_send: int) -> None:
        """Give ``channel`` its type, its first program and its effect sends."""
        self._set_type(self._raw, channel, _DRUM if is_drums else _MELODIC)
        self._synth.bank_select(channel, _DRUM_BANK if is_drums else 0)  # channel 10 begins with the drums'
        self._synth.program_change(channel, 0)
        self._synth.cc(channel, _REVERB_SEND, reverb_send)
        self._synth.cc(channel, _CHORUS_SEND, chorus_send)

    def send(self, channel: int, status: int, data1: int, data2: int) -> None:
        """Apply one event now."""
        if status == _NOTE_ON:
            self._synth.noteon(channel, data1, data2)
        elif status == _NOTE_OFF:
            self._synth.noteoff(channel, data1)
        elif status == _CONTROL:
            self._synth.cc(channel, data1, data2)
        elif status == _PROGRAM:
            self._synth.program_change(channel, data1)
        elif status == _BEND:
            self._synth.pitch_bend(channel, (data2 << 7 | data1) - 8192)
        elif status == _PRESSURE:
            self._pressure(self._raw, channel, data1)
        elif status == _KEY_PRESSURE:
            self._key_pressure(self._raw, channel, data1, data2)

    def compute(self, frames: int) -> np.ndarray:
        """The next samples of every bus, effects included: (buses, 2, frames) float32, valid until the next call."""
        self._buffer[:, :, :frames] = 0.0
        done = self._process(self._raw, frames, len(self._wet), self._wet, len(self._dry), self._dry)
        if done != 0:
            raise _JobError("synth", "FluidSynth stopped computing")
        return self._buffer[:, :, :frames]


def main(folder: Path) -> int:
    """Do the job in ``folder``; 0 when it is done."""
    parent = os.getppid()
    try:
        job = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
        fluidsynth = _import_fluidsynth()
        _limit_resources(job)
        events = np.load(folder / EVENTS_FILE, allow_pickle=False)
        _render(_Engine(fluidsynth, job), job, events, folder, parent)
        result = {"error": ""}
    except _JobError as error:
        result = {"error": error.kind, "detail": str(error)}
    except MemoryError:
        result = {"error": "memory", "detail": "memory ran out"}
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        kind = "disk" if full else "memory" if error.errno == errno.ENOMEM else "synth"
        result = {"error": kind, "detail": error.strerror or str(error)}
    except _Abandoned:
        return 1
    (folder / RESULT_FILE).write_text(json.dumps(result), encoding="utf-8")
    return 0 if not result["error"] else 1


def _import_fluidsynth():
    """The pyfluidsynth module; on macOS the usual library folders are searched as well."""
    if sys.platform == "darwin":
        folders = os.environ.get("DYLD_FALLBACK_LIBRARY_PATH", "").split(":")
        folders += ["/opt/homebrew/lib", "/usr/local/lib", "/opt/local/lib", "/usr/lib"]
        os.environ["DYLD_FALLBACK_LIBRARY_PATH"] = ":".join(filter(None, folders))
    try:
        import fluidsynth
    except ModuleNotFoundError as error:
        raise _JobError("module", f"no module named {error.name}") from None
    except (ImportError, OSError) as error:
        raise _JobError("library", str(error)) from None
    if not hasattr(fluidsynth, "cfunc") or not hasattr(fluidsynth, "Synth"):
        raise _JobError("module", "another module is called fluidsynth")
    return fluidsynth


def _limit_resources(job: dict) -> None:
    """Lower this process's own limits; a limit the system does not know is left out (macOS has no RLIMIT_AS)."""
    cpu_s = int(job["cpu_s"])
    wanted = [
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 1),
        (resource.RLIMIT_FSIZE, job["max_file_bytes"], job["max_file_bytes"]),
        (resource.RLIMIT_CORE, 0, 0),
    ]
    if sys.platform.startswith("linux"):
        wanted.append((resource.RLIMIT_AS, job["memory_bytes"], job["memory_bytes"]))
    for kind, soft, hard in wanted:
        _, ceiling = resource.getrlimit(kind)
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(kind, (soft, hard))


def _render(engine: _Engine, job: dict, events: np.ndarray, folder: Path, parent: int) -> None:
    """Render every part at once and add the buses up to stems, one file a stem."""
    for part in job["parts"]:
        send = job["drum_reverb_send"] if part["is_drums"] else job["reverb_send"]
        engine.prepare(
            part["channel"], is_drums=part["is_drums"], reverb_send=send, chorus_send=job["chorus_send"]
        )
    starts, rows = events[:, 0].tolist(), events[:, 1:].tolist()
    total, position, cursor = int(job["frames"]), 0, 0
    with ExitStack() as stack:
        files = [stack.enter_context((folder / stem_file(i)).open("wb")) for i in range(len(job["stems"]))]
        while position < total:
            if os.getppid() != parent:
                raise _Abandoned
            while cursor < len(rows) and starts[cursor] <= position:
                engine.send(*rows[cursor])
                cursor += 1
            until = starts[cursor] if cursor < len(rows) else total
            sound = engine.compute(min(until, total, position + _BLOCK_FRAMES) - position)
            for file, buses in zip(files, job["stems"], strict=True):
                file.write(np.ascontiguousarray(sound[buses].sum(axis=0).T).data)
            position += sound.shape[2]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

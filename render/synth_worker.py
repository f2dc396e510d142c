"""The child process that runs FluidSynth: ``python -m render.synth_worker JOB_DIR``.

It reads ``job.json`` and ``events.npz`` from the job folder, limits its own time, memory and file size, renders block
by block exactly the samples the job asks for, and writes raw interleaved float32 files. How it went stands in
``result.json``; the exit code and FluidSynth's own output are not trusted by the parent. FluidSynth computes in blocks of
64 samples, so events fall on multiples of 64 (1.3 ms at 48 kHz).
"""

from __future__ import annotations

import json
import os
import resource
import sys
from ctypes import c_int, c_void_p
from pathlib import Path

import numpy as np

JOB_FILE, EVENTS_FILE, RESULT_FILE = "job.json", "events.npz", "result.json"
GRID_FRAMES = 64
_BLOCK_FRAMES = 4096
_MELODIC, _DRUM = 0, 1
_NOTE_OFF, _NOTE_ON, _KEY_PRESSURE, _CONTROL, _PROGRAM, _PRESSURE, _BEND = range(0x80, 0xF0, 0x10)
_REVERB_SEND, _CHORUS_SEND = 91, 93


class _JobError(Exception):
    """Ends the job; ``kind`` tells the parent which error to raise."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class _Abandoned(Exception):
    """The parent has gone."""


class _Engine:
    """One FluidSynth instance with a SoundFont loaded, a private channel for every part of a pass."""

    def __init__(self, fluidsynth, job: dict, part_count: int) -> None:
        channels = -(-max(part_count, 1) // 16) * 16
        self._synth = fluidsynth.Synth(
            gain=job["gain"],
            samplerate=float(job["sample_rate"]),
            channels=channels,
            **{"synth.polyphony": job["polyphony"], "synth.dynamic-sample-loading": 1, "synth.cpu-cores": 1},
        )
        if not self._synth.synth:
            raise _JobError("memory", "FluidSynth could not start")
        raw = self._synth.synth
        if self._synth.sfload(job["soundfont"]) < 0:
            raise _JobError("soundfont", "FluidSynth refused it")
        self._synth.set_reverb(**job["reverb"])
        self._synth.set_chorus(**job["chorus"])
        stereo = [("synth", c_void_p, 1), ("len", c_int, 1), ("lout", c_void_p, 1), ("loff", c_int, 1)]
        stereo += [("lincr", c_int, 1), ("rout", c_void_p, 1), ("roff", c_int, 1), ("rincr", c_int, 1)]
        self._write_float = fluidsynth.cfunc("fluid_synth_write_float", c_int, *stereo)
        triple = [("synth", c_void_p, 1), ("chan", c_int, 1), ("value", c_int, 1)]
        self._set_type = fluidsynth.cfunc("fluid_synth_set_channel_type", c_int, *triple)
        self._pressure = fluidsynth.cfunc("fluid_synth_channel_pressure", c_int, *triple)
        self._key_pressure = fluidsynth.cfunc("fluid_synth_key_pressure", c_int, *triple, ("press", c_int, 1))
        self._raw = raw

    def prepare(self, channel: int, *, is_drums: bool, reverb_send: int, chorus_send: int) -> None:
        """Give ``channel`` its type, its first program and its effect sends."""
        self._set_type(self._raw, channel, _DRUM if is_drums else _MELODIC)
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

    def write(self, frames: int, buffer: np.ndarray) -> None:
        """Compute ``frames`` samples into the start of ``buffer`` (2 * frames,) float32, interleaved."""
        address = buffer.ctypes.data
        if self._write_float(self._raw, frames, address, 0, 2, address, 1, 2) != 0:
            raise _JobError("synth", "FluidSynth stopped computing")

    def close(self) -> None:
        self._synth.delete()


def main(folder: Path) -> int:
    """Do the job in ``folder``; 0 when it is done."""
    parent = os.getppid()
    try:
        job = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
        fluidsynth = _import_fluidsynth()
        _limit_resources(job)
        with np.load(folder / EVENTS_FILE, allow_pickle=False) as arrays:
            events = {name: arrays[name] for name in arrays.files}
        for number, part_indices in enumerate(job["passes"]):
            _render_pass(fluidsynth, job, events, part_indices, folder / f"pass{number}.f32", parent)
        result = {"error": ""}
    except _JobError as error:
        result = {"error": error.kind, "detail": str(error)}
    except MemoryError:
        result = {"error": "memory", "detail": "memory ran out"}
    except OSError as error:
        result = {"error": "disk", "detail": error.strerror or str(error)}
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
        raise _JobError("module", f"no module {error.name}") from None
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


def _render_pass(
    fluidsynth, job: dict, events: dict[str, np.ndarray], part_indices: list[int], target: Path, parent: int
) -> None:
    """Render the given parts together into ``target``."""
    engine = _Engine(fluidsynth, job, len(part_indices))
    parts = job["parts"]
    for channel, index in enumerate(part_indices):
        part = parts[index]
        engine.prepare(
            channel,
            is_drums=part["is_drums"],
            reverb_send=job["drum_reverb_send"] if part["is_drums"] else job["reverb_send"],
            chorus_send=job["chorus_send"],
        )
    channel_of = np.full(len(parts), -1, dtype=np.int64)
    channel_of[part_indices] = np.arange(len(part_indices))
    mine = channel_of[events["part"]] >= 0
    frames = events["frame"][mine]
    rows = np.stack(
        [channel_of[events["part"][mine]], events["status"][mine], events["data1"][mine], events["data2"][mine]], 1
    ).tolist()
    total, position, cursor = int(job["frames"]), 0, 0
    buffer = np.zeros(2 * _BLOCK_FRAMES, dtype=np.float32)
    starts = frames.tolist()
    with target.open("wb") as file:
        while position < total:
            if os.getppid() != parent:
                raise _Abandoned
            while cursor < len(rows) and starts[cursor] <= position:
                engine.send(*rows[cursor])
                cursor += 1
            until = starts[cursor] if cursor < len(rows) else total
            count = min(until, total, position + _BLOCK_FRAMES) - position
            engine.write(count, buffer)
            file.write(buffer[: 2 * count].data)
            position += count
    engine.close()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""The child processes that run FluidSynth (`render.synth_worker`): started, watched, and their endings explained."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from render.errors import BadInput, NotInstalled, OutOfResources
from render.soundfont import INSTALL_HINT
from render.synth_worker import RESULT_FILE

_POLL_S, _POLLS_A_REPORT = 0.01, 20
_WORDS_FILE, _MOST_WORDS = "words.txt", 65_536
_OUT_OF_MEMORY = re.compile(r"out of memory|MemoryError|failed to allocate|cannot allocate", re.IGNORECASE)
_LIBRARY_HINT = (
    "run `sh soundfonts/install.sh` "
    "(Debian/Ubuntu: apt-get install libfluidsynth3, macOS: brew install fluid-synth)"
)


@dataclass(frozen=True)
class Ending:
    """How a child ended: exit code (negative: signal; None: it was stopped), its result and its words."""

    code: int | None
    result: dict
    words: str


def run_jobs(
    folders: Sequence[Path], wall_s: float, size: int, progress: Callable[[float], None] | None
) -> list[Ending]:
    """Run the jobs in ``folders`` side by side, at most ``wall_s`` seconds; where one fails, the others are stopped.

    ``progress`` is called with the share of ``size`` bytes that they have written, 0-1.
    """
    with ExitStack() as stack:
        children = [stack.enter_context(_started(folder)) for folder in folders]
        codes = _wait(children, folders, wall_s, size, progress)
    return [_ending(code, folder) for code, folder in zip(codes, folders, strict=True)]


def check_endings(endings: Sequence[Ending], soundfont: Path, wall_s: float, memory_bytes: int) -> None:
    """Raise for the first that ended badly: BadInput (SoundFont), NotInstalled (FluidSynth), OutOfResources."""
    for ending in sorted(
        endings, key=lambda ending: ending.code is None
    ):  # others were stopped because of it
        _raise_for(ending, soundfont, wall_s, memory_bytes)


@contextmanager
def _started(folder: Path) -> Iterator[subprocess.Popen]:
    """A child at work on the job in ``folder``; killed in the end where it has not ended."""
    environment = dict(os.environ)
    search = [str(Path(__file__).resolve().parents[1]), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, search))
    environment.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    with (folder / _WORDS_FILE).open("wb") as sink:
        child = subprocess.Popen(
            [sys.executable, "-m", "render.synth_worker", "."],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def _wait(
    children: Sequence[subprocess.Popen],
    folders: Sequence[Path],
    wall_s: float,
    size: int,
    progress: Callable[[float], None] | None,
) -> list[int | None]:
    """The children's exit codes once all have ended, one has failed, or ``wall_s`` seconds have passed."""
    deadline, polls = time.monotonic() + wall_s, 0
    while True:
        codes = [child.poll() for child in children]
        if None not in codes or any(codes) or time.monotonic() > deadline:
            return codes
        if progress is not None and polls % _POLLS_A_REPORT == 0:
            written = sum(path.stat().st_size for folder in folders for path in folder.glob("*.f32"))
            progress(min(1.0, written / size))
        time.sleep(_POLL_S)
        polls += 1


def _ending(code: int | None, folder: Path) -> Ending:
    result_file = folder / RESULT_FILE
    result = {}
    if result_file.is_file():
        try:
            result = json.loads(result_file.read_text(encoding="utf-8"))
        except ValueError:
            result = {}
    with (folder / _WORDS_FILE).open("rb") as source:
        words = source.read(_MOST_WORDS).decode("utf-8", "replace")
    return Ending(code, result, words)


def _raise_for(ending: Ending, soundfont: Path, wall_s: float, memory_bytes: int) -> None:
    """Turn a failed ending into the error that names cause and remedy."""
    error, detail = ending.result.get("error"), ending.result.get("detail", "")
    if ending.code == 0 and error == "":
        return
    memory = f"rendering needs more than {memory_bytes / 2**20:.0f} MB of memory; use a smaller SoundFont"
    if ending.code is None or ending.code == -signal.SIGXCPU:
        raise OutOfResources(f"rendering took longer than {wall_s:.0f} s and was stopped; render it in parts")
    if ending.code == -signal.SIGXFSZ or error == "disk":
        raise OutOfResources(
            f"the rendered sound could not be stored ({detail or 'file limit'}); free disk space"
        )
    if error == "module":
        raise NotInstalled(
            f"pyfluidsynth is not usable ({detail}); run `pip install --force-reinstall pyfluidsynth`"
        )
    if error == "library":
        raise NotInstalled(f"the FluidSynth library is not installed; {_LIBRARY_HINT}")
    if error == "memory" or _OUT_OF_MEMORY.search(ending.words):
        raise OutOfResources(memory)
    if error == "soundfont":
        raise BadInput(
            f"{soundfont}: FluidSynth cannot load this SoundFont; name another one, or {INSTALL_HINT}"
        )
    if ending.code < 0:
        if ending.code == -signal.SIGKILL:
            raise OutOfResources(
                "the system ended the rendering, probably for lack of memory; close other programs"
            )
        name = signal.Signals(-ending.code).name
        raise BadInput(f"{soundfont}: FluidSynth crashed ({name}) on this SoundFont; name another one")
    last = (ending.words.strip().splitlines() or ["no message"])[-1]
    raise BadInput(f"{soundfont}: FluidSynth failed ({detail or last}); name another SoundFont")

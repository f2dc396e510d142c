"""Going on after an interruption: the predictions of finished steps, kept in the user's cache folder.

A run's journal is found by everything its predictions depend on (`journal_of`), so a rerun of the same command finds
it and takes the finished steps from it, to the same bytes; a finished run removes it. The folder is
``FRAMESCORE_CACHE`` where that is set, else ``framescore/paintings`` in the cache folder of the platform. Where it
cannot be written nothing is kept, and what cannot be read is done again: nothing here ever fails.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from render.files import user_folder

FORGOTTEN_S = 7 * 86_400.0  # a run not taken up for so long will not be
_PREFIX = "painting-"


@dataclass(frozen=True)
class Journal:
    """Predictions of the steps of one run, a file each."""

    folder: Path

    def read(self, step: int) -> np.ndarray | None:
        """What was kept of ``step``, float32, or None."""
        with contextlib.suppress(OSError, ValueError, EOFError):
            prediction = np.load(self._path(step), allow_pickle=False)
            if prediction.dtype == np.float32 and np.isfinite(prediction).all():
                return prediction
        return None

    def write(self, step: int, prediction: np.ndarray) -> None:
        """Keep the predictions of ``step``, whole or not at all."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial = self._path(step).with_suffix(f".{os.getpid()}.part")
            with partial.open("wb") as file:
                np.save(file, prediction)
            partial.replace(self._path(step))

    def close(self) -> None:
        """The run is done: keep nothing."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:03d}.npy"


def journal_of(depends_on: dict[str, object]) -> Journal:
    """The journal of the run whose predictions depend on these values; journals long forgotten are removed."""
    told = json.dumps(depends_on, sort_keys=True, default=str)
    folder = cache_folder()
    with contextlib.suppress(OSError):
        for entry in folder.glob(f"{_PREFIX}*"):
            if entry.stat().st_mtime < time.time() - FORGOTTEN_S:
                shutil.rmtree(entry, ignore_errors=True)
    return Journal(folder / (_PREFIX + hashlib.sha256(told.encode()).hexdigest()[:32]))


def cache_folder() -> Path:
    """Where journals are; may not exist yet."""
    named = os.environ.get("FRAMESCORE_CACHE")
    return Path(named) if named else user_folder("cache", os.environ) / "paintings"

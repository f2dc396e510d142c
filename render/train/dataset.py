"""The takes of `render.train.data` in memory, and random crops of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from render.controls import CONTROLS, RenderControls, channels
from render.models.codec import PATCH
from render.models.style_encoder import EMBEDDING
from render.train.data import Recipe, recipe_in, take_files

STYLE_WINDOWS = (1, 4, 16)  # how many windows of its take a crop's style is the mean of
EMBEDDINGS_FILE = "embeddings.npz"  # take name -> (windows, EMBEDDING), written by render.train.style


@dataclass(frozen=True, eq=False)
class Take:
    """One take, as `render.train.data` stores it; ``styles`` (windows, 128) are embeddings of its parts, if known."""

    recipe: Recipe
    mel: np.ndarray
    melody: np.ndarray
    chroma: np.ndarray
    dynamics_db: np.ndarray
    written_melody: np.ndarray
    written_chroma: np.ndarray
    written_dynamics_db: np.ndarray
    onsets: np.ndarray
    roll: np.ndarray
    mood: np.ndarray
    styles: np.ndarray | None = None

    @property
    def frames(self) -> int:
        """Frames of whole patches."""
        return self.mel.shape[1] // PATCH * PATCH

    def log_mel(self, start: int, stop: int) -> np.ndarray:
        """(128, frames) float32."""
        return self.mel[:, start:stop].astype(np.float32)

    def heard(self, start: int, stop: int) -> RenderControls:
        """The controls measured on the sound: melody, chroma, dynamics."""
        return self._controls(self.melody, self.chroma, self.dynamics_db, start, stop, measured=True)

    def mixed(self, start: int, stop: int) -> RenderControls:
        """Melody and dynamics of the sound, the rest from the MIDI: what the network is trained on."""
        return self._controls(self.melody, self.written_chroma, self.dynamics_db, start, stop, measured=False)

    def written(self, start: int, stop: int) -> RenderControls:
        """Everything from the MIDI: what there is at inference."""
        melody, dynamics_db = self.written_melody, self.written_dynamics_db
        return self._controls(melody, self.written_chroma, dynamics_db, start, stop, measured=False)

    def _controls(
        self,
        melody: np.ndarray,
        chroma: np.ndarray,
        dynamics_db: np.ndarray,
        start: int,
        stop: int,
        *,
        measured: bool,
    ) -> RenderControls:
        names = ("melody", "chroma", "dynamics") if measured else CONTROLS
        frames = melody[start:stop].shape[0]
        return RenderControls(
            melody[start:stop],
            chroma[:, start:stop] / np.float32(255),
            dynamics_db[start:stop].astype(np.float32),
            self.onsets[start:stop] / np.float32(255),
            self.roll[:, start:stop] / np.float32(255),
            np.repeat(np.isin(CONTROLS, names)[:, None], frames, axis=1),
            measured,
        )


@dataclass(frozen=True)
class Batch:
    """Crops. ``mel`` (n, 128, frames), ``style`` (n, 128) and ``mood`` (n, 3, frames / PATCH) float32; ``take`` (n,)
    index into the takes, ``start`` (n,) first frames."""

    takes: Takes
    mel: torch.Tensor
    style: torch.Tensor
    mood: torch.Tensor
    take: torch.Tensor
    start: torch.Tensor

    @property
    def heard(self) -> torch.Tensor:
        """`Take.heard` of every crop: (n, CONTROL_CHANNELS, frames) float32."""
        return self._controls(Take.heard)

    @property
    def mixed(self) -> torch.Tensor:
        """`Take.mixed` of every crop: (n, CONTROL_CHANNELS, frames) float32."""
        return self._controls(Take.mixed)

    def _controls(self, kind: Callable[[Take, int, int], RenderControls]) -> torch.Tensor:
        frames = self.mel.shape[2]
        places = zip(self.take.tolist(), self.start.tolist(), strict=True)
        rows = [channels(kind(self.takes.takes[i], start, start + frames)) for i, start in places]
        return torch.from_numpy(np.stack(rows))


class Takes:
    """All takes of a split, held in memory (about 70 MB an hour)."""

    def __init__(self, folder: Path, split: str) -> None:
        """Raises BadInput where the folder holds no takes of the split."""
        paths = take_files(folder, split)
        embeddings: dict[str, np.ndarray] = {}
        if (folder / EMBEDDINGS_FILE).exists():
            with np.load(folder / EMBEDDINGS_FILE, allow_pickle=False) as file:
                embeddings = {name: file[name] for name in file.files}
        self.takes = [_load(path, embeddings) for path in paths]
        self._weights = np.array([take.frames for take in self.takes], float)
        self._weights /= self._weights.sum()

    def __len__(self) -> int:
        return len(self.takes)

    def crop(self, rng: np.random.Generator, frames: int, count: int) -> Batch:
        """``count`` crops of ``frames`` frames (a multiple of PATCH) from random takes at random places."""
        chosen = rng.choice(len(self.takes), count, p=self._weights)
        starts = [int(rng.integers(0, (self.takes[i].frames - frames) // PATCH + 1)) * PATCH for i in chosen]
        return self.at(chosen.tolist(), starts, frames, rng)

    def at(self, chosen: list[int], starts: list[int], frames: int, rng: np.random.Generator) -> Batch:
        """The crops of the takes ``chosen`` that begin at ``starts``; ``rng`` draws which windows give the style."""
        rows = []
        for index, start in zip(chosen, starts, strict=True):
            take, stop = self.takes[index], start + frames
            style = np.zeros(EMBEDDING) if take.styles is None else _style(take.styles, rng)
            rows.append(
                (
                    take.log_mel(start, stop),
                    style,
                    take.mood[:, start // PATCH : stop // PATCH],
                )
            )
        mels, styles, moods = (
            torch.from_numpy(np.stack(column).astype(np.float32)) for column in zip(*rows, strict=True)
        )
        return Batch(self, mels, styles, moods, torch.tensor(chosen), torch.tensor(starts))


def _style(styles: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A unit vector (EMBEDDING,): the mean of one or several windows, as of a short or a long recording."""
    mean = styles[rng.integers(len(styles), size=rng.choice(STYLE_WINDOWS))].mean(0)
    return mean / max(float(np.linalg.norm(mean)), 1e-6)


def _load(path: Path, embeddings: dict[str, np.ndarray]) -> Take:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if name != "recipe"}
        recipe = recipe_in(file)
    return Take(recipe, **arrays, styles=embeddings.get(recipe.name))

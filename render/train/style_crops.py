"""Takes and random crops of them for the training of the style encoder (`render.train.style`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from render.mel import SPEC
from render.models.style_encoder import SILENT_NATS
from render.train.data import SPLITS, recipe_in, take_files

SHORTEST_FRAMES, LONGEST_FRAMES = 100, 400  # 2 to 8 s
LEVEL_NATS = 2.0  # a crop is made louder or softer by up to this
NOISE_NATS = 0.15  # about the error of the codec
TILT_NATS = 0.5  # a smooth change of the spectrum by about this: another microphone


@dataclass(frozen=True, eq=False)
class Take:
    """What is learnt from a take: ``mel`` (bands, frames), natural log of amplitude, and what it is called."""

    name: str
    split: str
    style: str
    line_up: str
    mel: np.ndarray


def takes_of(folder: Path) -> list[Take]:
    """All takes that `render.train.data` wrote. Raises BadInput where there are none of a split."""
    takes = []
    for split in SPLITS:
        for path in take_files(folder, split):
            with np.load(path, allow_pickle=False) as file:
                recipe = recipe_in(file)
                takes.append(Take(recipe.name, recipe.split, recipe.style, recipe.line_up, file["mel"]))
    return takes


class Crops:
    """Random crops of training takes, every style as often as any other."""

    def __init__(self, takes: list[Take]) -> None:
        self.takes = takes
        self.styles = tuple(sorted({take.style for take in takes}))
        columns = [
            [take.style for take in takes],
            [take.line_up for take in takes],
            [take.name for take in takes],
        ]
        numbered = [np.unique(column, return_inverse=True) for column in columns]
        self.classes = np.stack([index for _, index in numbered], axis=1)
        self.counts = tuple(len(names) for names, _ in numbered)
        frames = np.array([take.mel.shape[1] for take in takes], float)
        style = self.classes[:, 0]
        self.share = frames / np.bincount(style, frames)[style] / len(self.styles)

    def draw(self, rng: np.random.Generator, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Crops (size, bands, frames) of one random length, at other levels and through other microphones, and their
        classes (size, 3)."""
        frames = int(rng.integers(SHORTEST_FRAMES, LONGEST_FRAMES + 1))
        chosen = rng.choice(len(self.takes), size, p=self.share)
        mel = np.stack([_sounding_crop(self.takes[i].mel, frames, rng) for i in chosen])
        return torch.from_numpy(vary(mel, rng)), torch.from_numpy(self.classes[chosen])


def _sounding_crop(mel: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """A crop (bands, frames) float32 in which something sounds, if three tries find one; a short take repeats."""
    for _ in range(3):
        start = int(rng.integers(max(1, mel.shape[1] - frames + 1)))
        crop = np.asarray(mel[:, start : start + frames], np.float32)
        if np.log(np.exp(crop).mean()) > SILENT_NATS:
            break
    return crop if crop.shape[1] == frames else np.pad(crop, [(0, 0), (0, frames - crop.shape[1])], "wrap")


def vary(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``mel`` (batch, bands, frames) at other levels, through other microphones and with a codec's error: the same
    shape, float32."""
    batch, bands, _ = mel.shape
    place = np.linspace(0, np.pi, bands)
    waves = np.cos(place * np.arange(1, 5)[:, None]) / np.arange(1, 5)[:, None]
    tilt = rng.normal(0, TILT_NATS, (batch, 4)) @ waves
    level = rng.uniform(-LEVEL_NATS, LEVEL_NATS, (batch, 1))
    noise = rng.standard_normal(mel.shape, np.float32) * rng.uniform(0, NOISE_NATS, (batch, 1, 1))
    return np.maximum(mel + (tilt + level)[:, :, None] + noise, np.log(SPEC.floor)).astype(np.float32)

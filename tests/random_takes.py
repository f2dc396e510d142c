"""Takes of noise, as `render.train.data` stores them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from render.controls import CLASSES, ROLL_ROWS
from render.models.style_encoder import EMBEDDING
from render.synth import Room
from render.train.data import SPLITS, Recipe
from render.train.dataset import EMBEDDINGS_FILE

FRAMES = 1100


def write_takes(folder: Path, count: int = 2, frames: int = FRAMES) -> None:
    """``count`` takes of every split, with embeddings of their style, and what the folder tells of its SoundFonts."""
    rng = np.random.default_rng(0)
    embeddings = {}
    for split in SPLITS:
        for number in range(count):
            recipe = Recipe(split, number, 0, "harp", "font", 0, Room(), ())
            np.savez(
                folder / f"{recipe.name}.npz",
                mel=rng.normal(-6, 2, (128, frames)).astype(np.float16),
                melody=rng.integers(-1, CLASSES, frames).astype(np.int8),
                chroma=rng.integers(0, 256, (CLASSES, frames)).astype(np.uint8),
                dynamics_db=rng.normal(-20, 5, frames).astype(np.float16),
                written_melody=rng.integers(-1, CLASSES, frames).astype(np.int8),
                written_chroma=rng.integers(0, 256, (CLASSES, frames)).astype(np.uint8),
                written_dynamics_db=rng.normal(-20, 5, frames).astype(np.float16),
                onsets=rng.integers(1, 256, frames).astype(np.uint8),
                roll=rng.integers(1, 256, (ROLL_ROWS, frames)).astype(np.uint8),
                mood=rng.uniform(-1, 1, (3, frames // 4)).astype(np.float16),
                recipe=json.dumps(asdict(recipe)),
            )
            embeddings[recipe.name] = rng.normal(size=(5, EMBEDDING)).astype(np.float32)
    np.savez(folder / EMBEDDINGS_FILE, **embeddings)
    (folder / "fonts.json").write_text(json.dumps({"font": "0" * 64}))

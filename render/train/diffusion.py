"""Train the base: ``python -m render.train.diffusion DATA --codec runs/render/codec -o runs/render/base --minutes 90``.

The latent transformer learns to take the noise out of music of a style and a mood, without any local control. Crops
have 5 s, some more, so that the network also meets what lies further apart. Style and mood are left out of some
examples, so that there is a prediction without them to guide away from.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from render.checkpoints import load_codec
from render.models.codec import PcaCodec
from render.models.transformer import LatentTransformer, TransformerConfig
from render.train import loop
from render.train.dataset import Batch, Takes

FRAMES = 256  # of most crops: 5.12 s
LONGER = (2, 4)  # some have so many times as many frames, and a batch so many times fewer of them
LONGER_SHARE = 0.2
NO_STYLE_SHARE, NO_MOOD_SHARE = 0.1, 0.2
TUNING_BATCHES = 6
TINY = TransformerConfig(width=32, blocks=2, heads=2)

Controls = Callable[[Batch, np.random.Generator], Tensor]


class Encoder(Protocol):
    """A codec, as far as training needs it."""

    def encode(self, mel: Tensor) -> Tensor:
        """Latent (batch, channels, frames / PATCH) of mels (batch, 128, frames)."""


class Crops:
    """Draws examples from takes. ``controls`` makes the network's controls of a batch; None for a network without."""

    def __init__(self, takes: Takes, codec: Encoder, batch: int, controls: Controls | None = None) -> None:
        self.takes, self.codec, self.batch, self.controls = takes, codec, batch, controls

    def draw(self, rng: np.random.Generator) -> loop.Example:
        """A batch of crops of one random length."""
        times = int(rng.choice(LONGER)) if rng.random() < LONGER_SHARE else 1
        return self.of_length(rng, FRAMES * times, max(1, self.batch // times))

    def of_length(self, rng: np.random.Generator, frames: int, count: int) -> loop.Example:
        """``count`` crops of ``frames`` frames, style and mood left out at random."""
        batch = self.takes.crop(rng, frames, count)
        has_style = torch.from_numpy(rng.random(count) >= NO_STYLE_SHARE) & batch.style.any(1)
        has_mood = torch.from_numpy(rng.random(count) >= NO_MOOD_SHARE)
        controls = None if self.controls is None else self.controls(batch, rng)
        mood = batch.mood * has_mood[:, None, None]
        return loop.Example(self.codec.encode(batch.mel), batch.style, mood, controls, has_style)

    def fixed(self, count: int) -> list[loop.Example]:
        """The same ``count`` batches of short crops every time, to tune on."""
        rng = np.random.default_rng(0)
        return [self.of_length(rng, FRAMES, 32) for _ in range(count)]


def crops_of(data: Path, codec: Encoder, batch: int, controls: Controls | None = None) -> tuple[Crops, Crops]:
    """Crops to train on and to tune on."""
    training, tuning = (Takes(data, split) for split in ("training", "tuning"))
    return Crops(training, codec, batch, controls), Crops(tuning, codec, batch, controls)


def load_base_run(run: Path) -> tuple[LatentTransformer, loop.Progress]:
    """The best average of a base's run, ready for inference, and what had been spent on it. Raises BadInput."""
    network = LatentTransformer(TransformerConfig(**loop.read_run(run)["config"]))
    progress = loop.load_best(network, run)
    return network.eval().requires_grad_(False), progress


def copy_codec(source: Path, run: Path) -> PcaCodec:
    """Keep the codec in ``source`` with the run: what it learns holds for that codec alone."""
    codec = load_codec(source)
    run.mkdir(parents=True, exist_ok=True)
    if source.resolve() != run.resolve():
        for suffix in (".json", ".safetensors"):
            shutil.copyfile(source / f"codec{suffix}", run / f"codec{suffix}")
    return codec


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    loop.add_arguments(parser, minutes=90)
    parser.add_argument("--codec", type=Path, required=True, help="folder that render.train.codec wrote")
    parser.add_argument("--tiny", action="store_true", help="a network of a few thousand weights, for tests")
    args = parser.parse_args()
    config, plan = TINY if args.tiny else TransformerConfig(), loop.plan_from(args)
    codec = copy_codec(args.codec, args.run)
    training, tuning = crops_of(args.data, codec, plan.batch)
    loop.describe(args.run, asdict(config), plan)
    torch.manual_seed(plan.seed)
    network = LatentTransformer(config)
    loop.train(network, plan, args.run, training.draw, tuning.fixed(TUNING_BATCHES))


if __name__ == "__main__":
    main()

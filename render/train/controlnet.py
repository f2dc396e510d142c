"""Train the control branch: ``python -m render.train.controlnet DATA --base runs/render/base -o runs/render/branch``.

The base is frozen; the branch starts as a copy of its first blocks (`render.models.controlnet`). ``--concat`` trains,
on the same crops, the network that the branch is compared with: everything from the start, controls beside the latent.

What a user gives varies, so what is shown does: of a recording, its own melody, chroma and dynamics; of a score, all of
it, melody and dynamics still being those of the sound; or any part of the score, for part of the time; or nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from render.checkpoints import load_base, save_base
from render.controls import CLASSES, CONTROL_CHANNELS, CONTROLS, ROLL_ROWS
from render.models.controlnet import ConcatTransformer, ControlBranch, ControlledTransformer
from render.models.transformer import LatentTransformer
from render.train import loop
from render.train.dataset import Batch
from render.train.diffusion import TUNING_BATCHES, copy_codec, crops_of, load_base_run

HEARD_SHARE, WHOLE_SHARE, PARTIAL_SHARE = 0.4, 0.4, 0.2
NOTHING_SHARE = 0.1
KEPT_SHARE = 0.5  # of each control where some are left out
IN_TIME_SHARE = 0.5  # of the controls that are kept there: for part of the time only

# The control that each row of the network's input belongs to (`render.controls.channels`).
CONTROL_OF_ROW = np.repeat(
    [*range(len(CONTROLS)), *range(len(CONTROLS)), CONTROLS.index("chroma")],
    [CLASSES, CLASSES, 1, 1, ROLL_ROWS, *[1] * (len(CONTROLS) + 1)],
)


def shown(batch: Batch, rng: np.random.Generator) -> Tensor:
    """What the network sees of a batch's controls: (n, CONTROL_CHANNELS, frames) float32."""
    heard, mixed = batch.heard, batch.mixed
    count, _, frames = mixed.shape
    kind = rng.choice(3, count, p=[HEARD_SHARE, WHOLE_SHARE, PARTIAL_SHARE])
    controls = torch.where(torch.from_numpy(kind == 0)[:, None, None], heard, mixed)
    kept = np.ones((count, len(CONTROLS), frames), np.float32)
    for index in np.flatnonzero(kind == 2):
        kept[index] = _part(rng, frames)
    kept[rng.random(count) < NOTHING_SHARE] = 0.0
    return controls * torch.from_numpy(kept[:, CONTROL_OF_ROW])


def _part(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Some controls, some of those between two moments only: (controls, frames) float32, 0 or 1."""
    kept = rng.random(len(CONTROLS)) < KEPT_SHARE
    start, stop = np.sort(rng.integers(0, frames + 1, (len(CONTROLS), 2)), axis=1).T
    whole = rng.random(len(CONTROLS)) >= IN_TIME_SHARE
    start, stop = np.where(whole, 0, start), np.where(whole, frames, stop)
    place = np.arange(frames)
    during = (place >= start[:, None]) & (place < stop[:, None])
    return (during & kept[:, None]).astype(np.float32)


def keep_base(source: Path, run: Path) -> LatentTransformer:
    """The base that a run is about, as it would ship: the best of the run ``source``, kept in ``run`` from its start.

    Raises BadInput where ``source`` has none.
    """
    if not (run / "base.json").exists():
        base, progress = load_base_run(source)
        save_base(base, run, {"training": loop.training_of(source, progress)})
    return load_base(run)


def load_controlled_run(run: Path) -> tuple[ControlledTransformer | ConcatTransformer, loop.Progress]:
    """The best average of a run of this command, ready for inference, and what was spent on it. Raises BadInput."""
    network = make(load_base(run), loop.read_run(run)["config"]["copied"])
    progress = loop.load_best(network, run)
    return network.eval().requires_grad_(False), progress


def make(base: LatentTransformer, copied: int) -> ControlledTransformer | ConcatTransformer:
    """``base`` with a branch of ``copied`` blocks that has learnt nothing yet; with 0, the network it is compared
    with."""
    if copied == 0:
        return ConcatTransformer(base.config, CONTROL_CHANNELS)
    return ControlledTransformer(base, ControlBranch.copy_of(base, CONTROL_CHANNELS, copied))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    loop.add_arguments(parser, minutes=90)
    parser.add_argument("--base", type=Path, required=True, help="run folder of render.train.diffusion")
    parser.add_argument("--copied", type=int, default=3, help="blocks of the base that the branch copies")
    parser.add_argument("--concat", action="store_true", help="train the network it is compared with instead")
    args = parser.parse_args()
    plan = loop.plan_from(args)
    codec = copy_codec(args.base, args.run)
    base = keep_base(args.base, args.run)
    copied = 0 if args.concat else args.copied
    training, tuning = crops_of(args.data, codec, plan.batch, shown)
    loop.describe(args.run, {"copied": copied, "base": args.base.name}, plan)
    torch.manual_seed(plan.seed)
    network = make(base, copied)
    loop.train(network, plan, args.run, training.draw, tuning.fixed(TUNING_BATCHES))


if __name__ == "__main__":
    main()

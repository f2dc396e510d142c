"""Train the control branch: ``python -m render.train.controlnet DATA --base runs/render/base -o runs/render/branch``.

The base is frozen; the branch starts as a copy of its first blocks (`render.models.controlnet`). ``--concat`` trains,
on the same crops, the network that the branch is compared with: everything from the start, controls beside the latent.

What a user gives varies, so what is shown does: of a recording, its own melody, chroma and dynamics; of a score, all of
it, melody and dynamics still being those of the sound; or any part of the score, for part of the time; or nothing.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from render.controls import CLASSES, CONTROL_CHANNELS, CONTROLS, ROLL_ROWS
from render.models.controlnet import ConcatTransformer, ControlBranch, ControlledTransformer
from render.models.transformer import TransformerConfig
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
    count, _, frames = batch.mixed.shape
    kind = rng.choice(3, count, p=[HEARD_SHARE, WHOLE_SHARE, PARTIAL_SHARE])
    controls = torch.where(torch.from_numpy(kind == 0)[:, None, None], batch.heard, batch.mixed)
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


def branch_of(run: Path, copied: int) -> ControlledTransformer:
    """The best base of a run, frozen, with a branch that has learnt nothing yet. Raises BadInput."""
    base, _ = load_base_run(run)
    return ControlledTransformer(base, ControlBranch.copy_of(base, CONTROL_CHANNELS, copied))


def load_controlled_run(run: Path) -> tuple[ControlledTransformer | ConcatTransformer, loop.Progress]:
    """The best average of a run of this command, ready for inference, and what had been spent on it. Raises BadInput.

    A branch's base is read from the run that it was trained on.
    """
    told = loop.read_run(run)["config"]
    network: ControlledTransformer | ConcatTransformer
    if told["kind"] == "concat":
        network = ConcatTransformer(TransformerConfig(**told["sizes"]), CONTROL_CHANNELS)
    else:
        network = branch_of(Path(told["base"]), told["copied"])
    progress = loop.load_best(network, run)
    return network.eval().requires_grad_(False), progress


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
    torch.manual_seed(plan.seed)
    network: nn.Module
    branched = branch_of(args.base, args.copied)
    sizes = asdict(branched.base.config)
    if args.concat:
        network, told = ConcatTransformer(branched.base.config, CONTROL_CHANNELS), {"kind": "concat"}
    else:
        network, told = branched, {"kind": "branch", "copied": args.copied}
    codec = copy_codec(args.base, args.run)
    training, tuning = crops_of(args.data, codec, plan.batch, shown)
    loop.describe(args.run, {**told, "base": str(args.base.resolve()), "sizes": sizes}, plan)
    loop.train(network, plan, args.run, training.draw, tuning.fixed(TUNING_BATCHES))


if __name__ == "__main__":
    main()

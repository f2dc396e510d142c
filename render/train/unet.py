"""Train a control branch on AudioLDM's or MusicLDM's UNet: ``python -m render.train.unet FOLDER DATA -o RUN``.

FOLDER is what `render.models.hub` takes: a folder, or the name of a repository, fetched once unless ``--offline``. DATA
is what `render.train.data` wrote, with the style embeddings that `render.train.style` adds. The UNet is frozen; what is
trained are the branch and the layer that brings our style embeddings to CLAP's. The loss is that of the 1-D family. At
the end ``RUN/control.safetensors`` and its card are written, for `AudioLDM.load`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from render.audioldm import AudioLDM
from render.train import loop
from render.train.controlnet import shown
from render.train.diffusion import TUNING_BATCHES, crops_of


def train_control(model: AudioLDM, data: Path, run: Path, plan: loop.Plan) -> loop.Progress:
    """Train ``model``'s control branch, leave its best average in the model, and write it to ``run``.

    Raises BadInput and NotInstalled, as `render.train.loop.train` and `render.train.dataset.Takes`.
    """
    training, tuning = crops_of(data, model, plan.batch, shown)
    loop.describe(run, {"kind": "unet", "model": model.name}, plan)
    network = model.predictor.train()
    loop.train(network, plan, run, training.draw, tuning.fixed(TUNING_BATCHES))
    progress = loop.load_best(network, run)
    network.eval()
    told = {"steps": progress.step, "processor_s": round(progress.seconds), "tuning_loss": progress.best}
    model.save_control(run, {**told, "seed": plan.seed})
    return progress


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", metavar="FOLDER", help="folder or repository of AudioLDM or MusicLDM")
    parser.add_argument("--offline", action="store_true", help="never use the network")
    loop.add_arguments(parser, minutes=90)
    args = parser.parse_args()
    plan = loop.plan_from(args)
    torch.manual_seed(plan.seed)
    model = AudioLDM.load(args.model, offline=args.offline).to(plan.device)
    train_control(model, args.data, args.run, plan)


if __name__ == "__main__":
    main()

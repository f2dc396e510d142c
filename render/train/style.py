"""Train the style encoder: ``python -m render.train.style DATA -o runs/render/style --minutes 8``.

It learns to tell apart styles, line-ups (a style in one SoundFont and variant) and takes (a line-up in one room), each
by a softmax over cosines (NormFace, Wang 2017, arXiv:1704.06369), from crops of 2 to 8 s at random levels. A run folder
holds ``state.pt`` (an interrupted run goes on from it), ``losses.csv`` and at the end the checkpoint ``style_encoder``.
DATA gets the embeddings of all takes, with which the other networks are trained. Printed: how much of the takes held
out of training is named right.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import math
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from render.errors import BadInput
from render.files import replacing
from render.models.style_encoder import (
    EMBEDDING,
    WINDOW_FRAMES,
    StyleEncoder,
    StyleEncoderConfig,
    embed_windows,
    mean_embedding,
)
from render.style_source import load_encoder, save_encoder
from render.train import loop
from render.train.dataset import EMBEDDINGS_FILE
from render.train.style_crops import Crops, Take, takes_of

TEMPERATURE = 0.07
CLASS_WEIGHTS = (1.0, 1.0, 0.3)  # of style, line-up and take in the loss
RATE = 1.5e-3
EMA_DECAY = 0.998
SAVE_EVERY_S = 45.0


class Classifier(nn.Module):
    """The encoder with a direction for every style, line-up and take; its forward pass is the loss."""

    def __init__(self, config: StyleEncoderConfig, classes: tuple[int, ...]) -> None:
        super().__init__()
        self.encoder = StyleEncoder(config)
        self.directions = nn.ParameterList(torch.randn(count, EMBEDDING) for count in classes)

    def forward(self, mel: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Nats: () of ``mel`` (batch, bands, frames), whose style, line-up and take are ``classes`` (batch, 3)."""
        embedding = self.encoder(mel)
        parts = [
            cross_entropy(embedding @ normalize(directions, dim=1).T / TEMPERATURE, wanted) * weight
            for directions, wanted, weight in zip(self.directions, classes.T, CLASS_WEIGHTS, strict=True)
        ]
        return torch.stack(parts).sum()


def train(config: StyleEncoderConfig, plan: loop.Plan, run: Path, takes: list[Take]) -> StyleEncoder:
    """The encoder, trained for ``plan.minutes`` on the takes of split training (average weights), its table of styles
    still empty. Goes on with an interrupted run. Raises NotInstalled without accelerate, BadInput for another's run."""
    accelerator = loop.start(plan)
    training = [take for take in takes if take.split == "training"]
    tuning = [take for take in takes if take.split == "tuning"]
    crops = Crops(training)
    torch.manual_seed(plan.seed)
    network = Classifier(replace(config, styles=crops.styles), crops.counts).to(accelerator.device)
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.AdamW(network.parameters(), plan.rate, betas=(0.9, 0.98), weight_decay=0.05)
    step, seconds = 0, 0.0
    state_file = run / "state.pt"
    if state_file.exists():
        state = torch.load(state_file, weights_only=True, map_location="cpu")
        try:
            network.load_state_dict(state["model"])
            average.load_state_dict(state["average"])
        except RuntimeError:
            raise BadInput(f"{run}: was trained on other takes; choose another folder") from None
        optimizer.load_state_dict(state["optimizer"])
        step, seconds = state["step"], state["seconds"]
        print(f"goes on from step {step}", file=sys.stderr)
    wrapped, optimizer = accelerator.prepare(network, optimizer)
    rng = np.random.default_rng([plan.seed, accelerator.process_index, step])
    budget_s = plan.minutes * 60
    started, saved = time.process_time() - seconds, time.monotonic()
    curve: list[float] = []
    while seconds < budget_s:
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * loop.schedule(step, seconds / budget_s)
        loss = wrapped(*(tensor.to(accelerator.device) for tensor in crops.draw(rng, plan.batch)))
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
        curve.append(float(loss.detach()))
        clock = torch.tensor(time.process_time() - started, device=accelerator.device)
        step, seconds = step + 1, float(accelerator.reduce(clock, "mean"))
        is_last = seconds >= budget_s
        if accelerator.is_main_process and (is_last or time.monotonic() - saved > SAVE_EVERY_S):
            _save(state_file, network, average, optimizer, step, seconds)
            accuracy = classified(average, tuning)
            _log(run, step, seconds, float(np.mean(curve)), accuracy)
            left = max(0.0, budget_s - seconds) / 60
            print(
                f"step {step} loss {np.mean(curve):.3f} tuning style {accuracy:.1%}, {left:.1f} min left",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            curve, saved = [], time.monotonic()
    accelerator.wait_for_everyone()
    return average.encoder.eval()


def _save(
    path: Path,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    seconds: float,
) -> None:
    content = {
        "model": network.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict(),
        "step": step, "seconds": seconds,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save(content, temporary)
    os.replace(temporary, path)


def _log(run: Path, step: int, seconds: float, loss: float, accuracy: float) -> None:
    with (run / "losses.csv").open("a", newline="") as file:
        csv.writer(file).writerow([step, round(seconds), f"{loss:.4f}", f"{accuracy:.4f}"])


def classified(classifier: Classifier, takes: list[Take], windows: int = 4) -> float:
    """Share of some windows of ``takes`` whose style the classifier names, while it trains."""
    directions = normalize(classifier.directions[0], dim=1).detach().cpu().numpy()
    names = classifier.encoder.config.styles
    right: list[bool] = []
    for take in takes:
        found = _embedded(classifier.encoder, _middle(take.mel, windows))
        right += [names[i] == take.style for i in (found @ directions.T).argmax(1)]
    return float(np.mean(right)) if right else math.nan


def _middle(mel: np.ndarray, windows: int) -> np.ndarray:
    """``windows`` windows in the middle of a take."""
    frames = min(mel.shape[1], windows * WINDOW_FRAMES)
    start = (mel.shape[1] - frames) // 2
    return mel[:, start : start + frames]


def _embedded(encoder: StyleEncoder, mel: np.ndarray) -> np.ndarray:
    """Embeddings of the windows (windows, EMBEDDING); none of a take in which nothing sounds."""
    try:
        return embed_windows(encoder, mel)
    except ValueError:
        return np.zeros((0, EMBEDDING), np.float32)


def embeddings_of(encoder: StyleEncoder, takes: list[Take]) -> dict[str, np.ndarray]:
    """Embeddings (windows, EMBEDDING) of every 5.12 s of every take in which something sounds, by its name."""
    found = {take.name: _embedded(encoder, take.mel) for take in takes}
    return {name: embeddings for name, embeddings in found.items() if len(embeddings)}


def write_embeddings(folder: Path, embeddings: dict[str, np.ndarray]) -> None:
    """Keep the embeddings beside the takes, for `render.train.dataset`."""
    with replacing(folder / EMBEDDINGS_FILE) as partial, partial.open("wb") as file:
        np.savez(file, **embeddings)  # type: ignore[arg-type]


def fill_table(encoder: StyleEncoder, takes: list[Take], embeddings: dict[str, np.ndarray]) -> None:
    """Give the encoder the embedding of each of its styles: the mean over its training takes."""
    for index, style in enumerate(encoder.config.styles):
        means = [
            embeddings[take.name].mean(0)
            for take in takes
            if take.split == "training" and take.style == style and take.name in embeddings
        ]
        encoder.styles[index] = mean_embedding(normalize(torch.from_numpy(np.stack(means)), dim=1))


@dataclass(frozen=True)
class Accuracy:
    """Shares of held-out music whose style is the nearest in the table: windows of 5 s, whole takes, and whole takes of
    each style."""

    windows: float
    takes: float
    of_style: dict[str, float]


def accuracy_of(encoder: StyleEncoder, takes: list[Take], embeddings: dict[str, np.ndarray]) -> Accuracy:
    """How well the encoder names the styles of the takes of split held-out."""
    table, names = encoder.styles.cpu().numpy(), encoder.config.styles
    of_windows: list[bool] = []
    of_takes: dict[str, list[bool]] = {}
    for take in takes:
        if take.split == "held-out" and take.name in embeddings:
            cosines = embeddings[take.name] @ table.T
            of_windows += [names[i] == take.style for i in cosines.argmax(1)]
            of_takes.setdefault(take.style, []).append(names[int(cosines.mean(0).argmax())] == take.style)
    every = [right for some in of_takes.values() for right in some]
    of_style = {name: float(np.mean(some)) for name, some in sorted(of_takes.items())}
    return Accuracy(float(np.mean(of_windows)), float(np.mean(every)), of_style)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder that render.train.data wrote")
    parser.add_argument(
        "-o", "--run", type=Path, required=True, help="run folder; an interrupted run in it goes on"
    )
    parser.add_argument("--minutes", type=float, default=8, help="processor minutes in all")
    parser.add_argument("--batch", type=int, default=32, help="crops a step, of each process")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu"
    )
    parser.add_argument(
        "--embed-only", action="store_true", help="embed the takes with the encoder in the run folder"
    )
    parser.add_argument("--tiny", action="store_true", help="a network of a few thousand weights, for tests")
    args = parser.parse_args()
    config = StyleEncoderConfig(width=16, blocks=1) if args.tiny else StyleEncoderConfig()
    takes = takes_of(args.data)
    if args.embed_only:
        encoder = load_encoder(args.run)
        write_embeddings(args.data, embeddings_of(encoder, takes))
        return
    encoder = train(
        config, loop.Plan(args.minutes, args.batch, RATE, args.seed, args.device), args.run, takes
    )
    embeddings = embeddings_of(encoder, takes)
    fill_table(encoder, takes, embeddings)
    write_embeddings(args.data, embeddings)
    accuracy = accuracy_of(encoder, takes, embeddings)
    training = [take for take in takes if take.split == "training"]
    card = {
        "about": "Embeds how a recording sounds; keeps the embeddings of the named styles.",
        "data": f"render.train.data: {len(training)} training takes",
        "fonts": json.loads((args.data / "fonts.json").read_text(encoding="utf-8")),
        "seed": args.seed,
        "processor_minutes": args.minutes,
        "figures": {"held-out": asdict(accuracy)},
    }
    save_encoder(encoder, args.run, card)
    for name, share in accuracy.of_style.items():
        print(f"{name:24} {share:6.1%}")
    print(
        f"held-out: {accuracy.windows:.1%} of windows of 5 s, {accuracy.takes:.1%} of takes; wrote {args.run}"
    )


if __name__ == "__main__":
    main()

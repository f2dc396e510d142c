"""Training of latent diffusion networks: v-prediction, AdamW, bf16, an average of the weights, resume.

The budget is processor time, so that a machine that is busy with other work slows training but does not spoil it. The
loss is the squared error of the velocity (Salimans & Ho 2022), all levels alike: min-SNR weights (Hang et al. 2023) all
but leave out the noisy levels, where it is decided what sounds and in which style. The levels of a batch are spread
evenly over the schedule. Only parameters that require a gradient are trained and kept.

Hugging Face accelerate (``pip install 'framescore[train]'``) runs it on the processor, a GPU, or several of either:
``accelerate launch --multi_gpu --num_processes 2 -m render.train.diffusion ...`` for GPUs and ``torchrun
--nproc_per_node 2 -m render.train.diffusion ... --device cpu`` for processors. Each process draws its own crops and
gradients are averaged. The first process keeps the average, writes and prints, and its clock is everybody's.

A run folder holds ``state.pt`` (weights, average, optimiser, time spent), ``best.pt`` (the average with the lowest loss
on the tuning takes; both are read back as plain tensors only), ``run.json`` and ``losses.csv``.
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
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from diffusers import DDPMScheduler
from torch import Tensor, nn

from render.errors import BadInput, NotInstalled
from render.models.predictor import LEVELS, SCHEDULE, Predictor

if TYPE_CHECKING:
    from accelerate import Accelerator

WARM_UP_STEPS = 100
FINAL_RATE = 0.02
EMA_DECAY = 0.999
SAVE_EVERY_S = 150.0


@dataclass(frozen=True)
class Plan:
    """How long (``minutes`` of processor time in all) and how to train; ``batch``: crops a step and process."""

    minutes: float
    batch: int = 32
    rate: float = 6e-4
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Example:
    """A batch as `render.models.predictor.Predictor` takes it; ``latent`` (n, channels, tokens) is without noise."""

    latent: Tensor
    style: Tensor
    mood: Tensor
    controls: Tensor | None
    has_style: Tensor

    def to(self, device: torch.device) -> Example:
        """The same on a device."""
        controls = None if self.controls is None else self.controls.to(device)
        latent, style, mood = self.latent.to(device), self.style.to(device), self.mood.to(device)
        return Example(latent, style, mood, controls, self.has_style.to(device))


@dataclass
class Progress:
    """What has been spent so far, and the lowest loss on the tuning takes."""

    step: int = 0
    seconds: float = 0.0
    best: float = math.inf


class Denoising(nn.Module):
    """The loss of a `Predictor` as a forward pass: what accelerate wraps."""

    signal: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("signal", DDPMScheduler(**SCHEDULE).alphas_cumprod, persistent=False)

    def forward(self, example: Example, noise: Tensor, level: Tensor) -> Tensor:
        """Mean squared error () at ``level`` (n,) int64 with ``noise`` of the latent's shape."""
        alpha = self.signal[level].sqrt()[:, None, None]
        sigma = (1 - self.signal[level]).sqrt()[:, None, None]
        noised = alpha * example.latent + sigma * noise
        velocity = alpha * noise - sigma * example.latent
        found = cast(Predictor, self.network).predict(
            noised, level, example.style, example.mood, example.controls, has_style=example.has_style
        )
        return (found.float() - velocity).square().mean()


def spread_levels(rng: np.random.Generator, count: int) -> Tensor:
    """Levels (count,) int64, uniform over the schedule and evenly spread within the batch."""
    places = (rng.random() + np.arange(count)) / count % 1.0
    return torch.from_numpy((rng.permutation(places) * LEVELS).astype(np.int64))


def noise_like(latent: Tensor, rng: np.random.Generator) -> Tensor:
    """Standard normal noise of a latent's shape."""
    return torch.from_numpy(rng.standard_normal(latent.shape, np.float32))


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def train(
    network: nn.Module,
    plan: Plan,
    run: Path,
    draw: Callable[[np.random.Generator], Example],
    tuning: Sequence[Example],
    say: Callable[[str], None] = _to_stderr,
    spent: Callable[[float], None] = lambda share: None,
) -> Progress:
    """Train ``network``, a `Predictor`, for ``plan.minutes`` in all, on what ``draw`` gives; `load_best` reads the
    weights. An interrupted run in the folder goes on; ``say`` gets a line now and then,
    ``spent`` the share of the time spent after every step. Raises NotInstalled without accelerate or the device."""
    accelerator = start(plan)
    is_main = accelerator.is_main_process
    seed = [plan.seed, accelerator.process_index]
    denoising = Denoising(network).to(accelerator.device)
    average = copy.deepcopy(denoising).requires_grad_(False).eval()
    trained = _trained(network)
    averaged = {name: dict(average.network.named_parameters())[name] for name in trained}
    optimizer = _optimizer(list(trained.values()), plan.rate)
    progress = _resume(run / "state.pt", trained, averaged, optimizer)
    wrapped, optimizer = accelerator.prepare(denoising, optimizer)
    if is_main:
        say(
            f"{sum(p.numel() for p in trained.values()):,} parameters to train, {accelerator.num_processes} "
            f"processes, device {plan.device}, from step {progress.step}"
        )
    rng = np.random.default_rng([*seed, progress.step])
    budget_s = plan.minutes * 60
    started, saved = time.process_time() - progress.seconds, time.monotonic()
    curve: list[float] = []
    while progress.seconds < budget_s:
        example = draw(rng).to(accelerator.device)
        noise = noise_like(example.latent, rng).to(accelerator.device)
        level = spread_levels(rng, len(noise)).to(accelerator.device)
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * schedule(progress.step, progress.seconds / budget_s)
        loss = wrapped(example, noise, level)
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        nn.utils.clip_grad_norm_(list(trained.values()), 1.0)
        optimizer.step()
        decay = min(EMA_DECAY, (1 + progress.step) / (10 + progress.step))
        torch._foreach_lerp_(list(averaged.values()), list(_detached(trained).values()), 1 - decay)
        curve.append(float(loss.detach()))
        clock = torch.tensor(time.process_time() - started if is_main else 0.0, dtype=torch.float64)
        progress.seconds = float(accelerator.reduce(clock.to(accelerator.device), "sum"))
        progress.step += 1
        spent(min(1.0, progress.seconds / budget_s))
        if is_main and (time.monotonic() - saved > SAVE_EVERY_S or progress.seconds >= budget_s):
            tuned = evaluate(average, tuning, accelerator.device)
            if tuned < progress.best:
                progress.best = tuned
                _write(run / "best.pt", {"average": _detached(averaged), **asdict(progress)})
            _save(run / "state.pt", trained, averaged, optimizer, progress)
            _log(run, progress, float(np.mean(curve)), tuned)
            say(
                f"step {progress.step} loss {np.mean(curve):.4f} tuning {tuned:.4f}, "
                f"{max(0.0, budget_s - progress.seconds) / 60:.1f} processor min left"
            )
            curve, saved = [], time.monotonic()
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return progress


def start(plan: Plan) -> Accelerator:
    """This process's part in the training, on the device of the plan. Raises NotInstalled."""
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise NotInstalled("training needs accelerate; pip install 'framescore[train]'") from error
    accelerator = Accelerator(cpu=plan.device == "cpu", mixed_precision="bf16")
    if accelerator.device.type != plan.device:
        raise NotInstalled(f"PyTorch sees no {plan.device} device here; train with --device cpu")
    return accelerator


@torch.inference_mode()
def evaluate(denoising: nn.Module, examples: Sequence[Example], device: torch.device) -> float:
    """Mean loss over ``examples``, with the same noise and levels every time."""
    rng = np.random.default_rng(0)
    losses = []
    for example in examples:
        noise, level = noise_like(example.latent, rng), spread_levels(rng, len(example.latent))
        with torch.autocast(device.type, torch.bfloat16):
            losses.append(float(denoising(example.to(device), noise.to(device), level.to(device))))
    return float(np.mean(losses))


def schedule(step: int, spent: float) -> float:
    """Share of the full learning rate: linear warm-up, then a cosine over the share of time ``spent`` (0-1)."""
    cosine = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * min(spent, 1.0)))
    return cosine * min(1.0, (step + 1) / WARM_UP_STEPS)


def add_arguments(parser: argparse.ArgumentParser, minutes: float) -> None:
    """The options that the commands share."""
    parser.add_argument("data", type=Path, help="the folder that render.train.data wrote")
    parser.add_argument(
        "-o", "--run", type=Path, required=True, help="run folder; an interrupted run in it goes on"
    )
    parser.add_argument("--minutes", type=float, default=minutes, help="processor minutes in all")
    parser.add_argument("--batch", type=int, default=32, help="crops of 5 s a step, of each process")
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu"
    )


def plan_from(args: argparse.Namespace) -> Plan:
    """The plan that the options ask for."""
    return Plan(args.minutes, args.batch, args.rate, args.seed, args.device)


def describe(run: Path, config: dict[str, Any], plan: Plan) -> None:
    """Write ``run.json``: what `render.train.export` must know of a run."""
    run.mkdir(parents=True, exist_ok=True)
    content = {"config": config, "plan": asdict(plan)}
    (run / "run.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_run(run: Path) -> dict[str, Any]:
    """What `describe` wrote. Raises BadInput for another folder."""
    try:
        return json.loads((run / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{run}: not a folder of a training run ({error}); check the path") from None


def training_of(run: Path, progress: Progress) -> dict[str, Any]:
    """How the best weights of a run were found, for its model card."""
    return {
        **read_run(run)["plan"],
        "steps": progress.step,
        "processor minutes": round(progress.seconds / 60, 1),
        "tuning loss": round(progress.best, 4),
        "weights": f"average {EMA_DECAY}, stored as float16",
    }


def load_best(network: nn.Module, run: Path) -> Progress:
    """Fill the trained parameters of ``network`` with a run's best average; what had been spent on them.

    Raises BadInput where the run has none yet.
    """
    path = run / "best.pt"
    if not path.exists():
        raise BadInput(f"{run}: has no {path.name} yet; let it train for some minutes")
    state = torch.load(path, weights_only=True, map_location="cpu")
    _fill(_trained(network), state["average"])
    return Progress(state["step"], state["seconds"], state["best"])


def _trained(network: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in network.named_parameters() if p.requires_grad}


def _detached(parameters: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in parameters.items()}


def _optimizer(parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer:
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.01},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, rate, betas=(0.9, 0.98), fused=True)


@torch.no_grad()
def _fill(parameters: dict[str, nn.Parameter], values: dict[str, Tensor]) -> None:
    if parameters.keys() != values.keys():
        raise BadInput("the run was made for another network; choose another folder")
    for name, parameter in parameters.items():
        parameter.copy_(values[name])


def _resume(
    path: Path,
    trained: dict[str, nn.Parameter],
    averaged: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> Progress:
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=True, map_location="cpu")
    _fill(trained, state["trained"])
    _fill(averaged, state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return Progress(state["step"], state["seconds"], state["best"])


def _save(
    path: Path,
    trained: dict[str, nn.Parameter],
    averaged: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    content = {
        "trained": _detached(trained),
        "average": _detached(averaged),
        "optimizer": optimizer.state_dict(),
        **asdict(progress),
    }
    _write(path, content)


def _write(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(content, temporary)
    os.replace(temporary, path)


def _log(run: Path, progress: Progress, training: float, tuning: float) -> None:
    with (run / "losses.csv").open("a", newline="") as file:
        csv.writer(file).writerow(
            [progress.step, round(progress.seconds), f"{training:.4f}", f"{tuning:.4f}"]
        )

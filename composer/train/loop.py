"""The training loop that the three stages share: AdamW, cosine schedule over processor time, bf16, EMA, resume.

The budget is processor time, so that a machine that is busy with other work slows training but does not spoil it.

Hugging Face accelerate (``pip install 'framescore[train]'``) runs it on the processor, a GPU, or several of either:
``accelerate launch --multi_gpu --num_processes 2 -m composer.train.melody ...`` for GPUs and ``torchrun
--nproc_per_node 2 -m composer.train.melody ... --device cpu`` for processors (without MPI, ``accelerate launch --cpu``
starts one process whatever it is told). Each process draws its own crops and gradients are averaged, so a step is
``--batch`` crops a process. The first process keeps the EMA, writes and prints, and its clock is everybody's.

A run folder holds ``state.pt`` (model, EMA, optimiser, time spent), ``best.pt`` (the EMA weights with the lowest tuning
loss; both are read back as plain tensors only), ``run.json`` (configuration) and ``losses.csv`` (the loss curve).
`composer.train.export` makes the checkpoints that ship from it.
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
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from composer.errors import NotInstalled
from composer.models.backend import BACKENDS, use_backend
from composer.models.decoder import Decoder, DecoderConfig
from composer.train.examples import Batch, Example, collate, crop

if TYPE_CHECKING:
    from accelerate import Accelerator

WARM_UP_STEPS = 200
FINAL_RATE = 0.02
EMA_DECAY = 0.999
SAVE_EVERY_S = 240.0
TUNING_SONGS = 12


@dataclass(frozen=True)
class Plan:
    """How long and how to train. ``steps`` and ``batch`` size a process's batch; ``minutes`` of processor time in
    all."""

    minutes: float
    batch: int
    steps: int
    rate: float = 1.0e-3
    seed: int = 0
    device: str = "cpu"
    start_from: str = ""  # run folder whose best weights are the first ones
    attention: str = "torch"  # one of `composer.models.backend.BACKENDS`
    pairs: str = ""  # file of `composer.train.pairs` that was learnt from as well


@dataclass
class Progress:
    """What has been spent so far."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


def add_arguments(parser: argparse.ArgumentParser, minutes: float, batch: int, steps: int) -> None:
    """The options every stage's command has."""
    parser.add_argument("songs", type=Path, help="the npz that composer.train.data wrote")
    parser.add_argument(
        "-o", "--run", type=Path, required=True, help="run folder; an interrupted run in it goes on"
    )
    parser.add_argument("--minutes", type=float, default=minutes, help="processor minutes in all")
    parser.add_argument("--batch", type=int, default=batch, help="crops a step, of each process")
    parser.add_argument("--steps", type=int, default=steps, help="tokens in a training crop")
    parser.add_argument("--rate", type=float, default=1.0e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--start-from", type=Path, metavar="RUN", help="begin with the best weights of this run"
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu"
    )
    parser.add_argument(
        "--attention", choices=BACKENDS, default="torch", help="who computes linear attention"
    )
    parser.add_argument("--tiny", action="store_true", help="a network of a few thousand weights, for tests")


def plan_from(args: argparse.Namespace) -> Plan:
    """The plan that the options ask for."""
    start = str(args.start_from or "")
    return Plan(
        args.minutes, args.batch, args.steps, args.rate, args.seed, args.device, start, args.attention
    )


def tiny(config: DecoderConfig) -> DecoderConfig:
    """The same kind of network with a few thousand weights, for tests."""
    return replace(config, width=32, layers=2, heads=2, encoder_layers=1)


def losses(decoder: Decoder, batch: Batch) -> list[torch.Tensor]:
    """Nats of every present attribute of a batch, one tensor an attribute."""
    device = next(decoder.parameters()).device
    memory = batch.memory
    if device.type != "cpu":
        memory = type(memory)(
            None if memory.tokens is None else memory.tokens.to(device),
            None if memory.bars is None else memory.bars.to(device),
            tuple(x.to(device) for x in memory.features), tuple(x.to(device) for x in memory.feature_bars),
        )  # fmt: skip
    hidden = decoder.hidden(
        batch.previous.to(device), batch.conditions.to(device), batch.bars.to(device), memory
    )
    return decoder.heads.losses(hidden.flatten(0, 1), batch.targets.to(device))


class SummedLosses(nn.Module):
    """`losses` in one sum, as a network's forward pass: what accelerate wraps."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, batch: Batch) -> torch.Tensor:
        """Nats of a batch: ()."""
        return torch.stack([part.sum() for part in losses(self.decoder, batch)]).sum()


def train(
    config: DecoderConfig,
    plan: Plan,
    run: Path,
    training: list[Example],
    tuning: list[Example],
    prepare: Callable[[Example, np.random.Generator], Example],
) -> Progress:
    """Train for ``plan.minutes`` in all; `load_average` reads the weights. ``prepare`` makes an example random
    (conditions dropped, features drawn) each time it is used. Raises NotInstalled without accelerate or the device."""
    accelerator = start(plan)
    is_main = accelerator.is_main_process
    if is_main:
        describe(run, config, plan, accelerator.num_processes)
        print(f"processes: {accelerator.num_processes}, device: {plan.device}", file=sys.stderr)
    seed = plan.seed + accelerator.process_index
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    decoder = Decoder(config)
    use_backend(decoder, plan.attention)
    if plan.start_from:
        decoder.load_state_dict(load_average(Path(plan.start_from))[0].state_dict())
    decoder = decoder.to(accelerator.device)
    average = copy.deepcopy(decoder).requires_grad_(False)
    decayed = [p for p in decoder.parameters() if p.dim() >= 2]
    plain = [p for p in decoder.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
        plan.rate,
        betas=(0.9, 0.98),
    )
    progress = Progress()
    state_file = run / "state.pt"
    if state_file.exists():
        state = torch.load(state_file, weights_only=True, map_location="cpu")
        decoder.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        progress = Progress(state["step"], state["tokens"], state["seconds"])
        rng = np.random.default_rng([seed, progress.step])
        if is_main:
            print(f"goes on from step {progress.step}", file=sys.stderr)
    network, optimizer = accelerator.prepare(SummedLosses(decoder), optimizer)
    budget_s = plan.minutes * 60
    lengths = np.array([len(example.targets) for example in training], float)
    started, saved = time.process_time() - progress.seconds, time.monotonic()
    curve: list[float] = []
    while progress.seconds < budget_s:
        chosen = rng.choice(len(training), plan.batch, p=lengths / lengths.sum())
        batch = collate([prepare(crop(training[i], plan.steps, config.window, rng), rng) for i in chosen])
        rate = schedule(progress.step, progress.seconds / budget_s)
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * rate
        units = int((batch.targets[:, 0] >= 0).sum()) or 1
        loss = network(batch) / units
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        if is_main:
            decay = min(EMA_DECAY, (1 + progress.step) / (10 + progress.step))
            torch._foreach_lerp_(list(average.parameters()), list(decoder.parameters()), 1 - decay)
        tokens = int((batch.targets >= 0).any(1).sum())
        seconds = time.process_time() - started if is_main else 0.0
        total = _summed(accelerator, [float(loss.detach()), tokens, seconds])
        curve.append(total[0] / accelerator.num_processes)
        progress = Progress(progress.step + 1, progress.tokens + int(total[1]), total[2])
        if not is_main:
            continue
        if progress.step % 100 == 0:
            _log(run, progress, "training", [float(np.mean(curve[-100:]))])
            left = (budget_s - progress.seconds) / 60
            print(
                f"step {progress.step} loss {np.mean(curve[-100:]):.3f} {left:.0f} min left",
                file=sys.stderr,
                flush=True,
            )
        if time.monotonic() - saved > SAVE_EVERY_S or progress.seconds >= budget_s:
            _save(state_file, decoder, average, optimizer, progress)
            nats = evaluate(average, tuning[:TUNING_SONGS], plan)
            _log(run, progress, "tuning", nats)
            _keep_best(run / "best.pt", average, progress, sum(nats))
            saved = time.monotonic()
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


def _summed(accelerator: Accelerator, values: list[float]) -> list[float]:
    """Each value summed over all processes: the same list everywhere."""
    tensor = torch.tensor(values, dtype=torch.float64, device=accelerator.device)
    return accelerator.reduce(tensor, "sum").tolist()


def describe(run: Path, config: DecoderConfig, plan: Plan, processes: int) -> None:
    """Write ``run.json``: what `composer.train.export` must know of a run."""
    run.mkdir(parents=True, exist_ok=True)
    content = {"config": json.loads(config.to_json()), "plan": asdict(plan), "processes": processes}
    (run / "run.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_run(run: Path) -> dict:
    """What `describe` wrote: ``config``, ``plan``, ``processes``."""
    return json.loads((run / "run.json").read_text(encoding="utf-8"))


def load_average(run: Path) -> tuple[Decoder, Progress]:
    """The best EMA weights of a run folder, ready for inference, and what had been spent on them."""
    config = DecoderConfig.from_json(json.dumps(read_run(run)["config"]))
    state = torch.load(run / "best.pt", weights_only=True, map_location="cpu")
    decoder = Decoder(config)
    decoder.load_state_dict(state["average"])
    return decoder.eval(), Progress(state["step"], state["tokens"], state["seconds"])


def schedule(step: int, spent: float) -> float:
    """Share of the full learning rate: linear warm-up, then a cosine over the share of time ``spent`` (0-1)."""
    cosine = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * min(spent, 1.0)))
    return cosine * min(1.0, (step + 1) / WARM_UP_STEPS)


@torch.no_grad()
def evaluate(decoder: Decoder, examples: list[Example], plan: Plan) -> list[float]:
    """Held-out nats of each attribute a place where it is present, conditions given, over one crop of at most
    ``4 * plan.steps`` steps of each song, the same every time."""
    decoder.eval()
    totals = np.zeros(len(decoder.config.attributes))
    counts = np.zeros(len(decoder.config.attributes))
    for example in examples:
        whole = crop(example, 4 * plan.steps, decoder.config.window, np.random.default_rng(0))
        with torch.autocast(plan.device, torch.bfloat16):
            found = losses(decoder, collate([whole]))
        totals += [float(loss.sum()) for loss in found]
        counts += [loss.numel() for loss in found]
    return [float(x) for x in totals / np.maximum(counts, 1)]


def _log(run: Path, progress: Progress, kind: str, values: list[float]) -> None:
    with (run / "losses.csv").open("a", newline="") as file:
        csv.writer(file).writerow(
            [kind, progress.step, progress.tokens, round(progress.seconds), *(f"{v:.4f}" for v in values)]
        )


def _keep_best(path: Path, average: Decoder, progress: Progress, nats: float) -> None:
    if path.exists() and torch.load(path, weights_only=True, map_location="cpu")["nats"] <= nats:
        return
    _write(path, {"average": average.state_dict(), "nats": nats, **asdict(progress)})


def _save(
    path: Path, decoder: Decoder, average: Decoder, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    content = {
        "model": decoder.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        **asdict(progress),
    }
    _write(path, content)


def _write(path: Path, content: dict) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(content, temporary)
    os.replace(temporary, path)

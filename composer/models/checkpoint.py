"""Checkpoints: a safetensors file beside a model card (JSON) that names its sha256. Pickles are refused.

Safetensors (Hugging Face) hold tensors only, so that loading runs no code from the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from composer.errors import BadInput, NotInstalled
from composer.models.decoder import Decoder, DecoderConfig
from composer.models.sampling import Draw

Habits = tuple[tuple[float, ...], tuple[float, ...]]  # mean and deviation, see composer.habits
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Checkpoint:
    """A loaded network, how it is to be drawn from, the ``habits`` (mean, deviation) of the music it learnt from,
    its card (see ``composer/checkpoints/*.json``) and the sha256 of its weights."""

    decoder: Decoder
    draws: tuple[Draw, ...]
    habits: Habits
    card: dict
    sha256: str


def card_path(weights: Path) -> Path:
    """Where the model card of a weights file lies."""
    return weights.with_suffix(".json")


def load_checkpoint(weights: Path) -> Checkpoint:
    """Load weights for inference (float32, CPU), checked against their card.

    Raises NotInstalled where a file is missing, BadInput where card and weights do not agree.
    """
    card, tensors = read_tensors(weights)
    try:
        config = DecoderConfig.from_json(json.dumps(card["config"]))
        draws = tuple(Draw(**draw) for draw in card["draws"])
        mean, deviation = (tuple(float(x) for x in card["habits"][name]) for name in ("mean", "deviation"))
        if len(mean) != len(deviation) or not mean:
            raise ValueError(f"{len(mean)} means and {len(deviation)} deviations of habits")
        if len(draws) != len(config.attributes):
            raise ValueError(f"{len(draws)} draws for {len(config.attributes)} attributes")
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{card_path(weights).name}: not a model card ({error}); reinstall framescore"
        ) from error
    decoder = fill(Decoder(config), tensors, weights)
    return Checkpoint(decoder, draws, (mean, deviation), card, card["sha256"])


def read_tensors(weights: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """The card and the tensors of a weights file, checked against each other.

    Raises NotInstalled where a file is missing, BadInput where the card is none or names another sha256.
    """
    if not weights.is_file() or not card_path(weights).is_file():
        raise NotInstalled(
            f"{weights.name}: no such checkpoint with its card; reinstall framescore or train one"
        )
    try:
        card = json.loads(card_path(weights).read_text(encoding="utf-8"))
        expected = card["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{card_path(weights).name}: not a model card ({error}); reinstall framescore"
        ) from error
    if hashlib.sha256(weights.read_bytes()).hexdigest() != expected:
        raise BadInput(
            f"{weights.name}: sha256 differs from its card; reinstall framescore or correct the card"
        )
    try:
        return card, load_file(weights)
    except SafetensorError as error:
        raise BadInput(f"{weights.name}: not safetensors ({error}); reinstall framescore") from error


def fill(network: Network, tensors: dict[str, torch.Tensor], weights: Path) -> Network:
    """The network with these tensors (as float32), ready for inference. Raises BadInput where they do not fit."""
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except RuntimeError as error:
        line = str(error).splitlines()[0]
        raise BadInput(
            f"{weights.name}: weights do not fit their card ({line}); reinstall framescore"
        ) from error
    return network.eval()


def write_tensors(network: nn.Module, weights: Path, card: dict) -> None:
    """Write a network's weights as float16 safetensors, and beside it the card with the number of parameters and the
    sha256 added."""
    weights.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.to(torch.float16).contiguous() for name, tensor in network.state_dict().items()},
        weights,
    )
    weights.chmod(0o644)  # safetensors writes for the owner alone
    full = {
        **card,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    card_path(weights).write_text(json.dumps(full, indent=2) + "\n", encoding="utf-8")


def save_checkpoint(
    decoder: Decoder, draws: Sequence[Draw], weights: Path, card: dict, habits: Habits
) -> None:
    """Write weights as float16 safetensors, and the card with draws (one an attribute), habits, config and sha256
    added."""
    full = {
        **card,
        "habits": dict(zip(("mean", "deviation"), habits, strict=True)),
        "draws": [asdict(draw) for draw in draws],
        "config": json.loads(decoder.config.to_json()),
    }
    write_tensors(decoder, weights, full)

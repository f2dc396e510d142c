"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv:2106.09685) on a base with its control branch, by Hugging Face's peft.

As HPM's, they sit in the control branch, in every layer that its blocks share with those of the base; here the layers
through which style reaches the base have one as well. All else is frozen. At inference an adapter is merged into a copy
of the weights (HPM, eq. 5), so it costs no time.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.lora import LoraModel
from torch import nn

BRANCH_LAYERS = r"branch\.(enter|leave\.\d+|trunk\.(style|modulation\.1|blocks\.\d+\.(qkv|out|up|down)))"
STYLE_LAYERS = r"base\.trunk\.(style|modulation\.1)"
_NAME = "style"
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class AdapterConfig:
    """``rank`` of the adapters; what they add is multiplied by ``scale``."""

    rank: int = 56
    scale: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.rank <= 256 or not 0 <= self.scale <= 100:
            raise ValueError(f"rank {self.rank} is outside 1-256, or scale {self.scale} outside 0-100")


def add_adapters(network: nn.Module, config: AdapterConfig, seed: int = 0) -> None:
    """Freeze ``network``, a `render.models.controlnet.ControlledTransformer`, and give it adapters to be trained, which
    change nothing until they are."""
    network.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _injected(network, config)


def adapter_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """The adapters' weights by the names of their layers: two matrices each, (rank, in) and (out, rank)."""
    weights = get_peft_model_state_dict(network, adapter_name=_NAME)
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


def adapted(network: Network, adapter: Mapping[str, torch.Tensor], config: AdapterConfig) -> Network:
    """A copy of ``network`` with an adapter merged into its weights, for inference. Raises ValueError for an adapter of
    other layers or sizes."""
    merged = copy.deepcopy(network).requires_grad_(False)
    tuner = _injected(merged, config)
    expected = {
        name: tensor.shape for name, tensor in get_peft_model_state_dict(merged, adapter_name=_NAME).items()
    }
    if expected != {name: tensor.shape for name, tensor in adapter.items()}:
        raise ValueError("the adapter belongs to another network")
    set_peft_model_state_dict(merged, dict(adapter), adapter_name=_NAME)
    tuner.merge_and_unload()
    return merged.eval().requires_grad_(False)


def trained_share(network: nn.Module, branch: nn.Module) -> float:
    """Parameters of ``network`` that are trained, as a share of those of its ``branch`` without adapters."""
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return trained / sum(p.numel() for name, p in branch.named_parameters() if "lora_" not in name)


def _injected(network: nn.Module, config: AdapterConfig) -> LoraModel:
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.scale * config.rank,
        target_modules=f"{BRANCH_LAYERS}|{STYLE_LAYERS}",
        bias="none",
    )
    return LoraModel(network, lora, _NAME)

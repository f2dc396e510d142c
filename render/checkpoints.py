"""Checkpoints: safetensors files beside a model card (JSON) that names their sha256. Pickles are refused.

A checkpoint ``NAME`` is ``NAME.json`` and ``NAME.safetensors``, or ``NAME-1.safetensors``, ``NAME-2.safetensors`` ...
where it is larger than `SHARD_BYTES`. Safetensors (Hugging Face) hold tensors only: loading runs no code from a file.
The card holds ``config`` (the sizes of the network), ``files`` (name -> sha256) and whatever its maker tells: data and
licences, seed, steps, figures.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from render.errors import BadInput, NotInstalled
from render.files import replacing
from render.models.codec import PcaCodec
from render.models.controlnet import ControlBranch, ControlledTransformer
from render.models.transformer import LatentTransformer, TransformerConfig

FOLDER = Path(__file__).with_name("checkpoints")
SHARD_BYTES = 15 * 10**6
MAX_BYTES = 2**30
MAX_SIZE = 2**14  # of anything a card's config counts
REMEDY = "reinstall framescore or train one"
Network = TypeVar("Network", bound=nn.Module)


def save_network(
    network: nn.Module, folder: Path, name: str, config: dict, card: dict, dtype: torch.dtype = torch.float16
) -> None:
    """Write the weights and buffers of ``network`` as ``dtype``, and the card with ``config``, the number of parameters
    and the sha256 of every file added. Raises BadInput where the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        key: value.detach().cpu().to(dtype).contiguous() for key, value in network.state_dict().items()
    }
    shards = _shards(tensors)
    files = {}
    for number, shard in enumerate(shards, 1):
        file = f"{name}.safetensors" if len(shards) == 1 else f"{name}-{number}.safetensors"
        content = save(shard)
        with replacing(folder / file) as partial:
            partial.write_bytes(content)
        files[file] = hashlib.sha256(content).hexdigest()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    told = {**card, "config": config, "parameters": parameters, "dtype": str(dtype)[6:], "files": files}
    with replacing(folder / f"{name}.json") as partial:
        partial.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    for path in folder.glob(f"{name}*.safetensors"):  # parts of what was there before
        if path.name not in files and re.fullmatch(rf"{re.escape(name)}(-\d+)?", path.stem):
            path.unlink()


def read_card(folder: Path, name: str) -> dict[str, Any]:
    """The model card of a checkpoint. Raises NotInstalled where there is none, BadInput where it is something else."""
    path = folder / f"{name}.json"
    if not path.is_file():
        raise NotInstalled(f"{path}: no such checkpoint; {REMEDY}")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        whole = isinstance(card["config"], dict) and all(
            isinstance(key, str) and isinstance(value, str) for key, value in card["files"].items()
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path}: not a model card ({error!r}); {REMEDY}") from None
    if not whole or not card["files"]:
        raise BadInput(f"{path}: not a model card (config and files); {REMEDY}")
    return card


def read_tensors(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The card of a checkpoint and its tensors as float32, checked against each other.

    Raises NotInstalled where a file is missing, BadInput where one is too large, is not what the card says, is no
    safetensors file, or holds values that are no numbers.
    """
    card = read_card(folder, name)
    tensors: dict[str, Tensor] = {}
    for file, expected in card["files"].items():
        path = folder / Path(file).name
        if not path.is_file():
            raise NotInstalled(f"{path}: part of a checkpoint is missing; {REMEDY}")
        if path.suffix != ".safetensors" or path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path}: not safetensors of at most {MAX_BYTES >> 30} GB; {REMEDY}")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != expected:
            raise BadInput(f"{path}: its sha256 is not the one its card names; {REMEDY}")
        try:
            tensors.update({key: value.float() for key, value in load(content).items()})
        except SafetensorError as error:
            raise BadInput(f"{path}: not safetensors ({error}); {REMEDY}") from None
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise BadInput(f"{folder / name}: holds values that are no numbers; {REMEDY}")
    return card, tensors


def fill(network: Network, tensors: dict[str, Tensor], what: Path) -> Network:
    """``network`` with these tensors, ready for inference. Raises BadInput, naming ``what``, where they do not fit."""
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        cause = " ".join(str(error).split())[:160]
        raise BadInput(f"{what}: the weights do not fit their card ({cause}); {REMEDY}") from None
    return network.eval().requires_grad_(False)


def save_codec(codec: PcaCodec, folder: Path, card: dict, name: str = "codec") -> None:
    """Write a codec, as float32: half a megabyte, and decoding stays the adjoint of encoding."""
    config = {"bands": codec.bands, "channels": codec.channels}
    save_network(codec, folder, name, config, card, torch.float32)


def load_codec(folder: Path = FOLDER, name: str = "codec") -> PcaCodec:
    """Raises as `read_tensors`, and BadInput where weights and card do not fit."""
    return _load(folder, name, PcaCodec)


def save_base(base: LatentTransformer, folder: Path, card: dict, name: str = "base") -> None:
    """Write a base network."""
    save_network(base, folder, name, asdict(base.config), card)


def load_base(folder: Path = FOLDER, name: str = "base") -> LatentTransformer:
    """Raises as `load_codec`."""
    return _load(folder, name, lambda **sizes: LatentTransformer(TransformerConfig(**sizes)))


def save_branch(branch: ControlBranch, folder: Path, card: dict, name: str = "branch") -> None:
    """Write a control branch. ``card`` should name the base it was trained on."""
    sizes = {"controls": branch.controls, "copied": len(branch.trunk.blocks)}
    save_network(branch, folder, name, {**asdict(branch.config), **sizes}, card)


def load_branch(folder: Path = FOLDER, name: str = "branch") -> ControlBranch:
    """Raises as `load_codec`."""

    def make(controls: int, copied: int, **sizes: int) -> ControlBranch:
        return ControlBranch(TransformerConfig(**sizes), controls, copied)

    return _load(folder, name, make)


def load_predictor(folder: Path = FOLDER) -> ControlledTransformer:
    """The base and its branch. Raises as `load_codec`, and BadInput where the branch belongs to another base."""
    wanted = read_card(folder, "branch").get("base")
    if wanted != (found := read_card(folder, "base")["files"]):
        raise BadInput(f"{folder / 'branch'}: was trained on another base ({wanted}, not {found}); {REMEDY}")
    return ControlledTransformer(load_base(folder), load_branch(folder))


def _load(folder: Path, name: str, make: Callable[..., Network]) -> Network:
    """The network that ``make`` makes of the sizes in the card, with its weights."""
    card, tensors = read_tensors(folder, name)
    try:
        if not all(isinstance(size, int) and 1 <= size <= MAX_SIZE for size in card["config"].values()):
            raise ValueError(f"sizes must be 1 to {MAX_SIZE}")
        with torch.device("meta"):  # no memory is taken until the weights are known to fit
            network = make(**card["config"])
    except (TypeError, ValueError) as error:
        raise BadInput(f"{folder / name}.json: not the card of this network ({error}); {REMEDY}") from None
    return fill(network, tensors, folder / name)


def _shards(tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """The tensors in their order, in as many parts of at most `SHARD_BYTES` as that takes."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for key, value in tensors.items():
        if shards[-1] and size + value.nbytes > SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][key] = value
        size += value.nbytes
    return shards

"""Learned styles: one safetensors file each, to be shared, found by name in the user's folder or by path.

A file holds ``embedding`` (128,) and, where the networks were adapted, LoRA tensors under ``adapter.``; what is told
about them is JSON in the metadata under ``framescore_style``. Safetensors hold tensors only: reading one runs no code.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from render.errors import BadInput
from render.files import replacing, user_folder

if TYPE_CHECKING:
    import torch

SUFFIX = ".safetensors"
ENVIRONMENT_VARIABLE = "FRAMESCORE_STYLES"
MAX_BYTES = 64 * 2**20
EMBEDDING = 128
_KEY, _ADAPTER = "framescore_style", "adapter."
_FORMAT = 1
_NAME = re.compile(r"\w[\w .+-]{0,63}")


@dataclass(frozen=True)
class StyleCard:
    """What a learned style tells of itself.

    ``carrier``: the named style whose instruments the synthesis plays; ``recordings_s``: seconds of recordings learnt
    from; ``network_sha256``: the weights that the adapter belongs to ("" without one), ``rank`` and ``scale`` of the
    adapter; ``minutes``: processor minutes of training; ``licence``: what its maker says about using it.
    """

    name: str
    carrier: str
    recordings_s: float
    recordings: int = 1
    network_sha256: str = ""
    rank: int = 0
    scale: float = 1.0
    minutes: float = 0.0
    seed: int = 0
    licence: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        texts = (self.carrier, self.network_sha256, self.licence)
        if not all(isinstance(text, str) and text.isprintable() for text in texts):
            raise ValueError(f"style {self.name}: carrier, network_sha256 and licence are lines of text")
        counts = (self.recordings, self.rank, self.seed)
        if not all(isinstance(count, int) for count in counts):
            raise ValueError(f"style {self.name}: recordings, rank, seed {counts} are whole numbers")
        numbers = (self.recordings_s, self.scale, self.minutes)
        if not all(math.isfinite(x) and x >= 0 for x in numbers) or self.rank < 0:
            raise ValueError(f"style {self.name}: recordings_s, scale, minutes {numbers}, rank {self.rank}")


@dataclass(frozen=True, eq=False)
class LearnedStyle:
    """A style learnt from recordings: ``embedding`` (128,) float32 of length 1, ``adapter`` LoRA tensors by the name of
    their weight, empty where only the embedding was learnt."""

    card: StyleCard
    embedding: torch.Tensor
    adapter: Mapping[str, torch.Tensor] = field(default_factory=dict)


def check_name(name: str) -> None:
    """Raise ValueError unless ``name`` can be a file's name everywhere."""
    if not _NAME.fullmatch(name) or name != name.strip() or name.endswith("."):
        raise ValueError(
            f"style name {name!r}: use 1 to 64 letters, digits, spaces or . _ + -, a letter or digit first"
        )


def style_folder(environment: Mapping[str, str] | None = None) -> Path:
    """The user's folder of learned styles, $FRAMESCORE_STYLES where that is set; may not exist yet."""
    environment = os.environ if environment is None else environment
    named = environment.get(ENVIRONMENT_VARIABLE)
    return Path(named) if named else user_folder("data", environment) / "styles"


def learned_files(folder: Path | None = None) -> dict[str, Path]:
    """The learned styles in ``folder`` (else the user's) by name, in order of the alphabet."""
    folder = style_folder() if folder is None else folder
    try:
        return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}")) if _NAME.fullmatch(path.stem)}
    except OSError as error:
        raise BadInput(f"{folder}: cannot be read ({error.strerror}); check its permissions") from None


def write_style(style: LearnedStyle, path: Path) -> None:
    """Write a learned style, half precision for the adapter. Raises BadInput where that cannot be done."""
    import torch
    from safetensors.torch import save_file

    tensors = {"embedding": style.embedding.float().contiguous()}
    for name, tensor in style.adapter.items():
        tensors[_ADAPTER + name] = tensor.detach().cpu().to(torch.float16).contiguous()
    told = {"format": _FORMAT, **asdict(style.card)}
    with replacing(path) as partial:
        save_file(tensors, partial, {_KEY: json.dumps(told)})


def read_card(path: Path) -> StyleCard:
    """What the learned style at ``path`` tells of itself; no tensor is read. Raises BadInput as `read_style`."""
    return _read(path, with_tensors=False)[0]


def read_style(path: Path) -> LearnedStyle:
    """The learned style at ``path``. Raises BadInput where there is none, or it is something else: a pickle, a damaged
    file, other tensors."""
    import torch
    from torch.nn.functional import normalize

    card, tensors = _read(path, with_tensors=True)
    embedding = tensors.pop("embedding", None)
    if embedding is None or embedding.shape != (EMBEDDING,) or not embedding.is_floating_point():
        raise _other(path, f"needs an embedding of {EMBEDDING} numbers")
    if stray := [name for name in tensors if not name.startswith(_ADAPTER)]:
        raise _other(path, f"holds {stray[0]!r}")
    every = [embedding, *tensors.values()]
    if not all(tensor.is_floating_point() and torch.isfinite(tensor).all() for tensor in every):
        raise _other(path, "holds values that are no numbers")
    if not embedding.any():
        raise _other(path, "its embedding is zero")
    adapter = {name.removeprefix(_ADAPTER): tensor.float() for name, tensor in tensors.items()}
    return LearnedStyle(card, normalize(embedding.float(), dim=0), adapter)


def _read(path: Path, with_tensors: bool) -> tuple[StyleCard, dict[str, torch.Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from None
    if size > MAX_BYTES:
        raise BadInput(f"{path}: larger than {MAX_BYTES // 2**20} MB, not a learned style; check the path")
    try:
        with safe_open(path, "pt") as file:
            told = (file.metadata() or {})[_KEY]
            names = file.keys() if with_tensors else []
            tensors = {name: file.get_tensor(name) for name in names}
        values = json.loads(told)
        if values.pop("format") != _FORMAT:
            raise ValueError("made by another version of FrameScore")
        return StyleCard(**values), tensors
    except (SafetensorError, OSError) as error:
        raise _other(path, f"not a whole safetensors file: {error}") from None
    except (KeyError, AttributeError, TypeError, ValueError, RecursionError) as error:
        raise _other(path, str(error)) from None


def _other(path: Path, cause: str) -> BadInput:
    line = " ".join(cause.split())[:120]
    return BadInput(f"{path}: not a learned style ({line}); make one with `framescore style learn`")

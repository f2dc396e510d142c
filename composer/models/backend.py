"""Which code computes linear attention over whole sequences, in training and scoring: PyTorch's or a compiled one.

``torch`` is the default and needs nothing. ``fast-transformers`` is the causal product in C++ of the authors of linear
attention (Katharopoulos et al., 2020; ``pip install pytorch-fast-transformers``), on CPU. Decoding one step at a
time (`composer.models.sampling`) needs neither.
"""

from __future__ import annotations

from importlib.util import find_spec

from torch import Tensor, nn
from torch.nn import functional as F

from composer.errors import NotInstalled
from composer.models.attention import (
    CHUNK,
    Attend,
    GatedLinearAttention,
    attend_before,
    attend_in_chunks,
    split_in_chunks,
)

BACKENDS = ("torch", "fast-transformers")
LARGEST_LOG = 60.0  # e^60 is far from float32's end, and so is a sum of products with it


def use_backend(network: nn.Module, backend: str) -> None:
    """Let all linear attention of ``network`` compute whole sequences with one of `BACKENDS`.

    Raises NotInstalled where the package is missing, ValueError for another name.
    """
    attend = attend_with(backend)
    for module in network.modules():
        if isinstance(module, GatedLinearAttention):
            module.attend = attend


def attend_with(backend: str) -> Attend:
    """The function behind a name of `BACKENDS`. Raises as `use_backend`."""
    if backend == "torch":
        return attend_in_chunks
    if backend != "fast-transformers":
        raise ValueError(f"attention backend {backend!r}: must be one of {', '.join(BACKENDS)}")
    if find_spec("fast_transformers") is None:
        raise NotInstalled(
            "fast-transformers: not installed; "
            "`pip install --no-build-isolation pytorch-fast-transformers` builds it beside an installed PyTorch"
        )
    return attend_by_causal_product


def attend_by_causal_product(query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor) -> Tensor:
    """`Attend` by the ungated causal product of fast-transformers, in float32 on CPU.

    Within a chunk, decay from step j to step i is exp(total[i]) exp(-total[j]): queries take the one factor, keys the
    other. Chunks are halved until the factors stay within e^±`LARGEST_LOG`. Raises ValueError on another device.
    """
    from fast_transformers.causal_product import causal_dot_product

    if query.device.type != "cpu":
        raise ValueError(
            f"attention backend fast-transformers: tensors are on {query.device}, must be on cpu"
        )
    queries, keys, values, total = split_in_chunks(
        query, key, value, log_decay, _finite_chunk(log_decay.detach())
    )
    level = total.detach()[..., -1:] / 2  # factors lie on both sides of one
    products = causal_dot_product(
        _rows(queries * (total - level).exp()[..., None]),
        _rows(keys * (level - total).exp()[..., None]),
        _rows(values),
    )
    if products.requires_grad:
        products.register_hook(Tensor.contiguous)  # the package takes a gradient's last axis to be dense
    local = products.view(values.shape).to(query.dtype)
    attended = local + attend_before(queries, keys, values, total)
    return attended.flatten(2, 3)[:, :, : log_decay.shape[2]]


def _rows(part: Tensor) -> Tensor:
    """(b, heads, chunks, chunk, e) -> (b, heads * chunks, chunk, e) dense float32, as the package reads it."""
    return part.float().flatten(1, 2).contiguous()


def _finite_chunk(log_decay: Tensor) -> int:
    """The longest chunk, a power of two up to `CHUNK`, over which no head decays by more than 2 `LARGEST_LOG`."""
    chunk = CHUNK
    while chunk > 1:
        padded = F.pad(log_decay, (0, -log_decay.shape[2] % chunk))
        if padded.unflatten(2, (-1, chunk)).sum(-1).min() >= -2 * LARGEST_LOG:
            break
        chunk //= 2
    return chunk

"""A decoder made ready for decoding: the function of `composer.models.decoder.Decoder`, one step at a time, faster.

What does not change from step to step is multiplied out once: the gains of the norms into the layers behind them, each
layer's projection of the conditions into the table of their embeddings, scales into weights. For inference on CPU.

**A row comes out the same in any batch**, to the last bit. Weights are packed for oneDNN, whose products add up each
row in one order (`fewest_rows` says from how many rows on), and elementwise functions that are not exactly rounded
(exp, pow) only see pieces of one row: PyTorch computes the ends of a tensor otherwise than its middle.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from composer.models.attention import DECAY_TEMPERATURE, BarAttention, GatedLinearAttention
from composer.models.decoder import ChainedHeads, Decoder, DecoderLayer, FeedForward, SummedEmbedding

PACKED_FOR_ROWS = 4  # a hint to oneDNN; packed for one row, a row alone would be added up in another order
PADDED_ROWS = 4  # from here on a row is the same in any batch with MKL as well
DECAY_ROOTS = int(math.log2(DECAY_TEMPERATURE))
EPSILON = torch.finfo(torch.float32).eps  # of `nn.RMSNorm`
Seen = tuple[Tensor, Tensor]  # keys and values of the memory in sight: (b, heads, slots, head width)


def fewest_rows() -> int:
    """From how many rows on this machine gives a row the same numbers in any batch."""
    vectors = torch.backends.cpu.get_cpu_capability().startswith(("AVX2", "AVX512"))
    return 1 if vectors and torch.backends.mkldnn.is_available() else PADDED_ROWS


class PackedLinear:
    """``x @ weight.T + bias`` for weights (out, in) that stay as they are."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._packs = torch.backends.mkldnn.is_available() and weight.device.type == "cpu"
        weight = weight.detach().float().contiguous()
        self._weight = (
            torch.ops.mkldnn._reorder_linear_weight(weight, PACKED_FOR_ROWS) if self._packs else weight
        )
        self._bias = None if bias is None else bias.detach().float().contiguous()

    def __call__(self, x: Tensor) -> Tensor:
        """(b, in) -> (b, out)."""
        if self._packs:
            return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return F.linear(x, self._weight, self._bias)


class PackedDecoder:
    """`step` is one step of the decoder; ``heads`` are its heads."""

    @torch.no_grad()
    def __init__(self, decoder: Decoder) -> None:
        config = decoder.config
        self.config = config
        self.heads = PackedHeads(decoder.heads)
        self._layers = [_PackedLayer(layer) for layer in decoder.layers]
        self._offsets = torch.cat(
            [decoder.tokens.offsets, decoder.conditions.offsets + len(decoder.tokens.table)]
        )
        self._table = _input_table(decoder.tokens, decoder.conditions, list(decoder.layers))

    @torch.no_grad()
    def step(
        self,
        previous: Tensor,
        conditions: Tensor,
        states: list[Tensor],
        seen: list[Seen | None],
        visible: Tensor,
    ) -> Tensor:
        """previous (b, attributes) and conditions (b, conditions) -> hidden (b, width), ready for the heads.

        ``states`` (b, heads, head width, head width), one a layer, are brought forward in place. ``seen``, one a
        layer with cross-attention (else None), is the memory of which the slots of ``visible`` (b, 1, 1, slots) count.
        """
        ids = torch.cat([previous, conditions], -1) + self._offsets
        inputs = F.embedding_bag(ids, self._table, mode="sum").split(self.config.width, -1)  # one a layer
        hidden = ~visible[:, 0]
        x = torch.zeros_like(inputs[0])
        for layer, added, state, memory in zip(self._layers, inputs, states, seen, strict=True):
            x = layer.step(x + added, state, memory, hidden)
        return x


class PackedHeads:
    """The methods of `ChainedHeads` that decoding calls."""

    def __init__(self, heads: ChainedHeads) -> None:
        self._norm = _Unit(heads.norm)
        self._logits = [_linear(cast(nn.Linear, layer)) for layer in heads.logits]
        self._chosen = [cast(nn.Embedding, table).weight.detach() for table in heads.chosen]
        self._mix = [_mix(*cast(nn.Sequential, mix)) for mix in heads.mix]

    @torch.no_grad()
    def begin(self, hidden: Tensor) -> Tensor:
        """The decoder's output (b, width) made ready for `predict` and `advance`."""
        return self._norm(hidden) * self._norm.gain

    @torch.no_grad()
    def predict(self, i: int, hidden: Tensor) -> Tensor:
        """Logits of attribute ``i``: (b, classes)."""
        return self._logits[i](hidden)

    @torch.no_grad()
    def advance(self, i: int, hidden: Tensor, choice: Tensor) -> Tensor:
        """Tell the attributes after ``i`` what was chosen for it: hidden (b, width), choice (b,) -> (b, width)."""
        hidden = hidden + F.embedding(choice, self._chosen[i])
        norm, first, second = self._mix[i]
        return hidden + second(F.silu(first(norm(hidden))))


class _Unit:
    """A norm without its ``gain``, which the layer behind it takes over: rows of length one."""

    def __init__(self, norm: nn.RMSNorm) -> None:
        width = norm.weight.numel()
        self.gain = norm.weight.detach() * width**0.5
        self._least = torch.tensor(width * EPSILON)

    def __call__(self, x: Tensor) -> Tensor:
        return x * (x * x).sum(-1, keepdim=True).add_(self._least).rsqrt_()


class _PackedLayer:
    def __init__(self, layer: DecoderLayer) -> None:
        self._attention = _PackedLinearAttention(layer.attention, layer.norm1)
        self._cross: _PackedCross | None = None
        if layer.cross is not None and layer.norm3 is not None:
            self._cross = _PackedCross(layer.cross, layer.norm3)
        self._feed_forward = _PackedFeedForward(layer.feed_forward, layer.norm2)

    def step(self, x: Tensor, state: Tensor, memory: Seen | None, hidden: Tensor) -> Tensor:
        x = x + self._attention(x, state)
        if self._cross is not None and memory is not None:
            x = x + self._cross(x, memory, hidden)
        return x + self._feed_forward(x)


class _PackedLinearAttention:
    def __init__(self, attention: GatedLinearAttention, norm: nn.RMSNorm) -> None:
        self._heads, self._head_width = attention.heads, attention.head_width
        width = self._heads * self._head_width
        self._norm, self._head_norm = _Unit(norm), _Unit(attention.norm)
        weight = attention.project.weight.detach() * self._norm.gain
        weight[:width] *= self._head_width**-0.5  # queries
        bias = torch.zeros(len(weight))
        bias[4 * width :] = attention.decay_bias.detach()
        self._project = PackedLinear(weight, bias)
        self._out = PackedLinear(attention.out.weight.detach() * self._head_norm.gain.repeat(self._heads))

    def __call__(self, x: Tensor, state: Tensor) -> Tensor:
        rows, width = x.shape
        projected = self._project(self._norm(x))
        split = projected[:, : 3 * width].view(rows, 3, self._heads, 1, self._head_width)
        query, key, value = split.unbind(1)
        decay = projected[:, 4 * width :].sigmoid()
        for _ in range(DECAY_ROOTS):  # a square root is exactly rounded
            decay = decay.sqrt_()
        state.mul_(decay[..., None, None]).add_(key.transpose(-1, -2) * value)
        attended = torch.bmm(query.flatten(0, 1), state.flatten(0, 1))
        gate = F.silu(projected[:, 3 * width : 4 * width])
        return self._out(self._head_norm(attended).view(rows, width) * gate)


class _PackedCross:
    def __init__(self, cross: BarAttention, norm: nn.RMSNorm) -> None:
        self._heads = cross.heads
        self._norm = _Unit(norm)
        scale = (cross.query.in_features // cross.heads) ** -0.5
        self._query = PackedLinear(cross.query.weight.detach() * self._norm.gain * scale)
        self._out = PackedLinear(cross.out.weight)

    def __call__(self, x: Tensor, memory: Seen, hidden: Tensor) -> Tensor:
        rows, width = x.shape
        keys, values = (part.flatten(0, 1) for part in memory)  # (b * heads, slots, head width)
        query = self._query(self._norm(x)).view(rows * self._heads, 1, -1)
        scores = torch.bmm(query, keys.transpose(-1, -2)).view(rows, self._heads, -1)
        weights = scores.masked_fill_(hidden, float("-inf")).softmax(-1)
        return self._out(torch.bmm(weights.view(rows * self._heads, 1, -1), values).view(rows, width))


class _PackedFeedForward:
    def __init__(self, feed_forward: FeedForward, norm: nn.RMSNorm) -> None:
        self._norm = _Unit(norm)
        self._up = _linear(feed_forward.up, norm)
        self._down = _linear(feed_forward.down)

    def __call__(self, x: Tensor) -> Tensor:
        value, gate = self._up(self._norm(x)).chunk(2, dim=-1)
        return self._down(value * F.silu(gate))


def _mix(
    norm: nn.RMSNorm, first: nn.Linear, _: nn.SiLU, second: nn.Linear
) -> tuple[_Unit, PackedLinear, PackedLinear]:
    return _Unit(norm), _linear(first, norm), _linear(second)


def _linear(layer: nn.Linear, norm: nn.RMSNorm | None = None) -> PackedLinear:
    """A layer, with the gain of the norm before it."""
    weight = layer.weight.detach()
    return PackedLinear(weight if norm is None else weight * _Unit(norm).gain, layer.bias)


def _input_table(tokens: SummedEmbedding, conditions: SummedEmbedding, layers: list[DecoderLayer]) -> Tensor:
    """What each token and condition value adds to the input of every layer: (values, layers * width)."""
    given = conditions.table
    blocks = [given @ layer.condition.weight.T for layer in layers]
    blocks[0] = blocks[0] + given
    rest = tokens.table.new_zeros(len(tokens.table), (len(layers) - 1) * tokens.table.shape[1])
    return torch.cat([torch.cat([tokens.table, rest], 1), torch.cat(blocks, 1)])

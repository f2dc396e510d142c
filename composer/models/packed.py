"""A decoder made ready for decoding: the function of `composer.models.decoder.Decoder`, one step at a time, faster.

Every layer's projection of the conditions is multiplied into the table of their embeddings once. Weights are packed
for products with few rows, whose time is the reading of the weights: those that float16 holds exactly, as all in a
checkpoint are, stay float16 in memory and are multiplied as float32 (FBGEMM), others go to oneDNN. For CPU.

**A row comes out the same in any batch**, to the last bit: both libraries add up each row in one order (`fewest_rows`
says from how many rows on), and elementwise functions that are not exactly rounded (exp, pow) only see pieces of one
row, for PyTorch computes the ends of a tensor otherwise than its middle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from composer.models.attention import DECAY_TEMPERATURE, BarAttention, GatedLinearAttention
from composer.models.decoder import ChainedHeads, Decoder, DecoderLayer, FeedForward, Memory, SummedEmbedding

PACKED_FOR_ROWS = 4  # a hint to oneDNN; packed for one row, a row alone would be added up in another order
HALF_ENGINES = ("fbgemm", "x86")  # of `torch.backends.quantized`: those with float16 weights
PIECE_BARS = 64  # of a long memory that are encoded at once
PADDED_ROWS = 4  # from here on a row is the same in any batch with MKL as well
EPSILON = torch.finfo(torch.float32).eps  # of `nn.RMSNorm`
Seen = tuple[Tensor, Tensor]  # keys and values of the memory in sight: (b, heads, slots, head width)


def fewest_rows() -> int:
    """From how many rows on this machine gives a row the same numbers in any batch."""
    vectors = torch.backends.cpu.get_cpu_capability().startswith(("AVX2", "AVX512"))
    return 1 if vectors and torch.backends.mkldnn.is_available() else PADDED_ROWS


def encode_in_pieces(decoder: Decoder, memory: Memory) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """What ``decoder.encode`` gives for a memory of batch size 1, at a cost that grows with its length alone.

    Attention goes a few bars to either side, so that pieces with so many bars around them are encoded alike.
    """
    every_bar = [memory.bars] if memory.bars is not None else []
    last = max((int(bars.max()) for bars in (*every_bar, *memory.feature_bars) if bars.numel()), default=-1)
    around = (decoder.config.window + 1) * decoder.config.encoder_layers
    parts, bars_of_parts = [], []
    for first in range(0, max(last, 0) + 1, PIECE_BARS):
        end = first + PIECE_BARS
        encoded, bars = decoder.encode(_cut(memory, first - around, end + around))
        if encoded is None or bars is None:
            return None, None
        kept = (bars[0] >= first) & (bars[0] < end)
        parts.append(encoded[:, kept])
        bars_of_parts.append(bars[:, kept])
    return torch.cat(parts, 1), torch.cat(bars_of_parts, 1)


def _cut(memory: Memory, first: int, end: int) -> Memory:
    """The part of a memory in bars ``first`` to ``end``."""
    kept = [(bars[0] >= first) & (bars[0] < end) for bars in memory.feature_bars]
    features = tuple(feature[:, part] for feature, part in zip(memory.features, kept, strict=True))
    feature_bars = tuple(bars[:, part] for bars, part in zip(memory.feature_bars, kept, strict=True))
    if memory.tokens is None or memory.bars is None:
        return Memory(None, None, features, feature_bars)
    near = (memory.bars[0] >= first) & (memory.bars[0] < end)
    return Memory(memory.tokens[:, near], memory.bars[:, near], features, feature_bars)


class PackedLinear:
    """``x @ weight.T + bias`` for weights (out, in) that stay as they are."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        weight = weight.detach().float().contiguous()
        bias = None if bias is None else bias.detach().float().contiguous()
        self._multiply = _packed_product(weight, bias)

    def __call__(self, x: Tensor) -> Tensor:
        """(b, in) -> (b, out)."""
        return self._multiply(x)


def _packed_product(weight: Tensor, bias: Tensor | None) -> Callable[[Tensor], Tensor]:
    if torch.backends.quantized.engine in HALF_ENGINES and torch.equal(weight.half().float(), weight):
        packed = torch.ops.quantized.linear_prepack_fp16(weight, bias)
        multiply = torch.ops.quantized.linear_dynamic_fp16.default
        return lambda x: multiply(x, packed)
    if torch.backends.mkldnn.is_available():
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, PACKED_FOR_ROWS)
        multiply = torch.ops.mkldnn._linear_pointwise.default
        return lambda x: multiply(x, packed, bias, "none", [], "")
    return lambda x: F.linear(x, weight, bias)


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
        self._norm = _Norm(heads.norm)
        self._logits = [_linear(cast(nn.Linear, layer)) for layer in heads.logits]
        self._chosen = [cast(nn.Embedding, table).weight.detach() for table in heads.chosen]
        self._mix = [_mix(*cast(nn.Sequential, mix)) for mix in heads.mix]

    @torch.no_grad()
    def begin(self, hidden: Tensor) -> Tensor:
        """The decoder's output (b, width) made ready for `predict` and `advance`."""
        return self._norm(hidden)

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


class _Norm:
    """`nn.RMSNorm` of what is to be multiplied by ``scale`` first."""

    def __init__(self, norm: nn.RMSNorm, scale: float = 1.0) -> None:
        width = norm.weight.numel()
        self._gain = norm.weight.detach() * width**0.5
        self._least = torch.tensor(width * EPSILON / scale**2)

    def __call__(self, x: Tensor) -> Tensor:
        return (x * (x * x).sum(-1, keepdim=True).add_(self._least).rsqrt_()).mul_(self._gain)


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
        bias = torch.zeros(4 * width + self._heads)
        bias[4 * width :] = attention.decay_bias.detach()
        self._norm = _Norm(norm)
        self._project = PackedLinear(attention.project.weight, bias)
        self._head_norm = _Norm(attention.norm, scale=self._head_width**-0.5)
        self._out = _linear(attention.out)

    def __call__(self, x: Tensor, state: Tensor) -> Tensor:
        rows, width = x.shape
        projected = self._project(self._norm(x))
        split = projected[:, : 3 * width].view(rows, 3, self._heads, 1, self._head_width)
        query, key, value = split.unbind(1)
        decay = projected[:, 4 * width :].sigmoid_().pow_(1 / DECAY_TEMPERATURE)  # in place: row by row
        state.mul_(decay[..., None, None]).addcmul_(key.transpose(-1, -2), value)
        attended = torch.bmm(query.flatten(0, 1), state.flatten(0, 1))
        gate = F.silu(projected[:, 3 * width : 4 * width])
        return self._out(gate.mul_(self._head_norm(attended).view(rows, width)))


class _PackedCross:
    def __init__(self, cross: BarAttention, norm: nn.RMSNorm) -> None:
        self._heads = cross.heads
        self._scale = (cross.query.in_features // cross.heads) ** -0.5
        self._norm = _Norm(norm)
        self._query = _linear(cross.query)
        self._out = _linear(cross.out)

    def __call__(self, x: Tensor, memory: Seen, hidden: Tensor) -> Tensor:
        rows, width = x.shape
        keys, values = (part.flatten(0, 1) for part in memory)  # (b * heads, slots, head width)
        query = self._query(self._norm(x)).mul_(self._scale).view(rows * self._heads, 1, -1)
        scores = torch.bmm(query, keys.transpose(-1, -2)).view(rows, self._heads, -1)
        weights = scores.masked_fill_(hidden, float("-inf")).softmax(-1)
        return self._out(torch.bmm(weights.view(rows * self._heads, 1, -1), values).view(rows, width))


class _PackedFeedForward:
    def __init__(self, feed_forward: FeedForward, norm: nn.RMSNorm) -> None:
        self._norm = _Norm(norm)
        self._up = _linear(feed_forward.up)
        self._down = _linear(feed_forward.down)

    def __call__(self, x: Tensor) -> Tensor:
        value, gate = self._up(self._norm(x)).chunk(2, dim=-1)
        return self._down(F.silu(gate).mul_(value))


def _mix(
    norm: nn.RMSNorm, first: nn.Linear, _: nn.SiLU, second: nn.Linear
) -> tuple[_Norm, PackedLinear, PackedLinear]:
    return _Norm(norm), _linear(first), _linear(second)


def _linear(layer: nn.Linear) -> PackedLinear:
    return PackedLinear(layer.weight, layer.bias)


def _input_table(tokens: SummedEmbedding, conditions: SummedEmbedding, layers: list[DecoderLayer]) -> Tensor:
    """What each token and condition value adds to the input of every layer: (values, layers * width)."""
    given = conditions.table
    blocks = [given @ layer.condition.weight.T for layer in layers]
    blocks[0] = blocks[0] + given
    rest = tokens.table.new_zeros(len(tokens.table), (len(layers) - 1) * tokens.table.shape[1])
    return torch.cat([torch.cat([tokens.table, rest], 1), torch.cat(blocks, 1)])

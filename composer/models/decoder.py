"""The one decoder that all three stages train: compound tokens, per-step conditions, a memory to look at.

A step is a tuple of attributes (a compound token). The network reads the previous step's attributes, adds embeddings
of the conditions of the step to be predicted to every layer's input (in-attention, Wu & Yang 2021, zero-initialised),
and predicts the attributes one after another, each given those before it, so the joint likelihood is exact.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from composer.models.attention import BarAttention, GatedLinearAttention

IGNORED = -1  # target of an attribute that a step does not have


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes. Index 0 of every attribute, condition and memory table means "absent"."""

    attributes: tuple[int, ...]  # classes of each predicted attribute (without "absent")
    conditions: tuple[int, ...]  # values of each condition (without "absent")
    memory: tuple[int, ...] = ()  # values of each attribute of a memory token (without "absent")
    features: tuple[int, ...] = ()  # widths of the continuous kinds of memory tokens (one modality each)
    width: int = 256
    layers: int = 6
    heads: int = 4
    encoder_layers: int = 2
    cross_every: int = 2
    window: int = 1  # bars to either side that a position sees of the memory
    dropout: float = 0.1

    def to_json(self) -> str:
        """One line of JSON, as stored in a checkpoint's metadata."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DecoderConfig:
        """The inverse of `to_json`. Raises TypeError on an unknown key."""
        data: dict[str, Any] = json.loads(text)
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**values)


@dataclass(frozen=True)
class Memory:
    """What the decoder looks at. ``tokens`` (b, s, memory attributes) and ``bars`` (b, s; -1 padding) of ids, or
    ``features``: for each modality a float tensor (b, s_i, width_i) with its bars (b, s_i)."""

    tokens: Tensor | None = None
    bars: Tensor | None = None
    features: tuple[Tensor, ...] = ()
    feature_bars: tuple[Tensor, ...] = ()


class SummedEmbedding(nn.Module):
    """Several categorical values a position, each 0 (absent) or 1..size, embedded and summed in one look-up."""

    offsets: Tensor

    def __init__(self, sizes: tuple[int, ...], width: int) -> None:
        super().__init__()
        offsets = torch.tensor([0, *(size + 1 for size in sizes[:-1])]).cumsum(0)
        self.register_buffer("offsets", offsets, persistent=False)
        self.table = nn.Parameter(torch.randn(sum(size + 1 for size in sizes), width) * 0.02)

    def forward(self, ids: Tensor) -> Tensor:
        """(..., values) -> (..., width)."""
        flat = (ids + self.offsets).flatten(0, -2)
        return F.embedding_bag(flat, self.table, mode="sum").unflatten(0, ids.shape[:-1])


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width * 2
        self.up = nn.Linear(width, 2 * inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., width)."""
        value, gate = self.up(x).chunk(2, dim=-1)
        return self.down(value * F.silu(gate))


class EncoderLayer(nn.Module):
    """Bidirectional attention between memory tokens of nearby bars."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(config.width), nn.RMSNorm(config.width)
        self.attention = BarAttention(config.width, config.heads, config.window + 1)
        self.feed_forward = FeedForward(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, bars: Tensor) -> Tensor:
        """x (b, s, width), bars (b, s) -> (b, s, width)."""
        normed = self.norm1(x)
        visible = self.attention.visible(bars, bars)
        x = x + self.attention(normed, self.attention.keys_values(normed), visible)
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class DecoderLayer(nn.Module):
    """In-attention of the conditions, gated linear attention, cross-attention where there is one, feed-forward."""

    def __init__(self, config: DecoderConfig, cross: bool) -> None:
        super().__init__()
        self.condition = nn.Linear(config.width, config.width, bias=False)
        nn.init.zeros_(self.condition.weight)
        self.norm1, self.norm2 = nn.RMSNorm(config.width), nn.RMSNorm(config.width)
        self.attention = GatedLinearAttention(config.width, config.heads)
        self.cross = BarAttention(config.width, config.heads, config.window) if cross else None
        self.norm3 = nn.RMSNorm(config.width) if cross else None
        self.feed_forward = FeedForward(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, condition: Tensor, bars: Tensor, memory: Tensor | None, memory_bars: Tensor | None
    ) -> Tensor:
        """Whole sequences: x and condition (b, t, width), memory (b, s, width)."""
        x = x + self.condition(condition)
        x = x + self.attention(self.norm1(x))
        if (
            self.cross is not None
            and self.norm3 is not None
            and memory is not None
            and memory_bars is not None
        ):
            visible = self.cross.visible(bars, memory_bars)
            x = x + self.cross(self.norm3(x), self.cross.keys_values(memory), visible)
        return x + self.dropout(self.feed_forward(self.norm2(x)))

    def step(
        self,
        x: Tensor,
        condition: Tensor,
        state: Tensor,
        seen: tuple[Tensor, Tensor] | None,
        visible: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """One position (b, width); ``seen``: keys and values of the memory in sight (b, heads, slots, head width),
        of which ``visible`` (b, 1, 1, slots) are in use."""
        x = x + self.condition(condition)
        attended, state = self.attention.step(self.norm1(x), state)
        x = x + attended
        if self.cross is not None and self.norm3 is not None and seen is not None:
            x = x + self.cross(self.norm3(x)[:, None], seen, visible)[:, 0]
        return x + self.feed_forward(self.norm2(x)), state


class ChainedHeads(nn.Module):
    """Attributes predicted one after another, each from the hidden state and the attributes before it."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width = config.width
        self.norm = nn.RMSNorm(width)
        self.chosen = nn.ModuleList(nn.Embedding(size, width) for size in config.attributes[:-1])
        self.mix = nn.ModuleList(
            nn.Sequential(nn.RMSNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in config.attributes[:-1]
        )
        self.logits = nn.ModuleList(nn.Linear(width, size) for size in config.attributes)

    def begin(self, hidden: Tensor) -> Tensor:
        """The decoder's output (b, width) made ready for `predict` and `advance`."""
        return self.norm(hidden)

    def predict(self, i: int, hidden: Tensor) -> Tensor:
        """Logits of attribute ``i``: (b, classes)."""
        return self.logits[i](hidden)

    def advance(self, i: int, hidden: Tensor, choice: Tensor) -> Tensor:
        """Tell the attributes after ``i`` what was chosen for it: hidden (b, width), choice (b,) -> (b, width)."""
        hidden = hidden + self.chosen[i](choice)
        return hidden + self.mix[i](hidden)

    def losses(self, hidden: Tensor, targets: Tensor) -> list[Tensor]:
        """Negative log-likelihood of each attribute, for the positions that have it, summed: hidden (n, width),
        targets (n, attributes) with `IGNORED`. Returns a list of (n_i,) tensors."""
        hidden = self.begin(hidden)
        found = []
        for i, logits in enumerate(self.logits):
            target = targets[:, i]
            present = target != IGNORED
            found.append(F.cross_entropy(logits(hidden[present]).float(), target[present], reduction="none"))
            if i < len(self.chosen):
                hidden = torch.where(present[:, None], self.advance(i, hidden, target.clamp(min=0)), hidden)
        return found


class Decoder(nn.Module):
    """See the module. Training: `hidden` then ``heads.losses``; decoding: `composer.models.sampling.Stepper`."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = SummedEmbedding(config.attributes, config.width)
        self.conditions = SummedEmbedding(config.conditions, config.width)
        self.memory_tokens = SummedEmbedding(config.memory, config.width) if config.memory else None
        self.modalities = nn.ModuleList(nn.Linear(size, config.width) for size in config.features)
        has_memory = bool(config.memory or config.features)
        self.encoder = nn.ModuleList(
            EncoderLayer(config) for _ in range(config.encoder_layers if has_memory else 0)
        )
        self.encoder_norm = nn.RMSNorm(config.width)
        self.layers: list[DecoderLayer] = nn.ModuleList(  # type: ignore[assignment]
            DecoderLayer(config, has_memory and i % config.cross_every == config.cross_every - 1)
            for i in range(config.layers)
        )
        self.heads = ChainedHeads(config)
        self.dropout = nn.Dropout(config.dropout)

    def encode(self, memory: Memory) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """Memory to (b, s, width) with its bars (b, s); (None, None) for a decoder without memory."""
        parts, bars = [], []
        if self.memory_tokens is not None and memory.tokens is not None and memory.bars is not None:
            parts.append(self.memory_tokens(memory.tokens))
            bars.append(memory.bars)
        for project, feature, feature_bars in zip(
            self.modalities, memory.features, memory.feature_bars, strict=True
        ):
            parts.append(project(feature))  # the layer's bias is the modality embedding
            bars.append(feature_bars)
        if not parts:
            return None, None
        x, at = torch.cat(parts, 1), torch.cat(bars, 1)
        for layer in self.encoder:
            x = layer(x, at)
        return self.encoder_norm(x), at

    def hidden(self, previous: Tensor, conditions: Tensor, bars: Tensor, memory: Memory) -> Tensor:
        """previous (b, t, attributes; 0 absent, else class + 1), conditions (b, t, conditions; likewise), bars (b, t)
        -> (b, t, width)."""
        encoded, encoded_bars = self.encode(memory)
        condition = self.conditions(conditions)
        x = self.dropout(self.tokens(previous) + condition)
        for layer in self.layers:
            x = layer(x, condition, bars, encoded, encoded_bars)
        return x

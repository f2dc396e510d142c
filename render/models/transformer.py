"""The latent transformer: one token for every 80 ms of music, in which all latent channels stand side by side.

Blocks are pre-norm with the adaptive norm of DiT (Peebles & Xie 2023), its modulation computed once from level and
style and shared by all blocks but for a learned offset (PixArt-alpha, Chen et al. 2023). A depthwise convolution over
time stands before queries, keys and values. There are no positions: attention falls with distance (ALiBi, Press et
al. 2022, both ways) and ends at ``reach`` tokens, so a cue of any length is one pass whose time and memory grow with
its length alone, and every moment is treated alike. The film's mood over time joins the latent at the input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOOD_CHANNELS = 3  # valence, arousal, whether they are known
_LEVEL_WAVES = 128


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes. ``reach``: how many tokens to either side a token attends to."""

    channels: int = 128
    style: int = 128
    width: int = 384
    blocks: int = 6
    heads: int = 6
    expansion: int = 3
    kernel: int = 7
    reach: int = 128  # 10 s

    def __post_init__(self) -> None:
        sizes = (self.channels, self.style, self.width, self.blocks, self.heads, self.expansion, self.reach)
        if min(sizes) < 1 or self.width % self.heads or self.kernel % 2 == 0:
            raise ValueError(f"{self}: sizes must be positive, heads divide the width, the kernel be odd")


class LatentTransformer(nn.Module):
    """Predicts the velocity of a noised latent (`render.models.predictor`)."""

    def __init__(self, config: TransformerConfig = TransformerConfig()) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(config, config.blocks)
        self.head = nn.Linear(config.width, config.channels)
        self.head_table = nn.Parameter(torch.zeros(2, config.width))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        latent: Tensor,
        level: Tensor,
        style: Tensor,
        mood: Tensor,
        has_style: Tensor | None = None,
        residuals: Sequence[Tensor] | None = None,
        entering: Tensor | None = None,
    ) -> Tensor:
        """The velocity (batch, channels, tokens); arguments as `Predictor.predict`.

        ``residuals``: one (batch, tokens, width) for each block, added after it; ``entering`` (batch, tokens, width):
        added before the first.
        """
        condition = self.trunk.condition(level, style, has_style)
        hidden = self.trunk(latent, mood, condition, entering, residuals)[-1]
        scale, shift = (condition + self.head_table[:, None, None]).unbind()
        return self.head(_normed(hidden, scale, shift)).transpose(1, 2)

    def predict(
        self,
        latent: Tensor,
        level: Tensor,
        style: Tensor,
        mood: Tensor,
        controls: Tensor | None,
        has_style: Tensor | None = None,
    ) -> Tensor:
        """See `Predictor.predict`. A base knows no controls: raises ValueError where some are given."""
        if controls is not None:
            raise ValueError("a base without a control branch takes no controls")
        return self(latent, level, style, mood, has_style)


class Trunk(nn.Module):
    """The input, the conditioning and some blocks: all of the network but its head, or the part a branch copies."""

    def __init__(self, config: TransformerConfig, blocks: int) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.stem = nn.Linear(config.channels + MOOD_CHANNELS, width)
        self.level = nn.Sequential(nn.Linear(2 * _LEVEL_WAVES, width), nn.SiLU(), nn.Linear(width, width))
        self.style = nn.Linear(config.style, width)
        self.no_style = nn.Parameter(torch.zeros(config.style))
        modulate = nn.Linear(width, 6 * width)
        nn.init.zeros_(modulate.weight)
        nn.init.zeros_(modulate.bias)
        self.modulation = nn.Sequential(nn.SiLU(), modulate)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(blocks))

    def condition(self, level: Tensor, style: Tensor, has_style: Tensor | None) -> Tensor:
        """Level and style as (batch, 1, width)."""
        if has_style is not None:
            style = torch.where(has_style[:, None], style, self.no_style)
        return (self.level(waves(level)) + self.style(style))[:, None]

    def forward(
        self,
        latent: Tensor,
        mood: Tensor,
        condition: Tensor,
        entering: Tensor | None = None,
        residuals: Sequence[Tensor] | None = None,
    ) -> list[Tensor]:
        """The tokens after every block: (batch, tokens, width) each."""
        hidden = self.stem(torch.cat([latent, mood.to(latent)], 1).transpose(1, 2))
        if entering is not None:
            hidden = hidden + entering
        modulation = self.modulation(condition).unflatten(-1, (6, -1))
        bias = distance_bias(self.config, hidden.shape[1], hidden.device)
        found = []
        for index, block in enumerate(self.blocks):
            hidden = block(hidden, modulation, bias)
            if residuals is not None:
                hidden = hidden + residuals[index]
            found.append(hidden)
        return found


class _Block(nn.Module):
    """Attention and an MLP, each scaled, shifted and gated."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.table = nn.Parameter(torch.zeros(6, width))
        self.near = nn.Conv1d(width, width, config.kernel, padding=config.kernel // 2, groups=width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, config.expansion * width)
        self.down = nn.Linear(config.expansion * width, width)

    def forward(self, hidden: Tensor, modulation: Tensor, bias: Tensor) -> Tensor:
        scale, shift, gate, scale_mlp, shift_mlp, gate_mlp = (modulation + self.table).unbind(-2)
        x = _normed(hidden, scale, shift)
        x = x + self.near(x.transpose(1, 2)).transpose(1, 2)
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        x = attend(q, k, v, bias).transpose(1, 2).flatten(2)
        hidden = hidden + gate * self.out(x)
        x = _normed(hidden, scale_mlp, shift_mlp)
        return hidden + gate_mlp * self.down(F.gelu(self.up(x)))


def distance_bias(config: TransformerConfig, tokens: int, device: torch.device) -> Tensor:
    """What distance takes from attention: (1, heads, block, 3 block) for the queries of one block of tokens and the
    keys of that block, the one before and the one after. A block has ``reach`` tokens, or all if these are fewer."""
    block = min(config.reach, tokens)
    slopes = 2.0 ** (-6.0 * torch.arange(1, config.heads + 1, device=device) / config.heads)
    query = torch.arange(block, 2 * block, device=device)
    distance = (query[:, None] - torch.arange(3 * block, device=device)).abs()
    bias = -slopes[:, None, None] * distance
    return bias.masked_fill(distance > config.reach, -math.inf)[None]


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Softmax attention of q, k, v (batch, heads, tokens, size) under ``bias`` (`distance_bias`): the shape of q.

    Written out: on processors it trains four times as fast as PyTorch's scaled_dot_product_attention.
    """
    batch, _, tokens, size = q.shape
    block = bias.shape[-2]
    bias = bias.to(q.dtype).expand(batch, -1, -1, -1)
    parts = []
    for start in range(0, tokens, block):
        stop = min(start + block, tokens)
        first, last = max(0, start - block), min(tokens, start + 2 * block)
        seen = bias[..., : stop - start, first - start + block : last - start + block].flatten(0, 1)
        query, key, value = q[:, :, start:stop], k[:, :, first:last], v[:, :, first:last]
        scores = torch.baddbmm(seen, query.flatten(0, 1) * size**-0.5, key.flatten(0, 1).transpose(1, 2))
        parts.append(torch.bmm(scores.softmax(-1), value.flatten(0, 1)).view_as(query))
    return parts[0] if len(parts) == 1 else torch.cat(parts, 2)


def waves(level: Tensor) -> Tensor:
    """Sines and cosines (batch, 2 * 128) float32 of ``level`` (batch,), of 1 to 10 000 levels a radian."""
    rates = torch.exp(torch.arange(_LEVEL_WAVES, device=level.device) * (-math.log(1e4) / _LEVEL_WAVES))
    angle = level.float()[:, None] * rates
    return torch.cat([angle.sin(), angle.cos()], 1)


def _normed(hidden: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Layer norm over the last axis, then the scale (about 0) and shift."""
    return torch.addcmul(shift, F.layer_norm(hidden, hidden.shape[-1:]).to(scale.dtype), 1 + scale)

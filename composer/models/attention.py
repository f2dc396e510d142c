"""Attention layers: gated linear attention with a recurrent state, and windowed softmax attention over bars.

Gated linear attention (Yang et al., 2024; linear attention as RNN: Katharopoulos et al., 2020) with one
data-dependent decay a head and step. `GatedLinearAttention.forward` computes whole sequences in chunks, by
`attend_in_chunks` or by another function of the same form (`composer.models.backend`); `GatedLinearAttention.step`
computes one position from a state of fixed size, so a token costs the same anywhere.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHUNK = 128
DECAY_TEMPERATURE = (
    16.0  # decay = sigmoid(x) ** (1 / 16): starts near 1, so a head remembers hundreds of steps
)

# query, key, value (b, heads, t, head width) and log_decay (b, heads, t) -> (b, heads, t, head width): at each step the
# sum over all steps j up to it of (query . key[j]) value[j], decayed by the steps after j.
Attend = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def attend_in_chunks(query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor) -> Tensor:
    """`Attend` in plain PyTorch: a masked product within chunks of `CHUNK` steps, a state between them."""
    query, key, value, total = split_in_chunks(query, key, value, log_decay, CHUNK)
    within = (total[..., :, None] - total[..., None, :]).masked_fill(
        torch.ones(CHUNK, CHUNK, dtype=torch.bool, device=total.device).triu(1), float("-inf")
    )
    scores = (query @ key.transpose(-1, -2)) * within.exp().to(query.dtype)
    attended = scores @ value + attend_before(query, key, value, total)
    return attended.flatten(2, 3)[:, :, : log_decay.shape[2]]


def split_in_chunks(
    query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, chunk: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sequences padded to whole chunks: (b, heads, chunks, chunk, head width) each, and the sum of the log decays from
    the chunk's begin on, (b, heads, chunks, chunk)."""
    padding = -log_decay.shape[2] % chunk
    query, key, value = (
        F.pad(part, (0, 0, 0, padding)).unflatten(2, (-1, chunk)) for part in (query, key, value)
    )
    return query, key, value, F.pad(log_decay, (0, padding)).unflatten(2, (-1, chunk)).cumsum(-1)


def attend_before(query: Tensor, key: Tensor, value: Tensor, total: Tensor) -> Tensor:
    """What each step sees of the chunks before its own, through the state: arguments from `split_in_chunks`, result
    (b, heads, chunks, chunk, head width)."""
    decayed_keys = key * (total[..., -1:] - total).exp().to(key.dtype)[..., None]
    updates = (decayed_keys.transpose(-1, -2) @ value).float()  # (b, h, n, e, e)
    chunk_decay = total[..., -1].exp()  # (b, h, n)
    state = torch.zeros_like(updates[:, :, 0])
    states = []
    for i in range(updates.shape[2]):
        states.append(state)
        state = state * chunk_decay[:, :, i, None, None] + updates[:, :, i]
    return (query * total.exp().to(query.dtype)[..., None]) @ torch.stack(states, 2).to(query.dtype)


class GatedLinearAttention(nn.Module):
    """Causal linear attention: (batch, steps, width) -> (batch, steps, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = width // heads
        self.attend: Attend = attend_in_chunks
        self.project = nn.Linear(width, 4 * width + heads, bias=False)  # query, key, value, gate, decay
        self.decay_bias = nn.Parameter(torch.linspace(0.0, 6.0, heads))  # from short to long memory
        self.norm = nn.RMSNorm(self.head_width)
        self.out = nn.Linear(width, width, bias=False)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        width = self.heads * self.head_width
        query, key, value, gate, decay = self.project(x).split(
            [width, width, width, width, self.heads], dim=-1
        )
        query, key, value = (
            part.unflatten(-1, (self.heads, self.head_width)).transpose(1, 2) for part in (query, key, value)
        )
        log_decay = F.logsigmoid(decay.float() + self.decay_bias) / DECAY_TEMPERATURE
        return query * self.head_width**-0.5, key, value, gate, log_decay.transpose(1, 2)

    def _merge(self, attended: Tensor, gate: Tensor) -> Tensor:
        normed = self.norm(attended.float()).to(gate.dtype)
        return self.out(normed.transpose(1, 2).flatten(2) * F.silu(gate))

    def forward(self, x: Tensor) -> Tensor:
        """Whole sequences."""
        query, key, value, gate, log_decay = self._split(x)
        return self._merge(self.attend(query, key, value, log_decay), gate)

    def initial_state(self, batch: int) -> Tensor:
        """Zeros (batch, heads, head_width, head_width) float32."""
        return torch.zeros(batch, self.heads, self.head_width, self.head_width, device=self.out.weight.device)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One position (batch, width) and the state before it -> its output and the state after it."""
        query, key, value, gate, log_decay = self._split(x[:, None])
        state = state * log_decay.exp()[..., None] + key.transpose(-1, -2) * value
        return self._merge(query @ state, gate)[:, 0], state


class BarAttention(nn.Module):
    """Softmax attention from positions to a memory, each position seeing only the bars near its own.

    V-MusProd's bar-level mask: with ``window`` 1 a position sees the previous, the current and the next bar.
    """

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def visible(self, bars: Tensor, memory_bars: Tensor) -> Tensor:
        """Which memory a position may see: bars (b, t), memory_bars (b, s; -1 = padding) -> (b, 1, t, s) bool.

        A row that may see nothing sees everything, so that its softmax is defined; give such rows no weight.
        """
        distance = (memory_bars[:, None, :] - bars[:, :, None]).abs()
        seen = (distance <= self.window) & (memory_bars >= 0)[:, None, :]
        return (seen | ~seen.any(-1, keepdim=True))[:, None]

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Memory (b, s, width) -> keys and values (b, heads, s, head_width)."""
        key, value = self.key_value(memory).chunk(2, dim=-1)
        key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (key, value))
        return key, value

    def forward(self, x: Tensor, memory: tuple[Tensor, Tensor], visible: Tensor | None) -> Tensor:
        """x (b, t, width), memory from `keys_values`, mask from `visible` (None: all) -> (b, t, width)."""
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = memory
        attended = F.scaled_dot_product_attention(query, key, value, visible)
        return self.out(attended.transpose(1, 2).flatten(2))

"""Decoding one step at a time at constant cost, and the filters that shape a distribution."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from composer.models.decoder import Decoder, Memory


def nucleus(logits: Tensor, p: float) -> Tensor:
    """Keep the smallest set of classes whose probability reaches ``p`` (Holtzman et al., 2020): (b, n) -> (b, n)."""
    if p >= 1.0:
        return logits
    ordered, order = logits.sort(dim=-1, descending=True)
    probability = ordered.softmax(-1)
    drop = probability.cumsum(-1) - probability >= p
    return logits.masked_fill(torch.zeros_like(drop).scatter(-1, order, drop), float("-inf"))


def draw(logits: Tensor, generator: torch.Generator) -> Tensor:
    """One class a row: (b, n) -> (b,) int64."""
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]


@contextmanager
def one_thread() -> Iterator[None]:
    """Decode on one thread: small products gain nothing from more, and sums come out alike on any number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Stepper:
    """The state of one decoding run: recurrent states, and the memory of the bars in sight.

    Memory must be sorted by bar; each step looks at a slice of it, so its cost does not grow with the piece.
    """

    def __init__(self, decoder: Decoder, memory: Memory, batch: int = 1) -> None:
        self.decoder = decoder
        self.states = [layer.attention.initial_state(batch) for layer in decoder.layers]
        encoded, bars = decoder.encode(memory)
        self._keys_values = [
            layer.cross.keys_values(encoded) if layer.cross is not None and encoded is not None else None
            for layer in decoder.layers
        ]
        self._bars = bars
        self._bar = -1
        self._seen: list[tuple[Tensor, Tensor] | None] = [None] * len(decoder.layers)

    def _look(self, bar: int) -> None:
        self._bar = bar
        if self._bars is None:
            return
        window = self.decoder.config.window
        near = torch.nonzero((self._bars[0] >= bar - window) & (self._bars[0] <= bar + window))[:, 0]
        for i, stored in enumerate(self._keys_values):
            if stored is not None:
                self._seen[i] = (stored[0][:, :, near], stored[1][:, :, near]) if len(near) else None

    @torch.no_grad()
    def step(self, previous: Tensor, conditions: Tensor, bar: int) -> Tensor:
        """previous (b, attributes), conditions (b, conditions) -> hidden (b, width), ready for the heads."""
        if bar != self._bar:
            self._look(bar)
        condition = self.decoder.conditions(conditions)
        x = self.decoder.tokens(previous) + condition
        for i, layer in enumerate(self.decoder.layers):
            x, self.states[i] = layer.step(x, condition, self.states[i], self._seen[i])
        return x

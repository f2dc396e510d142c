"""Lightweight attentional feature fusion: features of any widths to one, as a convex combination that is learnt.

LAFF (Hu et al., "Lightweight attentional feature fusion: a new baseline for text-to-video retrieval", ECCV 2022): each
feature goes through a linear layer and tanh into one space, a linear score of each says how much it counts, and the
softmax of the scores are the weights. As there, the block stands twice: over the features of a step, then over the
steps of a sequence. What is missing has weight 0. Tensors only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LIMIT = 4.0  # deviations from the mean at which an input is cut off


@dataclass(frozen=True)
class Fused:
    """``steps`` (batch, steps, D) with the ``weights`` (batch, steps, features) that made them, and ``whole``
    (batch, D) with the ``step_weights`` (batch, steps) that made it. Weights are >= 0 and sum to 1."""

    steps: Tensor
    weights: Tensor
    whole: Tensor
    step_weights: Tensor


class Convex(nn.Module):
    """The convex combination of vectors by the softmax of a learnt linear score."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, vectors: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """``vectors`` (..., n, D) and ``present`` (..., n) bool, at least one of n: (..., D) and weights (..., n)."""
        scores = self.score(vectors).squeeze(-1).masked_fill(~present, -torch.inf)
        weights = scores.softmax(-1)
        return (weights.unsqueeze(-1) * vectors).sum(-2), weights


class LAFF(nn.Module):
    """Fuses features of ``widths`` into one of ``width`` at every step, and the steps into one.

    ``mean`` and ``deviation`` hold those of the inputs, side by side; `standardize_by` sets them.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.maps = nn.ModuleList(nn.Linear(each, width) for each in widths)
        self.over_features = Convex(width)
        self.over_steps = Convex(width)
        self.register_buffer("mean", torch.zeros(sum(widths)))
        self.register_buffer("deviation", torch.ones(sum(widths)))

    def standardize_by(self, inputs: Sequence[Tensor]) -> None:
        """Take the mean and deviation of ``inputs``, for each feature (n, width)."""
        self.mean.copy_(torch.cat([each.mean(0) for each in inputs]))
        self.deviation.copy_(torch.cat([each.std(0).clamp(min=1e-4) for each in inputs]))

    def forward(self, inputs: Sequence[Tensor], present: Tensor, steps: Tensor) -> Fused:
        """``inputs``: for each feature (batch, steps, width); ``present`` (batch, features) bool, which of them are
        there; ``steps`` (batch, steps) bool, which are no padding. Raises ValueError where all features are missing.
        """
        if not bool(present.any(-1).all()):
            raise ValueError("all features are missing; at least one must be present")
        means, deviations = self.mean.split(self.widths), self.deviation.split(self.widths)
        mapped = [
            torch.tanh(to_common(((each - mean) / deviation).clamp(-LIMIT, LIMIT)))
            for each, to_common, mean, deviation in zip(inputs, self.maps, means, deviations, strict=True)
        ]
        vectors = torch.stack(mapped, dim=2)
        fused, weights = self.over_features(vectors, present[:, None].expand(vectors.shape[:3]))
        whole, step_weights = self.over_steps(fused, steps)
        return Fused(fused, weights, whole, step_weights)


class TwoSides(nn.Module):
    """Two kinds of sequences, each fused by its own `LAFF`, in one space of ``width``."""

    def __init__(self, left_widths: Sequence[int], right_widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.left = LAFF(left_widths, width)
        self.right = LAFF(right_widths, width)


def contrast(left: Tensor, right: Tensor, temperature: Tensor) -> Tensor:
    """InfoNCE both ways (van den Oord et al., 2018; Radford et al., 2021): rows of ``left`` and ``right``, (n, D), of
    one index belong together, all others do not. Nats, ()."""
    logits = F.normalize(left, dim=-1) @ F.normalize(right, dim=-1).T / temperature
    truth = torch.arange(len(left), device=left.device)
    return (F.cross_entropy(logits, truth) + F.cross_entropy(logits.T, truth)) / 2

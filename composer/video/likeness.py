"""How like its prompts a picture is: the columns of `VideoFeatures.semantic_scores`, and what may be read from them.

A score is a softmax within its category (Radford et al., 2021). Columns come in blocks: ``PROMPTS``, the rest of
``BANK``, then the user's own prompts. A prompt is weighed against its category in its own block and those before it,
never against later ones, so a bank that grows leaves the columns it had as they were. `joint_shares` turns them
into shares of all prompts together, where each category sums to 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from composer.video.features import VideoFeatures
from composer.video.prompts import BANK, CATEGORIES, PROMPTS, Prompt


def blocks_of(user_prompts: Sequence[Prompt] = ()) -> list[tuple[Prompt, ...]]:
    """The blocks of columns of scores: ``PROMPTS``, the rest of the bank, and the user's where there are any."""
    blocks = [PROMPTS, BANK[len(PROMPTS) :], tuple(user_prompts)]
    return blocks if user_prompts else blocks[:2]


def block_scores(logits: np.ndarray, blocks: Sequence[Sequence[Prompt]]) -> np.ndarray:
    """Scores (T, P) float32 of logits (T, P), whose columns are the prompts of all ``blocks``."""
    categories = np.array([prompt.category for block in blocks for prompt in block])
    scores = np.zeros(logits.shape, np.float32)
    first = 0
    for block in blocks:
        end = first + len(block)
        for category in sorted({prompt.category for prompt in block}):
            rivals = np.flatnonzero(categories[:end] == category)
            part = np.exp(logits[:, rivals] - logits[:, rivals].max(axis=1, keepdims=True))
            part /= part.sum(axis=1, keepdims=True)
            scores[:, rivals[rivals >= first]] = part[:, rivals >= first]
        first = end
    return scores


def joint_shares(scores: np.ndarray, blocks: Sequence[Sequence[Prompt]]) -> np.ndarray:
    """Scores (T, P) of `block_scores` as shares (T, P) float32 of all blocks: each category sums to 1."""
    categories = np.array([prompt.category for block in blocks for prompt in block])
    shares = scores.astype(np.float32)
    first = len(blocks[0])
    for block in blocks[1:]:
        end = first + len(block)
        for category in {prompt.category for prompt in block}:
            same = categories == category
            added = scores[:, first:end][:, same[first:end]].sum(axis=1, keepdims=True)
            shares[:, :first][:, same[:first]] *= 1 - added
        first = end
    return shares


def prompt_shares(
    features: VideoFeatures, categories: Sequence[str] = CATEGORIES, *, with_user: bool = True
) -> tuple[tuple[Prompt, ...], np.ndarray]:
    """The prompts of ``categories`` and their shares (T_s, prompts) float32 of the picture at `semantic_times_s`; each
    category sums to 1. The default is what tells mood and tags: the bank and the user's prompts, where there are any.

    Features that hold the scores of ``PROMPTS`` alone give those. Raises ValueError where scores and prompts differ in
    number.
    """
    scores = features.semantic_scores
    width = scores.shape[1]
    if width in (0, len(PROMPTS)) and not features.user_prompts:
        blocks: list[tuple[Prompt, ...]] = [PROMPTS]
        scores = scores if width else np.zeros((len(scores), len(PROMPTS)), np.float32)
    else:
        blocks = blocks_of(features.user_prompts)
        expected = sum(len(block) for block in blocks)
        if width != expected:
            raise ValueError(f"{width} semantic scores a second, but {expected} prompts")
    if not with_user and features.user_prompts:
        blocks = blocks[:2]
        scores = scores[:, : len(BANK)]
    prompts = [prompt for block in blocks for prompt in block]
    kept = [index for index, prompt in enumerate(prompts) if prompt.category in categories]
    return tuple(prompts[index] for index in kept), joint_shares(scores, blocks)[:, kept]

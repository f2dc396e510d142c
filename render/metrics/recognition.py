"""Whether sound has the style asked for: share recognised, and distance between style embeddings.

Conventions: styles are indices (clips,); embeddings are unit vectors (clips, width) or are made so; a distance is one
minus the cosine, 0-2.
"""

from __future__ import annotations

import numpy as np

from render.metrics import TooLittleSound


def recognised(true: np.ndarray, named: np.ndarray) -> float:
    """Share of clips whose style (clips,) a classifier names right, 0-1."""
    true, named = np.asarray(true), np.asarray(named)
    if true.shape != named.shape or true.ndim != 1:
        raise ValueError(f"styles of shapes {true.shape} and {named.shape}; both must be (clips,)")
    if not true.size:
        raise TooLittleSound("a share of recognised styles needs a clip or more")
    return float((true == named).mean())


def confusions(true: np.ndarray, named: np.ndarray, styles: int) -> np.ndarray:
    """How often style i was taken for style j: (styles, styles) int64."""
    counts = np.zeros((styles, styles), np.int64)
    np.add.at(counts, (np.asarray(true), np.asarray(named)), 1)
    return counts


def embedding_distance(first: np.ndarray, second: np.ndarray) -> float:
    """One minus the cosine of two embeddings (width,), 0 to 2. Raises ValueError for unlike shapes or a zero vector."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    length = np.linalg.norm(first) * np.linalg.norm(second)
    if first.shape != second.shape or first.ndim != 1 or length == 0:
        raise ValueError(f"embeddings of shapes {first.shape} and {second.shape}, or one of length 0")
    return float(1.0 - first @ second / length)

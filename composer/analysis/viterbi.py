"""The best path through labels where every change of label costs the same, whatever the labels (Viterbi, 1967)."""

from __future__ import annotations

import numpy as np


def best_path(scores: np.ndarray, change_costs: np.ndarray) -> np.ndarray:
    """``scores`` (steps, states), ``change_costs`` (steps,) of a change into each step -> states (steps,) int64.

    At least one step. Staying wins over a change that is worth no more.
    """
    steps, states = scores.shape
    came_from = np.empty((steps, states), np.int64)
    stay = np.arange(states)
    total = scores[0].copy()
    for t in range(1, steps):
        best = int(total.argmax())
        changed = total[best] - change_costs[t]
        came_from[t] = np.where(total >= changed, stay, best)
        total = np.maximum(total, changed) + scores[t]
    path = np.empty(steps, np.int64)
    path[-1] = total.argmax()
    for t in range(steps - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path

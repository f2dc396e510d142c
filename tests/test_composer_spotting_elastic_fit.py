"""The elastic fit: no step away from its answer is better, and limits hold for their price."""

from __future__ import annotations

import numpy as np
import pytest

from composer.spotting.elastic_fit import Limits, Rows, fit


def chain(size: int, seed: int, price: float) -> tuple[Rows, np.ndarray, Limits]:
    """Neighbours that want to be equal, every third unknown wished elsewhere and held below a bound."""
    rng = np.random.default_rng(seed)
    steps = Rows(np.arange(size - 1), np.tile([-1.0, 1.0, 0.0], (size - 1, 1)))
    third = np.arange(1, size - 1, 3)
    pulled = Rows(third, np.tile([0.5, 0.0, 0.0], (third.size, 1)))
    targets = np.concatenate([np.zeros(size - 1), rng.normal(0, 2, third.size)])
    bounds = rng.normal(0, 1, third.size)
    return Rows.joined([steps, pulled]), targets, Limits(pulled, bounds, np.full(third.size, price))


def cost(x: np.ndarray, wishes: Rows, targets: np.ndarray, limits: Limits) -> float:
    beyond = np.maximum(limits.rows.times(x) - limits.bounds, 0)
    return float(((wishes.times(x) - targets) ** 2).sum() / 2 + limits.prices @ beyond)


@pytest.mark.parametrize("price", [0.3, 1e5])
@pytest.mark.parametrize("size", [3, 20, 400])
def test_no_step_away_is_better(size, price):
    wishes, targets, limits = chain(size, size, price)
    x = fit(size, wishes, targets, limits)
    assert x[0] == x[-1] == 0
    rng = np.random.default_rng(1)
    for _ in range(200):
        step = rng.normal(size=size) * 10 ** rng.uniform(-6, 0)
        step[[0, -1]] = 0
        assert cost(x + step, wishes, targets, limits) > cost(x, wishes, targets, limits) - 1e-4


def test_a_dear_limit_holds_and_a_cheap_one_gives_way():
    wishes, targets, dear = chain(40, 5, 1e5)
    assert np.max(dear.rows.times(fit(40, wishes, targets, dear)) - dear.bounds) < 1e-6
    _, _, cheap = chain(40, 5, 0.01)
    assert np.max(cheap.rows.times(fit(40, wishes, targets, cheap)) - cheap.bounds) > 0.1


def test_rows_agree_with_the_full_matrix():
    rng = np.random.default_rng(2)
    rows = Rows(np.array([0, 2, 1, 2]), rng.normal(size=(4, 3)))
    full = np.zeros((4, 5))
    for i, (first, factors) in enumerate(zip(rows.first, rows.factors, strict=True)):
        full[i, first : first + 3] = factors
    x, weights = rng.normal(size=5), rng.uniform(1, 2, 4)
    assert np.allclose(rows.times(x), full @ x)
    assert np.allclose(rows.gathered(weights, 5), full.T @ weights)
    normal = full.T @ np.diag(weights) @ full
    band = rows.normal(weights, 5)
    for k in range(3):
        assert np.allclose(band[k, : 5 - k], np.diag(normal, -k))


def test_a_problem_that_leaves_an_unknown_free_is_refused():
    nothing = Rows(np.zeros(1, dtype=int), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="not determined"):
        fit(4, nothing, np.zeros(1), Limits(nothing, np.ones(1), np.ones(1)))

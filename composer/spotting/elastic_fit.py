"""Least squares on a chain, under limits that give way at a price.

The unknowns stand in a row and every equation touches at most three neighbours, so that the normal equations are
banded and cost is linear in length. A limit is elastic: going beyond it by one unit costs its price, so that there is
always an answer, and a limit whose price outweighs what it stands against holds exactly (exact penalty functions;
Nocedal & Wright, *Numerical Optimization*, 2nd ed., 17.2). Solved by the predictor-corrector interior-point method of
Mehrotra (SIAM J. Optimization 2, 1992) with the slack of the limits eliminated row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpbtrf, dpbtrs

MAX_ITERATIONS = 80
START, START_GAP = 0.1, 1e3  # least distance from every limit, and slack times force, at first
CLOSE = 1e-5  # mean of slack times force at which the answer stands
STEP_SHARE = 0.995  # of the way to the nearest boundary
WIDTH = 3  # unknowns that one row may touch
ROUNDING = 1e-11  # added to the diagonal, relative, so that rounding leaves the matrix positive


@dataclass(frozen=True)
class Rows:
    """Equations: row r is ``factors[r] @ x[first[r] : first[r] + 3]``. (rows,) int and (rows, 3) float."""

    first: np.ndarray
    factors: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of ``parts``, in order."""
        return cls(np.concatenate([p.first for p in parts]), np.concatenate([p.factors for p in parts]))

    def scaled(self, scale: float) -> Rows:
        """All rows, times ``scale``."""
        return Rows(self.first, self.factors * scale)

    def only(self, chosen: np.ndarray) -> Rows:
        """The rows that are ``chosen`` (rows,) bool."""
        return Rows(self.first[chosen], self.factors[chosen])

    def times(self, values: np.ndarray) -> np.ndarray:
        """What the rows give for ``values`` (unknowns,): (rows,)."""
        padded = np.concatenate([values, np.zeros(WIDTH - 1)])
        return (self.factors * padded[self.first[:, None] + np.arange(WIDTH)]).sum(axis=1)

    def gathered(self, weights: np.ndarray, size: int) -> np.ndarray:
        """The transposed product with ``weights`` (rows,): (size,)."""
        columns = (self.first[:, None] + np.arange(WIDTH)).ravel()
        return np.bincount(columns, (weights[:, None] * self.factors).ravel(), size + WIDTH - 1)[:size]

    def normal(self, weights: np.ndarray, size: int) -> np.ndarray:
        """The normal matrix under ``weights`` (rows,), lower band form (3, size)."""
        band = np.zeros((WIDTH, size + WIDTH - 1))
        for low in range(WIDTH):
            weighted = weights * self.factors[:, low]
            for high in range(low, WIDTH):
                band[high - low] += np.bincount(
                    self.first + low, weighted * self.factors[:, high], size + WIDTH - 1
                )
        return band[:, :size]


@dataclass(frozen=True)
class Limits:
    """``rows`` must not exceed ``bounds`` (rows,); each unit beyond costs ``prices`` (rows,)."""

    rows: Rows
    bounds: np.ndarray
    prices: np.ndarray


def fit(size: int, wishes: Rows, targets: np.ndarray, limits: Limits) -> np.ndarray:
    """The ``size`` unknowns that bring ``wishes`` nearest to ``targets`` (half the sum of squares) under ``limits``.

    The first and the last unknown stay 0.
    """
    rows, bounds, prices = limits.rows, limits.bounds, limits.prices
    stiffness = wishes.normal(np.ones(targets.size), size)
    pull = wishes.gathered(targets, size)
    x = np.zeros(size)
    over = -bounds
    beyond = np.maximum(over + START, 0.0) + START_GAP / prices  # how far a limit is passed
    slack = beyond - over  # how far what is left is within it
    force = np.minimum(START_GAP / slack, prices / 2)
    for _ in range(MAX_ITERATIONS):
        rest = prices - force
        gap = float(force @ slack + rest @ beyond) / max(2 * bounds.size, 1)
        residual = _gradient(stiffness, x) - pull + rows.gathered(force, size)
        residual[[0, -1]] = 0.0
        if gap < CLOSE:
            break
        weights = 1.0 / (slack / force + beyond / rest)
        factor = _factor(stiffness + rows.normal(weights, size))
        # Predictor: straight at the answer. Corrector: the same, centred as far as the predictor got.
        move = _direction(
            rows, factor, weights, residual, force, slack, rest, beyond, -force * slack, -rest * beyond
        )
        reach = _reach(force, slack, rest, beyond, *move[1:])
        dx, df, ds, db = move
        ahead = float(
            (force + reach * df) @ (slack + reach * ds) + (rest - reach * df) @ (beyond + reach * db)
        )
        centre = gap * min((max(ahead, 0.0) / max(2 * bounds.size, 1) / gap), 1.0) ** 3
        move = _direction(
            rows,
            factor,
            weights,
            residual,
            force,
            slack,
            rest,
            beyond,
            centre - force * slack - reach * df * ds,
            centre - rest * beyond + reach * df * db,
        )
        reach = STEP_SHARE * _reach(force, slack, rest, beyond, *move[1:])
        dx, df, ds, db = move
        x, force, slack, beyond = x + reach * dx, force + reach * df, slack + reach * ds, beyond + reach * db
    return x


def _direction(rows, factor, weights, residual, force, slack, rest, beyond, at_slack, at_beyond):
    """Newton's step of the unknowns, forces, slacks and excesses towards the given products."""
    pushed = at_slack / force - at_beyond / rest
    right = -residual - rows.gathered(weights * pushed, residual.size)
    right[[0, -1]] = 0.0
    dx, _ = dpbtrs(factor, right, lower=1)
    df = weights * (rows.times(dx) + pushed)
    return dx, df, (at_slack - slack * df) / force, (at_beyond + beyond * df) / rest


def _reach(force, slack, rest, beyond, df, ds, db) -> float:
    """How much of a step keeps all positive, at most 1."""
    worst = max(
        float(np.max(-df / force, initial=0.0)),
        float(np.max(df / rest, initial=0.0)),
        float(np.max(-ds / slack, initial=0.0)),
        float(np.max(-db / beyond, initial=0.0)),
    )
    return min(1.0 / worst, 1.0) if worst > 0 else 1.0


def _gradient(band: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A symmetric banded matrix times ``x``."""
    found = band[0] * x
    for k in range(1, WIDTH):
        found[k:] += band[k, :-k] * x[:-k]
        found[:-k] += band[k, :-k] * x[k:]
    return found


def _factor(band: np.ndarray) -> np.ndarray:
    """Cholesky's factor with the ends fixed: their row and column become the identity."""
    for end in (0, band.shape[1] - 1):
        for distance in range(WIDTH):
            for low in {end, end - distance} & set(range(band.shape[1] - distance)):
                band[distance, low] = 0.0
        band[0, end] = 1.0
    band[0] *= 1 + ROUNDING
    factor, failed = dpbtrf(band, lower=1)
    if failed:
        raise ValueError(f"the fit is not determined at unknown {failed}")
    return factor

"""How mood, density and dynamics move within a section: a few points each, as changes from the section's value.

- *Valence* and *arousal* are the mood curve itself.
- *Density* follows how much moves: a power of the RGB difference (between Weber's logarithm and the measure
  itself, as Stevens' power law has it; Psychological Review 64, 1957), against its mean over the film. What moves more
  than at most other times is `DENSITY_RANGE` denser, what is stiller as much thinner; a film that moves evenly stays
  nearer to its mean.
- *Dynamics* follow arousal, as a section's value does, and density a little.

A curve is thinned by Ramer's rule (Computer Graphics and Image Processing 1, 1972; Douglas & Peucker 1973): points are
left out where the straight line stays within a tolerance. Its mean over the section is 0. Where hardly anything varies
there is no curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.spotting.affect import AffectCurve, rgb_difference_at, smooth
from composer.spotting.cues import Curve, CurvePoint
from composer.spotting.wishes import ENERGY_DYNAMICS
from composer.video.features import VideoFeatures

STEP_S = 0.5
DENSITY_RANGE = 0.3
USUAL_SHARE = 95.0  # percentile of the distance from the mean at which the range is reached
LEAST_SPREAD = 0.5  # of the mean: motion that varies less does not reach it
MOVEMENT_SMOOTHING = 3  # steps: what is shorter than a bar is no matter of its density
FELT = 0.7  # power of the RGB difference
STILL = 1.0  # RGB difference of a picture in which nothing moves, for noise and grain

# The range of values below which there is no curve, and how far a line may stray.
MOOD_LEAST, MOOD_TOLERANCE = 0.1, 0.05
DENSITY_LEAST, DENSITY_TOLERANCE = 0.06, 0.06
DYNAMICS_LEAST, DYNAMICS_TOLERANCE = 0.05, 0.025
MAX_POINTS = 32  # of a curve: a person must be able to read it
DYNAMICS_OF_DENSITY = 0.3
DYNAMICS_SMOOTHING = 5  # steps
LOWEST, HIGHEST = 0.03, 1.0  # density and dynamics stay between


@dataclass(frozen=True)
class Movement:
    """How much moves, for the density: ``changes`` (T,), -`DENSITY_RANGE` to as much above 0, at ``times_s``."""

    times_s: np.ndarray
    changes: np.ndarray

    @classmethod
    def of(cls, features: VideoFeatures) -> Movement:
        """The movement of a film, cuts taken out."""
        times_s = np.arange(0.0, max(features.duration_s, STEP_S), STEP_S) + STEP_S / 2
        felt = smooth((rgb_difference_at(features, times_s) + STILL) ** FELT, MOVEMENT_SMOOTHING)
        away = felt - felt.mean()
        spread = max(float(np.percentile(np.abs(away), USUAL_SHARE)), LEAST_SPREAD * float(felt.mean()))
        return cls(times_s, np.clip(away / spread, -1, 1) * DENSITY_RANGE)

    def mean(self, start_s: float, end_s: float) -> float:
        """How much denser than the film the stretch from ``start_s`` to ``end_s`` should be on average."""
        return float(np.interp(_grid(start_s, end_s), self.times_s, self.changes).mean())


@dataclass(frozen=True)
class SectionCurves:
    """The curves of one section."""

    valence: Curve
    arousal: Curve
    density: Curve
    dynamics: Curve


def section_curves(
    mood: AffectCurve, movement: Movement, start_s: float, end_s: float, density: float, dynamics: float
) -> SectionCurves:
    """The curves from ``start_s`` to ``end_s`` of a section with these mean ``density`` and ``dynamics``."""
    times_s = _grid(start_s, end_s)
    valence, arousal = (np.interp(times_s, mood.times_s, values) for values in (mood.valence, mood.arousal))
    denser = np.interp(times_s, movement.times_s, movement.changes)
    louder = ENERGY_DYNAMICS / 2 * (arousal - arousal.mean())
    louder += DYNAMICS_OF_DENSITY * smooth(denser - denser.mean(), DYNAMICS_SMOOTHING)
    return SectionCurves(
        fit_curve(times_s, valence, MOOD_LEAST, MOOD_TOLERANCE),
        fit_curve(times_s, arousal, MOOD_LEAST, MOOD_TOLERANCE),
        fit_curve(times_s, _within(denser, density), DENSITY_LEAST, DENSITY_TOLERANCE),
        fit_curve(times_s, _within(louder, dynamics), DYNAMICS_LEAST, DYNAMICS_TOLERANCE),
    )


def fit_curve(times_s: np.ndarray, values: np.ndarray, least: float, tolerance: float) -> Curve:
    """A curve through ``values`` (T,) at ``times_s`` (evenly spaced), as changes from their mean: straight lines that
    stay within ``tolerance``, or a wider one where that takes more than `MAX_POINTS`. Empty where the values differ
    by less than ``least``.
    """
    if np.ptp(values) < least:
        return ()
    kept = simplify(times_s, values, tolerance)
    while kept.size > MAX_POINTS:
        tolerance *= 1.25
        kept = simplify(times_s, values, tolerance)
    drawn = np.interp(times_s, times_s[kept], values[kept])
    changes = values - drawn.mean()
    return tuple(CurvePoint(round(float(times_s[i]), 2), round(float(changes[i]), 3)) for i in kept)


def simplify(times_s: np.ndarray, values: np.ndarray, tolerance: float) -> np.ndarray:
    """The points (K,) of ``values`` (T,) at ``times_s`` that keep straight lines between them within ``tolerance``."""
    kept = np.zeros(values.size, dtype=bool)
    kept[[0, -1]] = True
    open_spans = [(0, values.size - 1)]
    while open_spans:
        first, last = open_spans.pop()
        line = np.interp(times_s[first : last + 1], times_s[[first, last]], values[[first, last]])
        off = np.abs(values[first : last + 1] - line)
        worst = int(np.argmax(off))
        if off[worst] > tolerance:
            kept[first + worst] = True
            open_spans += [(first, first + worst), (first + worst, last)]
    return np.flatnonzero(kept)


def _grid(start_s: float, end_s: float) -> np.ndarray:
    """The middles of equal steps of about `STEP_S`, at least one."""
    count = max(round((end_s - start_s) / STEP_S), 1)
    return start_s + (np.arange(count) + 0.5) * (end_s - start_s) / count


def _within(changes: np.ndarray, value: float) -> np.ndarray:
    """``changes`` (T,) with mean 0, drawn in where ``value`` leaves no room for them."""
    changes = changes - changes.mean()
    room = 1.0
    if changes.max() > 0:
        room = min(room, (HIGHEST - value) / float(changes.max()))
    if changes.min() < 0:
        room = min(room, (value - LOWEST) / -float(changes.min()))
    return changes * max(room, 0.0)

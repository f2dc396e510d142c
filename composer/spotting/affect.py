"""Mood over time from what was seen: valence and arousal, and which feature said so.

Mood is Russell's circumplex (1980): valence and arousal, both -1..1. Five sources speak, each on its own
scale:

- *colour*: Valdez & Mehrabian, "Effects of color on emotions" (J. Exp. Psychol. General 123, 1994):
  pleasure = .69 B + .22 S, arousal = -.31 B + .60 S, over standardised brightness B and saturation S. Red
  excites more than blue (Wilms & Oberfeld, Psychological Research 82, 2018), so warmth adds a little arousal.
- *motion*: the mean RGB difference that V-MusProd maps to tempo; here on a logarithmic scale (Weber's law).
- *cuts*: shot length, also logarithmic; five seconds, the mean of today's cinema (Cutting et al., "Quicker,
  faster, darker", i-Perception 2, 2011), is neutral.
- *semantics*: the expected mood of the text prompts under the picture's scores, where scores are at hand; *look*: that
  of the prompts for lighting, composition and colour, which speak a little.

The mood is the weighted mean of those that can speak, smoothed over a few seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer.spotting.samples import distance_to_nearest, inside
from composer.video.features import VideoFeatures
from composer.video.likeness import prompt_shares
from composer.video.prompts import AESTHETIC_CATEGORIES, CATEGORIES

# Colour: centre and spread of brightness and saturation (HSV) over everyday clips of many kinds.
BRIGHTNESS_MEAN, BRIGHTNESS_SPREAD = 0.55, 0.22
SATURATION_MEAN, SATURATION_SPREAD = 0.32, 0.22
PLEASURE_B, PLEASURE_S = 0.69, 0.22
AROUSAL_B, AROUSAL_S = -0.31, 0.60
AROUSAL_WARMTH = 0.15

MOTION_NEUTRAL = 8.0  # mean absolute RGB difference over 0.2 s of an everyday clip
MOTION_OCTAVES = 2.0  # doublings from neutral to strong
MOTION_LINEAR_MAX = 25.0  # RGB difference at which V-MusProd's linear map of motion to tempo ends
MOTION_CEILING = 60.0  # above this it is a flash or a cut, not movement
CUT_GUARD_S = 0.25  # motion this close to a cut is the cut

SHOT_NEUTRAL_S = 5.0
SHOT_OCTAVES = 2.0  # 1.25 s is as fast as 20 s is slow
CUT_WINDOW_S = 20.0

SEMANTIC_GAIN = 2.0  # scores over a whole bank are spread thin; their mean mood is drawn out by this

# How much each source counts, where it can speak: (valence, arousal).
WEIGHTS = {
    "colour": (1.0, 0.25),
    "motion": (0.0, 0.45),
    "cuts": (0.0, 0.30),
    "semantics": (1.5, 0.40),
    "look": (0.3, 0.10),
}
SMOOTHING_S = 4.0


@dataclass(frozen=True, slots=True)
class Affect:
    """A mood: valence and arousal, -1..1."""

    valence: float
    arousal: float


@dataclass(frozen=True)
class Source:
    """What one feature says over time: valence and arousal (T,) -1..1, and how much it counts for each, 0
    or more.
    """

    name: str
    valence: np.ndarray
    arousal: np.ndarray
    valence_weight: float
    arousal_weight: float


@dataclass(frozen=True)
class AffectCurve:
    """The mood over time, all (T,): times (s, evenly spaced), valence and arousal -1..1, and motion 0..1.

    ``motion`` is V-MusProd's linear reading of the RGB difference, the one that sets the tempo.
    """

    times_s: np.ndarray
    valence: np.ndarray
    arousal: np.ndarray
    motion: np.ndarray
    sources: tuple[Source, ...]

    def mean(self, start_s: float, end_s: float) -> Affect:
        """The mean mood from ``start_s`` to ``end_s``."""
        during = inside(self.times_s, start_s, end_s)
        return Affect(float(self.valence[during].mean()), float(self.arousal[during].mean()))

    def mean_motion(self, start_s: float, end_s: float) -> float:
        """The mean motion 0..1 from ``start_s`` to ``end_s``."""
        return float(self.motion[inside(self.times_s, start_s, end_s)].mean())

    def explain(self, start_s: float, end_s: float, what: str) -> str:
        """Which source gave how much of ``what`` (``valence`` or ``arousal``), the largest part first.

        The parts are shares of the mean before it is smoothed and clipped, such as
        ``colour -0.31, semantics +0.12``.
        """
        during = inside(self.times_s, start_s, end_s)
        total = sum(getattr(source, f"{what}_weight") for source in self.sources)
        parts = []
        for source in self.sources:
            weight = getattr(source, f"{what}_weight")
            if weight > 0:
                parts.append((weight / total * float(getattr(source, what)[during].mean()), source.name))
        parts.sort(key=lambda part: -abs(part[0]))
        return ", ".join(f"{name} {share:+.2f}" for share, name in parts) or "nothing was seen"


def affect_curve(features: VideoFeatures, step_s: float = 0.5) -> AffectCurve:
    """The mood of ``features`` every ``step_s`` seconds.

    Raises ValueError where its semantic scores and prompts differ in number.
    """
    times_s = np.arange(0.0, max(features.duration_s, step_s), step_s) + step_s / 2
    motion = rgb_difference_at(features, times_s)
    sources = [_colour(features, times_s), _motion(features, times_s, motion), _cuts(features, times_s)]
    sources.append(_likeness(features, times_s, "semantics", CATEGORIES))
    sources.append(_likeness(features, times_s, "look", AESTHETIC_CATEGORIES))
    spoken = tuple(source for source in sources if source is not None)
    width = max(round(SMOOTHING_S / step_s), 1)
    return AffectCurve(
        times_s,
        np.clip(smooth(_fused(spoken, "valence", times_s.size), width), -1, 1),
        np.clip(smooth(_fused(spoken, "arousal", times_s.size), width), -1, 1),
        smooth(np.clip(motion / MOTION_LINEAR_MAX, 0, 1), width),
        spoken,
    )


def rgb_difference_at(features: VideoFeatures, times_s: np.ndarray) -> np.ndarray:
    """The RGB difference (T,) at ``times_s``, cuts and flashes taken out; zeros where there is none."""
    away_s = distance_to_nearest(features.motion_times_s, features.cut_times_s)
    kept = np.isfinite(features.rgb_difference) & (away_s > CUT_GUARD_S)
    if not kept.any():
        return np.zeros(times_s.size)
    values = np.minimum(features.rgb_difference[kept], MOTION_CEILING)
    return np.interp(times_s, features.motion_times_s[kept], smooth(values.astype(np.float64), 5))


def own_shot_length_at(features: VideoFeatures, times_s: np.ndarray) -> np.ndarray:
    """The length (T,) in s of the shot that is seen at each of ``times_s``."""
    edges = np.concatenate([[0.0], np.sort(features.cut_times_s), [features.duration_s]])
    shot = np.clip(np.searchsorted(edges, times_s, side="right"), 1, edges.size - 1)
    return np.maximum(edges[shot] - edges[shot - 1], 0.05)


def shot_length_at(features: VideoFeatures, times_s: np.ndarray) -> np.ndarray:
    """The mean shot length (T,) in s around ``times_s``: a window's length by the number of its cuts and
    one; where it has none, the length of the shot.
    """
    cuts = np.sort(features.cut_times_s)
    low = np.maximum(times_s - CUT_WINDOW_S / 2, 0.0)
    high = np.minimum(times_s + CUT_WINDOW_S / 2, features.duration_s)
    count = np.searchsorted(cuts, high) - np.searchsorted(cuts, low)
    mean_s = np.maximum(high - low, 0.1) / (count + 1)
    return np.where(count > 0, mean_s, own_shot_length_at(features, times_s))


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Centred moving mean over ``width`` samples (made odd), its window cut short at the ends."""
    half = width // 2
    if half == 0 or values.size == 0:
        return values
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    index = np.arange(values.size)
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, values.size)
    return (total[high] - total[low]) / (high - low)


def _fused(sources: Sequence[Source], what: str, size: int) -> np.ndarray:
    total = sum(getattr(source, f"{what}_weight") for source in sources)
    if total == 0:
        return np.zeros(size)
    return sum((getattr(s, f"{what}_weight") / total * getattr(s, what) for s in sources), np.zeros(size))


def _colour(features: VideoFeatures, times_s: np.ndarray) -> Source | None:
    if not features.color_times_s.size:
        return None
    brightness = np.interp(times_s, features.color_times_s, features.brightness)
    saturation = np.interp(times_s, features.color_times_s, features.saturation)
    warmth = np.interp(times_s, features.color_times_s, features.warmth)
    return Source("colour", *color_mood(brightness, saturation, warmth), *WEIGHTS["colour"])


def color_mood(
    brightness: np.ndarray, saturation: np.ndarray, warmth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Valence and arousal (T,), -1..1, of colours: brightness and saturation 0-1 (HSV), warmth -1..1, each (T,)."""
    b = (brightness - BRIGHTNESS_MEAN) / BRIGHTNESS_SPREAD
    # The darker a picture, the less its saturation is seen: it fades to neutral in black.
    s = (saturation - SATURATION_MEAN) / SATURATION_SPREAD * np.clip(brightness / 0.2, 0, 1)
    pleasure = np.tanh((PLEASURE_B * b + PLEASURE_S * s) * 0.8)
    arousal = np.tanh((AROUSAL_B * b + AROUSAL_S * s) * 0.8 + AROUSAL_WARMTH * warmth)
    return pleasure, arousal


def _motion(features: VideoFeatures, times_s: np.ndarray, motion: np.ndarray) -> Source | None:
    if not features.motion_times_s.size:
        return None
    arousal = np.tanh(np.log2((motion + 0.25) / MOTION_NEUTRAL) / MOTION_OCTAVES)
    return Source("motion", np.zeros(times_s.size), arousal, *WEIGHTS["motion"])


def _cuts(features: VideoFeatures, times_s: np.ndarray) -> Source:
    arousal = np.log2(SHOT_NEUTRAL_S / shot_length_at(features, times_s)) / SHOT_OCTAVES
    if not features.cut_times_s.size:  # one shot tells little: the film may be short, or the detector blind
        arousal = np.minimum(arousal, 0.0)
    return Source("cuts", np.zeros(times_s.size), np.clip(arousal, -1, 1), *WEIGHTS["cuts"])


def _likeness(
    features: VideoFeatures, times_s: np.ndarray, name: str, categories: Sequence[str]
) -> Source | None:
    """The mood of the prompts of ``categories`` under the picture; None where it was not compared with them."""
    if not features.semantic_scores.size:
        return None
    prompts, shares = prompt_shares(features, categories)
    if not prompts:
        return None
    moods = np.array([(prompt.valence, prompt.arousal) for prompt in prompts])
    expected = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-9) @ moods - moods.mean(axis=0)
    drawn = np.clip(SEMANTIC_GAIN * expected, -1, 1)
    valence = np.interp(times_s, features.semantic_times_s, drawn[:, 0])
    arousal = np.interp(times_s, features.semantic_times_s, drawn[:, 1])
    return Source(name, valence, arousal, *WEIGHTS[name])

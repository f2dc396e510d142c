"""Three readings of a film, once a second: what it shows, what it feels like, how it is made.

HPM (Qi et al., 2024) reads a film with three networks, for semantics, emotion and aesthetics. Here each reading has
parts that say what they measure, and nothing is learnt:

- *semantic*: ``meaning``, the picture's shares of the prompts of genres, scenes and instruments;
- *emotional*: ``mood``, the curve of `composer.spotting.affect`, and ``mood prompts``;
- *aesthetic*: ``light and colour`` with the palette, ``composition`` (both of `composer.video.aesthetics`), and
  ``aesthetic prompts`` of lighting, composition and colour.

A part that could not be read is not there: without CLIP there are no prompts and no tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from composer.spotting.affect import affect_curve
from composer.spotting.samples import nearest
from composer.video.features import AESTHETICS, PALETTE_COLORS, VideoFeatures
from composer.video.likeness import prompt_shares
from composer.video.prompts import AESTHETIC_CATEGORIES, BANK

STEP_S = 1.0

MEANING, MOOD, MOOD_PROMPTS = "meaning", "mood", "mood prompts"
LIGHT, COMPOSITION, AESTHETIC_PROMPTS = "light and colour", "composition", "aesthetic prompts"
READINGS: dict[str, tuple[str, ...]] = {
    "semantic": (MEANING,),
    "emotional": (MOOD, MOOD_PROMPTS),
    "aesthetic": (LIGHT, COMPOSITION, AESTHETIC_PROMPTS),
}
COMPOSED = (
    "sharpness",
    "shallow_focus",
    "thirds",
    "symmetry",
    "clutter",
)  # of `AESTHETICS`; the rest tells of light
PROMPTED: dict[str, tuple[str, ...]] = {  # part -> categories of the bank
    MEANING: ("genre", "scene", "instrument"),
    MOOD_PROMPTS: ("mood",),
    AESTHETIC_PROMPTS: AESTHETIC_CATEGORIES,
}


def _columns(part: str) -> tuple[str, ...]:
    if part in PROMPTED:
        return tuple(prompt.text for prompt in BANK if prompt.category in PROMPTED[part])
    if part == MOOD:
        return ("valence", "arousal")
    if part == COMPOSITION:
        return tuple(name for name in AESTHETICS if name in COMPOSED)
    colors = range(1, PALETTE_COLORS + 1)
    palette = (f"palette {i} {channel}" for i in colors for channel in ("red", "green", "blue"))
    shares = (f"palette {i} share" for i in colors)
    lit = (name for name in AESTHETICS if name not in COMPOSED)
    return ("brightness", "saturation", "warmth", *lit, *palette, *shares)


COLUMNS: dict[str, tuple[str, ...]] = {part: _columns(part) for parts in READINGS.values() for part in parts}


@dataclass(frozen=True)
class Readings:
    """The readings of a film at ``times_s`` (T,): ``parts`` by name, (T, columns of `COLUMNS`) float32 each, only
    those that could be read, and the CLIP ``tokens`` (T, D), D = 0 where there are none."""

    times_s: np.ndarray
    parts: Mapping[str, np.ndarray]
    tokens: np.ndarray

    @property
    def semantic(self) -> np.ndarray:
        """(T, columns) of the semantic parts that are there; no columns where there are none."""
        return self.reading("semantic")

    @property
    def emotional(self) -> np.ndarray:
        """(T, columns) of the emotional parts that are there."""
        return self.reading("emotional")

    @property
    def aesthetic(self) -> np.ndarray:
        """(T, columns) of the aesthetic parts that are there."""
        return self.reading("aesthetic")

    def reading(self, name: str) -> np.ndarray:
        """(T, columns) of the parts of a reading of `READINGS` that are there, side by side."""
        none = np.zeros((len(self.times_s), 0), np.float32)
        return np.concatenate([none, *(self.parts[p] for p in READINGS[name] if p in self.parts)], axis=1)

    def columns(self, name: str) -> tuple[str, ...]:
        """What the columns of a reading are."""
        return tuple(c for part in READINGS[name] if part in self.parts for c in COLUMNS[part])


def film_readings(features: VideoFeatures) -> Readings:
    """All readings of a film that it allows. Raises ValueError where its scores and prompts differ in number."""
    curve = affect_curve(features, STEP_S)
    parts = {MOOD: np.stack([curve.valence, curve.arousal], axis=1)}
    if features.color_times_s.size and features.aesthetics.any():
        at = nearest(features.color_times_s, curve.times_s)
        light = np.stack([features.brightness, features.saturation, features.warmth], axis=1)
        palettes = features.palettes.reshape(len(light), -1)
        composed = np.array([name in COMPOSED for name in AESTHETICS])
        lit = features.aesthetics[:, ~composed]
        parts[LIGHT] = np.concatenate([light, lit, palettes, features.palette_shares], axis=1)[at]
        parts[COMPOSITION] = features.aesthetics[:, composed][at]
    tokens = np.zeros((len(curve.times_s), 0), np.float32)
    if features.semantic_scores.size:
        at = nearest(features.semantic_times_s, curve.times_s)
        tokens = features.semantic_tokens[at]
        for part, categories in PROMPTED.items():
            _, shares = prompt_shares(features, categories, with_user=False)
            if shares.shape[1] == len(COLUMNS[part]):
                parts[part] = shares[at]
    return Readings(curve.times_s, {k: v.astype(np.float32) for k, v in parts.items()}, tokens)

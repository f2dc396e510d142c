"""Pictures for music that has none: colour, motion and semantic tokens drawn to agree with the music's mood.

Painted images are measured by the composer's own colour controller, and their mood by the relation it uses
(`composer.spotting.affect.color_mood`: Valdez & Mehrabian, 1994); a bar then gets an image of about its own mood.
Semantic tokens are softmax distributions over the prompt bank around the mood. Real pairs of video and music need
none of this (`composer.train.pairs`); either kind of token is withheld now and then all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from composer.spotting.affect import color_mood
from composer.tokens.picture import (
    COLOR_WIDTH,
    MOTION_COLUMN,
    SEMANTIC_WIDTH,
    Picture,
    color_token,
    motion_value,
)
from composer.video.color import color_sample
from composer.video.prompts import PROMPTS

SIDE_PX = 32
SCENE_BARS = (4, 16)  # a scene keeps its look for so many bars
MOOD_NOISE = 0.25
PROMPT_SPREAD = 0.45
NEUTRAL_MOTION, MOTION_OCTAVES = 8.0, 2.0  # RGB difference at arousal 0, and doublings from there to 1
DROP_COLOR, DROP_SEMANTIC = 0.15, 0.5  # most users have no CLIP weights


@dataclass(frozen=True)
class Palettes:
    """Measured painted images: tokens (n, `COLOR_WIDTH`) with motion left at 0, and moods (n, 2)."""

    tokens: np.ndarray
    moods: np.ndarray


def paint_palettes(count: int, rng: np.random.Generator) -> Palettes:
    """Paint and measure ``count`` images of a few soft patches around one hue, light or dark, pale or vivid."""
    tokens, seen = [], []
    for _ in range(count):
        patches = int(rng.integers(2, 7))
        hue = rng.uniform(0, 360) + rng.normal(0, rng.choice([8, 30, 90]), patches)
        saturation = np.clip(rng.beta(1.2, 1.8) + rng.normal(0, 0.15, patches), 0, 1)
        value = np.clip(rng.beta(1.4, 1.2) + rng.normal(0, 0.2, patches), 0.02, 1)
        which = cv2.resize(
            rng.random((5, 5)).astype(np.float32), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC
        )
        index = np.clip((which * patches).astype(int), 0, patches - 1)
        hsv = np.stack([hue[index] % 360, saturation[index], value[index]], -1).astype(np.float32)
        rgb = cv2.GaussianBlur(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), (5, 5), 0) + rng.normal(
            0, 0.02, (SIDE_PX, SIDE_PX, 3)
        )
        sample = color_sample(0.0, np.clip(rgb * 255, 0, 255).astype(np.uint8))
        tokens.append(color_token(sample.brightness, sample.saturation, sample.warmth, 0.0, sample.histogram))
        seen.append([sample.brightness, sample.saturation, sample.warmth])
    brightness, saturation, warmth = np.array(seen).T
    return Palettes(np.array(tokens), np.stack(color_mood(brightness, saturation, warmth), 1))


def draw_picture(
    valence: np.ndarray, arousal: np.ndarray, palettes: Palettes, rng: np.random.Generator
) -> Picture:
    """A picture for music of the given mood, (bars,) each, as `withheld` leaves it."""
    bars = len(valence)
    color = np.zeros((bars, COLOR_WIDTH), np.float32)
    semantic = np.zeros((bars, SEMANTIC_WIDTH), np.float32)
    bank = np.array([[prompt.valence, prompt.arousal] for prompt in PROMPTS])
    first = 0
    while first < bars:
        scene = slice(first, first + int(rng.integers(*SCENE_BARS)))
        mood = np.array([valence[scene].mean(), arousal[scene].mean()]) + rng.normal(0, MOOD_NOISE, 2)
        near = np.argsort(((palettes.moods - mood) ** 2).sum(1))[:12]
        color[scene] = palettes.tokens[rng.choice(near)]
        distance = ((bank - mood) ** 2).sum(1) / (2 * PROMPT_SPREAD**2)
        logits = -distance + rng.normal(0, 0.8, SEMANTIC_WIDTH)
        for category in sorted({prompt.category for prompt in PROMPTS}):
            members = np.array([prompt.category == category for prompt in PROMPTS])
            weights = np.exp(logits[members] - logits[members].max())
            semantic[scene, members] = weights / weights.sum()
        first = scene.stop
    motion = NEUTRAL_MOTION * 2 ** (MOTION_OCTAVES * (arousal + rng.normal(0, MOOD_NOISE, bars)))
    color[:, MOTION_COLUMN] = motion_value(motion)
    return withheld(Picture(color, semantic), rng)


def withheld(picture: Picture, rng: np.random.Generator) -> Picture:
    """The picture without its colour, or without its semantics, now and then: zeros, as where nothing was seen."""
    color = np.zeros_like(picture.color) if rng.random() < DROP_COLOR else picture.color
    semantic = np.zeros_like(picture.semantic) if rng.random() < DROP_SEMANTIC else picture.semantic
    return Picture(color, semantic)

"""Ten-second clips of held-out music, and their true renderings: what the renderer is measured on.

A clip is a stretch of one excerpt of a held-out take (`render.train.data`), played by itself; its true rendering is
FluidSynth's in the take's own SoundFont, line-up and room, at 48 kHz, at the level of the MIDI's loudness model. What
the renderer is given has the style's first line-up, as any MIDI gets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from render import smf
from render.audio import SAMPLE_RATE, Audio
from render.controls import calibration_db
from render.errors import BadInput
from render.events import Performance
from render.synth import MIX, synthesize
from render.train.data import GAP_S, SPLITS, Recipe, performance_of, recipe_in, take_files
from render.train.excerpts import excerpt

CLIP_S = 10.0
FEWEST_NOTES = 8


@dataclass(frozen=True, eq=False)
class Clip:
    """``performance``: ten seconds on the first line-up of its style; ``played``: on that of ``recipe``, the take's."""

    name: str
    recipe: Recipe
    performance: Performance
    played: Performance

    @property
    def style(self) -> str:
        """Name of its style."""
        return self.recipe.style


def recipes_of(data: Path, split: str) -> list[Recipe]:
    """The recipes of a split's takes. Raises BadInput where there are none."""
    recipes = []
    for path in take_files(data, split):
        with np.load(path, allow_pickle=False) as file:
            recipes.append(recipe_in(file))
    return recipes


def held_out_clips(data: Path, pieces: Path, a_style: int, seed: int) -> list[Clip]:
    """``a_style`` clips of every style, as far as its held-out takes have as many excerpts that are long enough.

    Takes of a style take turns; which excerpts and where in them is drawn by ``seed``.
    """
    by_style: dict[str, list[Recipe]] = {}
    for recipe in recipes_of(data, "held-out"):
        by_style.setdefault(recipe.style, []).append(recipe)
    clips: list[Clip] = []
    for recipes in by_style.values():
        queues = [_clips_of(recipe, pieces, seed) for recipe in recipes]
        turns = [clip for turn in range(a_style) for queue in queues for clip in queue[turn : turn + 1]]
        clips += turns[:a_style]
    return clips


def reference_of(clip: Clip, fonts: Mapping[str, Path]) -> Audio:
    """The clip's true rendering, stereo at 48 kHz, calibrated. Raises BadInput where its SoundFont was not given."""
    return true_rendering(clip.played, clip.recipe, fonts)


def true_rendering(performance: Performance, recipe: Recipe, fonts: Mapping[str, Path]) -> Audio:
    """``performance`` in the SoundFont and room of ``recipe``, at the level of the MIDI's loudness model."""
    if recipe.font not in fonts:
        raise BadInput(f"take {recipe.name} was played with {recipe.font}; give that SoundFont with --font")
    font = fonts[recipe.font]
    audio = synthesize(performance, font, room=recipe.room, sample_rate=SAMPLE_RATE).audio[MIX]
    return calibrated(audio, performance)


def calibrated(audio: Audio, performance: Performance) -> Audio:
    """``audio`` at the level of the MIDI's loudness model, at which controls and mels are compared."""
    gain = np.float32(10 ** (calibration_db(audio, performance) / 20))
    return Audio(audio.samples * gain, audio.sample_rate)


def _clips_of(recipe: Recipe, pieces: Path, seed: int) -> list[Clip]:
    """A clip of each of the take's excerpts that are long enough and have notes, in random order."""
    rng = np.random.default_rng([seed, SPLITS.index(recipe.split), recipe.number, 2])
    played, _ = performance_of(recipe, pieces)
    given = performance_of(replace(recipe, variant=0), pieces)[0] if recipe.variant else played
    clips, begin_s = [], 0.0
    for index, part in enumerate(recipe.excerpts):
        length_s = part.length_s * part.pace
        start_s = begin_s + float(rng.uniform(0, max(length_s - CLIP_S, 0.0)))
        begin_s += length_s + GAP_S
        if length_s < CLIP_S:
            continue
        cut = excerpt(given, start_s, CLIP_S)
        if _pitched_notes(cut) >= FEWEST_NOTES:
            clips.append(Clip(f"{recipe.name}-{index:02d}", recipe, cut, excerpt(played, start_s, CLIP_S)))
    return [clips[i] for i in rng.permutation(len(clips))]


def _pitched_notes(performance: Performance) -> int:
    return sum(int((p.status == smf.NOTE_ON).sum()) for p in performance.parts if not p.is_drums)

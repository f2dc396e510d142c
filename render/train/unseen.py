"""Ensembles that the renderer never met, to be learned from recordings: what `framescore style learn` is measured on.

Their instruments are none of any named style's. The music is that of other takes, seated anew; the style classifier
learns them beside the named styles, from pieces of the training split.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from render.audio import Audio
from render.events import Performance
from render.files import replacing
from render.mel import mel_of
from render.styles import Chair, Style, restyle
from render.train.clips import Clip, recipes_of, reference_of, true_rendering
from render.train.data import Recipe, performance_of
from render.train.excerpts import excerpt, without_drums

UNSEEN = {
    style.name: style
    for style in (
        Style("koto-and-shakuhachi", "Koto and shakuhachi", (Chair((107,)),), melody=Chair((77,))),
        Style("steel-band", "Steel drums", (Chair((114,)),)),
        Style("drawbar-organ", "Drawbar organ", (Chair((16,)),)),
    )
}
TAKES_A_STYLE, TAKE_S, EXCERPTS = {"training": 5, "held-out": 2}, 60.0, 4


def seated(performance: Performance, name: str) -> Performance:
    """A performance on the instruments of an unseen ensemble, without drums."""
    return restyle(without_drums(performance), UNSEEN[name])


def as_unseen(clip: Clip, name: str) -> Clip:
    """The clip's music, its true rendering being that of an unseen ensemble."""
    return Clip(clip.name, replace(clip.recipe, style=name), clip.performance, seated(clip.performance, name))


def recordings_of(
    data: Path, pieces: Path, fonts: Mapping[str, Path], name: str, length_s: float, take: int = 0
) -> Audio:
    """``length_s`` seconds of an unseen ensemble: training takes ``take`` onwards, in one SoundFont and room."""
    chosen = recipes_of(data, "training")
    first = chosen[take % len(chosen)]
    performance = seated(performance_of(first, pieces)[0], name)
    return true_rendering(excerpt(performance, 0.0, length_s), first, fonts)


def make_unseen(data: Path, pieces: Path, fonts: Mapping[str, Path], out: Path) -> None:
    """Write takes of every unseen ensemble to ``out``, for `render.train.style_classifier`; those there are kept."""
    out.mkdir(parents=True, exist_ok=True)
    for split, count in TAKES_A_STYLE.items():
        recipes = recipes_of(data, split)
        chosen = np.linspace(0, len(recipes) - 1, count * len(UNSEEN)).round().astype(int)
        for number, (index, name) in enumerate(zip(chosen, list(UNSEEN) * count, strict=True)):
            path = out / f"{split}-{number:04d}.npz"
            if not path.exists():
                _make_take(recipes[index], pieces, fonts, name, path)


def _make_take(recipe: Recipe, pieces: Path, fonts: Mapping[str, Path], name: str, path: Path) -> None:
    begun = replace(recipe, excerpts=recipe.excerpts[:EXCERPTS])
    performance = excerpt(performance_of(begun, pieces)[0], 0.0, TAKE_S)
    clip = Clip(path.stem, replace(recipe, style=name), performance, seated(performance, name))
    mel = mel_of(reference_of(clip, fonts))
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, mel=mel.log.astype(np.float16), recipe=json.dumps(asdict(clip.recipe)))

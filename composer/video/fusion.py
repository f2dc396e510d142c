"""One feature of a film, fused from its readings, and one of music in the same space: what lies near goes together.

The readings of `composer.video.readings` are fused by LAFF (`composer.models.laff`) as in HPM (Qi et al., 2024): one
feature a second, and one for the whole film, each a convex combination whose weights are learnt and can be read. The
music's side fuses what `composer.analysis.mood` measures of its bars. Both were learnt together on music with films
drawn to agree with its mood (`composer.train.fusion`, and the model card beside the weights).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from composer.analysis.mood import MoodFeatures, mood_of
from composer.errors import BadInput
from composer.video.features import VideoFeatures
from composer.video.readings import COLUMNS, READINGS, film_readings

if TYPE_CHECKING:
    from composer.models.laff import LAFF, Fused, TwoSides

WEIGHTS = Path(__file__).parent.parent / "checkpoints" / "fusion.safetensors"

MUSIC_COLUMNS: dict[str, tuple[str, ...]] = {
    "mood": ("valence", "arousal"),
    "pace": ("log notes a second", "log beats a minute"),
    "dynamics": ("velocity",),
    "mode": ("majorness", "minor"),
    "register": ("pitch",),
}


@dataclass(frozen=True)
class FilmFeature:
    """A film, fused: ``steps`` (T, D) at ``times_s`` (T,), ``whole`` (D,) of unit length, all float32.

    ``weights``: part of a reading -> (T,), how much it counts, 0 where it is missing; they sum to 1 at every step.
    ``step_weights`` (T,): how much a step counts in the whole; they sum to 1.
    """

    times_s: np.ndarray
    steps: np.ndarray
    whole: np.ndarray
    weights: Mapping[str, np.ndarray]
    step_weights: np.ndarray

    @property
    def reading_weights(self) -> dict[str, float]:
        """Mean weight of each reading of `READINGS`; they sum to 1."""
        return {
            name: float(sum(self.weights[part].mean() for part in parts)) for name, parts in READINGS.items()
        }


@dataclass(frozen=True)
class Fusion:
    """The networks of a checkpoint, the film's on the left and the music's on the right, with its card and the sha256
    of its weights."""

    networks: TwoSides
    card: dict[str, Any]
    sha256: str

    def fuse(self, features: VideoFeatures) -> FilmFeature:
        """The feature of a film. Raises ValueError where its scores and prompts differ in number."""
        readings = film_readings(features)
        fused = self._run(self.networks.left, readings.parts, COLUMNS, len(readings.times_s))
        weights = fused.weights[0].numpy()
        return FilmFeature(
            readings.times_s,
            fused.steps[0].numpy(),
            _unit(fused.whole[0].numpy()),
            {part: weights[:, index] for index, part in enumerate(COLUMNS)},
            fused.step_weights[0].numpy(),
        )

    def embed_music(self, measured: MoodFeatures) -> np.ndarray:
        """The feature (D,) float32 of unit length of music measured by the bar; its dot product with a film's
        ``whole`` tells how well they agree, -1..1. Raises ValueError for music without bars."""
        parts = music_parts(measured)
        bars = len(measured.note_rate)
        if bars == 0:
            raise ValueError("music without bars has no feature")
        return _unit(self._run(self.networks.right, parts, MUSIC_COLUMNS, bars).whole[0].numpy())

    @staticmethod
    def _run(
        network: LAFF, parts: Mapping[str, np.ndarray], columns: Mapping[str, Sequence[str]], steps: int
    ) -> Fused:
        import torch

        inputs = [
            torch.from_numpy(parts[name] if name in parts else np.zeros((steps, len(names)), np.float32))[
                None
            ]
            for name, names in columns.items()
        ]
        present = torch.tensor([[name in parts for name in columns]])
        with torch.inference_mode():
            return network(inputs, present, torch.ones(1, steps, dtype=torch.bool))


def load_fusion(weights: Path = WEIGHTS) -> Fusion:
    """Read the networks, by default those that ship.

    Raises NotInstalled where a file is missing, BadInput where card and weights do not agree or know other columns.
    """
    from composer.models.checkpoint import fill, read_tensors

    card, tensors = read_tensors(weights)
    columns = {"film": COLUMNS, "music": MUSIC_COLUMNS}
    known = {side: {part: list(names) for part, names in parts.items()} for side, parts in columns.items()}
    if card.get("columns") != known or not isinstance(card.get("width"), int):
        raise BadInput(
            f"{weights.name}: learnt from other columns than this version reads; reinstall framescore"
        )
    networks = fill(make_networks(card["width"]), tensors, weights)
    return Fusion(networks, card, card["sha256"])


def make_networks(width: int) -> TwoSides:
    """New networks, the film's on the left and the music's on the right, that fuse into features of ``width``."""
    from composer.models.laff import TwoSides

    film, music = ([len(names) for names in parts.values()] for parts in (COLUMNS, MUSIC_COLUMNS))
    return TwoSides(film, music, width)


def music_parts(measured: MoodFeatures) -> dict[str, np.ndarray]:
    """What the music's side fuses: part of `MUSIC_COLUMNS` -> (bars, columns) float32, only what is known."""
    mood = mood_of(measured)
    rows: dict[str, list[np.ndarray | None]] = {
        "mood": [mood.valence, mood.arousal],
        "pace": [
            np.log(np.maximum(measured.note_rate, 0.1)),
            None if measured.bpm is None else np.log(measured.bpm),
        ],
        "dynamics": [_filled(measured.velocity)],
        "mode": [measured.majorness, measured.minor],
        "register": [_filled(measured.pitch)],
    }
    known = {part: [row for row in values if row is not None] for part, values in rows.items()}
    return {
        part: np.stack(values, axis=1).astype(np.float32)
        for part, values in known.items()
        if len(values) == len(MUSIC_COLUMNS[part]) and all(np.isfinite(row).all() for row in values)
    }


def _filled(values: np.ndarray) -> np.ndarray:
    """Values (bars,) with those of bars without notes filled in from their neighbours."""
    heard = np.isfinite(values)
    if heard.all() or not heard.any():
        return values
    bars = np.arange(len(values))
    return np.interp(bars, bars[heard], values[heard])


def _unit(vector: np.ndarray) -> np.ndarray:
    return (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)

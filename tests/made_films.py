"""Films made of arrays: `VideoFeatures` of shots in places, with known right answers for spotting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer.video.features import VideoFeatures

BINS = 8
CLIP_WIDTH = 64
COMMON_PALETTE = np.random.default_rng(0).dirichlet(
    np.full(3 * BINS * BINS, 0.03)
)  # grey and skin, everywhere


@dataclass(frozen=True)
class Shot:
    """``length_s`` of ``place`` (any number), seen from a ``view`` of its own; ``movement`` is its RGB difference.
    ``light`` moves the place's brightness.
    """

    length_s: float
    place: int
    view: int = 0
    movement: float = 6.0
    light: float = 0.0


def made_film(
    shots: Sequence[Shot],
    *,
    clip: bool = False,
    view_change: float = 0.25,
    seed: int = 0,
    dissolve_s: float = 0.0,
    cuts: bool = True,
    **more: object,
) -> VideoFeatures:
    """The film of ``shots``. A view is the place changed by ``view_change`` of what lies between two places; frames
    waver a little. ``dissolve_s``: every shot melts into the next over so long, without a cut. ``more``: fields of
    `VideoFeatures`.
    """
    rng = np.random.default_rng(seed)
    edges_s = np.concatenate([[0.0], np.cumsum([shot.length_s for shot in shots])])
    duration_s = float(edges_s[-1])
    looks = np.stack([_look(shot, view_change) for shot in shots])

    def at(times_s: np.ndarray, columns: slice) -> np.ndarray:
        if dissolve_s:
            middles = np.clip(edges_s[1:-1, None] + np.array([-0.5, 0.5]) * dissolve_s, 0, duration_s).ravel()
            corners = np.repeat(looks[:, columns], 2, axis=0)[1:-1]
            return np.stack([np.interp(times_s, middles, column) for column in corners.T], axis=1)
        which = np.clip(np.searchsorted(edges_s, times_s, side="right") - 1, 0, len(shots) - 1)
        return looks[which, columns]

    color_s = np.arange(0, duration_s, max(0.5, duration_s / 2400))
    motion_s = np.arange(0, duration_s, 0.2)
    semantic_s = np.arange(0, duration_s if clip else 0, 1.0)
    light = at(color_s, slice(0, 3)) + rng.normal(0, 0.01, (color_s.size, 3))
    palettes = np.maximum(at(color_s, slice(4, 4 + 3 * BINS * BINS)), 0)
    tokens = at(semantic_s, slice(4 + 3 * BINS * BINS, None)) + rng.normal(
        0, 0.02, (semantic_s.size, CLIP_WIDTH)
    )
    movement = at(motion_s, slice(3, 4))[:, 0] * rng.lognormal(0, 0.1, motion_s.size)
    cut_s = edges_s[1:-1] if cuts and not dissolve_s else np.zeros(0)
    facts = {
        "source": "film.mp4",
        "sha256": "0" * 64,
        "duration_s": duration_s,
        "frame_count": max(round(duration_s * 25), 1),
        "frame_rate": 25.0,
        "width": 640,
        "height": 360,
        "start_timecode": "00:00:00:00",
        "has_audio": False,
        "cut_times_s": cut_s,
        "cut_strengths": np.full(cut_s.size, 0.6),
        "color_times_s": color_s,
        "color_histograms": (palettes / palettes.sum(axis=1, keepdims=True)).reshape(-1, 3, BINS, BINS),
        "brightness": np.clip(light[:, 0], 0, 1),
        "saturation": np.clip(light[:, 1], 0, 1),
        "warmth": np.clip(light[:, 2], -1, 1),
        "motion_times_s": motion_s,
        "rgb_difference": movement,
        "saliency": np.zeros(motion_s.size),
        "semantic_times_s": semantic_s,
        "semantic_tokens": tokens / np.maximum(np.linalg.norm(tokens, axis=1, keepdims=True), 1e-9),
        "semantic_scores": np.zeros((semantic_s.size, 0)),
    }
    return VideoFeatures(**{**facts, **more})  # type: ignore[arg-type]


def _look(shot: Shot, view_change: float) -> np.ndarray:
    """Brightness, saturation, warmth, movement, palette and CLIP token of a shot, in one row."""
    place = _drawn((1000, shot.place))
    view = _drawn((2000, shot.place, shot.view))
    row = (1 - view_change) * place + view_change * view
    row[0] += shot.light
    row[3] = shot.movement
    return row


def _drawn(seed: Sequence[int]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    light = (rng.uniform(0.2, 0.85), rng.uniform(0.1, 0.7), rng.uniform(-0.6, 0.6), 0.0)
    palette = 0.5 * COMMON_PALETTE + 0.5 * rng.dirichlet(np.full(3 * BINS * BINS, 0.03))
    token = rng.normal(size=CLIP_WIDTH)
    token = np.full(CLIP_WIDTH, 0.09) + 0.8 * token / np.linalg.norm(
        token
    )  # all pictures have something in common
    return np.concatenate([light, palette, token])

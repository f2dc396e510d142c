"""Cuts of real films on beats of the music written for them, beside what chance would give.

Convention: of VidMusician (table 1), the share of cuts with a beat within 0.1 s; and within one frame. Beats are the
pulses of the written file, read by `midi_clock`. Chance: as many moments drawn evenly over the film, many times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import SHARED_DATA, Line, files_in, run
from midi_clock import nearest_s, read_clock

from composer.video.features import VideoFeatures

FEWEST_CUTS = 2
NEAR_S = 0.1
DRAWS = 200
GOAL_NEAR, GOAL_FRAME = 0.85, 0.60


@dataclass(frozen=True)
class Clip:
    """Distances in s from every cut (cuts,), and from moments drawn by chance (draws, cuts), to the nearest beat."""

    name: str
    frame_s: float
    away_s: np.ndarray
    chance_s: np.ndarray


def lines(work: Path) -> list[Line]:
    """The rows of the table. ``work``: a folder for what is written."""
    clips = list(measured(work))
    for clip in clips:
        frames = clip.away_s / clip.frame_s
        print(
            f"  {clip.name}: {clip.away_s.size} cuts, {np.mean(clip.away_s <= NEAR_S):.0%} within {NEAR_S} s "
            f"(chance {np.mean(clip.chance_s <= NEAR_S):.0%}), {np.mean(frames <= 1):.0%} within a frame "
            f"(chance {np.mean(clip.chance_s <= clip.frame_s):.0%})",
            flush=True,
        )
    if not clips:
        return [Line("cuts on beats", "no clip has two cuts", False)]
    return [
        _line("all cuts", clips, None),
        _line("mean over clips", clips, "clip"),
    ]


def _line(name: str, clips: list[Clip], per: str | None) -> Line:
    def share(within_s: float | None, by_chance: bool) -> float:
        hit = [
            np.atleast_2d(clip.chance_s if by_chance else clip.away_s) <= (within_s or clip.frame_s * 1.0001)
            for clip in clips
        ]
        if per:
            return float(np.mean([one.mean() for one in hit]))
        return sum(one.mean(axis=0).sum() for one in hit) / sum(one.shape[1] for one in hit)

    near, frame = share(NEAR_S, False), share(None, False)
    return Line(
        f"cuts on beats, {name}: {GOAL_NEAR:.0%} within {NEAR_S} s, {GOAL_FRAME:.0%} in a frame",
        f"{near:.0%} (shuffled {share(NEAR_S, True):.0%}), {frame:.0%} (shuffled {share(None, True):.0%}), "
        f"{sum(clip.away_s.size for clip in clips)} cuts of {len(clips)} clips",
        bool(near >= GOAL_NEAR and frame >= GOAL_FRAME),
    )


def measured(work: Path) -> Iterator[Clip]:
    """Every clip of the shared data with at least two cuts."""
    for number, film in enumerate(files_in(SHARED_DATA / "video")):
        seen, midi = work / f"cuts{number}.npz", work / f"cuts{number}.mid"
        if run(["analyze", film, "-o", seen, "--offline"], 300).exit_code != 0:
            continue
        features = VideoFeatures.load(seen)
        cuts_s = features.cut_times_s[
            (features.cut_times_s > 0) & (features.cut_times_s < features.duration_s)
        ]
        if cuts_s.size < FEWEST_CUTS:
            continue
        outcome = run(["compose", film, "-o", midi, "--offline", "--seed", "0", "--best-of", "1"], 300)
        if outcome.exit_code != 0:
            raise RuntimeError(f"{film.name}: {outcome.errors[-200:]}")
        beats_s = read_clock(midi).pulses_s
        drawn_s = np.random.default_rng(number).uniform(0, features.duration_s, (DRAWS, cuts_s.size))
        chance_s = nearest_s(beats_s, drawn_s.ravel()).reshape(drawn_s.shape)
        yield Clip(film.name, 1 / features.frame_rate, nearest_s(beats_s, cuts_s), chance_s)

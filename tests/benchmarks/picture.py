"""How far the written music follows what is seen: bar density against bar motion, over real clips.

Density is notes a second of all pitched tracks, read from the MIDI file; motion the mean RGB difference of V-MusProd
in the bar, cuts left out. A clip counts where its motion varies: bars enough, and a spread worth the name. The bar in
which the music ends is left out: whatever is seen there, it is one held chord.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import SHARED_DATA, Line

from composer.midi import read_midi, write_midi
from composer.pipeline import compose
from composer.spotting.affect import rgb_difference_at
from composer.spotting.spot import spot
from composer.timing import TempoMap
from composer.video.analyze import analyze
from composer.video.features import VideoFeatures

FEWEST_BARS = 4
LEAST_SPREAD = 0.3  # standard deviation of bar motion, as a share of its mean
LEAST_MOTION = 0.5  # of 255; below it nothing moves
NEEDED_R = 0.6
SEEDS = (0, 1, 2)
SHUFFLES = 200


@dataclass(frozen=True)
class Clip:
    """Motion and density of every bar of a clip but the last, (bars,) each; density is a mean over `SEEDS`."""

    name: str
    motion: np.ndarray
    density: np.ndarray

    @property
    def r(self) -> float:
        """Pearson's r of the two."""
        return float(np.corrcoef(self.motion, self.density)[0, 1])


def lines(work: Path) -> list[Line]:
    """Pearson's r over the bars of all clips whose motion varies, each clip about its own means."""
    clips = [found for path in sorted((SHARED_DATA / "video").glob("*.*")) if (found := _clip(path, work))]
    if not clips:
        return [Line("density follows motion", "no clip whose motion varies", False)]
    motion = np.concatenate([_standard(clip.motion) for clip in clips])
    density = np.concatenate([_standard(clip.density) for clip in clips])
    rng = np.random.default_rng(0)
    shuffled = [np.corrcoef(rng.permutation(motion), density)[0, 1] for _ in range(SHUFFLES)]
    pooled = float(np.corrcoef(motion, density)[0, 1])
    each = ", ".join(f"{clip.name.partition('__')[2][:14]} {clip.r:.2f}" for clip in clips)
    measured = f"r {pooled:.2f} over {len(motion)} bars of {len(clips)} clips; {each}; "
    measured += f"shuffled {np.mean(shuffled):.2f}, at most {np.percentile(shuffled, 95):.2f} in 95 %"
    return [Line(f"bar density follows bar motion, r >= {NEEDED_R}", measured, pooled >= NEEDED_R)]


def bar_motion(features: VideoFeatures, borders_s: np.ndarray) -> np.ndarray:
    """Mean RGB difference between ``borders_s`` (bars + 1,): (bars,)."""
    motion = rgb_difference_at(features, features.motion_times_s)
    bar = np.searchsorted(borders_s, features.motion_times_s, side="right") - 1
    return np.array(
        [motion[bar == b].mean() if (bar == b).any() else np.nan for b in range(len(borders_s) - 1)]
    )


def _clip(path: Path, work: Path) -> Clip | None:
    if path.suffix == ".md":
        return None
    features = analyze(path)
    cues = spot(features, seed=SEEDS[0])
    motion = bar_motion(features, cues.tempo_map.bar_starts_s)[:-1]
    if (
        len(motion) < FEWEST_BARS
        or motion.mean() < LEAST_MOTION
        or motion.std() < LEAST_SPREAD * motion.mean()
    ):
        return None
    density = np.zeros(len(motion))
    for seed in SEEDS:
        write_midi(compose(cues, features, seed=seed), work / "clip.mid")
        density += _density(work / "clip.mid", cues.tempo_map)[:-1] / len(SEEDS)
    return Clip(path.name, motion, density)


def _density(path: Path, tempo_map: TempoMap) -> np.ndarray:
    """Notes a second that begin in each bar: (bars,)."""
    tracks = [track for track in read_midi(path).tracks if not track.is_drums]
    onsets = np.array([note.onset_beats for track in tracks for note in track.notes])
    bar = np.searchsorted(tempo_map.bar_starts_beats, onsets + 1e-6, side="right") - 1
    return np.bincount(bar, minlength=len(tempo_map.bars)) / np.diff(tempo_map.bar_starts_s)


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / max(float(values.std()), 1e-9)

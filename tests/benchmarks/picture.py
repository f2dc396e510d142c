"""How far the written music follows what is seen, over real clips: bar density against bar motion, and whether
chords change and notes begin and are louder at hits and visual beats.

Density is notes a second of all pitched tracks, read from the MIDI file; motion the mean RGB difference of V-MusProd
in the bar, cuts left out. A clip counts where its motion varies, once for every seed, as it was written. The bar in
which the music ends is left out: whatever is seen there, it is one held chord.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from clips import varies, watched
from harness import Line

from composer.cue_spans import HEAVY
from composer.midi import read_midi, write_midi
from composer.music import Score
from composer.pipeline import compose
from composer.spotting.affect import rgb_difference_at
from composer.spotting.cues import CueSheet
from composer.spotting.spot import spot
from composer.timing import TempoMap
from composer.video.features import VideoFeatures

NEEDED_R = 0.6
SEEDS = (0, 1, 2)
SHUFFLES = 200
REACH_S = 0.1


@dataclass(frozen=True)
class Clip:
    """Motion (bars,) of every bar of a clip but the last, and density (seeds, bars) there with each of `SEEDS`."""

    name: str
    motion: np.ndarray
    density: np.ndarray


@dataclass(frozen=True)
class Lean:
    """Of moments that music should lean to, and of moments drawn at random in the same film: whether a chord changes
    or a note begins there (n,) bool, and how loud the notes there are, in velocity units above the film's mean."""

    asked: list[bool]
    drawn: list[bool]
    louder: list[float]

    def add(self, other: Lean) -> None:
        """Take in another film's."""
        for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True):
            mine.extend(theirs)


def lines(work: Path) -> list[Line]:
    """Pearson's r over the bars of all clips whose motion varies, each piece about its own mean, and the leanings."""
    moving: list[Clip] = []
    hits, beats = Lean([], [], []), Lean([], [], [])
    for features in watched():
        _look(features, work, moving, hits, beats)
    return [
        _follows(moving),
        _leans("chords change with hits on a beat", hits),
        _leans("notes begin at visual beats", beats),
    ]


def _follows(moving: list[Clip]) -> Line:
    motion = np.concatenate([_standard(clip.motion) for clip in moving])
    density = np.concatenate([_standard(clip.density) for clip in moving], axis=1)
    of_means = np.concatenate([_standard(clip.density.mean(axis=0)) for clip in moving])
    rng = np.random.default_rng(0)
    shuffled = [_r(rng.permutation(motion), density) for _ in range(SHUFFLES)]
    r = _r(motion, density)
    each = ", ".join(
        f"{clip.name.partition('__')[2][:14]} {_r(clip.motion, _standard(clip.density)):.2f}"
        for clip in moving
    )
    measured = f"r {r:.2f} over {density.size} bars of {len(moving)} clips with {len(SEEDS)} seeds; {each}; "
    measured += f"shuffled {np.mean(shuffled):.2f}, at most {np.percentile(shuffled, 95):.2f} in 95 %; "
    measured += f"of means over seeds {np.corrcoef(motion, of_means)[0, 1]:.2f}"
    return Line(f"bar density follows bar motion, r >= {NEEDED_R}", measured, r >= NEEDED_R)


def _r(motion: np.ndarray, density: np.ndarray) -> float:
    """Pearson's r of motion (bars,) and the densities (seeds, bars) of all seeds, one after the other."""
    return float(np.corrcoef(np.tile(motion, len(density)), density.ravel())[0, 1])


def _leans(promise: str, found: Lean) -> Line:
    asked, drawn = float(np.mean(found.asked)), float(np.mean(found.drawn))
    measured = f"{asked:.2f} of {len(found.asked)}, at random moments {drawn:.2f}; "
    measured += f"notes there are {np.mean(found.louder):+.1f} in velocity"
    return Line(promise, measured, asked > drawn)


def bar_motion(features: VideoFeatures, borders_s: np.ndarray) -> np.ndarray:
    """Mean RGB difference between ``borders_s`` (bars + 1,): (bars,)."""
    motion = rgb_difference_at(features, features.motion_times_s)
    bar = np.searchsorted(borders_s, features.motion_times_s, side="right") - 1
    return np.array(
        [motion[bar == b].mean() if (bar == b).any() else np.nan for b in range(len(borders_s) - 1)]
    )


def _look(features: VideoFeatures, work: Path, moving: list[Clip], hits: Lean, beats: Lean) -> None:
    """Score a clip with every seed and add what is found."""
    cues = spot(features, seed=SEEDS[0])
    motion = bar_motion(features, cues.tempo_map.bar_starts_s)[:-1]
    if not (varies(motion) or cues.accents or any(hit.weight >= HEAVY for hit in cues.hits)):
        return
    densities = []
    for seed in SEEDS:
        write_midi(compose(cues, features, seed=seed), work / "clip.mid")
        score = read_midi(work / "clip.mid")
        densities.append(_density(score, cues.tempo_map)[:-1])
        hits.add(_at(score, cues, [hit.time_s for hit in cues.hits if hit.weight >= HEAVY], chords=True))
        beats.add(_at(score, cues, [accent.time_s for accent in cues.accents], chords=False))
    if varies(motion):
        moving.append(Clip(features.source, motion, np.array(densities)))


def _at(score: Score, cues: CueSheet, times_s: list[float], *, chords: bool) -> Lean:
    """What happens at ``times_s`` and at as many random moments on the same grid of sixteenths."""
    seconds = cues.tempo_map.seconds
    notes = [note for track in score.tracks if not track.is_drums for note in track.notes]
    onsets_s = np.array([seconds(note.onset_beats) for note in notes])
    loud = np.array([note.velocity for note in notes], float)
    changes_s = np.array([seconds(span.onset_beats) for span in score.chords[1:]])
    marks_s = changes_s if chords else onsets_s
    rng = np.random.default_rng(0)
    grid = rng.choice(np.arange(0, cues.tempo_map.end_beats, 1.0 if chords else 0.25), 10 * len(times_s))

    def near(time_s: float, moments_s: np.ndarray) -> np.ndarray:
        return np.abs(moments_s - time_s) <= REACH_S

    louder = [float(loud[there].mean() - loud.mean()) for t in times_s if (there := near(t, onsets_s)).any()]
    asked = [bool(near(time_s, marks_s).any()) for time_s in times_s]
    return Lean(asked, [bool(near(seconds(beat), marks_s).any()) for beat in grid], louder)


def _density(score: Score, tempo_map: TempoMap) -> np.ndarray:
    """Notes a second that begin in each bar: (bars,)."""
    onsets = [note.onset_beats for track in score.tracks if not track.is_drums for note in track.notes]
    bar = np.searchsorted(tempo_map.bar_starts_beats, np.array(onsets) + 1e-6, side="right") - 1
    return np.bincount(bar, minlength=len(tempo_map.bars)) / np.diff(tempo_map.bar_starts_s)


def _standard(values: np.ndarray) -> np.ndarray:
    """Values (..., bars) about the mean of each row, in its standard deviations."""
    spread = np.maximum(values.std(axis=-1, keepdims=True), 1e-9)
    return (values - values.mean(axis=-1, keepdims=True)) / spread

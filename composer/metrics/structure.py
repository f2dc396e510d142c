"""Structureness: how well the best segment of a piece explains the rest of it by repeating.

Definition: the largest value of the fitness scape plot among segments of 3-8 s (short), 8-15 s (mid) and 15 s or more
(long): Wu & Yang, "The Jazz Transformer on the Front Line", ISMIR 2020. Fitness is the harmonic mean of normalised
score and coverage of the best path family over a segment: Müller, Jiang & Grosche, "A robust fitness measure for
capturing repetitions in music recordings", IEEE TASLP 21:3, 2013.

What differs from Wu and Yang, who measure audio: chroma is the time that pitch classes sound in every pulse (no
timbre, no loudness; drums left out) rather than spectra at 2 Hz; paths are diagonals, because notes on a metric grid
need no time warping; segments start on bar lines. The matrix is enhanced as theirs: the best of 12 transpositions,
smoothing along diagonals (8 pulses, about their 8 s at slow tempi), the highest quarter of all values kept and
scaled to 0-1, -2 elsewhere. CMT (Di et al., ACM MM 2021) prints one indicator, .241 for its music and .488 for its
data, without naming the time scale: compare within one implementation only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from composer.metrics import TooLittleMusic

SHORT_S, MID_S, LONG_S = (3.0, 8.0), (8.0, 15.0), (15.0, np.inf)
SMOOTHING_FRAMES = 8
KEPT_SHARE = 0.25
PENALTY = -2.0
MAX_FRAMES = 512  # longer pieces are measured in equal parts no longer than this
MIN_START_FRAMES = 3  # segments start at least so far apart
_CHUNK = 64  # segment lengths that are computed together


@dataclass(frozen=True)
class ScapePlot:
    """``fitness`` (lengths, starts) float32 0-1 of segments of ``lengths`` frames from ``starts``; 0 where a segment
    would run past the end. Segments of more than half of the piece cannot repeat and are left out."""

    fitness: np.ndarray
    lengths: np.ndarray
    starts: np.ndarray


def structureness(
    chroma: np.ndarray, frame_starts_s: np.ndarray, segment_starts: np.ndarray
) -> tuple[float, float, float]:
    """SI short, mid and long, 0-1 each.

    ``chroma`` (frames, 12) >= 0; ``frame_starts_s`` (frames + 1,) seconds, with the end of the last frame;
    ``segment_starts`` (k,) frames at which segments may start, the bar lines. 0 where the piece is too short for a
    segment of that length to repeat. A long piece is measured in equal parts of at most `MAX_FRAMES`; their mean.
    """
    chroma, times_s = np.asarray(chroma, float), np.asarray(frame_starts_s, float)
    frames = len(chroma)
    if frames == 0 or chroma.shape != (frames, 12) or not chroma.any():
        raise TooLittleMusic(f"structure needs frames of 12 pitch classes that sound, got {chroma.shape}")
    if len(times_s) != frames + 1:
        raise ValueError(f"{frames} frames need {frames + 1} borders, got {len(times_s)}")
    parts = -(-frames // MAX_FRAMES)
    borders = np.linspace(0, frames, parts + 1).round().astype(int)
    found = []
    for first, end in pairwise(borders.tolist()):
        inside = segment_starts[(segment_starts >= first) & (segment_starts < end)] - first
        plot = scape_plot(self_similarity(chroma[first:end]), inside)
        times = times_s[first : end + 1]
        found.append([structureness_indicator(plot, times, bounds) for bounds in (SHORT_S, MID_S, LONG_S)])
    short, mid, long = np.mean(found, 0)
    return float(short), float(mid), float(long)


def structureness_indicator(
    plot: ScapePlot, frame_starts_s: np.ndarray, bounds_s: tuple[float, float]
) -> float:
    """SI: the largest fitness of a segment that lasts from ``bounds_s[0]`` to ``bounds_s[1]`` seconds, 0-1."""
    ends = np.minimum(plot.starts[None] + plot.lengths[:, None], len(frame_starts_s) - 1)
    lasting_s = frame_starts_s[ends] - frame_starts_s[plot.starts[None]]
    fitting = (lasting_s >= bounds_s[0] - 1e-6) & (lasting_s <= bounds_s[1] + 1e-6)
    return float(plot.fitness[fitting].max(initial=0.0))


def self_similarity(chroma: np.ndarray) -> np.ndarray:
    """The enhanced self-similarity matrix of ``chroma`` (frames, 12): (frames, frames) float32, 1 on the diagonal,
    up to 1 where the music repeats in whatever transposition, `PENALTY` where it does not."""
    frames = len(chroma)
    norm = np.linalg.norm(chroma, axis=1, keepdims=True)
    unit = np.where(norm > 1e-6, chroma / np.maximum(norm, 1e-6), 12**-0.5).astype(np.float32)
    best = np.zeros((frames, frames), np.float32)
    for shift in range(12):
        raw = unit @ np.roll(unit, shift, axis=1).T
        forward = np.zeros_like(raw)
        for k in range(min(SMOOTHING_FRAMES, frames)):
            forward[: frames - k, : frames - k] += raw[k:, k:]
        np.maximum(best, forward, out=best)
        k = (
            SMOOTHING_FRAMES - 1
        )  # the mean of the frames before is the one of the frames after, seen from their end
        if frames > k:
            np.maximum(best[k:, k:], forward[: frames - k, : frames - k], out=best[k:, k:])
    best = np.round(
        best / SMOOTHING_FRAMES, 5
    )  # what is equal must be equal, or rounding picks the highest quarter
    place = min(round(best.size * (1 - KEPT_SHARE)), best.size - 1)
    lowest, highest = np.partition(best, place, axis=None)[place], best.max()
    if highest > lowest:
        best = np.where(best >= lowest, (best - lowest) / (highest - lowest), np.float32(PENALTY))
    else:
        best = np.where(best >= lowest, np.float32(1.0), np.float32(PENALTY))
    np.fill_diagonal(best, 1.0)
    return best.astype(np.float32)


def scape_plot(similarity: np.ndarray, segment_starts: np.ndarray) -> ScapePlot:
    """The fitness of all segments from ``segment_starts`` that can repeat in a self-similarity matrix.

    A path family repeats the segment at places that do not overlap; the best one is found by dynamic programming
    over the place where a repetition ends, for many segments at once.
    """
    frames = len(similarity)
    diagonal = np.zeros((frames + 1, frames + 1), np.float32)  # sums along diagonals
    for i in range(frames):
        diagonal[i + 1, 1:] = diagonal[i, :-1] + similarity[i]
    starts = _apart(np.unique(np.asarray(segment_starts, np.int64)))
    lengths = np.arange(1, frames // 2 + 1)
    fitness = np.zeros((len(lengths), len(starts)), np.float32)
    for first in range(0, len(lengths), _CHUNK):
        some = lengths[first : first + _CHUNK]
        fitness[first : first + _CHUNK] = _fitness(diagonal, some, starts)
    return ScapePlot(fitness, lengths, starts)


def _fitness(diagonal: np.ndarray, lengths: np.ndarray, starts: np.ndarray) -> np.ndarray:
    frames = len(diagonal) - 1
    rows = np.arange(len(lengths))
    ends = starts[None] + lengths[:, None]
    inside = ends <= frames
    ends = np.minimum(ends, frames)
    at_starts = np.ascontiguousarray(diagonal[:, starts])
    score = np.zeros((frames + 1, len(lengths), len(starts)), np.float32)
    paths = np.zeros(score.shape, np.int16)
    for n in range(int(lengths[0]), frames + 1):
        fitting = int(np.searchsorted(lengths, n, side="right"))  # segments no longer than what lies before n
        before, row = n - lengths[:fitting], rows[:fitting]
        taken = diagonal[n].take(ends[:fitting])
        taken -= at_starts[before]
        taken += score[before, row]
        score[n] = score[n - 1]
        np.maximum(score[n, :fitting], taken, out=score[n, :fitting])
        paths[n] = paths[n - 1]
        np.copyto(paths[n, :fitting], paths[before, row] + 1, where=taken > score[n - 1, :fitting])
    length, count = lengths[:, None].astype(np.float32), paths[-1].astype(np.float32)
    gained = np.maximum(score[-1] - length, 0.0) / np.maximum(count * length, 1.0)
    covered = np.maximum(count * length - length, 0.0) / frames
    total = gained + covered
    return np.where(inside & (total > 0), 2 * gained * covered / np.maximum(total, 1e-9), 0.0)


def _apart(starts: np.ndarray) -> np.ndarray:
    kept: list[int] = []
    for start in starts:
        if not kept or start - kept[-1] >= MIN_START_FRAMES:
            kept.append(int(start))
    return np.array(kept, np.int64)

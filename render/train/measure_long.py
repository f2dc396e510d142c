"""Figures of a long cue: one timbre from end to end, no borders that can be heard, memory that does not grow.

A cue of five minutes is painted in a process of its own, and a minute of it in another; the system's own count of the
most memory that each held is compared, the synthesizer's process included.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np

from render.audio import read_wav
from render.events import Performance
from render.mel import SPEC, Mel, mel_of
from render.metrics.recognition import embedding_distance
from render.metrics.spectra import border_flux
from render.metrics.spread import Figure
from render.train.clips import recipes_of, true_rendering
from render.train.data import Recipe, performance_of
from render.train.excerpts import excerpt, joined
from render.train.figures import Line, plain
from render.train.style_classifier import StyleClassifier, embedding_of

LONG_S, SHORT_S = 300.0, 60.0
SPEED_RUNS = 3  # of the minute: one may meet other work on the machine
HOPS_A_WINDOW = 12
STYLES = ("string-orchestra", "solo-piano", "jazz-combo")
_RSS_BYTES = 1 if sys.platform == "darwin" else 1024  # what ru_maxrss counts in


@dataclass(frozen=True)
class Job:
    """What a child process paints: ``performance`` in ``style`` into the WAV file ``out``."""

    performance: Performance
    style: str
    seed: int
    out: Path


@dataclass(frozen=True)
class Painted:
    """What it took. ``borders``: frames at which windows of the diffusion meet."""

    load_s: float
    paint_s: float
    borders: tuple[int, ...]


Paint = Callable[[Job], Painted]


def in_child(paint: Paint, job: Job) -> tuple[Painted, int]:
    """Run ``paint`` in a fresh process; also the most memory in bytes that it, or one it started, held."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_paint_and_count, paint, job).result()


def _paint_and_count(paint: Paint, job: Job) -> tuple[Painted, int]:
    painted = paint(job)
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return painted, max(peaks) * _RSS_BYTES


def long_cue(data: Path, pieces: Path, style: str, length_s: float = LONG_S) -> tuple[Recipe, Performance]:
    """The held-out takes of a style one after the other, cut to ``length_s``; the last minute repeats the music of the
    first, as film cues like to, so that what differs between them is how it sounds."""
    recipes = [recipe for recipe in recipes_of(data, "held-out") if recipe.style == style]
    parts: list[Performance] = []
    while sum(part.end_s for part in parts) < length_s:
        parts.append(performance_of(recipes[len(parts) % len(recipes)], pieces)[0])
    music = joined(parts, 0.0)
    whole = [excerpt(music, 0.0, length_s - SHORT_S), excerpt(music, 0.0, SHORT_S)]
    return recipes[0], excerpt(joined(whole, 0.0), 0.0, length_s)


def measure_cue(
    recipe: Recipe,
    cue: Performance,
    paint: Paint,
    fonts: Mapping[str, Path],
    judge: StyleClassifier,
    folder: Path,
    seed: int,
) -> list[Line]:
    """The figures of one cue; the two painted files stay in ``folder``."""
    jobs = [
        Job(performance, recipe.style, seed, folder / f"{recipe.style}-{name}.wav")
        for name, performance in (("long", cue), ("short", excerpt(cue, 0.0, SHORT_S)))
    ]
    long, long_bytes = in_child(paint, jobs[0])
    shorts = [in_child(paint, jobs[1]) for _ in range(SPEED_RUNS)]
    short_bytes = shorts[0][1]
    speeds = sorted(SHORT_S / short.paint_s for short, _ in shorts)
    mel = mel_of(read_wav(jobs[0].out))
    reference = mel_of(true_rendering(cue, recipe, fonts))
    return [
        *timbre_lines(recipe.style, mel, reference, judge),
        border_line(recipe.style, mel, reference, long.borders),
        Line(
            f"{recipe.style}: peak memory, against one minute",
            plain(long_bytes / short_bytes),
            "",
            at_most=1.2,
            beside={
                "five minutes, MB": plain(long_bytes / 1e6),
                "one minute, MB": plain(short_bytes / 1e6),
            },
        ),
        Line(
            f"{recipe.style}: times real time for one minute, load excluded; median and range of {SPEED_RUNS}",
            Figure(median(speeds), speeds[0], speeds[-1], len(speeds)),
            "",
            at_least=15.0,
            beside={
                "five minutes": plain(LONG_S / long.paint_s),
                "load, s": plain(shorts[0][0].load_s),
            },
        ),
    ]


def timbre_lines(style: str, mel: Mel, reference: Mel, judge: StyleClassifier) -> list[Line]:
    """Style distance between the first and the last minute, at most that between neighbouring minutes."""
    ends, neighbours = minute_distances(mel, judge)
    true_ends, true_neighbours = minute_distances(reference, judge)
    return [
        Line(
            f"{style}: style distance of first and last minute",
            plain(ends),
            "",
            at_most=float(neighbours.max()),
            beside={
                "neighbouring minutes, mean and range": _range(neighbours),
                "true rendering": plain(true_ends),
                "true rendering, neighbouring minutes": _range(true_neighbours),
            },
        )
    ]


def minute_distances(mel: Mel, judge: StyleClassifier, window_s: float = 60.0) -> tuple[float, np.ndarray]:
    """Distance of the style embeddings of the first and the last window, and those (n,) of all pairs of windows that
    touch, wherever in the cue, in steps of a twelfth of a window."""
    window, hop = round(window_s * SPEC.frame_hz), round(window_s * SPEC.frame_hz / HOPS_A_WINDOW)
    starts = range(0, mel.frames - window + 1, hop)
    if len(starts) <= HOPS_A_WINDOW:
        raise ValueError(f"{mel.frames} frames are fewer than two windows of {window_s:g} s")
    found = [embedding_of(judge, Mel(mel.log[:, start : start + window])) for start in starts]
    neighbours = [embedding_distance(*pair) for pair in zip(found, found[HOPS_A_WINDOW:], strict=False)]
    return embedding_distance(found[0], found[-1]), np.array(neighbours)


def border_line(style: str, mel: Mel, reference: Mel, borders: Sequence[int]) -> Line:
    """How many borders of windows have more spectral flux than 95 % of the places elsewhere.

    One place in twenty has, border or not, because a note begins there: beside it stands how many of these borders
    have none in the true rendering, whose own flux is below its own percentile.
    """
    inside = [border for border in borders if border < min(mel.frames, reference.frames)]
    found, true = border_flux(mel, inside), border_flux(reference, inside)
    over = found.at_borders > found.elsewhere
    unexplained = int((over & (true.at_borders <= true.elsewhere)).sum())
    largest = float(found.at_borders.max(initial=0.0) / found.elsewhere)
    return Line(
        f"{style}: borders above the 95th percentile of flux, of {len(inside)}",
        plain(found.over, max(len(inside), 1)),
        "",
        at_most=0.0,
        beside={
            "of these, no note begins in the true rendering": plain(unexplained),
            "largest flux at a border / the percentile": plain(largest),
            "true rendering, same places": plain(true.over),
        },
    )


def _range(values: np.ndarray) -> Figure:
    return Figure(float(values.mean()), float(values.min()), float(values.max()), len(values))

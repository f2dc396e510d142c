"""The edit between two films, seen in their pictures: which frame of the old one every frame of the new one is.

Both films are sampled at the old one's frame rate as thumbnails. A dynamic programme over (new frame, old frame) finds
the cheapest row of runs of constant offset, or of new picture, where frames that differ by more than copies do are
other pictures (`OTHER_LEVELS`) and every change of offset has its price (Viterbi 1967; as recordings are aligned). It
looks at a new frame every fifth of a second; offsets and the places where runs meet are then sought frame by frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from composer.errors import BadInput
from composer.output import sha256_of
from composer.picture_edit import PictureEdit, Piece, Shot
from composer.video.reader import VideoReader
from composer.video.scaling import shrink
from composer.video.shots import ShotController

THUMBNAIL_PX = 12  # a side
STEP_S = 0.2  # between the new frames that are looked at; longer in long films
MAX_CELLS = 100_000_000  # of the programme
LONGEST_STEP_S = 1.0
MAX_RATE_HZ = 30.0  # of sampling; faster films are sampled at a whole part of their rate
OTHER_LEVELS = (1.5, 6.0)  # root mean square difference, 0-255, from which frames are other pictures
OTHER_TIMES = 8.0  # as much as between the best pairs, within those limits: copies differ as they are coded
OUTSIDE_COST = 10.0  # of a frame before the old film's first or after its last
MOST_COST = 2.0  # of taking a frame for another
CHANGE_COST = 4.0  # of offset, in steps of other picture
CUT_NEAR_S = 0.1  # of a cut from where new picture begins


@dataclass(frozen=True)
class Watched:
    """A film as far as it is compared: ``times_s`` (frames,), ``thumbnails`` (frames, 432) uint8, ``cuts_s``."""

    name: str
    sha256: str
    duration_s: float
    frame_rate: float
    start_timecode: str
    times_s: np.ndarray
    thumbnails: np.ndarray
    cuts_s: tuple[float, ...]


def watch(path: Path, progress: Callable[[float], None] | None = None) -> Watched:
    """Watch a film; ``progress`` is called with 0-1. Raises BadInput where it cannot be used."""
    times_s: list[float] = []
    thumbnails: list[np.ndarray] = []
    shots = ShotController()
    with VideoReader(path) as reader:
        expected_s = reader.expected_duration_s
        for frame in reader.frames():
            half = shrink(frame.rgb, (frame.rgb.shape[1] + 1) // 2, (frame.rgb.shape[0] + 1) // 2)
            shots.see(frame.time_s, half)
            times_s.append(frame.time_s)
            thumbnails.append(shrink(half, THUMBNAIL_PX, THUMBNAIL_PX).ravel())
            if progress and expected_s:
                progress(min(frame.time_s / expected_s, 0.99))
        info = reader.info
    cuts_s = tuple(cut.time_s for cut in shots.finish(info.duration_s).cuts)
    return Watched(
        path.name,
        sha256_of(path),
        info.duration_s,
        info.frame_rate,
        info.start_timecode,
        np.array(times_s),
        np.stack(thumbnails),
        cuts_s,
    )


def edit_of_films(old: Watched, new: Watched) -> PictureEdit:
    """The edit from one film to another. Raises BadInput for films that are too long to be compared."""
    rate_hz = old.frame_rate / math.ceil(old.frame_rate / MAX_RATE_HZ)
    frames = [max(round(film.duration_s * rate_hz), 1) for film in (old, new)]
    step = max(round(STEP_S * rate_hz), math.ceil(frames[0] * frames[1] / MAX_CELLS), 1)
    if step > LONGEST_STEP_S * rate_hz + 1:
        raise BadInput(
            f"{new.name}: films as long as this are not compared picture by picture; give --old-edl and --new-edl"
        )
    one, other = (_sampled(film, rate_hz, count) for film, count in zip((old, new), frames, strict=True))
    scale = _scale(one, other[::step])
    one /= scale
    other /= scale
    offsets = _exact(one, other, _offsets(one, other, step), step)
    edges = _edges(one, other, offsets, step)
    pieces = []
    for (first, offset), (last, _) in pairwise([*edges, (len(other), None)]):
        start_s, end_s = first / rate_hz, min(last / rate_hz, new.duration_s)
        end_s = new.duration_s if last == len(other) else end_s
        pieces += _by_shots(start_s, end_s, None if offset is None else (first - offset) / rate_hz, old)
    shots_s = [0.0, *old.cuts_s, old.duration_s]
    shots = tuple(Shot(f"shot {n}", a, b) for n, (a, b) in enumerate(pairwise(shots_s), 1))
    return PictureEdit(tuple(_lengthened(pieces, new.cuts_s)), shots)


def _sampled(film: Watched, rate_hz: float, count: int) -> np.ndarray:
    """The thumbnails that stand at the first ``count`` periods of ``rate_hz``, (count, 432) float32."""
    moments_s = np.arange(count) / rate_hz
    shown = np.searchsorted(film.times_s, moments_s + 0.5 / rate_hz, side="right") - 1
    return film.thumbnails[np.clip(shown, 0, len(film.thumbnails) - 1)].astype(np.float32)


def _scale(old: np.ndarray, rows: np.ndarray) -> float:
    """By what thumbnails are divided so that frames whose difference has the length 1 are other pictures."""
    squares = (old**2).sum(1)
    best = np.median([float(_distances(old, squares, row).min()) for row in rows]) / np.sqrt(old.shape[1])
    return float(np.clip(OTHER_TIMES * best, *OTHER_LEVELS) * np.sqrt(old.shape[1]))


def _distances(old: np.ndarray, squares: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """How much a new frame differs from each of ``old``, whose ``squares`` are their squared lengths: (old,)."""
    return np.sqrt(np.maximum(squares + (frame**2).sum() - 2 * old @ frame, 0))


def _offsets(old: np.ndarray, new: np.ndarray, step: int) -> list[int | None]:
    """For every ``step``-th new frame, how many frames later it is than in the old film; None for new picture."""
    rows = new[::step]
    frames = len(old)
    stays = np.zeros((len(rows), frames), bool)
    jumps = np.zeros((len(rows), 2), np.int64)  # from where one comes into an old frame, and into new picture
    squares = (old**2).sum(1)

    def costs(frame: np.ndarray) -> np.ndarray:
        """What it costs to take a new frame for each of the old: 1 where they are other pictures."""
        return np.minimum(_distances(old, squares, frame), MOST_COST)

    total = costs(rows[0]) + CHANGE_COST * (np.arange(frames) > 0)
    absent = 1.0 + CHANGE_COST
    for row in range(1, len(rows)):
        least = int(total.argmin())
        cheapest = min((float(total[least]), least), (absent, -1))
        shifted = np.full(frames, np.inf, np.float32)
        shifted[step:] = total[:-step] if step < frames else []
        stays[row] = shifted <= cheapest[0] + CHANGE_COST
        jumps[row] = cheapest[1], least if float(total[least]) + CHANGE_COST < absent else -1
        absent = 1.0 + min(absent, float(total[least]) + CHANGE_COST)
        total = costs(rows[row]) + np.where(stays[row], shifted, cheapest[0] + CHANGE_COST)
    at = int(total.argmin()) if float(total.min()) <= absent else -1
    found: list[int | None] = []
    for row in range(len(rows) - 1, -1, -1):
        found.append(None if at < 0 else row * step - at)
        stays_here = at >= 0 and bool(stays[row, at])
        at = at - step if stays_here else int(jumps[row, 0 if at >= 0 else 1])
    return found[::-1]


def _exact(old: np.ndarray, new: np.ndarray, offsets: Sequence[int | None], step: int) -> list[int | None]:
    """The offsets, those of each run moved by so few frames as make all its frames most like the old ones."""
    found: list[int | None] = []
    for offset, group in groupby(offsets):
        rows = len(list(group))
        if offset is not None:
            first = len(found) * step
            span = range(first, min(first + (rows - 1) * step + 1, len(new)))
            near = sorted(range(-step, step + 1), key=abs)
            costs = [float(_cost_of(old, new, span, offset + move).sum()) for move in near]
            offset += near[int(np.argmin(costs))]
        found += [offset] * rows
    return found


def _edges(
    old: np.ndarray, new: np.ndarray, offsets: Sequence[int | None], step: int
) -> list[tuple[int, int | None]]:
    """(first new frame, offset) of every run, where two meet to the frame."""
    edges: list[tuple[int, int | None]] = [(0, offsets[0])]
    for row, (one, other) in enumerate(pairwise(offsets)):
        if one != other:
            span = range(row * step + 1, min((row + 1) * step + 1, len(new)))
            before, after = (_cost_of(old, new, span, offset) for offset in (one, other))
            costs = [before[:cut].sum() + after[cut:].sum() for cut in range(len(span) + 1)]
            edges.append((span.start + int(np.argmin(costs)), other))
    last = edges[-1][1]
    if last is not None and len(new) - last > len(old):  # the old film is over before the new one
        edges.append((len(old) + last, None))
    return edges


def _cost_of(old: np.ndarray, new: np.ndarray, span: range, offset: int | None) -> np.ndarray:
    """How much new frames differ from the old ones at an offset, (frames,)."""
    if offset is None:
        return np.ones(len(span))
    places = np.array(span) - offset
    inside = (places >= 0) & (places < len(old))
    difference = new[span.start : span.stop] - old[np.clip(places, 0, len(old) - 1)]
    return np.where(inside, np.minimum(np.sqrt((difference**2).sum(1)), MOST_COST), OUTSIDE_COST)


def _by_shots(start_s: float, end_s: float, old_start_s: float | None, old: Watched) -> list[Piece]:
    """A run as pieces, one for each old shot."""
    if old_start_s is None:
        return [Piece(start_s, end_s, None)]
    shift_s = start_s - old_start_s
    inside = [cut_s for cut_s in old.cuts_s if old_start_s + 1e-3 < cut_s < end_s - shift_s - 1e-3]
    edges_s = [old_start_s, *inside, end_s - shift_s]
    return [
        Piece(a + shift_s, b + shift_s, a, int(np.searchsorted(old.cuts_s, a + 1e-3, side="right")))
        for a, b in pairwise(edges_s)
    ]


def _lengthened(pieces: Sequence[Piece], cuts_s: Sequence[float]) -> list[Piece]:
    """New picture without a cut between it and an old shot makes that shot longer."""
    found = list(pieces)
    for place, piece in enumerate(pieces):
        if piece.old_start_s is not None:
            continue
        beside = [(place - 1, piece.new_start_s), (place + 1, piece.new_end_s)]
        for other, edge_s in beside:
            is_old = 0 <= other < len(pieces) and pieces[other].old_start_s is not None
            if is_old and all(abs(cut_s - edge_s) > CUT_NEAR_S for cut_s in cuts_s):
                found[place] = Piece(piece.new_start_s, piece.new_end_s, None, pieces[other].shot)
                break
    return found

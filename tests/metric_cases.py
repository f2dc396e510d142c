"""Pieces with known answers for the tests of the metrics."""

from __future__ import annotations

import numpy as np

from composer.metrics.piece import ACCOMPANIMENT, DRUMS, MELODY, Piece
from composer.music import Note, Score, Track
from composer.timing import Bar, TempoMap


def make_piece(
    rows: list[tuple[float, float, int, int]] | np.ndarray,
    *,
    bars: int = 4,
    metre: tuple[int, int] = (4, 4),
    bpm: float = 120.0,
    velocity: float = 80.0,
    chords: np.ndarray | None = None,
) -> Piece:
    """A piece from (onset in beats, duration in beats, pitch, part) rows, in one metre and tempo."""
    columns = np.array(rows, float).reshape(-1, 4)
    return Piece(
        onset_beats=columns[:, 0],
        duration_beats=columns[:, 1],
        pitch=columns[:, 2].astype(np.int64),
        velocity=np.full(len(columns), velocity),
        part=columns[:, 3].astype(np.int64),
        metre=np.tile(metre, (bars, 1)),
        bpm=np.full(bars, bpm),
        chords=chords,
    )


def random_piece(seed: int, *, transposed: int = 0) -> Piece:
    """Twelve bars of melody, accompaniment and drums in a metre drawn by ``seed``."""
    rng = np.random.default_rng(seed)
    metre = ((4, 4), (3, 4), (6, 8), (7, 8), (2, 2))[seed % 5]
    bars, count = 12, int(rng.integers(30, 120))
    end = bars * metre[0] * 4 / metre[1]
    onset = np.sort(np.floor(rng.uniform(0, end - 0.5, count) * 4) / 4)
    part = rng.choice([MELODY, ACCOMPANIMENT, DRUMS], count, p=[0.3, 0.6, 0.1])
    pitch = rng.integers(48, 80, count) + np.where(part == DRUMS, 0, transposed)
    rows = np.stack([onset, rng.choice([0.25, 0.5, 1.0, 2.5], count), pitch, part], 1)
    return make_piece(rows, bars=bars, metre=metre, bpm=float(rng.uniform(60, 140)))


def make_score(
    tracks: dict[str, list[tuple[float, float, int]]],
    *,
    bars: int = 8,
    metre: tuple[int, int] = (4, 4),
    bpm: float = 120.0,
    roles: dict[str, str] | None = None,
    provenance: dict[str, str] | None = None,
) -> Score:
    """A score of (onset, duration, pitch) notes by track name; the track named Drums is one."""
    return Score(
        title="case",
        tempo_map=TempoMap((Bar.at_bpm(bpm, *metre),) * bars),
        tracks=tuple(
            Track(
                name=name,
                role="percussion" if name == "Drums" else (roles or {}).get(name, "pad"),
                program=0,
                notes=tuple(Note(onset, duration, pitch, 80) for onset, duration, pitch in sorted(notes)),
                is_drums=name == "Drums",
            )
            for name, notes in tracks.items()
        ),
        provenance=provenance or {},
    )


def tune(seed: int, notes: int = 32) -> list[tuple[float, float, int]]:
    """A melody on the eighth grid, (onset, duration, pitch), different for every seed."""
    rng = np.random.default_rng(seed)
    durations = rng.choice([0.5, 0.5, 1.0], notes)
    onsets = np.cumsum(durations) - durations
    pitches = 67 + np.clip(np.cumsum(rng.integers(-4, 5, notes)), -12, 12)
    return [(float(o), float(d), int(p)) for o, d, p in zip(onsets, durations, pitches, strict=True)]

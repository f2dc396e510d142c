"""`Piece` to `Song`s: bars to pulses, notes to the grid, keys to C major or A minor, one song a stretch in one key.

The pulse is that of `composer.tokens.grid`. A bar of 3.5 pulses counts four, the last one cut short; a pick-up that
starts inside a pulse starts inside it here too. Bars of more than eight pulses are split.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from composer.analysis.chords import pulse_classes, recognize_chords
from composer.analysis.keys import key_segments, local_keys
from composer.analysis.phrases import cadences, phrase_lefts
from composer.analysis.skyline import skyline
from composer.theory import Key
from composer.tokens import grid
from composer.tokens.frame import MAX_BAR_BEATS
from composer.tokens.vocabulary import CHORD_NONE, chord_tones, transpose_chord
from composer.train.corpora.expression import HIGHEST_BPM, LOWEST_BPM, likely_bpm
from composer.train.corpora.piece import COMPOUND_PULSE, Piece, is_compound
from composer.train.song import Song

MIN_KEY_BARS = 8
MAX_SONG_BARS = 160
MIN_SONG_BARS, MIN_SONG_NOTES = 4, 12
FEWEST_MELODY_NOTES = 4
LOWEST_MELODY, HIGHEST_MELODY = 48, 96
LARGE_BAR_SPLIT = 4  # pulses
ON_GRID = 1 / 100  # pulses
LEAST_SYMBOLS = 0.4  # share of pulses under a chord symbol from which on the symbols are the harmony
PHRASE_REACH = 2  # bars that a cut moves to fall between phrases
SYMBOL_WEIGHT = 0.5  # pulses of sound that a chord symbol's tones stand for


@dataclass(frozen=True)
class Built:
    """The songs of one work. ``off_grid`` counts the notes whose onset the grid moved by more than `ON_GRID`;
    ``borders_s`` are the borders of each song's bars (bars + 1,) in seconds from the start of the work, where known."""

    songs: tuple[Song, ...]
    off_grid: int
    borders_s: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class _Pulses:
    """A piece in pulses. ``onset``, ``duration`` (n,) pulses; ``pitch``, ``velocity`` (n,); ``melody`` (n,) bool;
    ``starts`` (bars + 1,) pulses, ``starts_s`` the same in seconds; ``compound`` and ``opens`` (bars,), ``bpm`` (bars,)
    pulses a minute;
    ``chords`` (pulses,) ids, from the piece's symbols where ``symbols``.
    """

    onset: np.ndarray
    duration: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    melody: np.ndarray
    starts: np.ndarray
    starts_s: np.ndarray
    compound: np.ndarray
    opens: np.ndarray
    bpm: np.ndarray
    chords: np.ndarray
    symbols: bool


def build_songs(piece: Piece, number: int, style: int, most_notes: int | None = None) -> Built:
    """The songs of a piece. ``most_notes`` thins the accompaniment to that many notes in four pulses.

    The melody is ``piece.melody`` or else the skyline. A stretch in which it has hardly a note takes the skyline.
    """
    pulses = _in_pulses(piece, most_notes)
    songs: list[Song] = []
    borders_s: list[np.ndarray] = []
    off_grid = 0
    for first, end, key in _segments(pulses):
        song, moved = _song(pulses, first, end, key, (number, style, len(songs)))
        if song is not None:
            songs.append(song)
            borders_s.append(pulses.starts_s[first : end + 1])
            off_grid += moved
    return Built(tuple(songs), off_grid, tuple(borders_s))


def _in_pulses(piece: Piece, most_notes: int | None) -> _Pulses:
    compound = np.array([is_compound(int(n), int(d)) for n, d in piece.metres])
    pulse = np.where(compound, COMPOUND_PULSE, 1.0)
    exact = np.diff(piece.bar_starts) / pulse
    beats = np.maximum(np.ceil(exact - 1e-3), 1).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(beats)])
    lead = np.where(piece.pickup, beats - exact, 0.0)  # a pick-up ends where its last pulse ends

    def place(time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bar = np.clip(np.searchsorted(piece.bar_starts, time + 1e-6, side="right") - 1, 0, piece.bars - 1)
        return bar, starts[bar] + lead[bar] + (time - piece.bar_starts[bar]) / pulse[bar]

    bar, onset = place(piece.notes[:, 0])
    order = np.lexsort((piece.notes[:, 2], onset))
    bar, onset = bar[order], onset[order]
    notes = piece.notes[order]
    duration, pitch, velocity = notes[:, 1] / pulse[bar], notes[:, 2].astype(np.int64), notes[:, 3]
    melody = skyline(onset, duration, pitch) if piece.melody is None else piece.melody[order]
    if most_notes is not None:
        kept = thinned(onset, duration, pitch, velocity, melody, most_notes)
        onset, duration, pitch, velocity, melody = (
            v[kept] for v in (onset, duration, pitch, velocity, melody)
        )

    bpm = piece.quarter_bpm / pulse
    if np.isnan(bpm).any():
        tune = np.round(onset[melody] * grid.TICKS_PER_BEAT).astype(np.int64)
        heard = len(np.unique(tune)) / max(len(np.unique(tune // grid.TICKS_PER_BEAT)), 1)
        bpm = np.where(np.isnan(bpm), likely_bpm(heard), bpm)
    lengths, of_bar = split_bars(beats)
    split = np.concatenate([[0], np.cumsum(lengths)])
    of_border = np.append(of_bar, piece.bars - 1)
    quarters = piece.bar_starts[of_border] + np.maximum(
        split - starts[of_border] - lead[of_border], 0.0
    ) * pulse[of_border]  # fmt: skip
    bar_s = np.diff(piece.bar_starts) * 60.0 / piece.quarter_bpm
    first_of_bar = np.zeros(starts[-1], bool)
    first_of_bar[starts[:-1]] = True
    chords = np.full(starts[-1], CHORD_NONE)
    if piece.symbols is not None:
        _, at = place(piece.symbols[:, 0])
        index = np.searchsorted(at, np.arange(starts[-1]) + 0.5 - 1e-6, side="right") - 1
        chords = np.where(index >= 0, piece.symbols[np.maximum(index, 0), 1], CHORD_NONE).astype(np.int64)
    given = bool((chords != CHORD_NONE).mean() > LEAST_SYMBOLS)
    if not given:
        chords = recognize_chords(onset, duration, pitch, np.ones(onset.size), int(starts[-1]), first_of_bar)
    return _Pulses(
        onset, duration, pitch, velocity, melody,
        starts=split,
        starts_s=np.interp(quarters, piece.bar_starts, np.concatenate([[0.0], np.cumsum(bar_s)])),
        compound=compound[of_bar],
        opens=piece.opens[of_bar] & np.append(True, of_bar[1:] != of_bar[:-1]),
        bpm=np.clip(bpm, LOWEST_BPM, HIGHEST_BPM)[of_bar],
        chords=chords,
        symbols=given,
    )  # fmt: skip


def split_bars(beats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bars of at most `MAX_BAR_BEATS`: lengths in pulses, and the index of the bar each is of."""
    lengths: list[int] = []
    of_bar: list[int] = []
    for bar, length in enumerate(beats.tolist()):
        while length > MAX_BAR_BEATS:
            lengths.append(LARGE_BAR_SPLIT)
            of_bar.append(bar)
            length -= LARGE_BAR_SPLIT
        lengths.append(length)
        of_bar.append(bar)
    return np.array(lengths, np.int64), np.array(of_bar, np.int64)


def thinned(
    onset: np.ndarray,
    duration: np.ndarray,
    pitch: np.ndarray,
    velocity: np.ndarray,
    melody: np.ndarray,
    most: int,
) -> np.ndarray:
    """Indices of the notes that two hands might keep of an orchestra. Notes are sorted by onset, then pitch.

    Of one pitch sounding together the longest stays. Where more than ``most`` notes start within four pulses, those
    go first that double another at the octave, then those inside the chord that are short and soft; melody and bass
    stay.
    """
    tick = np.round(onset * grid.TICKS_PER_BEAT).astype(np.int64)
    order = np.lexsort((-velocity, -duration, ~melody, pitch, tick))
    same = (tick[order][1:] == tick[order][:-1]) & (pitch[order][1:] == pitch[order][:-1])
    kept = order[np.append(True, ~same)]
    tick, pitch_, melody_ = tick[kept], pitch[kept], melody[kept]
    first = np.append(True, tick[1:] != tick[:-1])
    group = np.cumsum(first) - 1
    doubled = np.zeros(kept.size, bool)
    seen: set[tuple[int, int]] = set()
    for i in np.lexsort((pitch_, ~first, ~melody_, group)):  # the melody and the bass are heard first
        mark = (int(group[i]), int(pitch_[i]) % 12)
        doubled[i] = mark in seen
        seen.add(mark)
    worth = np.where(melody_, 100.0, 0.0) + 10.0 * first - 20.0 * doubled
    worth += np.minimum(duration[kept], 4.0) + velocity[kept] / 64.0
    stays = np.ones(kept.size, bool)
    window = tick // (4 * grid.TICKS_PER_BEAT)
    for which in np.unique(window):
        inside = np.flatnonzero((window == which) & ~melody_)
        if inside.size > most:
            stays[inside[np.argsort(-worth[inside], kind="stable")[most:]]] = False
    return np.sort(kept[stays])


def _segments(pulses: _Pulses) -> list[tuple[int, int, Key]]:
    """(first bar, end bar, key) of every song to be: one movement, one key, at most `MAX_SONG_BARS`."""
    bars = len(pulses.compound)
    classes, _ = pulse_classes(
        pulses.onset, pulses.duration, pulses.pitch, np.ones(pulses.onset.size), int(pulses.starts[-1])
    )
    if pulses.symbols:  # a tune alone says little about its key
        known = pulses.chords != CHORD_NONE
        classes[known] += SYMBOL_WEIGHT * chord_tones()[pulses.chords[known]]
    weights = np.add.reduceat(classes, pulses.starts[:-1].astype(np.int64), axis=0)
    opens = np.flatnonzero(pulses.opens)
    borders = [0, *(int(bar) for bar in opens if bar >= MIN_KEY_BARS and bars - bar >= MIN_KEY_BARS), bars]
    borders = [b for i, b in enumerate(borders) if i == 0 or b == bars or b - borders[i - 1] >= MIN_KEY_BARS]
    left = phrase_lefts(pulses.onset[pulses.melody], pulses.duration[pulses.melody], pulses.starts)
    out: list[tuple[int, int, Key]] = []
    for low, high in pairwise(borders):
        segments = key_segments(local_keys(weights[low:high]), MIN_KEY_BARS)
        cuts = between_phrases([low, *(low + end for _, end, _ in segments)], left)
        for (first, end), (_, _, key) in zip(pairwise(cuts), segments, strict=True):
            pieces = max(1, -(-(end - first) // (MAX_SONG_BARS - PHRASE_REACH)))
            parts = np.linspace(first, end, pieces + 1).round().astype(int).tolist()
            out += [(a, b, key) for a, b in pairwise(between_phrases(parts, left))]
    return out


def between_phrases(cuts: list[int], phrase_left: np.ndarray) -> list[int]:
    """Cuts (bars, the first and last of them fixed) moved to the nearest start of a phrase within `PHRASE_REACH`."""
    starts = np.append(True, phrase_left[:-1] == 0)
    out = list(cuts)
    for i in range(1, len(cuts) - 1):
        near = [
            bar
            for bar in range(cuts[i] - PHRASE_REACH, cuts[i] + PHRASE_REACH + 1)
            if out[i - 1] + MIN_SONG_BARS <= bar <= cuts[i + 1] - MIN_SONG_BARS and starts[bar]
        ]
        if near:
            out[i] = min(near, key=lambda bar: (abs(bar - cuts[i]), bar))
    return out


def shift_to_c(key: Key) -> int:
    """Semitones, -5..6, that move a key to C major or A minor."""
    tonic = (key.tonic + 3) % 12 if key.mode == "minor" else key.tonic
    return -tonic if tonic <= 5 else 12 - tonic


def _song(
    pulses: _Pulses, first: int, end: int, key: Key, name: tuple[int, int, int]
) -> tuple[Song | None, int]:
    """Bars first to end as a song, None where there is too little in it; and how many notes were off the grid."""
    start, stop = float(pulses.starts[first]), float(pulses.starts[end])
    inside = (pulses.onset >= start - 1e-6) & (pulses.onset < stop - 1e-6)
    if end - first < MIN_SONG_BARS or inside.sum() < MIN_SONG_NOTES:
        return None, 0
    shift = shift_to_c(key)
    onset, duration = pulses.onset[inside] - start, pulses.duration[inside]
    pitch, velocity, melody = pulses.pitch[inside] + shift, pulses.velocity[inside], pulses.melody[inside]
    if melody.sum() < FEWEST_MELODY_NOTES:
        melody = skyline(onset, duration, pitch)
    pitch = np.where(
        melody, _in_melody_range(pitch, melody), _folded(pitch, grid.LOWEST_PITCH, grid.HIGHEST_PITCH)
    )
    beat, sub = grid.quantize_onsets(np.maximum(onset, 0.0))
    last = beat >= stop - start  # rounded up over the end
    beat = np.where(last, int(stop - start) - 1, beat)
    sub = np.where(last, grid.LAST_SUB, sub)
    off = np.abs(grid.onset_beats(beat, sub) - onset) > ON_GRID
    rows = np.stack(
        [beat, sub, ~melody, pitch, grid.quantize_durations(duration), velocity // grid.VELOCITY_STEP], 1
    ).astype(np.int16)
    rows = rows[np.lexsort((-rows[:, 4], rows[:, 3], rows[:, 2], rows[:, 1], rows[:, 0]))]
    rows = rows[np.append(True, np.any(rows[1:, :4] != rows[:-1, :4], axis=1))]
    bar_beats = np.diff(pulses.starts[first : end + 1]).astype(np.int64)
    bar_starts = pulses.starts[first : end + 1] - start
    chords = np.array(
        [transpose_chord(int(c), shift) for c in pulses.chords[int(start) : int(stop)]], np.int64
    )
    left = phrase_lefts(onset[melody], duration[melody], bar_starts)
    minor = key.mode == "minor"
    number, style, segment = name
    song = Song(
        notes=rows,
        chords=chords.astype(np.int16),
        bar_beats=bar_beats.astype(np.int16),
        compound=pulses.compound[first:end].astype(np.int16),
        bpm=pulses.bpm[first:end].astype(np.float32),
        phrase_left=left.astype(np.int16),
        cadence=cadences(chords, np.repeat(np.arange(end - first), bar_beats), left, minor).astype(np.int16),
        meta=np.array([number, minor, shift, style, segment], np.int32),
    )
    return song, int(off.sum())


def _in_melody_range(pitch: np.ndarray, melody: np.ndarray) -> np.ndarray:
    """A tune below or above the melody's range goes to the octave where most of it fits; what is left is folded."""
    tune = pitch[melody]
    outside = [
        (int(((tune + 12 * k < LOWEST_MELODY) | (tune + 12 * k > HIGHEST_MELODY)).sum()), abs(k), 12 * k)
        for k in (0, 1, -1, 2, -2)
    ]
    best = min(outside)
    if outside[0][0] <= 0.02 * tune.size:
        best = outside[0]
    return _folded(pitch + best[2], LOWEST_MELODY, HIGHEST_MELODY)


def _folded(pitch: np.ndarray, lowest: int, highest: int) -> np.ndarray:
    """Pitches outside a range moved into it by octaves."""
    below, above = np.maximum(lowest - pitch, 0), np.maximum(pitch - highest, 0)
    return pitch + 12 * (-(-below // 12)) - 12 * (-(-above // 12))

"""Whether melodies were heard before: runs of notes that they share with known ones.

Convention: a run is a number of successive melody notes, compared by the intervals between them (semitones) and their
durations (nearest of `composer.tokens.grid.DURATION_TICKS`, in pulses), so in any key and at any tempo; rests are not
compared, and of notes that start together the highest counts. Sixteen notes or more that a piece shares with its
training set are taken for copying: in POP909 only two copies of one song share so many.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from composer.errors import BadInput
from composer.hostile import read_arrays
from composer.metrics import TooLittleMusic
from composer.tokens import grid

RUN_NOTES = 16
MAX_FILE_BYTES = 1 << 30
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2^64
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))


def melody_symbols(onset: np.ndarray, duration_pulses: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """A melody as what runs compare: (notes, 2) int16, interval from the note before (0 for the first) and index of
    the duration. ``onset`` in any unit; the notes in any order."""
    onset, pitch = np.asarray(onset, float), np.asarray(pitch, np.int64)
    order = np.lexsort((-pitch, onset))
    starts = onset[order]
    order = order[np.append(True, np.diff(starts) > 1e-6)] if order.size else order
    interval = np.diff(pitch[order], prepend=pitch[order][:1])
    duration = grid.quantize_durations(np.asarray(duration_pulses, float)[order])
    return np.stack([interval, duration], 1).astype(np.int16)


class KnownMelodies:
    """Melodies to compare with. The runs of each length asked for are hashed once (64 bits) and kept sorted."""

    def __init__(self, melodies: Sequence[np.ndarray]) -> None:
        self._symbols = np.concatenate([*melodies, np.zeros((0, 2), np.int16)])
        self._lengths = np.array([len(melody) for melody in melodies], np.int64)
        self._runs: dict[int, np.ndarray] = {}

    @property
    def count(self) -> int:
        """How many melodies."""
        return len(self._lengths)

    def runs(self, length: int) -> np.ndarray:
        """Sorted hashes (k,) uint64 of all different runs of ``length`` notes; none runs from a melody into the
        next."""
        if length not in self._runs:
            start = np.arange(len(self._symbols) - length + 1)
            end_of_melody = np.repeat(np.cumsum(self._lengths), self._lengths)
            whole = start + length <= end_of_melody[start] if len(start) else np.zeros(0, bool)
            self._runs[length] = np.unique(run_hashes(self._symbols, length)[whole])
        return self._runs[length]

    def save(self, path: Path) -> None:
        """Write an npz that `load` reads; ``path`` ends in .npz."""
        from composer.output import staged_file

        with staged_file(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, symbols=self._symbols, lengths=self._lengths)

    @classmethod
    def load(cls, path: Path) -> KnownMelodies:
        """The inverse of `save`. Raises BadInput where the file is something else."""
        remedy = f"give a folder of MIDI files, or an npz that {__name__}.KnownMelodies.save wrote"
        symbols, lengths = read_arrays(path, ("symbols", "lengths"), MAX_FILE_BYTES, remedy).values()
        fits = symbols.ndim == 2 and symbols.shape[1:] == (2,) and lengths.ndim == 1 and (lengths >= 0).all()
        if (
            not fits
            or symbols.dtype.kind != "i"
            or lengths.dtype.kind != "i"
            or lengths.sum() != len(symbols)
        ):
            raise BadInput(f"{path}: its melodies are damaged; {remedy}")
        return cls(np.split(symbols, np.cumsum(lengths)[:-1]) if len(lengths) else [])


def shares_run(melody: np.ndarray, known: KnownMelodies, length: int = RUN_NOTES) -> bool:
    """Whether ``melody`` (n, 2), from `melody_symbols`, shares a run of ``length`` notes with a known one. A melody
    that is shorter shares none."""
    if length < 1:
        raise ValueError(f"a run of {length} notes; it needs one or more")
    runs = known.runs(length)
    if len(melody) < length or not len(runs):
        return False
    asked = run_hashes(melody, length)
    place = np.minimum(np.searchsorted(runs, asked), len(runs) - 1)
    return bool((runs[place] == asked).any())


def longest_shared_run(melody: np.ndarray, known: KnownMelodies) -> int:
    """Notes in the longest run that ``melody`` shares with a known one; 0 where not even a duration is shared."""
    if len(melody) == 0:
        raise TooLittleMusic("a shared run needs a melody of one note or more")
    shared, not_shared = 0, 1
    while not_shared <= len(melody) and shares_run(melody, known, not_shared):
        shared, not_shared = not_shared, not_shared * 2
    not_shared = min(not_shared, len(melody) + 1)
    while not_shared - shared > 1:
        middle = (shared + not_shared) // 2
        if shares_run(melody, known, middle):
            shared = middle
        else:
            not_shared = middle
    return shared


def sharing_rate(melodies: Sequence[np.ndarray], known: KnownMelodies, length: int = RUN_NOTES) -> float:
    """Share of ``melodies`` that share a run of ``length`` notes with a known one, 0-1."""
    if not len(melodies):
        raise TooLittleMusic("a sharing rate needs one melody or more")
    return float(np.mean([shares_run(melody, known, length) for melody in melodies]))


def run_hashes(symbols: np.ndarray, length: int) -> np.ndarray:
    """A 64-bit polynomial hash of each run of ``length`` notes in ``symbols`` (n, 2): (n - length + 1,) uint64. The
    interval that leads to a run's first note is no part of it."""
    symbols = np.asarray(symbols, np.int64)
    count = len(symbols) - length + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    duration = symbols[:, 1].astype(np.uint64)
    pair = _mixed((symbols[:, 0] + 1024).astype(np.uint64) * np.uint64(256) + duration)
    powers = _powers(_BASE, len(symbols))
    sums = np.append(np.uint64(0), np.cumsum(pair * powers))
    later = sums[length:] - sums[1 : count + 1]
    return later * _powers(_INVERSE, count) + _mixed(duration[:count])


def _powers(base: np.uint64, count: int) -> np.ndarray:
    """(count,) uint64: base to the power of 0, 1, ... modulo 2^64."""
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors)


def _mixed(values: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele et al., OOPSLA 2014): small numbers spread over 64 bits."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))

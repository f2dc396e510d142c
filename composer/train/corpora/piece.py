"""A work as its reader found it, before it is put on the grid.

Times in quarter notes from the start of the piece, in written order: repeats are not played out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COMPOUND_DENOMINATOR = 8
COMPOUND_PULSE = 1.5  # quarter notes


class UnusablePiece(ValueError):
    """A file that holds no music we can learn from; the message says why, on one line."""


@dataclass(frozen=True)
class Piece:
    """One work.

    - ``notes`` (n, 5) float64, any order: onset and duration in quarters, MIDI pitch, velocity 1-127, part
    - ``parts``: the parts' names; ``sung``: which of them have words
    - ``bar_starts`` (bars + 1,) float64 quarters, the last one the end
    - ``metres`` (bars, 2) int64: numerator and denominator written over each bar
    - ``pickup`` (bars,) bool: a short bar whose notes lead into the next one
    - ``opens`` (bars,) bool: a movement or section starts here
    - ``quarter_bpm`` (bars,) float64, NaN where no tempo is written
    - ``symbols`` (m, 2) float64: onset in quarters, id of `composer.tokens.vocabulary`; None without chord symbols
    - ``melody`` (n,) bool where the reader knows it, else None
    """

    notes: np.ndarray
    parts: tuple[str, ...]
    sung: tuple[bool, ...]
    bar_starts: np.ndarray
    metres: np.ndarray
    pickup: np.ndarray
    opens: np.ndarray
    quarter_bpm: np.ndarray
    symbols: np.ndarray | None = None
    melody: np.ndarray | None = None

    @property
    def bars(self) -> int:
        """How many bars it has."""
        return len(self.metres)


def is_compound(numerator: int, denominator: int) -> bool:
    """Whether the pulse of a metre is a dotted quarter: 3/8, 6/8, 9/8, 12/8 and their halves in 16ths."""
    return denominator >= COMPOUND_DENOMINATOR and numerator % 3 == 0

"""Vocabularies: chords as ids and back. Sizes and offsets derive from `composer.music`."""

from __future__ import annotations

from functools import cache

import numpy as np

from composer.music import QUALITIES, Chord

_QUALITY_NAMES = tuple(QUALITIES)
CHORD_NONE = 12 * len(_QUALITY_NAMES)
CHORDS = CHORD_NONE + 1


def chord_id(root: int, quality: str) -> int:
    """Id of a chord: root * 10 + quality."""
    return root * len(_QUALITY_NAMES) + _QUALITY_NAMES.index(quality)


def chord_of(index: int) -> Chord | None:
    """The chord of an id; None for `CHORD_NONE`. Raises ValueError outside the vocabulary."""
    if not 0 <= index < CHORDS:
        raise ValueError(f"chord id {index} is outside 0-{CHORDS - 1}")
    if index == CHORD_NONE:
        return None
    root, quality = divmod(index, len(_QUALITY_NAMES))
    return Chord(root, _QUALITY_NAMES[quality])


def transpose_chord(index: int, semitones: int) -> int:
    """The id of the same chord ``semitones`` higher."""
    if index == CHORD_NONE:
        return index
    root, quality = divmod(index, len(_QUALITY_NAMES))
    return (root + semitones) % 12 * len(_QUALITY_NAMES) + quality


@cache
def chord_tones() -> np.ndarray:
    """Whether a pitch class belongs to a chord: (`CHORDS`, 12) bool, all False for `CHORD_NONE`."""
    table = np.zeros((CHORDS, 12), bool)
    for index in range(CHORD_NONE):
        chord = chord_of(index)
        if chord is not None:
            table[index, list(chord.pitch_classes)] = True
    return table


@cache
def chord_roots() -> np.ndarray:
    """The root of every chord id, -1 for `CHORD_NONE`: (`CHORDS`,) int64."""
    roots = [chord_of(index) for index in range(CHORDS)]
    return np.array([-1 if chord is None else chord.root for chord in roots])

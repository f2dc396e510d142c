"""Statistics of symbolic music that V-MusProd's table 4 compares (definitions of muspy and mgeval).

Conventions: all tracks merged; pitches as MIDI numbers; onsets and ends in seconds or beats as named. Entropies in
bits. Dong et al., "MusPy", ISMIR 2020; Yang & Lerch, "On the evaluation of generative models in music", 2020.
"""

from __future__ import annotations

import numpy as np

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10)


def scale_consistency(pitches: np.ndarray) -> float:
    """SC: the largest share of notes within any of the 24 major and natural minor scales, 0-1."""
    counts = np.bincount(np.asarray(pitches) % 12, minlength=12)
    shares = [
        counts[[(tonic + step) % 12 for step in scale]].sum()
        for scale in (MAJOR_SCALE, MINOR_SCALE)
        for tonic in range(12)
    ]
    return float(max(shares) / counts.sum())


def pitch_entropy(pitches: np.ndarray) -> float:
    """PE: entropy of the 128 pitches by note count, bits."""
    return _entropy(np.bincount(np.asarray(pitches), minlength=128))


def pitch_class_entropy(pitches: np.ndarray) -> float:
    """PCE: entropy of the 12 pitch classes by note count, bits."""
    return _entropy(np.bincount(np.asarray(pitches) % 12, minlength=12))


def empty_beat_rate(onsets_beats: np.ndarray, ends_beats: np.ndarray, beats: int) -> float:
    """EBR: share of ``beats`` that no note touches; a note also touches the beat in which it ends (muspy)."""
    touched = np.zeros(beats + 1)
    first = np.clip(np.floor(onsets_beats).astype(int), 0, beats)
    last = np.clip(np.floor(ends_beats).astype(int) + 1, 0, beats)
    np.add.at(touched, first, 1)
    np.add.at(touched, last, -1)
    return float((np.cumsum(touched)[:beats] == 0).mean())


def mean_inter_onset_interval(onsets_s: np.ndarray) -> float:
    """IOI: mean difference of all sorted onsets, simultaneous ones included, in seconds."""
    return float(np.diff(np.sort(onsets_s)).mean())


def _entropy(counts: np.ndarray) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())

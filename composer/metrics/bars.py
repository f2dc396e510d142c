"""How much the bars of a piece vary in pitch and agree in rhythm: H and GS.

Conventions: pitch classes 0-11 without drums, entropies in bits; onsets of all tracks, drums included, at 16
positions a pulse (64 a bar of 4/4). Wu & Yang, "The Jazz Transformer on the Front Line", ISMIR 2020, section 5.

CMT (Di et al., ACM MM 2021) prints 3.617 / .810 / .241 for "pitch histogram entropy", "grooving pattern similarity"
and "structureness indicator", against 4.452 / .968 / .488 for its data. An entropy over pitch classes cannot exceed
3.585 bits, so its first column must be over pitches (here: `composer.metrics.symbolic.pitch_entropy`) and is not
comparable with H.
"""

from __future__ import annotations

import numpy as np

from composer.metrics import TooLittleMusic

POSITIONS_A_PULSE = 16


def pitch_class_histogram_entropy(bar: np.ndarray, pitch: np.ndarray, bars: int, window_bars: int) -> float:
    """H: mean entropy of the pitch classes in every window of ``window_bars`` bars, 0-3.585 bits.

    ``bar`` and ``pitch`` (n,) of every note. Windows start at every bar; those without notes are left out, and a
    window longer than the piece is the piece, as in Wu and Yang.
    """
    bar, pitch = np.asarray(bar, np.int64), np.asarray(pitch, np.int64)
    if window_bars < 1:
        raise ValueError(f"a window of {window_bars} bars; it needs one or more")
    if bar.size == 0:
        raise TooLittleMusic("a pitch-class histogram needs one note or more")
    if bar.min() < 0 or bar.max() >= bars:
        raise ValueError(f"notes in bars {bar.min()} to {bar.max()} of {bars} bars")
    counts = np.bincount(bar * 12 + pitch % 12, minlength=bars * 12).reshape(bars, 12)
    window = min(window_bars, bars)
    total = np.concatenate([np.zeros((1, 12)), np.cumsum(counts, 0)])
    inside = total[window:] - total[:-window]
    inside = inside[inside.any(1)]
    share = inside / inside.sum(1, keepdims=True)
    return float(-(share * np.log2(np.where(share > 0, share, 1.0))).sum(1).mean()) + 0.0


def grooving_similarity(onset_pulses: np.ndarray, bar_pulses: np.ndarray) -> float:
    """GS: mean over pairs of bars of the share of positions at which both or neither have an onset, 0-1.

    ``onset_pulses`` (n,) from the start of the piece; ``bar_pulses`` (bars,) pulses of every bar. Only bars of as
    many pulses are compared; Wu and Yang's music has one metre. All pairs count (they sample 1000).
    """
    bar_pulses = np.asarray(bar_pulses, np.int64)
    slot = np.floor(np.asarray(onset_pulses, float) * POSITIONS_A_PULSE + 0.5).astype(np.int64)
    if slot.size == 0:
        raise TooLittleMusic("a groove needs one note or more")
    positions = int(bar_pulses.sum()) * POSITIONS_A_PULSE
    struck = np.zeros(positions, bool)
    struck[slot[(slot >= 0) & (slot < positions)]] = True
    starts = (np.cumsum(bar_pulses) - bar_pulses) * POSITIONS_A_PULSE
    agreement = pairs = 0.0
    for length in np.unique(bar_pulses):
        same = starts[bar_pulses == length]
        count = len(same)
        patterns = struck[same[:, None] + np.arange(length * POSITIONS_A_PULSE)]
        hits = patterns.sum(0).astype(float)
        differing = (hits * (count - hits)).mean()  # pairs that differ, mean over positions
        agreement += count * (count - 1) / 2 - differing
        pairs += count * (count - 1) / 2
    if pairs == 0:
        raise TooLittleMusic("a groove needs two bars of one length")
    return float(agreement / pairs)

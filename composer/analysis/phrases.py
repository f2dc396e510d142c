"""Phrases from the melody, cadences from the chords at their ends.

A bar line is the likelier a phrase boundary the longer the melody waits before it: the gap between onsets and the rest
there, against the melody's own usual gap (the inter-onset and rest parts of the Local Boundary Detection Model,
Cambouropoulos, ICMC 2001). Notes that lead into a bar from its predecessor's last pulse, a pick-up, belong to the
phrase they lead into. Dynamic programming then picks phrases of 1 to 8 bars, four preferred, then eight and two.

Units: onsets and durations in pulses, lengths in bars.
"""

from __future__ import annotations

import numpy as np

from composer.music import QUALITIES
from composer.tokens.vocabulary import CHORD_NONE

LENGTH_COST = (0.0, 3.0, 1.0, 2.0, 0.0, 2.0, 1.5, 2.5, 0.8)  # by bars in a phrase; index 0 unused
LONGEST_PHRASE = len(LENGTH_COST) - 1
BOUNDARY_GAIN = 2.0
NO_CADENCE, HALF_CADENCE, CLOSING_CADENCE = 0, 1, 2

_QUALITIES = len(QUALITIES)
_DOMINANTS = tuple(tuple(QUALITIES).index(name) for name in ("", "sus4", "7"))


def phrase_lefts(melody_onset: np.ndarray, melody_duration: np.ndarray, bar_starts: np.ndarray) -> np.ndarray:
    """Bars left to the end of the phrase, 0 in its last bar: (bars,) int64.

    ``melody_onset`` and ``melody_duration`` (n,) in pulses, ``bar_starts`` (bars + 1,) in pulses, the last one the
    piece's end. Without a melody phrases have four bars.
    """
    starts = np.asarray(bar_starts, float)
    bars = starts.size - 1
    if bars <= 0:
        return np.zeros(0, np.int64)
    strength = boundary_strengths(melody_onset, melody_duration, starts)
    cost = np.full(bars + 1, np.inf)
    cost[0] = 0.0
    back = np.zeros(bars + 1, np.int64)
    for end in range(1, bars + 1):
        for length in range(1, min(LONGEST_PHRASE, end) + 1):
            value = (
                cost[end - length]
                + LENGTH_COST[length]
                - (BOUNDARY_GAIN * strength[end] if end < bars else 0)
            )
            if value < cost[end] - 1e-9:
                cost[end], back[end] = value, length
    left = np.zeros(bars, np.int64)
    end = bars
    while end > 0:
        length = int(back[end])
        left[end - length : end] = np.arange(length - 1, -1, -1)
        end -= length
    return left


def boundary_strengths(
    melody_onset: np.ndarray, melody_duration: np.ndarray, bar_starts: np.ndarray
) -> np.ndarray:
    """How strongly the melody pauses about every bar line: (bars + 1,) 0-1, 0 at both ends."""
    starts = np.asarray(bar_starts, float)
    onset = np.asarray(melody_onset, float)
    strength = np.zeros(starts.size)
    if onset.size < 2:
        return strength
    order = np.argsort(onset, kind="stable")
    onset, end = onset[order], (onset + np.asarray(melody_duration, float))[order]
    gap = np.diff(onset)
    rest = np.maximum(onset[1:] - np.maximum.accumulate(end)[:-1], 0.0)
    usual = max(float(np.median(gap)), 1e-6)
    wait = np.log2(np.maximum(gap / usual, 1.0)) + np.log2(1.0 + rest / usual)
    loud = wait / (wait + 2.0)
    for i in range(1, starts.size - 1):
        # the next phrase's first note may start up to a pulse early; the wait itself may straddle the bar line
        low, high = starts[i] - 1.0, starts[i + 1]
        arrives = (onset[1:] >= low - 1e-6) & (onset[1:] < high - 1e-6) & (onset[:-1] < starts[i] - 1e-6)
        if arrives.any():
            strength[i] = loud[arrives].max()
        else:
            strength[i] = 0.0
    return strength


def cadences(chords: np.ndarray, bar_of_beat: np.ndarray, phrase_left: np.ndarray, minor: bool) -> np.ndarray:
    """What every bar closes with: (bars,) int64, 0 none, 1 half, 2 closing; only last bars of phrases have one.

    ``chords`` (beats,) ids in C major or A minor; ``bar_of_beat`` (beats,); ``phrase_left`` (bars,). Closing: the
    phrase's last chord is I or i and the one before it V, vii or IV (iv); half: the last chord is V.
    """
    chords, bar = np.asarray(chords, np.int64), np.asarray(bar_of_beat, np.int64)
    left = np.asarray(phrase_left, np.int64)
    out = np.zeros(left.size, np.int64)
    tonic = 9 if minor else 0
    first = 0
    for last in np.flatnonzero(left == 0):
        inside = chords[(bar >= first) & (bar <= last)]
        first = int(last) + 1
        inside = inside[inside != CHORD_NONE]
        if inside.size == 0:
            continue
        changes = inside[np.append(True, inside[1:] != inside[:-1])]
        root, quality = (int(changes[-1]) // _QUALITIES - tonic) % 12, int(changes[-1]) % _QUALITIES
        before = (int(changes[-2]) // _QUALITIES - tonic) % 12 if changes.size > 1 else -1
        if root == 7 and quality in _DOMINANTS:
            out[last] = HALF_CADENCE
        elif root == 0 and before in (7, 11, 5):
            out[last] = CLOSING_CADENCE
    return out

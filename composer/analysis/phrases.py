"""Phrases from the melody, cadences from the chords at their ends.

A bar line is the likelier a phrase boundary the longer the melody waits before it: the gap between two onsets and the
rest in it, against the melody's usual gap and the gaps beside it (the inter-onset and rest parts of the Local Boundary
Detection Model, Cambouropoulos, ICMC 2001; gaps and metre as in Temperley, *The Cognition of Basic Musical
Structures*, 2001, ch. 3). Notes that lead into a bar from its predecessor's last pulse, a pick-up, belong to the
phrase they lead into. Dynamic programming then picks phrases of 1 to 8 bars, four preferred, then eight, then two.

Measured on the sung text of 93 Lieder, which the constants were chosen on, where a boundary is right if punctuation
ends the line before it: .60 of the boundaries are right and .72 of the full stops (and ; : ? !) are found, F .65;
phrases of four bars from the singer's entry reach .42. In POP909 .68 of the phrases have four bars.

Units: onsets and durations in pulses, lengths in bars.
"""

from __future__ import annotations

import numpy as np

from composer.music import QUALITIES
from composer.tokens.vocabulary import CHORD_NONE

LENGTH_COST = (0.0, 3.0, 1.5, 2.0, 0.0, 1.5, 1.6, 2.5, 0.5)  # by bars in a phrase; index 0 unused
LONGEST_PHRASE = len(LENGTH_COST) - 1
BOUNDARY_GAIN = 4.0  # of a full boundary, in the same unit
BETWEEN = 0.9  # share of its wait that a note in a bar's second half gives the bar lines on both sides
REST = 4.0  # an octave of rest weighs this many octaves of gap
LOCAL = 0.3  # what standing out from both neighbours adds
SOFT = 4.5  # the wait that makes half a boundary
NO_CADENCE, HALF_CADENCE, CLOSING_CADENCE = 0, 1, 2


def _qualities(*names: str) -> tuple[int, ...]:
    return tuple(tuple(QUALITIES).index(name) for name in names)


_DOMINANT = _qualities("", "sus4", "7")
_RESTFUL = _qualities("", "m", "sus4", "sus2", "maj7", "m7")


def phrase_lefts(melody_onset: np.ndarray, melody_duration: np.ndarray, bar_starts: np.ndarray) -> np.ndarray:
    """Bars left to the end of the phrase, 0 in its last bar: (bars,) int64.

    ``melody_onset`` and ``melody_duration`` (n,) in pulses, ``bar_starts`` (bars + 1,) in pulses, the last one the
    piece's end. Without a melody phrases have four bars.
    """
    starts = np.asarray(bar_starts, float)
    bars = starts.size - 1
    if bars <= 0:
        return np.zeros(0, np.int64)
    if np.size(melody_onset) == 0:
        bar = np.arange(bars)
        return np.minimum(3 - bar % 4, bars - 1 - bar)
    strength = boundary_strengths(melody_onset, melody_duration, starts)
    gain = (BOUNDARY_GAIN * strength).tolist()
    cost, back = [0.0], [0]
    for end in range(1, bars + 1):
        lengths = range(1, min(LONGEST_PHRASE, end) + 1)
        best = min(lengths, key=lambda length: cost[end - length] + LENGTH_COST[length])
        cost.append(cost[end - best] + LENGTH_COST[best] - gain[end])
        back.append(best)
    left = np.zeros(bars, np.int64)
    end = bars
    while end > 0:
        length = back[end]
        left[end - length : end] = np.arange(length - 1, -1, -1)
        end -= length
    return left


def boundary_strengths(
    melody_onset: np.ndarray, melody_duration: np.ndarray, bar_starts: np.ndarray
) -> np.ndarray:
    """How strongly the melody pauses about every bar line: (bars + 1,) 0-1, 0 at both ends.

    A wait between two onsets counts where the melody goes on: at the line before a note in the bar's first half, at
    the line after a note in its last pulse, weaker at both for one between. The melody's entry is a full boundary,
    and so is the line after its last note, or after a note that a bar or more of rest follows.
    """
    starts = np.asarray(bar_starts, float)
    onset = np.asarray(melody_onset, float)
    bars = starts.size - 1
    strength = np.zeros(bars + 1)
    if onset.size == 0 or bars < 1:
        return strength
    order = np.argsort(onset, kind="stable")
    end = np.maximum.accumulate((onset + np.asarray(melody_duration, float))[order])
    onset = onset[order]
    waits = np.append(1.0, _waits(onset, end))

    bar = np.clip(np.searchsorted(starts, onset + 1e-6, side="right") - 1, 0, bars - 1)
    into, left = onset - starts[bar], starts[bar + 1] - onset
    before = np.append(-np.inf, onset[:-1])
    pickup = left <= 1.0 + 1e-6
    early = into < 0.5 * (starts[bar + 1] - starts[bar]) - 1e-6
    late = ~early & ~pickup
    at_line = np.where(before < starts[bar] - 1e-6, waits, 0.0)  # the wait reaches over the line
    np.maximum.at(strength, bar, np.select([early, late], [at_line, BETWEEN * at_line], 0.0))
    np.maximum.at(strength, bar + 1, np.select([pickup & ~early, late], [waits, BETWEEN * waits], 0.0))

    stops = np.searchsorted(starts, end - 1e-6)  # the first line at or after the release
    after = np.append(onset[1:], np.inf)
    longest_bar = starts[np.minimum(stops + 1, bars)]
    silent = (stops <= bars) & (after >= longest_bar - 1e-6)
    strength[stops[silent]] = 1.0
    strength[0] = strength[-1] = 0.0
    return strength


def _waits(onset: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(n - 1,) 0-1: how long each gap between onsets is, and the rest in it, beside the usual gap and neighbours."""
    gap = np.diff(onset)
    if gap.size == 0:
        return gap
    rest = np.clip(onset[1:] - end[:-1], 0.0, None)
    usual = max(float(np.median(gap)), 1e-6)
    wait = np.log2(np.maximum(gap / usual, 1.0)) + REST * np.log2(1.0 + rest / usual)
    padded = np.concatenate([gap[:1], gap, gap[-1:]])
    change = [np.abs(gap - side) / np.maximum(gap + side, 1e-6) for side in (padded[:-2], padded[2:])]
    wait = wait * (1.0 + LOCAL * (change[0] + change[1]))
    return wait / (wait + SOFT)


def cadences(chords: np.ndarray, bar_of_beat: np.ndarray, phrase_left: np.ndarray, minor: bool) -> np.ndarray:
    """What every bar closes with: (bars,) int64, 0 none, 1 half, 2 closing; only last bars of phrases have one.

    ``chords`` (beats,) ids in C major or A minor; ``bar_of_beat`` (beats,); ``phrase_left`` (bars,). Half: the
    phrase's last chord is V. Closing: it is I (in minor i or, as a Picardy third, I), and the last other root in the
    phrase, or in its last bar and the one before, is that of V, vii or IV; in minor the natural VII counts too.
    """
    chords, bar = np.asarray(chords, np.int64), np.asarray(bar_of_beat, np.int64)
    left = np.asarray(phrase_left, np.int64)
    out = np.zeros(left.size, np.int64)
    tonic, leading = (9, (5, 7, 10, 11)) if minor else (0, (5, 7, 11))
    first = 0
    for last in np.flatnonzero(left == 0).tolist():
        inside = chords[(bar >= min(first, last - 1)) & (bar <= last) & (chords != CHORD_NONE)]
        first = last + 1
        if inside.size == 0 or not (bar[chords != CHORD_NONE] == last).any():
            continue
        degree = (inside // len(QUALITIES) - tonic) % 12  # semitones over the tonic
        others = degree[degree != degree[-1]]
        quality = int(inside[-1]) % len(QUALITIES)
        if degree[-1] == 7 and quality in _DOMINANT:
            out[last] = HALF_CADENCE
        elif degree[-1] == 0 and quality in _RESTFUL and others.size and others[-1] in leading:
            out[last] = CLOSING_CADENCE
    return out

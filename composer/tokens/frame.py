"""The frame of a piece: its bars, tempi, modes, moods and phrases as arrays, and the conditions the networks read.

The same functions serve training, where the frame is measured from music, and composing, where it comes from a cue
sheet. In every condition column 0 means "not given"; value v is stored as v + 1. A beat is a pulse
(`composer.tokens.grid`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from composer.tokens.vocabulary import CHORDS

MAX_BAR_BEATS = 8
MOOD_BINS = 8  # valence and arousal, -1..1
PROGRESS_STEPS = 100  # CMT's timing encoding: round(100 * beat / beats)
MAX_NOTES_A_BAR = 40
MAX_MELODY_NOTES = 16
MAX_PHRASE_BARS = 8
REGISTER_STEP = 2  # semitones
BARS_LEFT = (0, 1, 2, 3, 4, 8, 16, 32)  # bin borders
BPM_BORDERS = (50, 58, 66, 74, 84, 96, 112, 136)
STYLES = ("pop", "art song", "lead sheet", "chorale", "quartet", "orchestra", "other")
CADENCES = ("none", "half", "closing")  # how a bar ends a phrase: on V, or from V, vii or IV to the tonic

# name -> number of values, in column order
FRAME_CONDITIONS = {
    "bar_beats": MAX_BAR_BEATS,
    "compound": 2,
    "beat_in_bar": MAX_BAR_BEATS,
    "bars_left": len(BARS_LEFT),
    "tempo": len(BPM_BORDERS) + 1,
    "bar_of_four": 4,
    "progress": PROGRESS_STEPS + 1,
    "mode": 2,
    "valence": MOOD_BINS,
    "arousal": MOOD_BINS,
    "style": len(STYLES),
    "phrase_left": MAX_PHRASE_BARS,
    "cadence": len(CADENCES),
}
# What classifier-free guidance strengthens: the plan's names stand in `composer.tokens.notes`.
GUIDED = (
    "mode", "valence", "arousal", "style", "cadence", "notes", "velocity", "register", "melody_notes", "countdown",
)  # fmt: skip
CHORD_CONDITIONS = {"chord": CHORDS, "next_chord": CHORDS}


@dataclass(frozen=True)
class Frame:
    """A piece before its notes. All arrays have one entry a bar.

    ``bar_beats`` whole beats (a bar of 3.5 beats counts 4; its last beat is cut short), ``compound`` and ``minor``
    0/1, ``bpm`` beats a minute. Open (left to the networks) where -1: ``style``, an index into `STYLES`,
    ``phrase_left``, bars to the phrase's end, and ``cadence``, an index into `CADENCES`; where NaN: ``valence`` and
    ``arousal`` in -1..1. ``goes_on``: other music follows, so that how far the end is stays open too.
    """

    bar_beats: np.ndarray
    compound: np.ndarray
    bpm: np.ndarray
    minor: np.ndarray
    valence: np.ndarray
    arousal: np.ndarray
    style: np.ndarray
    phrase_left: np.ndarray
    cadence: np.ndarray
    goes_on: bool = False

    @cached_property
    def bar_of_beat(self) -> np.ndarray:
        """Bar index of every beat (beats,)."""
        return np.repeat(np.arange(len(self.bar_beats)), self.bar_beats)

    @cached_property
    def first_beats(self) -> np.ndarray:
        """Index of every bar's first beat (bars,)."""
        return np.cumsum(self.bar_beats) - self.bar_beats

    @cached_property
    def conditions(self) -> np.ndarray:
        """The `FRAME_CONDITIONS` of every beat: (beats, columns) int64."""
        bar = self.bar_of_beat
        beats, bars = len(bar), len(self.bar_beats)
        columns = (
            np.minimum(self.bar_beats[bar], MAX_BAR_BEATS) - 1,
            self.compound[bar],
            np.minimum(np.arange(beats) - self.first_beats[bar], MAX_BAR_BEATS - 1),
            np.where(self.goes_on, -1, np.searchsorted(BARS_LEFT, bars - 1 - bar, side="right") - 1),
            np.searchsorted(BPM_BORDERS, self.bpm[bar]),
            bar % 4,
            np.where(self.goes_on, -1, np.round(PROGRESS_STEPS * np.arange(beats) / max(beats, 1))).astype(
                int
            ),
            self.minor[bar],
            mood_bin(self.valence[bar]),
            mood_bin(self.arousal[bar]),
            self.style[bar],
            np.minimum(self.phrase_left[bar], MAX_PHRASE_BARS - 1),
            self.cadence[bar],
        )
        return np.stack([np.asarray(column, np.int64) for column in columns], 1) + 1

    def between(self, bars: range, goes_on: bool) -> Frame:
        """The frame of some of the bars."""
        part = slice(bars.start, bars.stop)
        rows = {name: value[part] for name, value in vars(self).items() if name in _ROWS}
        return Frame(**rows, goes_on=goes_on)


_ROWS = tuple(field.name for field in fields(Frame) if field.name != "goes_on")


def mood_bin(value: np.ndarray) -> np.ndarray:
    """-1..1 to 0..`MOOD_BINS` - 1; NaN to -1, "not given"."""
    value = np.asarray(value, float)
    bins = np.clip(np.floor((np.nan_to_num(value) + 1) / 2 * MOOD_BINS), 0, MOOD_BINS - 1).astype(np.int64)
    return np.where(np.isnan(value), -1, bins)


def mood_middle(bins: np.ndarray) -> np.ndarray:
    """The middle of each bin of `mood_bin`, -1..1; 0 for -1, "not given"."""
    return np.where(bins < 0, 0.0, (np.asarray(bins) + 0.5) / MOOD_BINS * 2 - 1)


def chord_conditions(chords: np.ndarray) -> np.ndarray:
    """The chord of every beat and the next different one: (beats,) ids -> (beats, 2), `CHORD_CONDITIONS`."""
    following = np.array(chords)
    for i in range(len(chords) - 2, -1, -1):
        following[i] = chords[i + 1] if chords[i + 1] != chords[i] else following[i + 1]
    return np.stack([chords, following], 1).astype(np.int64) + 1

"""Chords for a melody that has none, one a beat.

Every chord is worth on a beat what it holds of the melody that sounds there, more where a note starts on the beat, and
what it is worth in its key: triads of the scale, the tonic first, and dominants. The best path through the beats pays
for changes, which belong on bar lines and in the middle of bars of four or six (Viterbi smoothing as in
`composer.analysis.chords`; Simon, Morris and Basu, "MySong", CHI 2008, for melody and chords weighed together).

Measured on 24 bars each of 60 OpenEWLD lead sheets, 60 songs of POP909 and 60 Lieder, none in a training set: of the
melody's notes .84, .76 and .78 are in the chord (.68, .64 and .84 in the music's own harmony), chords change .9, .7 and
.8 times a bar (1.0, 1.4, 1.7), .95, .98 and .94 of them are of the scale, and the root is the music's own on .43, .38
and .43 of the beats. Chords recognised from the melody alone (`composer.analysis.chords`) hold more of it (.94, .88
and .92), but half of them lie outside of the key, and the root agrees on .26, .32 and .43. The chord network, leaned to
what fits or bound to the strong notes, held no more (.86 of 16 lead sheets, .76 of 16 songs) and agreed on .29.

Units: beats as in `composer.form` (pulses); chords in the models' keys, C major and A minor.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from composer.analysis.pulses import notes_by_pulse
from composer.analysis.viterbi import best_path
from composer.form import Form
from composer.music import Note
from composer.tokens import grid
from composer.tokens.frame import Frame
from composer.tokens.notes import GridNotes
from composer.tokens.vocabulary import CHORD_NONE, chord_of, chord_tones

EVIDENCE = 2.0  # nats for a beat of melody in the chord
FOUR_NOTES = 0.85  # share of it that a chord of four notes gets: it holds more by chance
ONSET_BONUS = 0.3  # beats that a note counts more where it starts on the beat
CHANGE_COST_FIRST_OF_BAR, CHANGE_COST_MIDDLE_OF_BAR, CHANGE_COST = -0.2, 0.5, 3.0  # nats
LAST_TONIC_BONUS = 2.0  # nats a beat in the bars where music ends

# What chords cost a beat in their key, in nats: by degree, in semitones above the tonic, and by quality.
_DEGREES = {
    False: {0: 0.0, 7: 0.07, 5: 0.1, 9: 0.21, 2: 0.28, 4: 0.5, 11: 0.7},
    True: {0: 0.0, 5: 0.1, 8: 0.21, 3: 0.21, 7: 0.28, 10: 0.28, 2: 0.7},
}
_QUALITIES = {
    "": 0.0, "m": 0.0, "7": 0.35, "m7": 0.35, "maj7": 0.5, "dim": 0.84, "m7b5": 0.84, "sus4": 0.84, "sus2": 1.05,
    "aug": 2.1,
}  # fmt: skip
_DOMINANT_IN_MINOR, _ITS_SEVENTH = 0.07, 0.1
_SECONDARY_DOMINANT = 1.0  # a major chord a fifth above a degree that it may lead to
_OUTSIDE = 1.4
_SCALE = frozenset((0, 2, 4, 5, 7, 9, 11))  # of C major and A minor


def harmonise(form: Form, melody: Sequence[Note]) -> np.ndarray:
    """The chord of every beat of a form under sounding ``melody`` notes: (beats,) ids, `CHORD_NONE` in silent bars."""
    bar_of_beat = form.frame.bar_of_beat
    last = np.isin(bar_of_beat, list(form.last_bars))
    chords = chords_under(form.frame, form.grid_notes(tuple(melody)), last)
    silent = np.array([section.silent for section in form.sections])
    return np.where(silent[bar_of_beat], CHORD_NONE, chords)


def chords_under(frame: Frame, melody: GridNotes, last: np.ndarray | None = None) -> np.ndarray:
    """The chord of every beat under a monophonic melody in C major or A minor: (beats,) ids. ``last`` (beats,) bool:
    where music ends, on the tonic if the melody lets it."""
    beats = len(frame.bar_of_beat)
    onset, length = grid.onset_beats(melody.beat, melody.sub), grid.duration_beats(melody.duration)
    length = np.minimum(length, np.append(onset[1:], np.inf) - onset)
    note, beat, sounding = notes_by_pulse(onset, onset + length, beats)
    weights = np.zeros((beats, 12))
    np.add.at(weights, (beat, melody.pitch[note] % 12), sounding)
    on_beat = melody.sub == 0
    np.add.at(weights, (melody.beat[on_beat], melody.pitch[on_beat] % 12), ONSET_BONUS)
    minor = frame.minor[frame.bar_of_beat]
    scores = EVIDENCE * (weights @ _holds().T) - _costs()[minor]
    if last is not None:
        scores += LAST_TONIC_BONUS * last[:, None] * (_costs()[minor] == 0)
    return best_path(scores, _change_costs(frame))


def _change_costs(frame: Frame) -> np.ndarray:
    costs = np.full(len(frame.bar_of_beat), CHANGE_COST)
    even = (frame.bar_beats >= 4) & (frame.bar_beats % 2 == 0)
    costs[frame.first_beats] = CHANGE_COST_FIRST_OF_BAR
    costs[(frame.first_beats + frame.bar_beats // 2)[even]] = CHANGE_COST_MIDDLE_OF_BAR
    return costs


@cache
def _holds() -> np.ndarray:
    """How much a chord gets for each pitch class: (chords, 12)."""
    tones = chord_tones()[:CHORD_NONE].astype(float)
    return np.where(tones.sum(1, keepdims=True) > 3, FOUR_NOTES, 1.0) * tones


@cache
def _costs() -> np.ndarray:
    """What every chord costs in major and in minor: (2, chords) nats; the tonic triad costs nothing."""
    return np.array([[_cost(index, minor) for index in range(CHORD_NONE)] for minor in (False, True)])


def _cost(index: int, minor: bool) -> float:
    chord = chord_of(index)
    assert chord is not None
    degree = (chord.root - (9 if minor else 0)) % 12
    if chord.pitch_classes <= _SCALE:
        return _DEGREES[minor][degree] + _QUALITIES[chord.quality]
    if chord.quality not in ("", "7"):
        return _OUTSIDE
    if minor and degree == 7:
        return _DOMINANT_IN_MINOR + (_ITS_SEVENTH if chord.quality else 0.0)
    return _SECONDARY_DOMINANT if (chord.root + 5) % 12 in (2, 4, 5, 7, 9) else _OUTSIDE

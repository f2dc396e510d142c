"""A line as an instrument plays it: octave, range, articulation, voices.

Convention: beats and sounding pitches as in `composer.music`. What belongs together moves by octaves as a whole, a
section's melody before its phrases and phrases before single notes, so that tunes keep their intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from composer.instruments import Instrument
from composer.music import Note
from composer.palettes import Layer
from composer.texture import deep, detached, legato, playable

PHRASE_REST_BEATS = 1.0  # a rest that ends a phrase
LEGATO_GAP_BEATS = 0.25
_EPS = 1e-6


def fit(notes: Sequence[Note], layer: Layer, detached_beats: float) -> tuple[Note, ...]:
    """``notes`` as the layer's instrument plays them: octave, range, articulation, voices; where it is detached, no
    note (the bass's apart) is longer than ``detached_beats``.
    """
    instrument = layer.instrument
    if instrument.is_drums:
        return playable(notes, instrument.polyphony)
    moved: list[Note] = []
    for phrase in _moved_together(notes, layer):
        shift = 12 * layer.octaves + _octave_shift(_pitches(phrase, layer), instrument)
        for note in phrase:
            pitch = instrument.fold(note.pitch + shift)
            if layer.role == "bass":
                pitch = deep(pitch, instrument.low)
            moved.append(replace(note, pitch=pitch))
    if layer.role == "melody" and layer.articulation == "sustained" and not instrument.decays:
        moved = list(legato(moved, LEGATO_GAP_BEATS))
    if layer.articulation == "detached" and layer.role != "bass":
        moved = list(detached(moved, detached_beats))
    return playable(moved, instrument.polyphony, keep_low=layer.role == "bass")


def _phrases(notes: Sequence[Note]) -> list[list[Note]]:
    """Notes in order of onset, parted where nothing sounds for `PHRASE_REST_BEATS`."""
    phrases: list[list[Note]] = []
    end = -PHRASE_REST_BEATS
    for note in sorted(notes, key=lambda note: note.onset_beats):
        if not phrases or note.onset_beats - end >= PHRASE_REST_BEATS - _EPS:
            phrases.append([])
        phrases[-1].append(note)
        end = max(end, note.end_beats)
    return phrases


def _moved_together(notes: Sequence[Note], layer: Layer) -> list[Sequence[Note]]:
    """What moves by the same octaves: a section's whole melody where the instrument has room for it, else phrases.

    A tune that returns in another key thus keeps its intervals, though other notes of it would be out of range.
    """
    pitches = _pitches(notes, layer)
    if layer.role == "melody" and not _outside(
        pitches, _octave_shift(pitches, layer.instrument), layer.instrument
    ):
        return [sorted(notes, key=lambda note: note.onset_beats)]
    return list(_phrases(notes))


def _pitches(notes: Sequence[Note], layer: Layer) -> list[int]:
    return [note.pitch + 12 * layer.octaves for note in notes]


def _octave_shift(pitches: Sequence[int], instrument: Instrument) -> int:
    """The octaves (in semitones) that bring most of a phrase into range, the smallest of equals."""
    shifts = (0, 12, -12, 24, -24, 36, -36)
    return min(shifts, key=lambda shift: (_outside(pitches, shift, instrument), abs(shift)))


def _outside(pitches: Sequence[int], shift: int, instrument: Instrument) -> int:
    return sum(not instrument.low <= pitch + shift <= instrument.high for pitch in pitches)

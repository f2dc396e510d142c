"""The tune of a texture: the highest sounding voice.

The skyline of Uitdenbogerd and Zobel ("Manipulation of Music for Melody Matching", ACM Multimedia 1998) as Chai and
Vercoe apply it to polyphony ("Music Retrieval System Based on User Modeling", MIT 2000): of notes that start together
the highest, and none that starts while a higher one is held. Added here: where the tune rests the accompaniment is
the highest voice, but lies lower; a note far below the tune around it is left out, unless it is all there is.

Measured, note by note: F1 .61 against MELODY in the held-out songs of POP909 (precision .52, recall .74; .52 for the
highest at each onset alone), .52 against the voice of 92 Lieder (.44, .64; .47), where preludes count as errors.
"""

from __future__ import annotations

import numpy as np

TOGETHER = 1 / 24  # pulses: starts nearer than this are one chord
AROUND = 8.0  # pulses on either side that make the tune's usual height
FAR_BELOW = 8.0  # semitones under it
ALONE = 0.9  # of the notes around in the skyline: nothing accompanies


def skyline(onset: np.ndarray, duration: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """(n,) bool: which notes are the tune. ``onset``, ``duration`` (n,) pulses, ``pitch`` (n,) MIDI, any order."""
    onset, duration = np.asarray(onset, float), np.asarray(duration, float)
    pitch = np.asarray(pitch, np.int64)
    order = np.lexsort((duration, -pitch, onset))  # of doubled notes the shorter: a pedal holds the other
    chosen = order[_highest(onset[order], duration[order], pitch[order])]
    top = np.zeros(onset.size, bool)
    top[chosen[_near_the_tune(onset[order], onset[chosen], duration[chosen], pitch[chosen])]] = True
    return top


def _highest(onset: np.ndarray, duration: np.ndarray, pitch: np.ndarray) -> list[int]:
    """Places of the plain skyline, notes sorted by onset and the highest first."""
    places = []
    started = held_end = -np.inf
    held_pitch = -1
    for place, (start, length, height) in enumerate(
        zip(onset.tolist(), duration.tolist(), pitch.tolist(), strict=True)
    ):
        under = start < held_end - TOGETHER and height < held_pitch
        if start - started >= TOGETHER and not under:
            places.append(place)
            started, held_end, held_pitch = start, start + length, height
    return places


def _near_the_tune(
    all_onsets: np.ndarray, onset: np.ndarray, duration: np.ndarray, pitch: np.ndarray
) -> np.ndarray:
    """(k,) bool for the k notes of a plain skyline, in order of onset: not far below those around, or alone."""
    low, high = np.searchsorted(onset, onset - AROUND), np.searchsorted(onset, onset + AROUND, side="right")
    length = np.minimum(duration, 2.0)  # a long note is no more of the tune than a bar of short ones
    lengths = np.append(0.0, np.cumsum(length))
    heights = np.append(0.0, np.cumsum(length * pitch))
    usual = (heights[high] - heights[low]) / np.maximum(lengths[high] - lengths[low], 1e-9)
    notes = np.searchsorted(all_onsets, onset + AROUND, side="right") - np.searchsorted(
        all_onsets, onset - AROUND
    )
    return (pitch >= usual - FAR_BELOW) | (high - low > ALONE * notes)

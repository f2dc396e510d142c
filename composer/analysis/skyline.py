"""The tune of a texture: the highest sounding voice.

The skyline of Uitdenbogerd and Zobel (ACM Multimedia 1998) and Chai and Vercoe (2000): of the notes that start
together the highest; and a note that starts under a held higher one is left out.
"""

from __future__ import annotations

import numpy as np

TOGETHER = 1 / 24  # pulses: starts nearer than this are one chord


def skyline(onset: np.ndarray, duration: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """(n,) bool: which notes are the highest voice. ``onset``, ``duration`` (n,) pulses, ``pitch`` (n,) MIDI."""
    onset, duration = np.asarray(onset, float), np.asarray(duration, float)
    pitch = np.asarray(pitch, np.int64)
    top = np.zeros(onset.size, bool)
    order = np.lexsort((-pitch, onset))
    held_end, held_pitch, last = -np.inf, -1, -np.inf
    for i in order:
        start = onset[i]
        if start - last < TOGETHER:
            continue
        if start < held_end - TOGETHER and pitch[i] < held_pitch:
            continue
        top[i] = True
        last, held_end, held_pitch = start, start + duration[i], pitch[i]
    return top

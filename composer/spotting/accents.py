"""Which visual beats the music leans to: the clearest, apart from each other and from the hits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from composer.spotting.cues import TIME_DIGITS, Accent, Hit
from composer.spotting.samples import distance_to_nearest
from composer.video.features import VideoFeatures

LEAST_STRENGTH = 0.1
ACCENT_GAP_S = 0.25  # an eighth at 120 BPM
HIT_GAP_S = 0.12  # closer to a hit it is the hit


def accents_of(
    features: VideoFeatures, hits: Sequence[Hit], silent_s: Sequence[tuple[float, float]] = ()
) -> tuple[Accent, ...]:
    """The film's accents in order of time: its visual beats, the strongest first to be taken.

    ``silent_s``: starts and ends of stretches without music, where nothing can lean to them.
    """
    beats_s, strengths = features.visual_beats_s.round(TIME_DIGITS), features.visual_beat_strengths
    hits_s = np.sort([hit.time_s for hit in hits])
    free = (strengths >= LEAST_STRENGTH) & (distance_to_nearest(beats_s, hits_s) >= HIT_GAP_S)
    for start_s, end_s in silent_s:
        free &= (beats_s < start_s) | (beats_s >= end_s)
    taken = []
    for index in np.argsort(-strengths, kind="stable"):
        if free[index]:
            taken.append(index)
            free &= np.abs(beats_s - beats_s[index]) >= ACCENT_GAP_S
    return tuple(Accent(float(beats_s[i]), round(min(float(strengths[i]), 1.0), 3)) for i in sorted(taken))

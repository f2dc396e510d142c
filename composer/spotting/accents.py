"""Which visual beats the music leans to: the clearest, apart from each other and from the hits."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

import numpy as np

from composer.spotting.cues import Accent, Hit
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
    hit_s = sorted(hit.time_s for hit in hits)
    taken_s: list[float] = []
    strengths: dict[float, float] = {}
    for index in np.argsort(-features.visual_beat_strengths, kind="stable"):
        time_s, strength = float(features.visual_beats_s[index]), float(features.visual_beat_strengths[index])
        if strength < LEAST_STRENGTH:
            break
        silent = any(start_s <= time_s < end_s for start_s, end_s in silent_s)
        if not silent and _gap(taken_s, time_s) >= ACCENT_GAP_S and _gap(hit_s, time_s) >= HIT_GAP_S:
            insort(taken_s, time_s)
            strengths[time_s] = round(min(strength, 1.0), 3)
    return tuple(Accent(time_s, strengths[time_s]) for time_s in taken_s)


def _gap(times_s: Sequence[float], time_s: float) -> float:
    """Distance to the nearest of ``times_s`` (in order); infinite where there is none."""
    place = bisect_left(times_s, time_s)
    return min((abs(other_s - time_s) for other_s in times_s[max(place - 1, 0) : place + 1]), default=np.inf)

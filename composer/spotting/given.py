"""Cuts beside the hits that a person gave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from composer.spotting.cues import Hit
from composer.spotting.samples import distance_to_nearest


def without_cuts_at(hits: Sequence[Hit], given: Sequence[Hit], frame_rate: float) -> list[Hit]:
    """Those of ``hits`` that are no cuts within a frame of a ``given`` hit: such a cut is that hit."""
    times_s = np.array([hit.time_s for hit in hits])
    given_s = np.sort([hit.time_s for hit in given])
    away = distance_to_nearest(times_s, given_s) > 1 / frame_rate
    return [hit for hit, is_away in zip(hits, away, strict=True) if is_away or hit.kind != "cut"]

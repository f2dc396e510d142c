"""Moving all tempi of a film a little, so that its hits meet beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from composer.spotting.cues import Hit, Section, TempoMode
from composer.spotting.segments import SHORT_FILM_S
from composer.spotting.tempo_solver import solve
from composer.spotting.wishes import FASTEST_BPM, SLOWEST_BPM
from composer.timing import TempoMap

NEAR_FACTORS = (1.0, 0.96, 1.04, 0.92, 1.08, 0.88, 1.13, 0.85, 1.18)
FAR_FACTORS = (0.8, 1.24, 0.75, 1.3, 0.7, 1.37)  # for films of one section, tempo and mood loosely tied
FACTOR_WORTH = (
    0.13  # log tempo that one hit of mean weight is worth: mood is heard in the tempo, so it is little
)
FITTED_MAX_S = 300.0


@dataclass(frozen=True)
class Fit:
    """Sections with the tempi that are wished in the end, and the tempo map solved for them."""

    sections: tuple[Section, ...]
    tempo_map: TempoMap


def fit_wishes(
    duration_s: float,
    frame_rate: float,
    sections: Sequence[Section],
    hits: Sequence[Hit],
    mode: TempoMode = "smooth",
    *,
    is_free: bool = True,
) -> Fit:
    """The sections, all tempi moved by the one factor at which most of the hits, by weight, meet a beat.

    A mood leaves the tempo some room, the more so in a short film, and one tempo suits a film's cuts better
    than another. Long films are left alone: there the tempo can bend to the cuts; so are tempi that are not
    ``is_free``, since they were asked for.
    """
    if not is_free or duration_s > FITTED_MAX_S or not hits:
        return Fit(tuple(sections), solve(duration_s, frame_rate, sections, hits, mode).tempo_map)
    factors = NEAR_FACTORS + (FAR_FACTORS if duration_s <= SHORT_FILM_S else ())
    best: tuple[float, Fit] | None = None
    for factor in factors:
        moved = []
        for section in sections:
            bpm = float(min(max(round(section.tempo_bpm * factor), SLOWEST_BPM), FASTEST_BPM))
            why = section.reasons.get("tempo_bpm", "")
            if bpm != section.tempo_bpm:
                why += f"; {bpm / section.tempo_bpm - 1:+.0%} so that the cuts meet beats"
            moved.append(replace(section, tempo_bpm=bpm, reasons={**section.reasons, "tempo_bpm": why}))
        solution = solve(duration_s, frame_rate, moved, hits, mode)
        missed = sum(
            (0.3 + landing.hit.weight) * (2.0 if landing.hit.required else 1.0)
            for landing in solution.landings
            if landing.on not in ("beat", "downbeat")
        )
        wish = (0.3 + sum(hit.weight for hit in hits) / len(hits)) * abs(np.log(factor)) / FACTOR_WORTH
        cost = missed + wish + 5 * max(solution.largest_change - 0.05, 0.0)
        if best is None or cost < best[0] - 1e-9:
            best = (cost, Fit(tuple(moved), solution.tempo_map))
    assert best is not None
    return best[1]

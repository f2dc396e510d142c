"""New bars between bars that stay: as many as fill the time exactly, in tempi that lead from one side to the other.

The way is that of `composer.spotting.tempo_solver`: `beat_path` chooses how many eighths lie between the moments to be
met, `bar_fit` draws bar lines and fits tempi. Here the bars beside the gap are part of the fit and stand still, so that
the tempo changes as little at the edges as inside. Several paths are tried and the cheapest kept: what a listener would
mind most costs most (a required hit missed, a change of tempo beyond 10 %, odd bars, changes beyond 4 %).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from composer.spotting.bar_fit import REQUIRED_PRICE, SECTION_PRICE, WISHED_PRICE, Pin, bar_lines, fit_tempi
from composer.spotting.beat_path import Placed, best_path, collect_anchors, metre_at, zone_of
from composer.spotting.cues import Hit, Section
from composer.spotting.landing import landings, tempo_changes, unmet_hits
from composer.spotting.metre import Metre, bar_costs
from composer.spotting.tempo_range import (
    LARGE_CHANGE,
    SMALL_CHANGE,
    bar_wishes,
    wish_curve,
    within_limits,
)
from composer.timing import MAX_TEMPO_US, MIN_TEMPO_US, Bar, TempoMap

ATTEMPTS = 8  # paths
SURCHARGE = 40.0  # on every step of a path that was tried: more than an odd bar costs
EDGE_PRICE, EDGE_ZONE_S = 1e9, 1e-6  # of bars that stand still
FINE_COST = 1.0  # below which no other path is tried
# What is minded: a required hit missed, a tempo beyond `LARGE_CHANGE`, a bar of one pulse; odd bars by their kind.
MISSED_COST, STEEP_COST, ONE_PULSE_COST, ODD_SHARE = 1000.0, 400.0, 8.0, 0.4
FELT_COST, SECTION_COST = (
    0.5,
    3.0,
)  # of a change by `SMALL_CHANGE`, squared; of a section that starts inside a bar
ON_LINE_S = 0.02  # of a section start from a bar line


@dataclass(frozen=True)
class Gap:
    """``length_s`` to be filled between the bars ``before`` and ``after`` (None at the film's start or end), with the
    ``sections`` and ``hits`` in it, in seconds from the gap's start; a section starts at 0."""

    length_s: float
    before: Bar | None
    after: Bar | None
    sections: tuple[Section, ...]
    hits: tuple[Hit, ...]
    frame_rate: float


@dataclass(frozen=True)
class Filling:
    """The bars of a gap and what a listener would mind in them."""

    bars: tuple[Bar, ...]
    cost: float


def fill(gap: Gap) -> Filling | None:
    """The best bars for a gap; None where it is too short for any. They last ``gap.length_s`` up to 3 microseconds."""
    wish = wish_curve(gap.length_s, gap.sections)
    anchors = collect_anchors(gap.length_s, gap.frame_rate, gap.sections, gap.hits, wish)
    surcharges: defaultdict[tuple[float, float, int], float] = defaultdict(float)
    best: Filling | None = None
    for _ in range(ATTEMPTS):
        placed = best_path(anchors, wish, surcharges)
        if not placed:
            break
        for breaking in (False, True):
            bars = _fitted(gap, placed, bar_lines(placed, breaking))
            cost = _cost(gap, bars)
            if best is None or cost < best.cost:
                best = Filling(bars, cost)
        if best is not None and best.cost < FINE_COST:
            break
        for one, other in pairwise(placed):
            surcharges[one.anchor.time_s, other.anchor.time_s, other.eighth - one.eighth] += SURCHARGE
    return best


def wished_sections(
    start_s: float, end_s: float, sections: Sequence[Section], before: Bar | None, after: Bar | None
) -> tuple[Section, ...]:
    """The sections between two moments, in seconds from the first, each with the tempo to be wished there: its own
    where it lies wholly inside, else what leads from the bar ``before`` to the one ``after``.
    """
    edges = [bar for bar in (before, after) if bar is not None]
    bpm = [within_limits(bar.bpm) for bar in (edges or [Bar.at_bpm(sections[0].tempo_bpm)])]
    found = []
    for section in sections:
        low, high = max(section.start_s, start_s), min(section.end_s, end_s)
        if high <= low:
            continue
        share = ((low + high) / 2 - start_s) / (end_s - start_s)
        tempo_bpm = float(np.exp(np.interp(share, (0, 1), np.log((bpm[0], bpm[-1])))))
        if section.start_s >= start_s and section.end_s <= end_s:
            tempo_bpm = section.tempo_bpm
        found.append(
            replace(section, start_s=low - start_s, end_s=high - start_s, tempo_bpm=within_limits(tempo_bpm))
        )
    return (replace(found[0], start_s=0.0), *found[1:]) if found else ()


def _fitted(gap: Gap, placed: Sequence[Placed], metres: Sequence[Metre]) -> tuple[Bar, ...]:
    """Bars in ``metres`` with fitted tempi, rounded so that no error accumulates."""
    beats = np.array([metre.bar_eighths / 2 for metre in metres])
    lines = np.concatenate([[0.0], np.cumsum(beats)])
    rough_s = np.interp(2 * lines, [p.eighth for p in placed], [p.anchor.time_s for p in placed])
    wish_bpm = bar_wishes(gap.sections, rough_s)
    pins = [pin for entry in placed if (pin := _pin(gap, entry)) is not None]
    lead = 0.0 if gap.before is None else gap.before.length_beats
    lead_s = 0.0 if gap.before is None else gap.before.length_s
    if gap.before is not None:
        beats, wish_bpm = np.append(lead, beats), np.append(gap.before.bpm, wish_bpm)
        pins = [replace(pin, beat=pin.beat + lead, time_s=pin.time_s + lead_s) for pin in pins]
        pins.append(Pin(lead, lead_s, EDGE_PRICE, EDGE_ZONE_S))
    total_s = lead_s + gap.length_s
    if gap.after is not None:
        pins.append(Pin(float(beats.sum()), total_s, EDGE_PRICE, EDGE_ZONE_S))
        beats, wish_bpm = np.append(beats, gap.after.length_beats), np.append(wish_bpm, gap.after.bpm)
        total_s += gap.after.length_s
    fitted_s = fit_tempi(beats, total_s, wish_bpm, sorted(pins, key=lambda pin: pin.beat))
    first = 0 if gap.before is None else 1
    ends_s = fitted_s[first + 1 : first + 1 + len(metres)] - lead_s
    ends_s[-1] = gap.length_s
    bars: list[Bar] = []
    now_us = 0.0
    for metre, end_s in zip(metres, ends_s.tolist(), strict=True):
        length = metre.bar_eighths / 2
        tempo_us = min(max(round((end_s * 1e6 - now_us) / length), MIN_TEMPO_US), MAX_TEMPO_US)
        bars.append(Bar(metre.numerator, metre.denominator, tempo_us))
        now_us += length * tempo_us
    return tuple(bars)


def _pin(gap: Gap, placed: Placed) -> Pin | None:
    anchor = placed.anchor
    if anchor.kind in ("start", "end"):
        return None
    if anchor.kind == "section":
        return Pin(placed.eighth / 2, anchor.time_s, SECTION_PRICE, 0.0004)
    if anchor.kind == "required":
        price = REQUIRED_PRICE * (0.5 + anchor.weight)
        return Pin(placed.eighth / 2, anchor.time_s, price, anchor.zone_s, is_firm=True)
    price = WISHED_PRICE * (0.3 + 0.7 * anchor.weight)
    return Pin(placed.eighth / 2, anchor.time_s, price, zone_of(gap.frame_rate))


def _cost(gap: Gap, bars: Sequence[Bar]) -> float:
    """What a listener would mind."""
    tempo_map = TempoMap(tuple(bars))
    beside = TempoMap(tuple(bar for bar in (gap.before, *bars, gap.after) if bar is not None))
    change = tempo_changes(beside)
    missed = unmet_hits(landings(tempo_map, gap.hits), gap.frame_rate)
    cost = MISSED_COST * len(missed) + MISSED_COST * abs(tempo_map.end_s - gap.length_s)
    cost += float(FELT_COST * ((change / SMALL_CHANGE) ** 2).sum())
    cost += float(STEEP_COST * np.maximum(change - LARGE_CHANGE, 0.0).sum())
    for bar, start_s in zip(bars, tempo_map.bar_starts_s, strict=False):
        metre = metre_at(gap.sections, float(start_s) + ON_LINE_S)
        eighths = round(bar.length_beats * 2)
        cost += ODD_SHARE * bar_costs(metre).get(eighths, ONE_PULSE_COST)
        cost += ONE_PULSE_COST if eighths <= metre.pulse_eighths < metre.bar_eighths else 0.0
    starts_s = np.array([section.start_s for section in gap.sections])
    away_s = np.abs(starts_s[:, None] - tempo_map.bar_starts_s[None, :]).min(axis=1)
    return cost + SECTION_COST * float((away_s > ON_LINE_S).sum())

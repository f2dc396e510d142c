"""Bars and tempi that meet the picture.

Section starts fall on bar lines, required hits within half a frame of a pulse (or an eighth, where nothing
else fits), wished hits on pulses where that costs little, and the music ends with the picture. Bars are in the
metre of their section, odd ones only where a hit asks for them; a pulse is a quarter note, in compound metres a
dotted one (`composer.spotting.metre`). Tempo, in quarter notes a minute in every metre, stays in the range of its
section (`composer.spotting.tempo_range`). Modes:

- ``smooth``: tempo changes at bar lines, by at most 4 % a bar where the hits leave room and never by more than 10 %;
- ``stepped``: it changes only on bar lines planned for section starts and required hits (missed after all or not), by
  at most 10 %, and stands between;
- ``constant``: it never changes (`composer.spotting.steady`).

What cannot be met under that is named, with the nearest place where it would be.

The way there: `beat_path` chooses how many eighths lie between the moments, `bar_fit` draws bar lines and fits tempi,
and here the result is rounded to the whole microseconds of `composer.timing`, each bar taking up the rounding of those
before it, so that no error accumulates. The path does not see single bars; where the fit shows that its choice strains
the music (a required hit missed or off the pulse, a change of more than 4 %), the steps there are made dearer and
another path is sought (guided local search: Voudouris & Tsang, European J. of Operational Research 113, 1999).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from composer.spotting.bar_fit import (
    REQUIRED_PRICE,
    SECTION_PRICE,
    WISHED_PRICE,
    Pin,
    bar_lines,
    fit_tempi,
)
from composer.spotting.beat_path import (
    Anchor,
    Placed,
    Surcharges,
    best_path,
    collect_anchors,
    metre_at,
    wished_bpm,
    zone_of,
)
from composer.spotting.cues import Hit, Section, TempoMode
from composer.spotting.landing import (
    Landing,
    landings,
    largest_change,
    notes,
    out_of_range,
    tempo_changes,
    unmet_hits,
)
from composer.spotting.metre import Metre
from composer.spotting.samples import nearest
from composer.spotting.steady import TINY_S, one_bar, one_tempo
from composer.spotting.tempo_range import (
    LARGE_CHANGE,
    MIN_BPM,
    SMALL_CHANGE,
    WishCurve,
    bar_wishes,
    wish_curve,
)
from composer.timing import MAX_TEMPO_US, MIN_TEMPO_US, Bar, TempoMap

__all__ = [
    "MAX_DURATION_S",
    "MAX_HITS",
    "TINY_S",
    "Landing",
    "Solution",
    "landings",
    "largest_change",
    "solve",
]

MAX_DURATION_S = 24 * 3600.0
MAX_HITS = 20_000
MAX_ATTEMPTS, ATTEMPT_ANCHORS = 40, 2400  # paths tried: as many, and fewer where they are long
PATIENCE = 12  # paths tried since the best
SURCHARGE, MISSED_STRAIN = (
    5.0,
    4.0,
)  # on a step that strained the music, each time; times this where a hit is missed
SECOND_LOOK_S = 0.09  # wished hits this close to a beat of the first fit join the second
HOPELESS_S = 0.11  # wished hits this far from their beat leave it
SECTION_ZONE_S = 0.0004


@dataclass(frozen=True)
class Solution:
    """A tempo map, where every hit fell, the required hits it misses, and what a reader should know."""

    tempo_map: TempoMap
    landings: tuple[Landing, ...]
    unmet: tuple[Hit, ...] = ()
    largest_change: float = 0.0  # of tempo from bar to bar, ratio - 1
    notes: tuple[str, ...] = ()


def solve(
    duration_s: float,
    frame_rate: float,
    sections: Sequence[Section],
    hits: Sequence[Hit],
    mode: TempoMode = "smooth",
) -> Solution:
    """The tempo map of a film of ``duration_s``, and how it meets ``hits``.

    Raises ValueError for a duration outside 0-24 h, a frame rate that is not positive, or too many hits.
    """
    if not 0 < duration_s <= MAX_DURATION_S:
        raise ValueError(f"duration {duration_s} s is outside 0-{MAX_DURATION_S:.0f}")
    if not 0 < frame_rate < math.inf:
        raise ValueError(f"frame rate {frame_rate} is not positive")
    if len(hits) > MAX_HITS:
        raise ValueError(f"{len(hits)} hits are more than {MAX_HITS}")
    film = _Film(duration_s, frame_rate, sections, hits, wish_curve(duration_s, sections), mode == "stepped")
    if duration_s <= TINY_S:
        tempo_map = one_bar(duration_s, wished_bpm(sections, 0.0), metre_at(sections, 0.0))
    elif mode == "constant":
        tempo_map = one_tempo(duration_s, frame_rate, sections, hits, film.wish)
    else:
        tempo_map = _search(film)
    landed = landings(tempo_map, hits)
    return Solution(
        tempo_map,
        landed,
        unmet_hits(landed, frame_rate),
        largest_change(tempo_map),
        notes(tempo_map, frame_rate, sections, landed, mode),
    )


@dataclass(frozen=True)
class _Film:
    """What is solved. ``stepped``: tempo changes only on bar lines at section starts and required hits."""

    duration_s: float
    frame_rate: float
    sections: Sequence[Section]
    hits: Sequence[Hit]
    wish: WishCurve
    stepped: bool


@dataclass(frozen=True)
class _Draft:
    """A tempo map; how bad it is (bars beyond a limit, weight missed, weight on eighths, change beyond 4 %, odd bars),
    the worst first; and the steps of its path that strain it.
    """

    tempo_map: TempoMap
    faults: tuple[float, ...]
    strained: dict[tuple[float, float, int], float]


def _search(film: _Film) -> TempoMap:
    """The best draft of several paths."""
    anchors = collect_anchors(film.duration_s, film.frame_rate, film.sections, film.hits, film.wish)
    if film.stepped:
        anchors = tuple(anchor for anchor in anchors if anchor.kind != "wished")
    surcharges: defaultdict[tuple[float, float, int], float] = defaultdict(float)
    best: _Draft | None = None
    since_best = 0
    for _ in range(min(MAX_ATTEMPTS, 1 + ATTEMPT_ANCHORS // len(anchors))):
        placed = _path(film, anchors, surcharges)
        drafts = [_draft(film, placed, breaking=film.stepped)]
        if drafts[0].strained and not film.stepped:
            drafts.append(_draft(film, placed, breaking=True))
        since_best += 1
        for draft in drafts:
            if best is None or draft.faults < best.faults:
                best, since_best = draft, 0
        if since_best > PATIENCE or not all(draft.strained for draft in drafts):
            break
        for step in {step for draft in drafts for step in draft.strained}:
            surcharges[step] += SURCHARGE * max(draft.strained.get(step, 0.0) for draft in drafts)
    assert best is not None
    return best.tempo_map


def _path(film: _Film, anchors: Sequence[Anchor], surcharges: Surcharges) -> tuple[Placed, ...]:
    """The cheapest path, without hits where there is none with them, and the plain one where there is none at all."""
    placed = best_path(anchors, film.wish, surcharges, film.stepped)
    placed = placed or best_path([a for a in anchors if a.kind in ("start", "section", "end")], film.wish)
    if placed:
        return placed
    metre = metre_at(film.sections, 0.0)
    wished = film.wish.between(0.0, film.duration_s) / metre.step_eighths
    fewest = math.ceil(MIN_BPM * film.duration_s / 30 / metre.step_eighths)
    steps = max(round(wished), fewest, 1)
    return (
        Placed(Anchor(0.0, "start", 1.0, 0.0, metre), 0),
        Placed(Anchor(film.duration_s, "end", 1.0, 0.0, metre), steps * metre.step_eighths),
    )


def _draft(film: _Film, placed: Sequence[Placed], breaking: bool) -> _Draft:
    metres = bar_lines(placed, breaking)
    spans = _spans(placed, metres) if film.stepped else [1] * len(metres)
    first = np.concatenate([[0], np.cumsum(spans)])
    line_beats = np.concatenate([[0], np.cumsum([metre.bar_eighths / 2 for metre in metres])])
    span_beats = np.diff(line_beats[first])
    rough_s = np.interp(2 * line_beats, [p.eighth for p in placed], [p.anchor.time_s for p in placed])
    wish_bpm = bar_wishes(film.sections, rough_s)
    if film.stepped:
        wish_bpm = bar_wishes(film.sections, rough_s[first])
    pins = [_pin(film, p) for p in placed if p.anchor.kind not in ("start", "end")]
    lines_s = fit_tempi(span_beats, film.duration_s, wish_bpm, pins)
    again = _second_look(film, pins, np.interp(line_beats, line_beats[first], lines_s), metres)
    if again != pins:
        lines_s = fit_tempi(span_beats, film.duration_s, wish_bpm, again)
    return _judged(film, placed, TempoMap(_rounded(lines_s, metres, spans)))


def _spans(placed: Sequence[Placed], metres: Sequence[Metre]) -> list[int]:
    """How many bars stand in one tempo each: from one bar line on a required hit or section start to the next."""
    steps = {entry.eighth for entry in placed if entry.anchor.is_wall or entry.anchor.kind == "required"}
    spans, eighth = [0], 0
    for metre in metres:
        if eighth in steps and spans[-1]:
            spans.append(0)
        spans[-1] += 1
        eighth += metre.bar_eighths
    return spans


def _pin(film: _Film, placed: Placed) -> Pin:
    anchor = placed.anchor
    if anchor.kind == "section":
        return Pin(placed.eighth / 2, anchor.time_s, SECTION_PRICE, SECTION_ZONE_S)
    if anchor.kind == "required":
        price = REQUIRED_PRICE * (0.5 + anchor.weight)
        return Pin(placed.eighth / 2, anchor.time_s, price, anchor.zone_s, is_firm=True)
    return _wished_pin(film, placed.eighth / 2, anchor.time_s, anchor.weight)


def _wished_pin(film: _Film, beat: float, time_s: float, weight: float) -> Pin:
    return Pin(beat, time_s, WISHED_PRICE * (0.3 + 0.7 * weight), zone_of(film.frame_rate))


def _second_look(film: _Film, pins: Sequence[Pin], lines_s: np.ndarray, metres: Sequence[Metre]) -> list[Pin]:
    """The pins without the wished ones that came to lie too far from their moments, and with those that the path
    passed over but that came to lie close to a free pulse all the same.
    """
    line_beats = np.concatenate([[0], np.cumsum([metre.bar_eighths / 2 for metre in metres])])
    inside = [metre.pulses_beats() for metre in metres]
    pulses = np.array(
        [s + p for s, bar in zip(line_beats[:-1], inside, strict=True) for p in bar] + [line_beats[-1]]
    )
    times_s = np.interp(pulses, line_beats, lines_s)
    pinned_s = np.interp([pin.beat for pin in pins], line_beats, lines_s)
    kept = [
        pin
        for pin, time_s in zip(pins, pinned_s, strict=True)
        if pin.price >= SECTION_PRICE or abs(time_s - pin.time_s) <= HOPELESS_S
    ]
    taken = {pin.beat for pin in kept} | {0.0, float(line_beats[-1])}
    pinned = {pin.time_s for pin in kept}
    heaviest_first = sorted(film.hits, key=lambda hit: -hit.weight)
    places = nearest(times_s, np.array([hit.time_s for hit in heaviest_first]))
    for hit, place in zip(heaviest_first, places.tolist(), strict=True):
        beat = float(pulses[place])
        near = abs(times_s[place] - hit.time_s) < SECOND_LOOK_S and hit.time_s not in pinned
        if near and not hit.required and not {beat - 0.5, beat, beat + 0.5} & taken:
            taken.add(beat)
            kept.append(_wished_pin(film, beat, hit.time_s, hit.weight))
    return sorted(kept, key=lambda pin: pin.beat)


def _judged(film: _Film, placed: Sequence[Placed], tempo_map: TempoMap) -> _Draft:
    """The draft's faults, and the steps of the path beside them."""
    required = [hit for hit in film.hits if hit.required]
    landed = landings(tempo_map, required)
    unmet = set(unmet_hits(landed, film.frame_rate))
    change = tempo_changes(tempo_map)
    outside = out_of_range(tempo_map, film.sections)
    eighths = [x for x in landed if x.on == "eighth" and x.hit not in unmet]
    steep = np.nonzero(change > (LARGE_CHANGE if film.stepped else SMALL_CHANGE) + 1e-4)[0]
    regular = {metre_at(film.sections, s.start_s) for s in film.sections}
    odd = sum(Metre(bar.numerator, bar.denominator) not in regular for bar in tempo_map.bars)
    faults = (
        float(outside.sum() + (change > LARGE_CHANGE + 1e-4).sum()),
        sum(0.5 + hit.weight for hit in unmet),
        sum(0.5 + x.hit.weight for x in eighths),
        round(float(np.maximum(change[steep] - SMALL_CHANGE, 0.0).sum()), 3),
        float(odd),
    )
    lines_s = tempo_map.bar_starts_s
    strains = [(hit.time_s - 0.01, hit.time_s + 0.01, MISSED_STRAIN) for hit in unmet]
    strains += [(x.hit.time_s - 0.01, x.hit.time_s + 0.01, 1.0) for x in eighths]
    strains += [(lines_s[i], lines_s[i + 2], 1.0) for i in steep]
    strains += [(lines_s[i], lines_s[i + 1], 1.0) for i in np.nonzero(outside)[0]]
    strained = {}
    for a, b in pairwise(placed):
        here = [x for start, end, x in strains if a.anchor.time_s < end and b.anchor.time_s > start]
        if here:
            strained[a.anchor.time_s, b.anchor.time_s, b.eighth - a.eighth] = max(here)
    return _Draft(tempo_map, faults, strained)


def _rounded(lines_s: np.ndarray, metres: Sequence[Metre], spans: Sequence[int]) -> tuple[Bar, ...]:
    """Bars whose tempi are whole microseconds and whose spans end within half a microsecond a beat of ``lines_s``.

    ``spans``: how many bars each stretch of one tempo has.
    """
    bars: list[Bar] = []
    now_us = 0.0
    for count, end_s in zip(spans, lines_s[1:].tolist(), strict=True):
        mine = metres[len(bars) : len(bars) + count]
        beats = sum(metre.bar_eighths for metre in mine) / 2
        tempo_us = min(max(round((end_s * 1e6 - now_us) / beats), MIN_TEMPO_US), MAX_TEMPO_US)
        bars += [Bar(metre.numerator, metre.denominator, tempo_us) for metre in mine]
        now_us += beats * tempo_us
    return tuple(bars)

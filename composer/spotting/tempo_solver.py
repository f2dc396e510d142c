"""Bars and tempi that meet the picture.

Section starts fall on bar lines, required hits within half a frame of a pulse (or an eighth, where nothing
else fits), wished hits on pulses where that costs little, and the music ends with the picture. Bars are in the
metre of their section, odd ones only where a hit asks for them; a pulse is a quarter note, in compound metres a
dotted one (`composer.spotting.metre`). Tempo, in quarter notes a minute in every metre, changes at bar lines only,
by at most 4 % a bar where the hits leave room and never by more than 10 %; what cannot be met under that is named.

The way there: `beat_path` chooses how many eighths lie between the moments, `bar_fit` draws bar lines and
fits tempi, and here the result is rounded to the whole microseconds of `composer.timing`, each bar taking
up the rounding of those before it, so that no error accumulates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from composer.spotting.bar_fit import DOWNBEAT_GAIN, LARGE_CHANGE, SMALL_CHANGE, Pin, bar_lines, fit_tempi
from composer.spotting.beat_path import (
    MAX_BPM,
    MIN_BPM,
    Anchor,
    Placed,
    best_path,
    collect_anchors,
    metre_at,
    wished_bpm,
)
from composer.spotting.cues import Hit, Section
from composer.spotting.metre import Metre
from composer.timing import MAX_TEMPO_US, MIN_TEMPO_US, Bar, TempoMap

MAX_DURATION_S = 24 * 3600.0
MAX_HITS = 20_000
TINY_S = 2.4  # up to here the film is one bar
NEAR_WISH = 0.15  # of tempo
RETRY_MAX_HITS = 600
# Where required hits were missed: factors on the wished tempi, and what a bar line on a required hit is worth.
ATTEMPTS = tuple((factor, gain) for gain in (0.9, 5.0) for factor in (1.0, 1.06, 0.94, 1.12, 0.88))[1:]
SECOND_LOOK_S = 0.09  # wished hits this close to a beat of the first fit join the second
TINY_METRES = ((4, 4), (3, 4), (5, 4), (2, 4), (1, 4), (3, 8), (1, 8), (1, 16), (1, 32))


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a hit fell. ``residual_s`` is music minus picture: positive where the beat comes after the hit.

    ``beat`` is the nearest eighth of the bar, in quarter notes from the start; ``on`` says what it is (``beat``: a
    pulse of the bar's metre), or ``none`` where it is further away than the hit's tolerance.
    """

    hit: Hit
    beat: float
    residual_s: float
    on: str  # "downbeat" | "beat" | "eighth" | "none"


@dataclass(frozen=True)
class Solution:
    """A tempo map, where every hit fell, the required hits it misses, and what a reader should know."""

    tempo_map: TempoMap
    landings: tuple[Landing, ...]
    unmet: tuple[Hit, ...] = ()
    largest_change: float = 0.0  # of tempo from bar to bar, ratio - 1
    notes: tuple[str, ...] = ()


def solve(duration_s: float, frame_rate: float, sections: Sequence[Section], hits: Sequence[Hit]) -> Solution:
    """The tempo map of a film of ``duration_s``, and how it meets ``hits``.

    Raises ValueError for a duration outside 0-24 h, a frame rate that is not positive, or too many hits.
    """
    if not 0 < duration_s <= MAX_DURATION_S:
        raise ValueError(f"duration {duration_s} s is outside 0-{MAX_DURATION_S:.0f}")
    if not 0 < frame_rate < math.inf:
        raise ValueError(f"frame rate {frame_rate} is not positive")
    if len(hits) > MAX_HITS:
        raise ValueError(f"{len(hits)} hits are more than {MAX_HITS}")
    if duration_s <= TINY_S:
        tempo_map = _one_bar(duration_s, wished_bpm(sections, 0.0), metre_at(sections, 0.0))
    else:
        tempo_map = _solve_film(duration_s, frame_rate, sections, hits)
    landed = landings(tempo_map, hits)
    unmet = _unmet(landed, frame_rate)
    if unmet and duration_s > TINY_S and len(hits) <= RETRY_MAX_HITS:
        tempo_map = _try_harder(duration_s, frame_rate, sections, hits, tempo_map)
        landed = landings(tempo_map, hits)
        unmet = _unmet(landed, frame_rate)
    change = largest_change(tempo_map)
    return Solution(tempo_map, landed, unmet, change, _notes(tempo_map, sections, landed, unmet, change))


def landings(tempo_map: TempoMap, hits: Sequence[Hit]) -> tuple[Landing, ...]:
    """Where each hit falls on the grid of eighths of its bar (the nearest one within the music)."""
    return tuple(_landing(tempo_map, hit) for hit in hits)


def largest_change(tempo_map: TempoMap) -> float:
    """The largest change of tempo from one bar to the next, as ratio - 1."""
    tempo_us = np.array([bar.tempo_us for bar in tempo_map.bars], dtype=np.float64)
    if tempo_us.size < 2:
        return 0.0
    return float(np.max(np.maximum(tempo_us[1:] / tempo_us[:-1], tempo_us[:-1] / tempo_us[1:])) - 1)


def _unmet(landed: Sequence[Landing], frame_rate: float) -> tuple[Hit, ...]:
    return tuple(x.hit for x in landed if x.hit.required and abs(x.residual_s) > 0.5 / frame_rate)


def _try_harder(
    duration_s: float, frame_rate: float, sections: Sequence[Section], hits: Sequence[Hit], first: TempoMap
) -> TempoMap:
    """Other ways that may meet more of the required hits: other tempi near the wish, bar lines on the hits.

    The first that meets all of them is taken, else the one that meets most; ``first`` where none is better.
    """
    best, fewest = first, len(_unmet(landings(first, hits), frame_rate))
    for factor, required_gain in ATTEMPTS:
        moved = [replace(section, tempo_bpm=section.tempo_bpm * factor) for section in sections]
        tempo_map = _solve_film(duration_s, frame_rate, moved, hits, required_gain)
        unmet = len(_unmet(landings(tempo_map, hits), frame_rate))
        if unmet < fewest and largest_change(tempo_map) <= LARGE_CHANGE + 1e-3:
            best, fewest = tempo_map, unmet
        if fewest == 0:
            break
    return best


def _solve_film(
    duration_s: float,
    frame_rate: float,
    sections: Sequence[Section],
    hits: Sequence[Hit],
    required_gain: float = DOWNBEAT_GAIN,
) -> TempoMap:
    anchors = collect_anchors(duration_s, frame_rate, sections, hits)
    placed = best_path(anchors) or best_path([a for a in anchors if a.is_wall])
    if not placed:
        wish, metre = wished_bpm(sections, 0.0), metre_at(sections, 0.0)
        eighths_a_step = duration_s / 30 / metre.step_eighths
        steps = max(round(wish * eighths_a_step), math.ceil(MIN_BPM * eighths_a_step), 1)
        placed = (
            Placed(Anchor(0.0, "start", 1.0, 0.0, wish, metre), 0),
            Placed(Anchor(duration_s, "end", 1.0, 0.0, wish, metre), steps * metre.step_eighths),
        )
    metres = bar_lines(placed, required_gain)
    bar_beats = np.array([metre.bar_eighths / 2 for metre in metres])
    path_eighths = [p.eighth for p in placed]
    lines_s = np.interp(
        np.concatenate([[0], np.cumsum(2 * bar_beats)]), path_eighths, [p.anchor.time_s for p in placed]
    )
    wish_bpm = np.array([wished_bpm(sections, (a + b) / 2) for a, b in pairwise(lines_s)])
    pins = [_pin(p) for p in placed if p.anchor.kind not in ("start", "end")]
    fit = fit_tempi(bar_beats, duration_s, wish_bpm, pins)
    more = _second_look(pins, fit.lines_s, metres, hits)
    if more:
        again = [p for p in pins if p not in fit.let_go] + more
        fit = fit_tempi(bar_beats, duration_s, wish_bpm, sorted(again, key=lambda pin: pin.beat))
    return TempoMap(_rounded(fit.lines_s, metres))


def _pin(placed: Placed) -> Pin:
    firm = placed.anchor.kind in ("section", "required")
    weight = placed.anchor.weight + (
        placed.anchor.kind == "required"
    )  # required hits are let go after section starts
    return Pin(placed.eighth / 2, placed.anchor.time_s, weight, firm)


def _second_look(
    pins: Sequence[Pin], lines_s: np.ndarray, metres: Sequence[Metre], hits: Sequence[Hit]
) -> list[Pin]:
    """Pins for wished hits that the path passed over but that came to lie close to a free pulse all the
    same.
    """
    line_beats = np.concatenate([[0], np.cumsum([metre.bar_eighths / 2 for metre in metres])])
    inside = [metre.pulses_beats() for metre in metres]
    pulses = np.array(
        [s + p for s, bar in zip(line_beats[:-1], inside, strict=True) for p in bar] + [line_beats[-1]]
    )
    times_s = np.interp(pulses, line_beats, lines_s)
    taken = {pin.beat for pin in pins} | {0.0, float(line_beats[-1])}
    more = []
    for hit in sorted(hits, key=lambda hit: -hit.weight):
        nearest = _nearest(times_s, hit.time_s)
        beat = float(pulses[nearest])
        near = abs(times_s[nearest] - hit.time_s) < SECOND_LOOK_S
        if near and not hit.required and not {beat - 0.5, beat, beat + 0.5} & taken:
            taken.add(beat)
            more.append(Pin(beat, hit.time_s, hit.weight, False))
    return more


def _nearest(times_s: np.ndarray, time_s: float) -> int:
    right = int(np.clip(np.searchsorted(times_s, time_s), 1, times_s.size - 1))
    return right if times_s[right] - time_s < time_s - times_s[right - 1] else right - 1


def _rounded(lines_s: np.ndarray, metres: Sequence[Metre]) -> tuple[Bar, ...]:
    """Bars whose tempi are whole microseconds and whose bar lines stay within a few us of ``lines_s``."""
    bars: list[Bar] = []
    now_us = 0.0
    for metre, end_s in zip(metres, lines_s[1:].tolist(), strict=True):
        beats = metre.bar_eighths / 2
        tempo_us = min(max(round((end_s * 1e6 - now_us) / beats), MIN_TEMPO_US), MAX_TEMPO_US)
        bars.append(Bar(metre.numerator, metre.denominator, tempo_us))
        now_us += beats * tempo_us
    return tuple(bars)


def _one_bar(duration_s: float, wish_bpm: float, metre: Metre) -> TempoMap:
    """One bar for a very short film: in its own metre where the tempo allows that, else in the plainest that comes
    near the wished tempo.
    """
    own_bpm = 30 * metre.bar_eighths / duration_s
    if MIN_BPM <= own_bpm <= MAX_BPM:
        return TempoMap((Bar.at_bpm(own_bpm, metre.numerator, metre.denominator),))
    best: tuple[float, Bar] | None = None
    for plainness, (numerator, denominator) in enumerate(TINY_METRES):
        tempo_us = round(duration_s * 1e6 * denominator / (4 * numerator))
        if MIN_TEMPO_US <= tempo_us <= MAX_TEMPO_US:
            cost = abs(math.log(60e6 / tempo_us / wish_bpm)) + 0.05 * plainness
            cost += 0.0 if MIN_BPM <= 60e6 / tempo_us <= MAX_BPM else 1.0
            if best is None or cost < best[0]:
                best = (cost, Bar(numerator, denominator, tempo_us))
    if best is not None:
        return TempoMap((best[1],))
    bar = Bar(1, 32, MIN_TEMPO_US)  # shorter than any bar: the picture stops inside it
    return TempoMap((bar,), min(duration_s * 1e6 / MIN_TEMPO_US, bar.length_beats))


def _landing(tempo_map: TempoMap, hit: Hit) -> Landing:
    index = tempo_map.bar_at_s(hit.time_s)
    start = float(tempo_map.bar_starts_beats[index])
    length = tempo_map.bars[index].length_beats
    inside = min(max(round((tempo_map.beats(hit.time_s) - start) * 2) / 2, 0.0), length)
    beat = min(start + inside, tempo_map.end_beats)
    residual_s = tempo_map.seconds(beat) - hit.time_s
    if abs(residual_s) > hit.tolerance_s:
        return Landing(hit, beat, residual_s, "none")
    if beat - start in (0.0, length):
        return Landing(hit, beat, residual_s, "downbeat")
    on_pulse = (beat - start) % tempo_map.bars[index].pulse_beats == 0
    return Landing(hit, beat, residual_s, "beat" if on_pulse else "eighth")


def _notes(
    tempo_map: TempoMap,
    sections: Sequence[Section],
    landed: Sequence[Landing],
    unmet: Sequence[Hit],
    change: float,
) -> tuple[str, ...]:
    notes = []
    for landing in landed:
        if landing.hit in unmet:
            notes.append(
                f"required hit {landing.hit.label!r} at {landing.hit.time_s:.3f} s is missed by "
                f"{landing.residual_s * 1000:+.0f} ms; move it, or drop one of its neighbours"
            )
    if change > LARGE_CHANGE + 1e-3:
        notes.append(
            f"the tempo changes by {change:.1%} from one bar to the next, more than {LARGE_CHANGE:.0%}"
        )
    elif change > SMALL_CHANGE + 1e-3:
        notes.append(f"the tempo changes by up to {change:.1%} from one bar to the next to meet the hits")
    for section in sections:
        if section.end_s - section.start_s < 0.5 or section.start_s >= tempo_map.end_s:
            continue
        beats = tempo_map.beats(min(section.end_s, tempo_map.end_s)) - tempo_map.beats(section.start_s)
        bpm = beats * 60 / (min(section.end_s, tempo_map.end_s) - section.start_s)
        if abs(bpm / section.tempo_bpm - 1) > NEAR_WISH:
            notes.append(f"section {section.label} runs at {bpm:.0f} BPM instead of {section.tempo_bpm:.0f}")
        start_bar = tempo_map.bar_starts_s[[tempo_map.bar_at_s(section.start_s + 0.001)]]
        if abs(float(start_bar[0]) - section.start_s) > 0.02:
            notes.append(f"section {section.label} at {section.start_s:.2f} s does not start on a bar line")
    return tuple(notes)

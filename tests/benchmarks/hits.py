"""Random hit sets through the tempo solver, judged by the MIDI file of its tempo map; a feature film; local edits.

Convention: a hit is met where a pulse (or, counted apart, an eighth) of the file's own metre grid lies within half a
frame of it. *Wrong* is a solution that says of a hit what the file does not bear out, or that leaves a limit of
`composer.spotting.tempo_range` without saying so. *Refused* is a hit that the solution names as unmet.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from harness import Line
from midi_clock import Clock, nearest_s, read_clock

from composer.midi import midi_bytes
from composer.music import Score
from composer.spotting.cues import Hit, Section, TempoMode
from composer.spotting.metre import Metre
from composer.spotting.tempo_range import LARGE_CHANGE, SMALL_CHANGE, tempo_range
from composer.spotting.tempo_solver import Solution, solve
from composer.timing import Bar, TempoMap

FRAME_RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001)
METRES = ("4/4",) * 5 + ("3/4", "3/4", "6/8", "5/4", "7/8", "12/8")
MIN_SECTION_S = 7.0  # that of `composer.spotting.segments`
WISHED_BPM = (60.0, 140.0)
HEAVY = 0.7  # weight from which a hit is heavy
SETS = 1000
FEATURE_LIMIT_S = 10.0
ROUNDING = 1e-4  # of tempo


@dataclass(frozen=True)
class Film:
    """What the solver is given."""

    duration_s: float
    frame_rate: float
    sections: tuple[Section, ...]
    hits: tuple[Hit, ...]


@dataclass
class Tally:
    """What was counted over many films."""

    films: int = 0
    refused: int = 0  # films with an unmet hit
    hits: int = 0
    unmet: int = 0
    bars: int = 0
    odd: Counter[str] = field(default_factory=Counter)
    places: Counter[tuple[str, str]] = field(default_factory=Counter)  # (heavy or other, where it landed)
    changes: list[float] = field(default_factory=list)  # the largest of each film
    near_wish: list[float] = field(default_factory=list)  # of every bar: log of tempo over wish
    wrong: list[str] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)


def lines(work: Path) -> list[Line]:
    """The rows of the table. ``work``: not used, nothing is written."""
    del work
    found = []
    kinds: list[tuple[str, Iterator[Film], TempoMode, float]] = [
        ("gap 2 s", sparse_films(SETS), "smooth", 0.02),
        ("gap down to 0.4 s", dense_films(SETS // 2), "smooth", 1.0),
        ("gap down to 0.4 s, all can be met", planted_films(SETS // 5), "smooth", 0.15),
        ("gap 2 s, stepped", sparse_films(SETS // 5), "stepped", 1.0),
        ("gap 2 s, constant", sparse_films(SETS // 5), "constant", 1.0),
    ]
    for name, films, mode, most in kinds:
        tally = measured(films, mode)
        print("\n".join(f"  {name}: {row}" for row in told(tally)), flush=True)
        share = tally.refused / tally.films
        limit = f", under {most:.0%} refused" if most < 1 else ""
        counts = f"{len(tally.wrong)} wrong, {tally.refused} of {tally.films} sets refused ({share:.1%})"
        found.append(Line(f"hit sets, {name}: 0 wrong{limit}", counts, not tally.wrong and share < most))
    return [*found, feature_film(), local_edits()]


def sparse_films(count: int, gap_s: float = 2.0) -> Iterator[Film]:
    """Sets of 1-12 required hits in 20-180 s, ``gap_s`` or more apart and as far from both ends."""
    for seed in range(count):
        rng = np.random.default_rng((4, seed))
        duration_s = float(rng.uniform(20, 180))
        room_s = duration_s - 2 * gap_s
        number = min(int(rng.integers(1, 13)), int(room_s / gap_s) + 1)
        free_s = np.sort(rng.uniform(0, room_s - (number - 1) * gap_s, number))
        yield _film(rng, duration_s, gap_s + free_s + gap_s * np.arange(number))


def dense_films(count: int) -> Iterator[Film]:
    """Clusters of 2-24 required hits, each film with a least gap of its own from 0.4 to 2 s, anywhere in the film."""
    for seed in range(count):
        rng = np.random.default_rng((5, seed))
        least_s = float(rng.uniform(0.4, 2.0))
        gaps_s = least_s + rng.exponential(0.5, int(rng.integers(1, 24)))
        duration_s = float(gaps_s.sum() + rng.uniform(10, 60))
        yield _film(rng, duration_s, rng.uniform(0, duration_s - gaps_s.sum()) + np.cumsum([0.0, *gaps_s]))


def planted_films(count: int) -> Iterator[Film]:
    """Hits 0.4 s and more apart on the beats and eighths of a tempo map that keeps all limits: none need be refused."""
    for seed in range(count):
        rng = np.random.default_rng((7, seed))
        metre = Metre.parse(str(rng.choice(METRES)))
        wish, beat = float(rng.uniform(*WISHED_BPM)), 1.0
        bars = []
        for _ in range(int(rng.integers(5, 16))):
            beat = float(np.clip(beat * rng.uniform(0.97, 1.03), 0.85, 1.2))
            bars.append(Bar.at_bpm(wish * beat, metre.numerator, metre.denominator))
        made = TempoMap(tuple(bars))
        times_s: list[float] = []
        for eighth in range(1, int(2 * made.end_beats)):
            time_s = made.seconds(eighth / 2)
            on_pulse = eighth % metre.bar_eighths % metre.pulse_eighths == 0
            if time_s - (times_s[-1] if times_s else 0.0) >= 0.4 and rng.random() < (
                0.5 if on_pulse else 0.1
            ):
                times_s.append(time_s)
        times_s = sorted(rng.choice(times_s, min(len(times_s), 24), replace=False).tolist())
        section = _section(0.0, made.end_s, "A", round(wish, 1), str(metre))
        hits = [
            Hit(time_s, f"h{i}", float(rng.uniform(0.2, 1)), required=True)
            for i, time_s in enumerate(times_s)
        ]
        yield Film(made.end_s, float(rng.choice(FRAME_RATES)), (section,), tuple(hits))


def _film(rng: np.random.Generator, duration_s: float, times_s: np.ndarray) -> Film:
    """A film with these required hits; half of the films have them on frames, half anywhere."""
    frame_rate = float(rng.choice(FRAME_RATES))
    if rng.random() < 0.5:
        times_s = np.round(times_s * frame_rate) / frame_rate
    parts = int(rng.integers(1, min(4, int(duration_s / MIN_SECTION_S)) + 1))
    free_s = np.sort(rng.uniform(0, duration_s - parts * MIN_SECTION_S, parts - 1))
    bounds = [0.0, *(free_s + MIN_SECTION_S * np.arange(1, parts)).tolist(), duration_s]
    metre = str(rng.choice(METRES))
    sections = tuple(
        _section(a, b, "ABCDEF"[i], round(float(rng.uniform(*WISHED_BPM))), metre)
        for i, (a, b) in enumerate(pairwise(bounds))
    )
    hits = tuple(
        Hit(float(time_s), f"h{i}", round(float(rng.uniform(0.2, 1)), 2), required=True)
        for i, time_s in enumerate(times_s)
        if 0 <= time_s <= duration_s
    )
    return Film(duration_s, frame_rate, sections, hits)


def _section(start_s: float, end_s: float, label: str, tempo_bpm: float, metre: str) -> Section:
    return Section(start_s, end_s, label, 0.0, 0.0, "C", tempo_bpm, 0.5, 0.5, "chamber", metre=metre)


def measured(films: Iterator[Film], mode: TempoMode = "smooth") -> Tally:
    """Solve and judge every film."""
    tally = Tally()
    for number, film in enumerate(films):
        begin = time.process_time()
        solution = solve(film.duration_s, film.frame_rate, film.sections, film.hits, mode)
        tally.took_s.append(time.process_time() - begin)
        clock = clock_of(film, solution)
        tally.wrong += [f"set {number}: {fault}" for fault in faults(film, solution, clock)]
        _count(tally, film, solution, clock)
    return tally


def clock_of(film: Film, solution: Solution) -> Clock:
    """The metre grid of the solution's tempo map, written as MIDI and read again."""
    return read_clock(midi_bytes(Score("hits", solution.tempo_map, (), frame_rate=film.frame_rate)))


def faults(film: Film, solution: Solution, clock: Clock) -> list[str]:
    """What the solution says wrongly, or leaves unsaid."""
    half_frame_s = 0.5 / film.frame_rate + 1e-9
    notes = " | ".join(solution.notes)
    found = []
    grids = {"downbeat": clock.lines_s, "beat": clock.pulses_s, "eighth": clock.eighths_s}
    for landing in solution.landings:
        hit = landing.hit
        near_s = float(nearest_s(clock.eighths_s, np.array([hit.time_s]))[0])
        if landing.on != "none":
            away_s = float(nearest_s(grids[landing.on], np.array([hit.time_s]))[0])
            if abs(away_s - abs(landing.residual_s)) > 1e-6:
                found.append(
                    f"{hit.label} is {away_s * 1000:.2f} ms from the {landing.on} it was told to be on"
                )
        if hit.required and hit not in solution.unmet and (near_s > half_frame_s or landing.on == "none"):
            found.append(f"{hit.label} was told to be met and is {near_s * 1000:.2f} ms from an eighth")
        if hit in solution.unmet and near_s <= half_frame_s:
            found.append(f"{hit.label} was told to be missed and is met")
        if hit in solution.unmet and f"{hit.label!r} at {hit.time_s:.3f} s is missed" not in notes:
            found.append(f"{hit.label} is unmet and no note says so")
    if abs(clock.end_s - film.duration_s) > half_frame_s:
        found.append(f"the music ends {clock.end_s - film.duration_s:+.4f} s from the picture's end")
    if abs(clock.largest_change - solution.largest_change) > ROUNDING:
        found.append(f"the tempo changes by {clock.largest_change:.2%}, told {solution.largest_change:.2%}")
    if clock.largest_change > LARGE_CHANGE + ROUNDING:
        found.append(f"the tempo changes by {clock.largest_change:.2%} from one bar to the next")
    elif clock.largest_change > SMALL_CHANGE + ROUNDING and "the tempo changes by" not in notes:
        found.append("no note tells of the change of tempo")
    slowest, fastest = tempo_range(wishes_of(film, clock))
    outside = (clock.bpm < slowest * (1 - ROUNDING)) | (clock.bpm > fastest * (1 + ROUNDING))
    if outside.any() and "outside" not in notes:
        far = np.max(np.maximum(slowest / clock.bpm, clock.bpm / fastest)) - 1
        found.append(f"{outside.sum()} of {outside.size} bars outside their range, by {far:.1%} at most")
    if not clock.steady:
        found.append("a tempo changes inside a bar")
    return found


def wishes_of(film: Film, clock: Clock) -> np.ndarray:
    """The wished tempo of the section in which each bar has its middle, (K,)."""
    starts = [section.start_s for section in film.sections]
    middles = (clock.lines_s[1:] + clock.lines_s[:-1]) / 2
    inside = np.maximum(np.searchsorted(starts, middles, side="right") - 1, 0)
    return np.array([section.tempo_bpm for section in film.sections])[inside]


def _count(tally: Tally, film: Film, solution: Solution, clock: Clock) -> None:
    tally.films += 1
    tally.refused += bool(solution.unmet)
    tally.hits += len(film.hits)
    tally.unmet += len(solution.unmet)
    for landing in solution.landings:
        place = "missed" if landing.hit in solution.unmet else landing.on
        tally.places["heavy" if landing.hit.weight >= HEAVY else "other", place] += 1
    tally.bars += len(clock.metres)
    regular = {section.metre for section in film.sections}
    written = [f"{numerator}/{denominator}" for numerator, denominator in clock.metres]
    tally.odd.update(metre for metre in written if metre not in regular)
    tally.changes.append(clock.largest_change)
    tally.near_wish += np.log(clock.bpm / wishes_of(film, clock)).tolist()
    tally.reasons.update(note for note in solution.notes if "outside" in note or "does not start" in note)


def told(tally: Tally) -> list[str]:
    """What a person reads."""
    rows = []
    for kind in ("heavy", "other"):
        count = {
            place: tally.places[kind, place] for place in ("downbeat", "beat", "eighth", "none", "missed")
        }
        total = max(sum(count.values()), 1)
        rows.append(
            f"{total} {kind} hits: " + ", ".join(f"{place} {n / total:.1%}" for place, n in count.items())
        )
    changes = np.array(tally.changes)
    rows.append(
        "largest change of tempo a film: "
        + ", ".join(f"{q} % of films {np.percentile(changes, q):.1%}" for q in (50, 75, 90, 99, 100))
        + f"; within {SMALL_CHANGE:.0%} in {np.mean(changes <= SMALL_CHANGE + ROUNDING):.1%} of films"
    )
    off = np.abs(tally.near_wish)
    rows.append(
        f"tempo within 5 % of the wish in {np.mean(off < 0.05):.1%} of bars, 15 % in {np.mean(off < 0.15):.1%}"
    )
    odd = sum(tally.odd.values())
    rows.append(
        f"{odd} of {tally.bars} bars odd ({odd / tally.bars:.1%}): "
        + ", ".join(f"{metre} {n}" for metre, n in tally.odd.most_common(12))
    )
    rows.append(
        f"{tally.unmet} of {tally.hits} hits unmet; {sum(tally.reasons.values())} seams or ranges told of"
    )
    rows.append(
        f"processor time a set: mean {np.mean(tally.took_s):.3f} s, longest {max(tally.took_s):.2f} s"
    )
    return rows + [f"WRONG {fault}" for fault in tally.wrong[:20]]


def feature_film() -> Line:
    """Two hours with 3,000 cuts and 300 sections."""
    rng = np.random.default_rng(0)
    cuts = zip(np.sort(rng.uniform(0, 7200, 3000)).tolist(), rng.uniform(0.2, 1, 3000).tolist(), strict=True)
    hits = tuple(Hit(time_s, "cut", weight) for time_s, weight in cuts)
    sections = tuple(
        _section(24.0 * i, 24.0 * (i + 1), "A", (90.0, 100.0, 84.0)[i % 3], "4/4") for i in range(300)
    )
    film = Film(7200.0, 24.0, sections, hits)
    begin = time.process_time()
    solution = solve(film.duration_s, film.frame_rate, film.sections, film.hits)
    took_s = time.process_time() - begin
    wrong = faults(film, solution, clock_of(film, solution))
    return Line(
        f"3,000 cuts in 2 hours within {FEATURE_LIMIT_S:.0f} s",
        f"{took_s:.1f} s of processor time" + "".join(f"; {fault}" for fault in wrong),
        took_s < FEATURE_LIMIT_S and not wrong,
    )


def local_edits(films: int = 50) -> Line:
    """One hit moved in one of six sections: how many of the other sections keep every bar's metre."""
    kept = far_kept = others = far_others = 0
    for seed in range(films):
        rng = np.random.default_rng((6, seed))
        lengths_s = rng.uniform(12, 30, 6)
        bounds = np.concatenate([[0.0], np.cumsum(lengths_s)]).tolist()
        mean = rng.uniform(75, 125)
        sections = tuple(
            _section(a, b, "ABCDEF"[i], round(mean * float(rng.uniform(0.9, 1.1))), "4/4")
            for i, (a, b) in enumerate(pairwise(bounds))
        )
        times_s = np.sort(rng.uniform(1, bounds[-1] - 1, 30))
        weights = rng.uniform(0.2, 1, times_s.size)
        hits = [
            Hit(time_s, f"c{i}", weight, required=i % 5 == 0)
            for i, (time_s, weight) in enumerate(zip(times_s.tolist(), weights.tolist(), strict=True))
        ]
        film = Film(bounds[-1], 25.0, sections, tuple(hits))
        edited = int(rng.integers(0, 6))
        inside = [i for i, hit in enumerate(hits) if bounds[edited] < hit.time_s < bounds[edited + 1]]
        moved_s = float(rng.uniform(bounds[edited] + 1, bounds[edited + 1] - 1))
        if inside:
            hits[int(rng.choice(inside))] = replace(hits[inside[0]], time_s=moved_s)
        else:
            hits.append(Hit(moved_s, "new", 1.0, required=True))
        changed = replace(film, hits=tuple(sorted(hits, key=lambda hit: hit.time_s)))
        before, after = metres_by_section(film), metres_by_section(changed)
        for i in range(6):
            if i != edited:
                others += 1
                kept += before[i] == after[i]
                far_others += abs(i - edited) > 1
                far_kept += abs(i - edited) > 1 and before[i] == after[i]
    return Line(
        "a moved hit leaves most other sections' bars as they were",
        f"{kept} of {others} keep every metre ({kept / others:.0%}); "
        f"of those not beside it {far_kept} of {far_others} ({far_kept / far_others:.0%})",
        kept / others >= 0.9,
    )


def metres_by_section(film: Film) -> list[list[tuple[int, int]]]:
    """The metre of every bar that begins in each section."""
    clock = clock_of(film, solve(film.duration_s, film.frame_rate, film.sections, film.hits))
    starts = [section.start_s - 0.05 for section in film.sections]
    inside = np.searchsorted(starts, clock.lines_s[:-1], side="right") - 1
    return [[m for m, i in zip(clock.metres, inside, strict=True) if i == k] for k in range(len(starts))]

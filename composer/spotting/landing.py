"""Where hits fell, and what a reader should know of a tempo map: the solver's answer in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer.spotting.beat_path import holds_an_eighth
from composer.spotting.cues import Hit, Section, TempoMode
from composer.spotting.tempo_range import (
    FASTEST,
    LARGE_CHANGE,
    MAX_BPM,
    SMALL_CHANGE,
    WishCurve,
    bar_wishes,
    tempo_range,
    wish_curve,
)
from composer.timing import TempoMap

NEAR_WISH = 0.15  # of tempo
OFF_LINE_S = 0.02
ROUNDING = 1e-4  # of tempo


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


def landings(tempo_map: TempoMap, hits: Sequence[Hit]) -> tuple[Landing, ...]:
    """Where each hit falls on the grid of eighths of its bar (the nearest one within the music)."""
    return tuple(_landing(tempo_map, hit) for hit in hits)


def unmet_hits(landed: Sequence[Landing], frame_rate: float) -> tuple[Hit, ...]:
    """The required hits that are more than half a frame from where they landed."""
    return tuple(x.hit for x in landed if x.hit.required and abs(x.residual_s) > 0.5 / frame_rate)


def tempo_changes(tempo_map: TempoMap) -> np.ndarray:
    """How much the tempo changes from each bar to the next, up or down, as ratio - 1: (K - 1,)."""
    tempo_us = np.array([bar.tempo_us for bar in tempo_map.bars], dtype=np.float64)
    return np.maximum(tempo_us[1:] / tempo_us[:-1], tempo_us[:-1] / tempo_us[1:]) - 1


def largest_change(tempo_map: TempoMap) -> float:
    """The largest change of tempo from one bar to the next, as ratio - 1."""
    return float(tempo_changes(tempo_map).max(initial=0.0))


def out_of_range(tempo_map: TempoMap, sections: Sequence[Section]) -> np.ndarray:
    """Which bars (K,) leave the range of tempi of their section."""
    bpm = np.array([bar.bpm for bar in tempo_map.bars])
    slowest, fastest = tempo_range(bar_wishes(sections, tempo_map.bar_starts_s))
    return (bpm < slowest * (1 - ROUNDING)) | (bpm > fastest * (1 + ROUNDING))


def notes(
    tempo_map: TempoMap,
    frame_rate: float,
    sections: Sequence[Section],
    landed: Sequence[Landing],
    mode: TempoMode,
) -> tuple[str, ...]:
    """One line each: hits that are missed and why, changes of tempo that are felt, sections that are not as wished."""
    unmet = frozenset(unmet_hits(landed, frame_rate))
    met = [(x.hit.time_s, f"{x.hit.label!r}") for x in landed if x.hit.required and x.hit not in unmet]
    firm = sorted([(0.0, "the start"), (tempo_map.end_s, "the end"), *met])
    wish = wish_curve(tempo_map.end_s, sections)
    missed = [landing for landing in landed if landing.hit in unmet]
    found = [_refusal(landing, firm, wish, frame_rate, tempo_map.end_s, mode) for landing in missed]
    change = largest_change(tempo_map)
    if change > LARGE_CHANGE + ROUNDING:
        found.append(
            f"the tempo changes by {change:.1%} from one bar to the next, more than {LARGE_CHANGE:.0%}"
        )
    elif change > SMALL_CHANGE + ROUNDING:
        found.append(f"the tempo changes by up to {change:.1%} from one bar to the next to meet the hits")
    return (*found, *_section_notes(tempo_map, sections, landed))


def _refusal(
    landing: Landing,
    firm: Sequence[tuple[float, str]],
    wish: WishCurve,
    frame_rate: float,
    end_s: float,
    mode: TempoMode,
) -> str:
    """Why a required hit is missed, by how much, and where it would be met. ``firm``: the moments (s) that are met, in
    order, with their names."""
    hit = landing.hit
    said = (
        f"required hit {hit.label!r} at {hit.time_s:.3f} s is missed by {landing.residual_s * 1000:+.0f} ms"
    )
    there_s = hit.time_s + landing.residual_s
    if not 0 <= hit.time_s <= end_s:
        return f"{said}: it is outside the picture, which ends at {end_s:.3f} s; move it inside"
    close = [(abs(at_s - hit.time_s), at_s, name) for at_s, name in firm if at_s != hit.time_s]
    for gap_s, at_s, name in sorted(close)[:2]:
        zones_s = (1.0 if name in ("the start", "the end") else 2.0) * 0.5 / frame_rate
        if gap_s > zones_s and not holds_an_eighth(wish, at_s, hit.time_s, zones_s):
            fastest = min(FASTEST * 30 * wish.between(*sorted((at_s, hit.time_s))) / gap_s, MAX_BPM)
            why = f"{name} is {gap_s:.3f} s away, less than an eighth lasts at {fastest:.0f} BPM, the fastest here"
            return f"{said}: {why}; move it to {there_s:.3f} s, or drop one of the two"
    left = max((at for at in firm if at[0] <= hit.time_s), default=firm[0])[1]
    right = min((at for at in firm if at[0] > hit.time_s), default=firm[-1])[1]
    how = {
        "smooth": f"changes of at most {LARGE_CHANGE:.0%} a bar",
        "stepped": f"steps of at most {LARGE_CHANGE:.0%} on bar lines at hits and section starts",
        "constant": "one tempo for the whole film",
    }[mode]
    why = f"no beat or eighth was found for it between {left} and {right} within the section's tempi and with {how}"
    return f"{said}: {why}; move it to {there_s:.3f} s, or drop a neighbour"


def _section_notes(tempo_map: TempoMap, sections: Sequence[Section], landed: Sequence[Landing]) -> list[str]:
    found = []
    outside = out_of_range(tempo_map, sections)
    slowest, fastest = tempo_range(bar_wishes(sections, tempo_map.bar_starts_s))
    lines_s, starts = tempo_map.bar_starts_s, [section.start_s for section in sections]
    owner = np.maximum(np.searchsorted(starts, (lines_s[1:] + lines_s[:-1]) / 2, side="right") - 1, 0)
    for number, section in enumerate(sections):
        mine = np.nonzero(outside & (owner == number))[0]
        if mine.size:
            bpm = np.array([tempo_map.bars[i].bpm for i in mine])
            worst = mine[int(np.argmax(np.maximum(slowest[mine] / bpm, bpm / fastest[mine])))]
            found.append(
                f"section {section.label}: {mine.size} bars are outside its range of tempi, the farthest at "
                f"{tempo_map.bars[worst].bpm:.0f} BPM where it is {slowest[worst]:.0f}-{fastest[worst]:.0f}"
            )
        end_s = min(section.end_s, tempo_map.end_s)
        if section.end_s - section.start_s < 0.5 or section.start_s >= tempo_map.end_s:
            continue
        beats = tempo_map.beats(end_s) - tempo_map.beats(section.start_s)
        mean_bpm = beats * 60 / (end_s - section.start_s)
        if abs(mean_bpm / section.tempo_bpm - 1) > NEAR_WISH:
            found.append(
                f"section {section.label} runs at {mean_bpm:.0f} BPM instead of {section.tempo_bpm:.0f}"
            )
        away_s = lines_s[int(np.argmin(np.abs(lines_s - section.start_s)))] - section.start_s
        if abs(away_s) > OFF_LINE_S:
            found.append(
                f"section {section.label} at {section.start_s:.2f} s does not start on a bar line; the nearest is "
                f"{away_s:+.2f} s away"
            )
    return found


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

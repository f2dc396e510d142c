"""A cue sheet's sections and hits on the beat grid.

Convention: seconds become beats through the cue sheet's tempo map; a section that starts within a quarter
beat's reach of a grid line starts on it, so that a note on the line belongs to the section it opens.
"""

from __future__ import annotations

from dataclasses import dataclass

from composer.errors import BadInput
from composer.palettes import PALETTES, Palette
from composer.spotting.cues import CueSheet, Hit, Section

GRID_BEATS = 0.25
GRID_REACH_BEATS = 0.12
HEAVY = 0.7  # weight from which a hit is underlined


@dataclass(frozen=True, slots=True)
class CueSpan:
    """A section in beats, with its palette."""

    start_beats: float
    end_beats: float
    section: Section
    palette: Palette


@dataclass(frozen=True, slots=True)
class HitBeat:
    """A hit in beats: on the grid where the tempo map brought it there, else exactly where it is."""

    beat: float
    hit: Hit

    @property
    def is_heavy(self) -> bool:
        """Whether the music underlines it."""
        return self.hit.required or self.hit.weight >= HEAVY


def cue_spans(cues: CueSheet) -> tuple[CueSpan, ...]:
    """The sections in beats, without gaps, from 0 to the end of the tempo map; those without length are left
    out.

    Raises BadInput on a style that is no palette, ValueError on a cue sheet without sections.
    """
    if not cues.sections:
        raise ValueError("a cue sheet needs at least one section")
    end_beats = cues.tempo_map.end_beats
    exact = [cues.tempo_map.beats(section.start_s) for section in cues.sections]
    starts = [0.0]
    for beat, later in zip(exact[1:], [*exact, end_beats][2:], strict=True):
        snapped = _on_grid(beat)
        # A section shorter than the grid keeps its exact start, or it would vanish.
        starts.append(snapped if starts[-1] < snapped < later else beat)
    ends = [*starts[1:], end_beats]
    spans: list[CueSpan] = []
    for section, start, end in zip(cues.sections, starts, ends, strict=True):
        if section.style not in PALETTES:
            raise BadInput(
                f"section {section.label}: no palette is named {section.style!r}; choose one of "
                + ", ".join(PALETTES)
            )
        start = spans[-1].end_beats if spans else 0.0
        if min(end, end_beats) > start:
            spans.append(CueSpan(start, min(end, end_beats), section, PALETTES[section.style]))
    if spans[-1].end_beats < end_beats:
        last = spans.pop()
        spans.append(CueSpan(last.start_beats, end_beats, last.section, last.palette))
    return tuple(spans)


def hit_beats(cues: CueSheet) -> tuple[HitBeat, ...]:
    """The hits in order of time, those at or past the end left out."""
    ordered = sorted(cues.hits, key=lambda hit: (hit.time_s, hit.label))
    placed = (HitBeat(_on_grid(max(cues.tempo_map.beats(hit.time_s), 0.0)), hit) for hit in ordered)
    return tuple(hit for hit in placed if hit.beat < cues.tempo_map.end_beats)


def _on_grid(beat: float) -> float:
    nearest = round(beat / GRID_BEATS) * GRID_BEATS
    return nearest if abs(nearest - beat) <= GRID_REACH_BEATS else beat

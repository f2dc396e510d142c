"""How loud when: the sections' dynamics as a curve, as velocities and as CC11.

Convention: levels 0..1 (0 = ppp, 1 = fff); velocities and controllers 1-127. The curve follows a section's
dynamics and glides (half a cosine) into the next one's over the last bars before it, so that changes are
crescendi, not steps; into a hit that asks for it, it swells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from composer.cue_spans import CueSpan
from composer.gestures import Interval
from composer.music import Note
from composer.timing import TempoMap

GLIDE_BARS = 2  # at most, and at most half of the section
GRID_BEATS = 0.5  # spacing of CC11 points
SWELL = 7  # CC11 units that a phrase rises and falls
PHRASE_BARS = 4
SOFTEST_VELOCITY, LOUDEST_VELOCITY = 34, 112
MAX_DEVIATION = 16  # velocity units that a note may keep of what its model wrote
CRESCENDO = 0.3  # of the level, into a hit


@dataclass(frozen=True)
class DynamicsCurve:
    """Loudness over the film at each half beat: levels 0-1, swells -1..1; (points,) float64 each."""

    levels: np.ndarray
    swells: np.ndarray

    @classmethod
    def of(
        cls, spans: Sequence[CueSpan], tempo_map: TempoMap, crescendi: Sequence[Interval] = ()
    ) -> DynamicsCurve:
        """The curve of a film's sections, with ``crescendi`` into hits. Swells and glides are counted in bars, of
        whatever metre."""
        beats = np.arange(0.0, tempo_map.end_beats + 2 * GRID_BEATS, GRID_BEATS)
        starts = tempo_map.bar_starts_beats
        bars = np.interp(beats, starts, np.arange(len(starts)))
        levels = np.zeros(len(beats))
        swells = np.zeros(len(beats))
        for index, span in enumerate(spans):
            later = spans[index + 1] if index + 1 < len(spans) else None
            inside = beats >= span.start_beats - 1e-9
            inside &= (beats < span.end_beats - 1e-9) | (later is None)
            levels[inside] = [span.section.dynamics_at(tempo_map.seconds(beat)) for beat in beats[inside]]
            first, last = np.interp((span.start_beats, span.end_beats), starts, np.arange(len(starts)))
            phrase = (last - first) / max(1, (last - first + 1e-6) // PHRASE_BARS)
            along = (bars[inside] - first) % phrase / phrase
            swells[inside] = np.sin(np.pi * along) * 2 - 1
            if later is None or later.section.silent or span.section.silent:
                continue
            glide = min(GLIDE_BARS, (last - first) / 2)
            tail = inside & (bars >= last - glide)
            progress = np.clip((bars[tail] - last + glide) / glide, 0, 1)
            arrival = later.section.dynamics_at(tempo_map.seconds(later.start_beats))
            levels[tail] += (arrival - levels[tail]) * (1 - np.cos(np.pi * progress)) / 2
        for crescendo in crescendi:
            inside = (beats >= crescendo.start_beats) & (beats <= crescendo.end_beats + 1e-9)
            length = max(crescendo.end_beats - crescendo.start_beats, GRID_BEATS)
            levels[inside] += CRESCENDO * (beats[inside] - crescendo.start_beats) / length
        return cls(np.clip(levels, 0, 1), swells)

    def level_at(self, beat: float) -> float:
        """The level at ``beat``, between grid points by straight lines."""
        position = min(max(beat / GRID_BEATS, 0.0), len(self.levels) - 1.0)
        first = int(position)
        last = min(first + 1, len(self.levels) - 1)
        return float(self.levels[first] + (self.levels[last] - self.levels[first]) * (position - first))


def velocity_of(note: Note, mean_velocity: float, level: float, factor: float, accent: int) -> int:
    """The velocity of ``note``: the section's loudness, a layer's ``factor``, and what is left of its own
    shape; ``accent`` in velocity units.
    """
    base = SOFTEST_VELOCITY + (LOUDEST_VELOCITY - SOFTEST_VELOCITY) * level
    deviation = min(max((note.velocity - mean_velocity) * 0.7, -MAX_DEVIATION), MAX_DEVIATION)
    return min(max(round(base * factor + deviation) + accent, 1), 127)


def stroke_velocity(velocity: int, level: float, factor: float) -> int:
    """The velocity of a percussion stroke that was written for a level of one half."""
    base = SOFTEST_VELOCITY + (LOUDEST_VELOCITY - SOFTEST_VELOCITY) * level
    middle = (SOFTEST_VELOCITY + LOUDEST_VELOCITY) / 2
    return min(max(round(velocity * factor * base / middle), 1), 127)


def expression_points(
    notes: Sequence[Note], curve: DynamicsCurve, *, decays: bool
) -> tuple[tuple[float, int], ...]:
    """CC11 points (beat, value) for a track: where it sounds, each half beat at most, only where the value
    changes.

    Instruments whose notes die away get the level alone, others the swell of the phrase too.
    """
    points: list[tuple[float, int]] = []
    sounding = _sounding_grid(notes, len(curve.levels))
    values = 62 + 58 * curve.levels if not decays else 88 + 32 * curve.levels
    if not decays:
        values = values + SWELL * curve.swells
    rounded = np.clip(np.round(values), 1, 127).astype(int)
    previous = -1
    for index in np.flatnonzero(sounding):
        value = int(rounded[index])
        if value != previous:
            points.append((index * GRID_BEATS, value))
            previous = value
    if not points or points[0][0] > 0:
        points.insert(0, (0.0, points[0][1] if points else 100))
    return (points[0], *(later for earlier, later in pairwise(points) if later[1] != earlier[1]))


def _sounding_grid(notes: Sequence[Note], size: int) -> np.ndarray:
    sounding = np.zeros(size, dtype=bool)
    for note in notes:
        sounding[int(note.onset_beats / GRID_BEATS) : int(np.ceil(note.end_beats / GRID_BEATS))] = True
    return sounding

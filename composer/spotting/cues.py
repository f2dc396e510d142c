"""The cue sheet: where the music changes, how it should feel, and what it must hit.

Times are seconds of picture time. Mood is valence and arousal, both -1..1 (Russell's circumplex, 1980). Density and
dynamics are 0..1. A section has one value of each, and a curve of how far a moment lies above or below it: who edits
the value moves the whole section and keeps its shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from composer.spotting.metre import DEFAULT_METRE, Metre
from composer.timing import TempoMap

HitKind = Literal["cut", "marker", "user"]
Gesture = Literal["auto", "none", "accent", "stinger", "swell", "stop"]
TempoMode = Literal["constant", "stepped", "smooth"]
HIT_KINDS: tuple[HitKind, ...] = get_args(HitKind)
GESTURES: tuple[Gesture, ...] = get_args(Gesture)
TEMPO_MODES: tuple[TempoMode, ...] = get_args(TempoMode)
TIME_DIGITS = 6  # of times in s that we choose: a microsecond, as in the tempo map
HIT_TOLERANCE_S = 0.1
REQUIRED_WEIGHT, WISHED_WEIGHT = 1.0, 0.5  # of hits that a person gives, unless told otherwise


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """How far a value lies above (below, where negative) that of its section at ``time_s``."""

    time_s: float
    change: float


Curve = tuple[CurvePoint, ...]  # in order of time; straight lines between, level before and after


@dataclass(frozen=True)
class Section:
    """One stretch of film with one mood; sections follow each other without gaps. ``silent``: no music.

    Sections of one ``theme`` share their melody, each in its own key, tempo and ensemble. ``metre`` is that of the
    regular bar. Raises ValueError for a metre that `composer.spotting.metre` does not know.
    """

    start_s: float
    end_s: float
    label: str  # "A", "B", ...; also the marker's name
    valence: float
    arousal: float
    key: str  # "C", "F#m"
    tempo_bpm: float  # quarter notes a minute, wished; the tempo map says what was solved
    density: float
    dynamics: float
    style: str  # name of a palette in composer.orchestrate
    tags: tuple[str, ...] = ()
    theme: str = ""
    silent: bool = False
    metre: str = DEFAULT_METRE
    valence_curve: Curve = ()
    arousal_curve: Curve = ()
    density_curve: Curve = ()
    dynamics_curve: Curve = ()
    reasons: dict[str, str] = field(default_factory=dict)  # field name -> which feature decided it

    def __post_init__(self) -> None:
        Metre.parse(self.metre)

    def valence_at(self, time_s: float) -> float:
        """Valence at a moment of the film, -1..1."""
        return _on_curve(self.valence, self.valence_curve, time_s, -1.0)

    def arousal_at(self, time_s: float) -> float:
        """Arousal at a moment of the film, -1..1."""
        return _on_curve(self.arousal, self.arousal_curve, time_s, -1.0)

    def density_at(self, time_s: float) -> float:
        """Density at a moment of the film, 0..1."""
        return _on_curve(self.density, self.density_curve, time_s, 0.0)

    def dynamics_at(self, time_s: float) -> float:
        """Dynamics at a moment of the film, 0..1."""
        return _on_curve(self.dynamics, self.dynamics_curve, time_s, 0.0)


@dataclass(frozen=True)
class Hit:
    """A moment the music should meet. ``weight`` 0-1; a required hit must land within half a frame.

    ``gesture`` is what the music does there (`composer.gestures`); "auto" leaves it to the composer.
    """

    time_s: float
    label: str
    weight: float = 0.5
    tolerance_s: float = HIT_TOLERANCE_S
    required: bool = False
    kind: HitKind = "cut"
    gesture: Gesture = "auto"


@dataclass(frozen=True, slots=True)
class Accent:
    """A visual beat: movement that stops or turns at ``time_s``. ``strength`` 0-1. The music leans to it where a note
    is near; bars are not moved for it."""

    time_s: float
    strength: float


@dataclass(frozen=True)
class CueSheet:
    """The spotted film. ``tempo_map`` is solved, in ``tempo_mode``: it ends with the picture. ``picture`` names the
    file beside the sheet that holds what was seen (`composer.tokens.picture.PictureTrack`); empty where there is none.
    """

    title: str
    duration_s: float
    frame_rate: float
    start_timecode: str
    sections: tuple[Section, ...]
    hits: tuple[Hit, ...]
    tempo_map: TempoMap
    seed: int
    provenance: dict[str, str] = field(default_factory=dict)
    accents: tuple[Accent, ...] = ()
    tempo_mode: TempoMode = "smooth"
    picture: str = ""

    @property
    def is_pop(self) -> bool:
        """Whether all the music is in the style pop, which has networks of its own."""
        return {section.style for section in self.sections if not section.silent} == {"pop"}


def _on_curve(value: float, curve: Curve, time_s: float, low: float) -> float:
    change = np.interp(time_s, [p.time_s for p in curve], [p.change for p in curve]) if curve else 0.0
    return min(max(value + float(change), low), 1.0)

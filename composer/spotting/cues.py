"""The cue sheet: where the music changes, how it should feel, and what it must hit.

Times are seconds of picture time. Mood is valence and arousal, both -1..1 (Russell's circumplex, 1980). Density and
dynamics are 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from composer.spotting.metre import DEFAULT_METRE, Metre
from composer.timing import TempoMap


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
    reasons: dict[str, str] = field(default_factory=dict)  # field name -> which feature decided it

    def __post_init__(self) -> None:
        Metre.parse(self.metre)


@dataclass(frozen=True)
class Hit:
    """A moment the music should meet. ``weight`` 0-1; a required hit must land within half a frame."""

    time_s: float
    label: str
    weight: float = 0.5
    tolerance_s: float = 0.1
    required: bool = False
    kind: str = "cut"  # "cut" | "user"


@dataclass(frozen=True)
class CueSheet:
    """The spotted film. ``tempo_map`` is solved: it ends with the picture."""

    title: str
    duration_s: float
    frame_rate: float
    start_timecode: str
    sections: tuple[Section, ...]
    hits: tuple[Hit, ...]
    tempo_map: TempoMap
    seed: int
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def is_pop(self) -> bool:
        """Whether all the music is in the style pop, which has networks of its own."""
        return {section.style for section in self.sections if not section.silent} == {"pop"}

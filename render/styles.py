"""Named styles: which instruments play, and how any MIDI is seated on them.

Convention: programs are General MIDI 1 counted from 0, drum kits Roland GS's. A style seats every note by its pitch:
the melody has a chair of its own where the style names one, the other notes go to the lowest chair whose ``top`` they
do not pass. Notes keep their pitch, time, velocity and stem; drums change their kit, or stay where a style has none.
A file whose instruments are the style's already is left as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from render import smf
from render.events import Part, Performance
from render.notes import VOLUME

TOP = 127
PAN, BANK_SELECT, BANK_SELECT_LSB = 10, 0, 32
_MELODY_NAME = re.compile(r"\b(melody|lead|solo|voice|vocal|violins? i\b|sopran)", re.IGNORECASE)
# Pianos and mallets, guitars without distortion, basses but synthetic ones, pizzicato, harp and timpani, sitar to
# kalimba, bells and drums.
_STRUCK = frozenset(
    (*range(16), *range(24, 29), *range(32, 38), 45, 46, 47, *range(104, 109), *range(112, 119))
)
_OWN_NOTES, _OWN_CHAIRS = 0.9, 0.5  # shares from which on a performance is in the style's instruments


@dataclass(frozen=True, slots=True)
class Chair:
    """One instrument: its program (one of several variants), the highest pitch it takes, pan 0-127, volume in %."""

    programs: tuple[int, ...]
    top: int = TOP
    pan: int = 64
    volume: int = 100

    def program(self, variant: int) -> int:
        """The program of a variant."""
        return self.programs[variant % len(self.programs)]


@dataclass(frozen=True, slots=True)
class Style:
    """A named ensemble. ``chairs`` from low to high; ``melody`` None: it sits with the others; ``kit`` None: no drums
    of its own. ``guests``: programs that belong to it though nothing is seated on them, such as an orchestra's harp."""

    name: str
    title: str
    chairs: tuple[Chair, ...]
    melody: Chair | None = None
    kit: int | None = None
    guests: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        tops = [chair.top for chair in self.chairs]
        if not tops or tops != sorted(set(tops)) or tops[-1] != TOP:
            raise ValueError(f"style {self.name}: the chairs' tops {tops} must rise and end at {TOP}")

    @property
    def variants(self) -> int:
        """How many different line-ups there are."""
        return max(len(chair.programs) for chair in self.all_chairs)

    @property
    def is_struck(self) -> bool:
        """Whether the notes of at least half of its chairs die away by themselves: struck or plucked, not held."""
        return sum(chair.programs[0] in _STRUCK for chair in self.all_chairs) >= len(self.all_chairs) / 2

    @property
    def all_chairs(self) -> tuple[Chair, ...]:
        """The melody's chair, if any, and the others."""
        return (*([self.melody] if self.melody else []), *self.chairs)


def _chair(*programs: int, top: int = TOP, pan: int = 64, volume: int = 100) -> Chair:
    return Chair(programs, top, pan, volume)


_ALL = (
    Style("solo-piano", "Solo piano", (_chair(0, 1),)),
    Style("electric-piano", "Electric piano", (_chair(4, 5),)),
    Style("harpsichord", "Harpsichord", (_chair(6),)),
    Style("pipe-organ", "Pipe organ", (_chair(19, 20),)),
    Style("accordion", "Accordion", (_chair(21, 23),)),
    Style("harp", "Harp", (_chair(46),)),
    Style("mallets", "Marimba and vibraphone", (_chair(12, top=59, pan=50), _chair(11, pan=76))),
    Style("pizzicato-strings", "Pizzicato strings", (_chair(45),)),
    Style("choir", "Choir", (_chair(52, 53),)),
    Style("synth-pads", "Synthesizer pads", (_chair(89, 94),)),
    Style(
        "music-box",
        "Music box, celesta and harp",
        (_chair(46, top=55), _chair(8, top=79, pan=48), _chair(10)),
        melody=_chair(10, 9),
        guests=(48,),
    ),
    Style(
        "string-quartet",
        "String quartet",
        (_chair(42, top=52, pan=80), _chair(41, top=62, pan=70), _chair(40, pan=56)),
        melody=_chair(40, pan=44),
    ),
    Style(
        "string-orchestra",
        "String orchestra",
        (_chair(48, 49, top=50, pan=88), _chair(48, 49, top=64, pan=72), _chair(48, 49, pan=40)),
        guests=(42, 45),
    ),
    Style(
        "brass-section",
        "Brass section",
        (_chair(58, top=45), _chair(57, top=57, pan=84), _chair(60, top=66, pan=44), _chair(56, 61, pan=76)),
    ),
    Style(
        "woodwind-quintet",
        "Woodwinds",
        (_chair(70, top=55, pan=72), _chair(71, top=66, pan=60), _chair(68, top=74, pan=68), _chair(73, pan=54)),
    ),
    Style(
        "saxophones",
        "Saxophone quartet",
        (_chair(67, top=52, pan=80), _chair(66, top=62, pan=68), _chair(65, top=74, pan=56), _chair(64, pan=44)),
    ),
    Style(
        "full-orchestra",
        "Full orchestra",
        (
            _chair(43, 48, top=43, pan=92),
            _chair(48, 49, top=57, pan=80),
            _chair(60, top=65, pan=44, volume=85),
            _chair(48, 49, top=78, pan=40),
            _chair(73, pan=58),
        ),
        melody=_chair(48, 49, pan=38),
        kit=48,
        guests=(46, 47, 57, 58, 68),
    ),
    Style(
        "chamber",
        "Chamber ensemble",
        (_chair(32, top=47), _chair(42, top=57, pan=80), _chair(41, top=65, pan=70), _chair(40, pan=48)),
        melody=_chair(71, 73, pan=60),
        guests=(46, 70),
    ),
    Style(
        "choir-and-strings",
        "Choir and strings",
        (_chair(43, 48, top=43, pan=92), _chair(48, top=53, pan=80), _chair(52, 53, top=74), _chair(48, pan=40)),
        melody=_chair(48, pan=40),
        kit=48,
        guests=(46, 47, 60),
    ),
    Style(
        "brass-heroic",
        "Heroic brass",
        (
            _chair(58, top=43, pan=88),
            _chair(57, top=55, pan=84),
            _chair(48, top=67, pan=60),
            _chair(56, 61, pan=76),
        ),
        melody=_chair(60, 61, pan=44),
        kit=48,
        guests=(47,),
    ),
    Style(
        "dark-ambient",
        "Dark ambient",
        (_chair(39, top=43), _chair(95, 44, top=62), _chair(95, 92)),
        melody=_chair(92, pan=76),
        kit=48,
        guests=(0, 42),
    ),
    Style(
        "hybrid-electronic",
        "Hybrid electronic",
        (_chair(38, top=48), _chair(89, top=64), _chair(88, pan=46)),
        melody=_chair(81, 80),
        kit=24,
        guests=(44, 48),
    ),
    Style(
        "folk",
        "Folk band",
        (_chair(32, top=47), _chair(25, top=64, pan=78), _chair(21, 15, pan=50)),
        melody=_chair(110, pan=52),
        kit=0,
        guests=(78,),
    ),
    Style(
        "jazz-combo",
        "Jazz combo",
        (_chair(32, top=50), _chair(26, top=58, pan=44), _chair(0, pan=76)),
        melody=_chair(66, 59, pan=58),
        kit=40,
        guests=(11,),
    ),
    Style(
        "acoustic-guitar",
        "Acoustic guitars",
        (_chair(35, top=43), _chair(25, pan=78)),
        melody=_chair(24, pan=50),
        kit=0,
        guests=(78, 89),
    ),
    Style(
        "rock-band",
        "Rock band",
        (_chair(34, top=47), _chair(30, top=64, pan=40, volume=80), _chair(29, pan=88, volume=80)),
        melody=_chair(29, 30, volume=90),
        kit=16,
    ),
    Style(
        "pop",
        "Pop band",
        (_chair(33, top=47), _chair(4, 5, top=66, pan=56), _chair(25, pan=78)),
        melody=_chair(0),
        kit=0,
        guests=(80, 89),
    ),
)  # fmt: skip

STYLES: dict[str, Style] = {style.name: style for style in _ALL}


def restyle(performance: Performance, style: Style, variant: int = 0) -> Performance:
    """``performance`` on the instruments of ``style``: same notes, same stems."""
    if is_in(performance, style):
        return performance
    leader = melody_part(performance) if style.melody else None
    parts: list[Part] = []
    for index, part in enumerate(performance.parts):
        if part.is_drums:
            parts.append(part if style.kit is None else _with_program(part, style.kit))
        elif index == leader and style.melody is not None:
            parts.append(_seated(part, style.melody, variant))
        else:
            parts += _divided(part, style, variant)
    return replace(performance, parts=tuple(parts))


def is_in(performance: Performance, style: Style) -> bool:
    """Whether most notes are on the style's programs already, and most of its chairs taken."""
    notes, chairs = shares_in(performance, style)
    return notes >= _OWN_NOTES and chairs > _OWN_CHAIRS


def shares_in(performance: Performance, style: Style) -> tuple[float, float]:
    """How much of ``performance`` is in the style already, 0-1: of its notes those on programs of chairs and guests,
    and of the style's chairs those taken."""
    chairs = [set(chair.programs) for chair in style.all_chairs]
    counts: Counter[int] = Counter()
    for part in performance.parts:
        if not part.is_drums:
            counts[first_program(part)] += part.note_count
    own = sum(counts[program] for program in set(style.guests).union(*chairs))
    taken = sum(bool(chair & counts.keys()) for chair in chairs)
    return own / max(counts.total(), 1), taken / len(chairs)


def melody_part(performance: Performance) -> int | None:
    """Index of the part that leads: by role, else by name, else the highest on average; None if all are drums."""
    pitched = [(i, part) for i, part in enumerate(performance.parts) if not part.is_drums and part.note_count]
    named = [i for i, part in pitched if part.role == "melody"]
    named += [i for i, part in pitched if not part.role and _MELODY_NAME.search(part.stem)]
    if named:
        return named[0]
    return max(pitched, key=lambda item: float(_pitches(item[1]).mean()), default=(None, None))[0]


def first_program(part: Part) -> int:
    """The program a part begins with."""
    programs = part.data1[part.status == smf.PROGRAM]
    return int(programs[0]) if len(programs) else 0


def _pitches(part: Part) -> np.ndarray:
    return part.data1[part.status == smf.NOTE_ON]


def _divided(part: Part, style: Style, variant: int) -> list[Part]:
    """The part's notes on the style's chairs, one part a chair that has any."""
    note = np.isin(part.status, (smf.NOTE_ON, smf.NOTE_OFF, smf.KEY_PRESSURE))
    seat = np.searchsorted([chair.top for chair in style.chairs], part.data1)
    pieces = []
    for index, chair in enumerate(style.chairs):
        mine = seat == index
        if np.any(mine & (part.status == smf.NOTE_ON)):
            pieces.append(_seated(_rows(part, ~note | mine), chair, variant))
    return pieces


def _seated(part: Part, chair: Chair, variant: int) -> Part:
    """The part on the chair's program and place, its volume scaled."""
    part = _with_program(part, chair.program(variant))
    placed = _rows(part, ~((part.status == smf.CONTROL) & (part.data1 == PAN)))
    volume = (placed.status == smf.CONTROL) & (placed.data1 == VOLUME)
    data2 = np.where(volume, np.minimum(placed.data2 * (chair.volume / 100), 127), placed.data2)
    placed = replace(placed, data2=data2.astype(np.uint8))
    first = [(smf.CONTROL, PAN, chair.pan)]
    if not volume.any() and chair.volume != 100:
        first.append((smf.CONTROL, VOLUME, chair.volume))
    return _beginning_with(placed, first)


def _with_program(part: Part, program: int) -> Part:
    """The part with one program from its start to its end."""
    bank = (part.status == smf.CONTROL) & np.isin(part.data1, (BANK_SELECT, BANK_SELECT_LSB))
    return _beginning_with(_rows(part, ~bank & (part.status != smf.PROGRAM)), [(smf.PROGRAM, program, 0)])


def _rows(part: Part, kept: np.ndarray) -> Part:
    status, data1, data2 = (column[kept] for column in part.columns)
    return replace(part, time_s=part.time_s[kept], status=status, data1=data1, data2=data2)


def _beginning_with(part: Part, events: list[tuple[int, int, int]]) -> Part:
    """The part with ``events`` (status, data1, data2) before all others."""
    added = np.array(events, np.uint8).T
    columns = zip(added, part.columns, strict=True)
    status, data1, data2 = (np.concatenate([new, old]) for new, old in columns)
    time_s = np.concatenate([np.zeros(len(events)), part.time_s])
    return replace(part, time_s=time_s, status=status, data1=data1, data2=data2)

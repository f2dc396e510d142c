"""Notes into what a staff shows: bars filled exactly with written notes and rests, in up to two voices.

Convention: time in 24ths of a quarter note, so that 32nds and triplet eighths are whole numbers. Every
quarter of a staff is read as sixteenths, as a triplet, or as 32nds, whichever comes first that its onsets
fit. Notes are split at bar lines and where the beat would be hidden (Gould, *Behind Bars*, 2011, ch. 6).
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace

from composer.music import Note
from composer.timing import TempoMap

DIVISIONS = 24  # a quarter note
_EIGHTH, _SIXTEENTH, _TRIPLET, _THIRTY_SECOND = 12, 6, 8, 3
_FIT = 1.25  # 24ths that an onset may be off its grid
_MAX_VOICES = 2

# Written lengths: type name and dots.
_TYPES: dict[int, tuple[str, int]] = {
    144: ("whole", 1),
    96: ("whole", 0),
    72: ("half", 1),
    48: ("half", 0),
    36: ("quarter", 1),
    24: ("quarter", 0),
    18: ("eighth", 1),
    12: ("eighth", 0),
    9: ("16th", 1),
    6: ("16th", 0),
    3: ("32nd", 0),
}
_TRIPLET_TYPES = {8: "eighth", 16: "quarter"}


@dataclass(frozen=True, slots=True)
class Written:
    """One written chord (rest, where ``pitches`` is empty) of ``length`` 24ths at ``start``, counted from
    the bar line. ``triplet``: part of a triplet that it may open or close.
    """

    start: int
    length: int
    pitches: tuple[int, ...]
    type_name: str
    dots: int
    tie_start: bool = False
    tie_stop: bool = False
    triplet: bool = False
    opens_triplet: bool = False
    closes_triplet: bool = False
    whole_bar: bool = False


@dataclass(frozen=True, slots=True)
class WrittenBar:
    """One bar of a staff: its length and the voices that have notes in it (the first is always there)."""

    length: int
    voices: tuple[tuple[Written, ...], ...]


@dataclass(slots=True)
class _Chord:
    start: int
    end: int
    pitches: set[int]


class _Grid:
    """Where bars and quarters lie, and how each quarter of one staff is divided."""

    def __init__(self, tempo_map: TempoMap, onsets: Sequence[float]) -> None:
        self.starts = [round(beat * DIVISIONS) for beat in tempo_map.bar_starts_beats]
        self.compound = [
            bar.denominator >= 8 and bar.numerator % 3 == 0 and bar.numerator > 3 for bar in tempo_map.bars
        ]
        offsets: dict[tuple[int, int], list[float]] = {}
        for onset in onsets:
            place, offset = self._place(onset * DIVISIONS)
            offsets.setdefault(place, []).append(offset)
        self.steps = {place: self._step(place, here) for place, here in offsets.items()}

    def _place(self, time: float) -> tuple[tuple[int, int], float]:
        """(bar, quarter in the bar) and the rest, in 24ths."""
        bar = min(max(bisect.bisect_right(self.starts, time + 1e-6) - 1, 0), len(self.starts) - 2)
        quarter = int((time - self.starts[bar] + 1e-6) // DIVISIONS)
        return (bar, quarter), time - self.starts[bar] - quarter * DIVISIONS

    def _step(self, place: tuple[int, int], offsets: Sequence[float]) -> int:
        bar, quarter = place
        whole = self.starts[bar] + (quarter + 1) * DIVISIONS <= self.starts[bar + 1]

        def fits(step: int) -> bool:
            return all(abs(offset - round(offset / step) * step) <= _FIT for offset in offsets)

        if fits(_SIXTEENTH):
            return _SIXTEENTH
        return _TRIPLET if whole and not self.compound[bar] and fits(_TRIPLET) else _THIRTY_SECOND

    def step_at(self, time: float) -> int:
        """The division of the quarter around ``time``."""
        return self.steps.get(self._place(time)[0], _SIXTEENTH)

    def snap(self, time: float) -> int:
        """``time`` (24ths) on the grid of its quarter, within the bars."""
        (bar, quarter), offset = self._place(time)
        step = self.steps.get((bar, quarter), _SIXTEENTH)
        start = self.starts[bar] + quarter * DIVISIONS
        snapped = min(start + round(offset / step) * step, self.starts[bar + 1])
        if (snapped - self.starts[bar]) % _THIRTY_SECOND and step != _TRIPLET:
            snapped -= (snapped - self.starts[bar]) % _THIRTY_SECOND
        return min(snapped, self.starts[-1])

    def quarter_end(self, time: int) -> int:
        """The end of the quarter around ``time``, or of its bar."""
        (bar, quarter), _ = self._place(time)
        return min(self.starts[bar] + (quarter + 1) * DIVISIONS, self.starts[bar + 1])

    def is_triplet(self, bar: int, quarter: int) -> bool:
        """Whether a quarter is written in triplets."""
        return self.steps.get((bar, quarter)) == _TRIPLET


def write_staff(
    notes: Sequence[Note],
    tempo_map: TempoMap,
    *,
    decays: bool,
    strokes: bool = False,
    rhythm_of: Sequence[Note] = (),
) -> tuple[WrittenBar, ...]:
    """The bars of one staff.

    ``decays``: short notes may be written up to the next onset, as for a piano with pedal; ``strokes``:
    every note is (drums), but not past its quarter. ``rhythm_of`` are the notes of all staves of the part,
    which share one division of each quarter (``notes`` itself by default).
    """
    grid = _Grid(tempo_map, [note.onset_beats for note in rhythm_of or notes])
    chords = _chords(notes, grid, decays=decays)
    if strokes:
        chords = _as_strokes(chords, grid)
    voices = _voices(chords)
    return tuple(_bar(index, voices, grid) for index in range(len(tempo_map.bars)))


def _chords(notes: Sequence[Note], grid: _Grid, *, decays: bool) -> list[_Chord]:
    """Notes on the grid, those of one start and end together, in order of start; small gaps closed, for players
    read a sixteenth rest as an accent."""
    found: dict[tuple[int, int], set[int]] = {}
    final = grid.starts[-1]
    for note in notes:
        start = grid.snap(note.onset_beats * DIVISIONS)
        end = grid.snap(note.end_beats * DIVISIONS)
        if start >= final:
            continue
        if end <= start:
            end = grid.snap(start + grid.step_at(start))
        if end > start:
            found.setdefault((start, end), set()).add(note.pitch)
    chords = [_Chord(start, end, pitches) for (start, end), pitches in sorted(found.items())]
    starts = sorted({chord.start for chord in chords})
    if decays:
        for chord in chords:
            following = bisect.bisect_right(starts, chord.start)
            later = starts[following] if following < len(starts) else final
            if chord.end > later and chord.end - chord.start < DIVISIONS:
                chord.end = later
    longest_gap = _EIGHTH if decays else _SIXTEENTH
    for chord in chords:
        following = bisect.bisect_left(starts, chord.end)
        if following < len(starts) and starts[following] - chord.end <= longest_gap:
            chord.end = starts[following]
    return chords


def _as_strokes(chords: Sequence[_Chord], grid: _Grid) -> list[_Chord]:
    """One voice of strokes, each written to the next or to the end of its quarter."""
    together: dict[int, set[int]] = {}
    for chord in chords:
        together.setdefault(chord.start, set()).update(chord.pitches)
    starts = sorted(together)
    return [
        _Chord(start, min(later, grid.quarter_end(start)), together[start])
        for start, later in zip(starts, [*starts, grid.starts[-1]][1:], strict=True)
    ]


def _voices(chords: Sequence[_Chord]) -> list[list[_Chord]]:
    """Chords dealt to voices so that none overlaps in its voice; the upper line is the first voice."""
    voices: list[list[_Chord]] = [[] for _ in range(_MAX_VOICES)]
    for chord in sorted(chords, key=lambda chord: (chord.start, -max(chord.pitches), -chord.end)):
        free = [voice for voice in voices if not voice or voice[-1].end <= chord.start]
        twin = next((voice[-1] for voice in voices if voice and voice[-1].start == chord.start), None)
        if free:
            free[0].append(chord)
        elif twin is not None:
            twin.pitches |= chord.pitches
        else:
            first_to_end = min(voices, key=lambda voice: voice[-1].end)
            first_to_end[-1].end = chord.start
            first_to_end.append(chord)
    return voices


def _bar(index: int, voices: Sequence[Sequence[_Chord]], grid: _Grid) -> WrittenBar:
    start, end = grid.starts[index], grid.starts[index + 1]
    written: list[tuple[Written, ...]] = []
    for number, voice in enumerate(voices):
        first = bisect.bisect_right(voice, start, key=lambda chord: chord.end)
        last = bisect.bisect_left(voice, end, key=lambda chord: chord.start)
        inside = voice[first:last]
        if inside:
            written.append(tuple(_fill(index, inside, grid)))
        elif number == 0:
            written.append((Written(0, end - start, (), "whole", 0, whole_bar=True),))
    return WrittenBar(end - start, tuple(written))


def _fill(index: int, chords: Sequence[_Chord], grid: _Grid) -> list[Written]:
    """One voice of a bar: its chords and the rests between them, in written lengths."""
    start, end = grid.starts[index], grid.starts[index + 1]
    written: list[Written] = []
    here = start
    for chord in chords:
        if chord.start > here:
            written += _pieces(index, here - start, chord.start - start, (), grid)
        first, last = max(chord.start, start), min(chord.end, end)
        pieces = _pieces(index, first - start, last - start, tuple(sorted(chord.pitches)), grid)
        for number, piece in enumerate(pieces):
            stop = number > 0 or chord.start < start
            go_on = number < len(pieces) - 1 or chord.end > end
            written.append(replace(piece, tie_stop=stop, tie_start=go_on))
        here = last
    if here < end:
        written += _pieces(index, here - start, end - start, (), grid)
    return _with_brackets(written)


def _pieces(index: int, first: int, last: int, pitches: tuple[int, ...], grid: _Grid) -> list[Written]:
    """first..last (24ths from the bar line) in written lengths that show the beat."""
    pieces: list[Written] = []
    here = first
    while here < last:
        quarter = here // DIVISIONS
        left = min(last, (quarter + 1) * DIVISIONS) - here
        if grid.is_triplet(index, quarter) and left < DIVISIONS:
            type_name = _TRIPLET_TYPES[left]
            pieces.append(Written(here, left, pitches, type_name, 0, triplet=True))
            here += left
            continue
        room = last - here
        for later in range(quarter + 1, (last + DIVISIONS - 1) // DIVISIONS):
            # A triplet quarter that this note does not fill is written by itself.
            if grid.is_triplet(index, later) and last < (later + 1) * DIVISIONS:
                room = later * DIVISIONS - here
                break
        length = _longest(here, room, grid.compound[index], rest=not pitches)
        type_name, dots = _TYPES[length]
        pieces.append(Written(here, length, pitches, type_name, dots))
        here += length
    return pieces


def _longest(here: int, room: int, compound: bool, *, rest: bool) -> int:
    """The longest written length from ``here`` that fits in ``room`` and keeps the beat readable."""
    beat = 36 if compound else DIVISIONS
    offset = here % beat
    for length in _TYPES:
        if length > room:
            continue
        if offset == 0:
            # On the beat: whole beats, or what ends within the beat; dotted rests only below a beat.
            if length <= beat or (not rest and (not compound or length % beat == 0)):
                return length
            if (
                rest
                and length % beat == 0
                and here % length == 0
                and _TYPES[length][1] == (1 if compound else 0)
            ):
                return length
        elif offset + length <= beat and (here % length == 0 or length in (9, 18)):
            return length
        elif not rest and not compound and offset == 12 and length == 24:
            return length  # the usual syncopation
    return _THIRTY_SECOND


def _with_brackets(written: list[Written]) -> list[Written]:
    """Triplet members with the ends of their bracket marked, quarter by quarter."""
    members: dict[int, list[int]] = {}
    for position, item in enumerate(written):
        if item.triplet:
            members.setdefault(item.start // DIVISIONS, []).append(position)
    for positions in members.values():
        written[positions[0]] = replace(written[positions[0]], opens_triplet=True)
        written[positions[-1]] = replace(written[positions[-1]], closes_triplet=True)
    return written

"""A MIDI file as the rules of `composer.lint` look at it: bars, parts, notes from their on to their off.

Convention: times in ticks, channels 0-15. Where metre changes inside a bar a new bar starts there, as in
`composer.midi_reader`; a metre that is none counts as absent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from composer.smf import (
    CONTROL,
    EXPRESSION,
    META,
    MODULATION,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    SYSEX,
    TEMPO,
    TEXT,
    TIME_SIGNATURE,
    TRACK_NAME,
    VOLUME,
    MetaEvent,
    MidiFile,
)

MAX_NAME = 40  # letters of a track's name in a finding


@dataclass(frozen=True, slots=True)
class Metre:
    """A time signature at ``tick``."""

    tick: int
    numerator: int
    denominator: int

    @classmethod
    def of(cls, event: MetaEvent) -> Metre | None:
        """The metre of a time signature event; None where it is outside 1-32 / 1-32."""
        data = event.data
        if len(data) < 2 or not 1 <= data[0] <= 32 or data[1] > 5:
            return None
        return cls(event.tick, data[0], 2 ** data[1])


class BarGrid:
    """Bars and beats of ticks. ``off_bar`` are the metres that start inside a bar, with the beat they start on."""

    def __init__(self, metres: list[Metre], ticks_per_beat: int) -> None:
        by_tick = {0: Metre(0, 4, 4), **{metre.tick: metre for metre in metres}}  # the last at one tick holds
        self.off_bar: list[tuple[Metre, float]] = []
        self._ticks: list[int] = []
        self._bars: list[int] = []  # number of the first bar of every metre
        self._units: list[Fraction] = []  # ticks of a beat
        self._lengths: list[Fraction] = []  # ticks of a bar
        for tick, metre in sorted(by_tick.items()):
            bar = 1
            if self._ticks:
                bar, beat = self.place(tick)
                if beat > 1:
                    self.off_bar.append((metre, beat))
                    bar += 1
            unit = Fraction(4 * ticks_per_beat, metre.denominator)
            self._ticks.append(tick)
            self._bars.append(bar)
            self._units.append(unit)
            self._lengths.append(unit * metre.numerator)

    def place(self, tick: int) -> tuple[int, float]:
        """Bar and beat, both from 1, the beat in the metre's unit."""
        index = bisect_right(self._ticks, tick) - 1
        bars, rest = divmod(tick - self._ticks[index], self._lengths[index])
        return self._bars[index] + int(bars), float(rest / self._units[index]) + 1

    def is_bar_line(self, tick: int) -> bool:
        """Whether a bar starts at ``tick``."""
        index = bisect_right(self._ticks, tick) - 1
        return (tick - self._ticks[index]) % self._lengths[index] == 0


@dataclass(frozen=True, slots=True)
class Sounded:
    """A note of a channel; ``stop`` is None for one that is never released."""

    start: int
    stop: int | None
    channel: int
    pitch: int


@dataclass
class Part:
    """What one track holds, gathered in one pass.

    ``setup`` tells when a channel's program (channel, `PROGRAM`) and controllers (channel, number) are first set,
    as far as that is before the channel's first note.
    """

    index: int
    name: str
    role: str
    metas: tuple[MetaEvent, ...]
    channels: dict[int, int] = field(default_factory=dict)  # channel -> tick of its first message
    notes: list[Sounded] = field(default_factory=list)
    overlaps: list[tuple[int, int]] = field(default_factory=list)  # tick, pitch
    stray_offs: list[tuple[int, int]] = field(default_factory=list)  # tick, pitch
    programs: list[tuple[int, int, int]] = field(default_factory=list)  # tick, channel, program
    first_programs: dict[int, int] = field(default_factory=dict)  # channel -> program
    setup: dict[tuple[int, int], int] = field(default_factory=dict)
    first_notes: dict[int, int] = field(default_factory=dict)  # channel -> tick
    levels: list[int] = field(default_factory=list)  # ticks of CC1, CC7 and CC11
    sysex: list[int] = field(default_factory=list)  # ticks

    @property
    def last_stop(self) -> int:
        """Where its last note ends, or starts where it never ends; 0 without notes."""
        return max((note.start if note.stop is None else note.stop for note in self.notes), default=0)

    def take(self, tick: int, data: bytes, sounding: dict[tuple[int, int], deque[int]]) -> None:
        """Take in a channel message; ``sounding`` holds the starts of notes that are not over."""
        kind, channel, first = data[0] & 0xF0, data[0] & 0x0F, data[1]
        self.channels.setdefault(channel, tick)
        if kind == NOTE_ON and data[2] > 0:
            self.first_notes.setdefault(channel, tick)
            waiting = sounding.setdefault((channel, first), deque())
            if waiting:
                self.overlaps.append((tick, first))
            waiting.append(tick)
        elif kind in (NOTE_ON, NOTE_OFF):
            if waiting := sounding.get((channel, first), deque()):
                self.notes.append(Sounded(waiting.popleft(), tick, channel, first))
            else:
                self.stray_offs.append((tick, first))
        elif kind == PROGRAM:
            self.programs.append((tick, channel, first))
            self.first_programs.setdefault(channel, first)
            if channel not in self.first_notes:
                self.setup.setdefault((channel, PROGRAM), tick)
        elif kind == CONTROL:
            if channel not in self.first_notes:
                self.setup.setdefault((channel, first), tick)
            if first in (MODULATION, VOLUME, EXPRESSION):
                self.levels.append(tick)


@dataclass(frozen=True)
class Piece:
    """A file and its parts, one for every track."""

    file: MidiFile
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, file: MidiFile) -> Piece:
        """Look through ``file``."""
        return cls(file, tuple(_part(file, index) for index in range(len(file.tracks))))

    @property
    def is_multitrack(self) -> bool:
        """Whether it is of type 1, where the first track is the conductor."""
        return self.file.kind == 1

    @cached_property
    def sounding(self) -> tuple[Part, ...]:
        """The parts that have notes."""
        return tuple(part for part in self.parts if part.notes)

    @cached_property
    def grid(self) -> BarGrid:
        """Bars, by the metres of every track."""
        metres = [metre for _, event in self.metas(TIME_SIGNATURE) if (metre := Metre.of(event)) is not None]
        return BarGrid(sorted(metres, key=lambda metre: metre.tick), self.file.ticks_per_beat)

    @cached_property
    def tempi(self) -> list[tuple[int, int]]:
        """Ticks and microseconds a quarter note, in order; of several at one tick the last. Not the malformed."""
        by_tick = {
            event.tick: int.from_bytes(event.data, "big")
            for _, event in self.metas(TEMPO)
            if len(event.data) == 3 and any(event.data)
        }
        return sorted(by_tick.items())

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What the tracks are called in a finding: their name where it is their own, else with their number."""
        names = Counter(part.name for part in self.parts)
        labels = []
        for part in self.parts:
            if part.index == 0 and self.is_multitrack and not part.notes:
                labels.append("conductor")
            elif part.name and names[part.name] == 1:
                labels.append(part.name)
            else:
                labels.append(f"track {part.index + 1}" + (f" ({part.name})" if part.name else ""))
        return tuple(labels)

    def metas(self, *kinds: int) -> Iterator[tuple[int, MetaEvent]]:
        """Meta events of these kinds with the index of their track, track after track."""
        for part in self.parts:
            yield from ((part.index, event) for event in part.metas if event.kind in kinds)


def _part(file: MidiFile, index: int) -> Part:
    track = file.tracks[index]
    name = next((event.text for event in track.metas if event.kind == TRACK_NAME), "")
    texts = (event.text for event in track.metas if event.kind == TEXT)
    role = next((text[5:] for text in texts if text.startswith("role=")), "")
    part = Part(index, name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}...", role, track.metas)
    sounding: dict[tuple[int, int], deque[int]] = {}
    for tick, data in track.messages:
        if data[0] < SYSEX:
            part.take(tick, data, sounding)
        elif data[0] != META:
            part.sysex.append(tick)
    part.notes += [
        Sounded(start, None, channel, pitch)
        for (channel, pitch), starts in sounding.items()
        for start in starts
    ]
    part.notes.sort(key=lambda note: (note.start, note.pitch))
    return part

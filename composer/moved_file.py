"""A MIDI file on a new timeline: kept bars with everything in them, new bars empty, tempo, metre and marks rewritten.

What stands on the file's first tick and is no music (names, programs, provenance, system exclusive messages) stays
there, what stands on its end stays on the end. Tempo and metre are those of the new map; key signatures, ``chord=`` and
``mood=`` texts move with their bars and are said again where a kept stretch begins. Markers, cue points, lyrics, other
metas and system exclusive messages move with their bars; in a bar that is made anew they go where their picture is now,
and what has no picture left is dropped and named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from composer.kept_bars import Layout
from composer.midi_reader import CHORDS_END, DEFAULT_TEMPO_US
from composer.moved_track import Message, Span, is_meta, is_state, moved_messages
from composer.picture_edit import PictureEdit, clock
from composer.smf import (
    CUE_POINT,
    KEY_SIGNATURE,
    LYRIC,
    MARKER,
    META,
    SYSEX,
    TEMPO,
    TEXT,
    TIME_SIGNATURE,
    MetaEvent,
    MidiFile,
    MidiTrack,
)
from composer.timing import Bar, TempoMap

CHORDS_END_TEXT = bytes((META, TEXT)) + f"chord={CHORDS_END}".encode()
NEAR_S = 0.05  # an event of a kept bar this close to where its picture is stands there already
_NAMES = {LYRIC: "lyric", MARKER: "marker", CUE_POINT: "cue point", TEXT: "text"}
Marks = Sequence[tuple[int, bytes]]  # meta events of the first track, by new tick


@dataclass(frozen=True)
class Moved:
    """The file on its new timeline, and what was ``dropped``, a line each."""

    file: MidiFile
    dropped: tuple[str, ...]


def moved_file(
    file: MidiFile,
    old: TempoMap,
    layout: Layout,
    edit: PictureEdit,
    marks: Marks,
    is_replaced: Callable[[bytes], bool],
) -> Moved:
    """``file``, whose bars are those of ``old``, in the bars of ``layout``. ``marks`` are put in for the metas for
    which ``is_replaced`` says so; mood texts among them count in new bars only.

    Raises ValueError where a new bar would begin between two ticks.
    """
    spans = spans_of(file.ticks_per_beat, old, layout)
    end, old_end = spans[-1].end, round(old.end_beats * file.ticks_per_beat)
    mover = _Mover(file.ticks_per_beat, old, layout, edit, spans, old_end, is_replaced)
    tracks, dropped = [], []
    for index, track in enumerate(file.tracks):
        is_head = [
            tick == 0 and (is_state(data) or data[0] >= SYSEX) and not _moves(data)
            for tick, data in track.messages
        ]
        head = [message for message, stays in zip(track.messages, is_head, strict=True) if stays]
        conductor = _conductor(file, spans, layout, marks) if index == 0 else []
        body = moved_messages(track, spans, file.ticks_per_beat, is_head)
        extras, lost = mover.extras(track, is_head)
        dropped += [line for line in lost if line not in dropped]
        tail = [
            (end, data)
            for (tick, data), stays in zip(track.messages, is_head, strict=True)
            if tick >= old_end and not stays and data[0] >= SYSEX and not _is_timing(data)
            if not is_replaced(data) and not _is_told(data)
        ]
        messages = sorted((*head, *conductor, *extras, *body, *tail), key=lambda message: message[0])
        tracks.append(MidiTrack(tuple(messages), end))
    return Moved(replace(file, tracks=tuple(tracks)), tuple(dropped))


def spans_of(ticks_per_beat: int, old: TempoMap, layout: Layout) -> tuple[Span, ...]:
    """The stretches of the new timeline in ticks. Raises ValueError where a bar would begin between two ticks."""
    new = layout.tempo_map

    def tick(tempo_map: TempoMap, bar: int) -> int:
        beats = float(min(tempo_map.bar_starts_beats[bar], tempo_map.end_beats))
        return round(beats * ticks_per_beat)

    if any(bar.length_beats * ticks_per_beat % 1 for index in layout.new_bars for bar in [new.bars[index]]):
        raise ValueError(f"{ticks_per_beat} ticks a beat do not hold an eighth")
    found = [
        Span(tick(new, here.start), tick(new, here.stop), tick(old, bars.start)) for here, bars in layout.runs
    ]
    found += [
        Span(tick(new, gap.start), tick(new, gap.stop), None, tuple(tick(new, bar) for bar in gap))
        for gap in layout.gaps
    ]
    return tuple(sorted(found, key=lambda span: span.start))


@dataclass(frozen=True)
class _Mover:
    """Where metas and system exclusive messages go."""

    ticks_per_beat: int
    old: TempoMap
    layout: Layout
    edit: PictureEdit
    spans: Sequence[Span]
    old_end: int
    is_replaced: Callable[[bytes], bool]

    def extras(self, track: MidiTrack, is_head: Collection[bool]) -> tuple[list[Message], list[str]]:
        """The moved messages of a track that neither sound nor are rewritten, and those dropped, named."""
        found: list[Message] = []
        lost: list[str] = []
        for (tick, data), head in zip(track.messages, is_head, strict=True):
            if head or data[0] < SYSEX or tick >= self.old_end or _is_timing(data) or _is_told(data):
                continue
            if self.is_replaced(data):
                continue
            places = self._places(tick)
            found += [(place, data) for place in places]
            if not places:
                at_s = self.old.seconds(tick / self.ticks_per_beat)
                lost.append(f"dropped: {_named(data)} at {clock(at_s)}, whose picture is gone")
        return found, lost

    def _places(self, tick: int) -> list[int]:
        """Where an event is now: with its bar, and in new bars where its picture is."""
        new = self.layout.tempo_map
        places = [
            tick + span.start - span.old_start
            for span in self.spans
            if span.old_start is not None and span.old_start <= tick < span.old_end
        ]
        taken_s = [new.seconds(place / self.ticks_per_beat) for place in places]
        for time_s in self.edit.new_times_s(self.old.seconds(tick / self.ticks_per_beat)):
            is_new = self.layout.sources[new.bar_at_s(time_s)] is None
            if is_new and all(abs(time_s - other) > NEAR_S for other in taken_s):
                places.append(round(new.beats(time_s) * self.ticks_per_beat))
        return places


def _conductor(file: MidiFile, spans: Sequence[Span], layout: Layout, marks: Marks) -> list[Message]:
    """Tempo, metre, keys, chords and moods on the new timeline, and the new marks."""
    metas = [(tick, data) for track in file.tracks for tick, data in track.messages if data[0] == META]
    metas.sort(key=lambda message: message[0])
    out: list[Message] = []
    tempo = bytes((META, TEMPO)) + DEFAULT_TEMPO_US.to_bytes(3, "big")
    kinds: dict[str, tuple[Callable[[bytes], bool], bytes | None]] = {
        "metre": (lambda data: is_meta(data, TIME_SIGNATURE), _metre_data(4, 4)),
        "tempo": (lambda data: is_meta(data, TEMPO), tempo),
        "key": (lambda data: is_meta(data, KEY_SIGNATURE), None),
        "chord": (lambda data: _text(data).startswith("chord="), None),
        "mood": (lambda data: _text(data).startswith("mood="), None),
    }
    starts = (tick for span in spans for tick in span.bars)
    bars = {tick: layout.tempo_map.bars[bar] for bar, tick in zip(layout.new_bars, starts, strict=True)}
    for name, (belongs, usual) in kinds.items():
        mine = [message for message in metas if belongs(message[1])]
        now: bytes | None = None
        for span in spans:
            if span.old_start is None:
                here = _in_gap(name, span, bars, marks)
            else:
                here = _in_run(mine, span, span.old_start, usual)
            if span.start == 0 and name == "key" and not here and mine:
                here = [(0, _first_key(mine, spans))]
            for tick, data in here:
                if data != now:
                    out.append((tick, data))
                    now = data
            if name == "chord" and span.old_start is None:
                now = None  # whatever is written there, the chord after it is said again
        if name == "chord" and now is not None and now != CHORDS_END_TEXT:
            out.append((spans[-1].end, CHORDS_END_TEXT))
    placed = [(tick, data) for tick, data in marks if not _text(data).startswith("mood=")]
    return [*out, *placed]


def _in_run(mine: Sequence[Message], span: Span, old_start: int, usual: bytes | None) -> list[Message]:
    """The events of one kind of a kept stretch, with what was in force at its start said there."""
    before = [data for tick, data in mine if tick <= old_start]
    inside = [(tick + span.start - old_start, data) for tick, data in mine if old_start < tick < span.old_end]
    first = before[-1] if before else usual
    return [*([(span.start, first)] if first is not None else []), *inside]


def _in_gap(name: str, span: Span, bars: dict[int, Bar], marks: Marks) -> list[Message]:
    """The events of one kind of new bars: tempo and metre of each, moods as the new cue sheet says."""
    if name == "mood":
        moods = [(tick, data) for tick, data in marks if _text(data).startswith("mood=") and tick < span.end]
        inside = [(tick, data) for tick, data in moods if tick > span.start]
        before = [data for tick, data in moods if tick <= span.start]
        return [*([(span.start, before[-1])] if before else []), *inside]
    if name == "tempo":
        return [(tick, bytes((META, TEMPO)) + bars[tick].tempo_us.to_bytes(3, "big")) for tick in span.bars]
    if name == "metre":
        return [(tick, _metre_data(bars[tick].numerator, bars[tick].denominator)) for tick in span.bars]
    return []


def _first_key(mine: Sequence[Message], spans: Sequence[Span]) -> bytes:
    """The key of the first kept stretch, for new bars before it."""
    old_start = next(span.old_start for span in spans if span.old_start is not None)
    return [mine[0][1], *(data for tick, data in mine if tick <= old_start)][-1]


def _metre_data(numerator: int, denominator: int) -> bytes:
    clocks = round(24 * Bar(numerator, denominator, DEFAULT_TEMPO_US).pulse_beats)
    return bytes((META, TIME_SIGNATURE, numerator, denominator.bit_length() - 1, min(clocks, 255), 8))


def _is_timing(data: bytes) -> bool:
    return data[0] == META and data[1] in (TEMPO, TIME_SIGNATURE, KEY_SIGNATURE)


def _is_told(data: bytes) -> bool:
    """Whether a message is a chord or a mood."""
    return _text(data).startswith(("chord=", "mood="))


def _moves(data: bytes) -> bool:
    """Whether a message on the first tick is of the music there, not of the file."""
    return _is_timing(data) or _is_told(data) or (data[0] == META and data[1] in (LYRIC, MARKER, CUE_POINT))


def _text(data: bytes) -> str:
    return data[2:].decode("utf-8", "replace") if is_meta(data, TEXT) else ""


def _named(data: bytes) -> str:
    """What a message is, for people."""
    if data[0] != META:
        return "a system exclusive message"
    text = MetaEvent(0, data[1], data[2:]).text
    return f"{_NAMES[data[1]]} {text[:40]!r}" if data[1] in _NAMES else f"a meta event of type {data[1]:#04x}"

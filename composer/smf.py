"""The bytes of a Standard MIDI File as a `MidiFile` that leaves nothing out: read strictly, with caps.

Convention: MMA, *Standard MIDI Files 1.0* (RP-001): big-endian chunks, variable-length deltas, running
status. Chunks of unknown type are kept where they stood, as are system exclusive messages and metas of any
kind. Written for files that may be damaged on purpose: every read is checked against the chunk's end, and time
against a cap. `composer.midi_file` reads such a file from disk and writes it again.

Not kept, for it means nothing: how numbers and running status were spelt, header bytes beyond the sixth, what
follows an end of track in its chunk, and zeros after the last chunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

MAX_EVENTS = 1_500_000
MAX_TICKS_IN_BEATS = 400_000  # more than a day at 240 BPM
MAX_TEXT_BYTES = 4096
MAX_CHUNKS = 65_535  # as many tracks as the header can count
MAX_VARIABLE_LENGTH = 2**28 - 1  # largest delta or length: four bytes of seven bits

META, SYSEX, ESCAPE, END_OF_TRACK = 0xFF, 0xF0, 0xF7, 0x2F
NOTE_OFF, NOTE_ON, KEY_PRESSURE, CONTROL, PROGRAM, PRESSURE, BEND = range(0x80, 0xF0, 0x10)  # + channel
DATA_BYTES = {status: 1 if status in (PROGRAM, PRESSURE) else 2 for status in range(NOTE_OFF, SYSEX, 0x10)}
TEXT, TRACK_NAME, LYRIC, MARKER, CUE_POINT, PORT = 0x01, 0x03, 0x05, 0x06, 0x07, 0x21  # types of metas
TEMPO, SMPTE_OFFSET, TIME_SIGNATURE, KEY_SIGNATURE = 0x51, 0x54, 0x58, 0x59
MODULATION, VOLUME, PAN, EXPRESSION = 1, 7, 10, 11  # controllers


class SmfError(ValueError):
    """The file is damaged or beyond a cap; the message says where, without the file's name."""


@dataclass(frozen=True, slots=True)
class MetaEvent:
    """A meta event at ``tick``: its type byte and its data."""

    tick: int
    kind: int
    data: bytes

    @property
    def text(self) -> str:
        """The data as text on one line: UTF-8, else Latin-1; what cannot be printed becomes a space."""
        raw = self.data[:MAX_TEXT_BYTES]
        try:
            decoded = raw.decode("utf-8")
        except UnicodeDecodeError:
            decoded = raw.decode("latin-1")
        return " ".join("".join(c if c.isprintable() else " " for c in decoded).split())


@dataclass(frozen=True)
class MidiTrack:
    """One track chunk: ``messages`` are (tick from the start, bytes) in file order, the end of track left out.

    The bytes of a channel message are those of the wire, status first; of a meta ``FF``, its type and its data;
    of a system exclusive message ``F0`` (or ``F7``, a continuation or an escape) and its data. Lengths are left
    out, as the bytes have one. `metas` and `events` are views of the same messages.
    """

    messages: tuple[tuple[int, bytes], ...]
    end_tick: int

    @cached_property
    def metas(self) -> tuple[MetaEvent, ...]:
        """The meta events."""
        return tuple(MetaEvent(tick, data[1], data[2:]) for tick, data in self.messages if data[0] == META)

    @cached_property
    def events(self) -> tuple[tuple[int, int, int, int], ...]:
        """The channel messages: tick, status, first data byte, second or 0."""
        return tuple(
            (tick, data[0], data[1], data[2] if len(data) == 3 else 0)
            for tick, data in self.messages
            if data[0] < SYSEX
        )


@dataclass(frozen=True, slots=True)
class OtherChunk:
    """A chunk that is no track: after how many tracks it stands, its four-byte type, its data."""

    tracks_before: int
    tag: bytes
    data: bytes


@dataclass(frozen=True)
class MidiFile:
    """A whole file: type 0 or 1, ticks a quarter note, and everything in it."""

    kind: int
    ticks_per_beat: int
    tracks: tuple[MidiTrack, ...]
    other_chunks: tuple[OtherChunk, ...] = ()


def parse_smf(data: bytes) -> MidiFile:
    """Parse a whole file. Raises SmfError on damage, SMPTE division, type 2, or more than the caps allow."""
    if len(data) < 14 or data[:4] != b"MThd":
        raise SmfError("it is not a MIDI file (no MThd header)")
    header_length = int.from_bytes(data[4:8], "big")
    kind, _, division = (int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12))
    if header_length < 6 or kind > 2:
        raise SmfError("its header is damaged")
    if kind == 2:
        raise SmfError("it is of type 2 (independent sequences)")
    if division & 0x8000 or division == 0:
        raise SmfError("its time division is not in ticks a quarter note")
    tracks: list[MidiTrack] = []
    others: list[OtherChunk] = []
    position, budget, padding = 8 + header_length, MAX_EVENTS, len(data.rstrip(b"\0"))
    while position < len(data) and not (tracks and position >= padding):
        if position + 8 > len(data):
            raise SmfError(f"it is cut short at byte {position}")
        tag, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "big")
        position += 8
        if position + length > len(data):
            raise SmfError(f"it is cut short: a chunk of {length} bytes at byte {position} is incomplete")
        if len(tracks) + len(others) == MAX_CHUNKS:
            raise SmfError(f"it holds more than {MAX_CHUNKS} chunks")
        if tag == b"MTrk":
            longest = min(
                division * MAX_TICKS_IN_BEATS, MAX_VARIABLE_LENGTH
            )  # no wait can be too long to write
            track = _parse_track(data, position, position + length, budget, longest)
            budget -= len(track.messages)
            tracks.append(track)
        else:
            others.append(OtherChunk(len(tracks), tag, data[position : position + length]))
        position += length
    if not tracks:
        raise SmfError("it holds no track")
    return MidiFile(kind, division, tuple(tracks), tuple(others))


def _parse_track(data: bytes, position: int, end: int, budget: int, max_tick: int) -> MidiTrack:
    messages: list[tuple[int, bytes]] = []
    tick, running = 0, 0
    try:
        while position < end:
            delta = data[position]
            if delta < 0x80:  # most are one byte
                position += 1
            else:
                delta, position = _variable_length(data, position, end)
            tick += delta
            if tick > max_tick:
                raise SmfError(f"it is longer than {MAX_TICKS_IN_BEATS} beats, or 2^28 ticks")
            if len(messages) > budget:
                raise SmfError(f"it holds more than {MAX_EVENTS} events")
            status = data[position]
            if status & 0x80:
                position += 1
            elif not running:
                raise SmfError(f"byte {position} should start an event")
            else:
                status = running
            if status < SYSEX:
                running = status
                count = DATA_BYTES[status & 0xF0]
                first, second = data[position], data[position + 1] if count == 2 else 0
                position += count
                if position > end or (first | second) & 0x80:
                    raise SmfError(f"damaged event at byte {position - count}")
                messages.append((tick, bytes((status, first, second) if count == 2 else (status, first))))
                continue
            if status == META:
                head = bytes((META, data[position]))
                position += 1
            elif status in (SYSEX, ESCAPE):
                head, running = bytes((status,)), 0
            else:
                raise SmfError(f"byte {position - 1} ({status:#04x}) is no event of a MIDI file")
            length, position = _variable_length(data, position, end)
            if position + length > end:
                raise SmfError(f"an event at byte {position} runs past its track")
            if status == META and head[1] == END_OF_TRACK:
                return MidiTrack(tuple(messages), tick)
            messages.append((tick, head + data[position : position + length]))
            position += length
    except IndexError as error:
        raise SmfError(f"it is cut short at byte {len(data)}") from error
    return MidiTrack(tuple(messages), tick)


def _variable_length(data: bytes, position: int, end: int) -> tuple[int, int]:
    """The number at ``position`` and the position after it."""
    value = 0
    for index in range(4):
        if position + index >= end:
            raise SmfError(f"it is cut short at byte {position}")
        byte = data[position + index]
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, position + index + 1
    raise SmfError(f"a number at byte {position} is longer than four bytes")

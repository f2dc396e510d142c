"""The bytes of a Standard MIDI File into plain events, strictly, with caps.

Convention: MMA, *Standard MIDI Files 1.0* (RP-001): big-endian chunks, variable-length deltas, running
status. Chunks of unknown type are skipped, as the standard asks. Written for files that may be damaged on
purpose: every read is checked against the chunk's end, and time against a cap.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_EVENTS = 1_500_000
MAX_TICKS_IN_BEATS = 400_000  # more than a day at 240 BPM
MAX_TEXT_BYTES = 4096

_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_END_OF_TRACK = 0x2F


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
    """One track chunk. ``events`` are channel messages (tick, status, first data byte, second or 0)."""

    metas: tuple[MetaEvent, ...]
    events: tuple[tuple[int, int, int, int], ...]
    end_tick: int


@dataclass(frozen=True)
class Smf:
    """A parsed file."""

    kind: int
    ticks_per_beat: int
    tracks: tuple[MidiTrack, ...]


def parse_smf(data: bytes) -> Smf:
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
    position, budget = 8 + header_length, MAX_EVENTS
    while position < len(data):
        if position + 8 > len(data):
            if tracks and not data[position:].strip(b"\0"):
                break  # padding
            raise SmfError(f"it is cut short at byte {position}")
        tag, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "big")
        position += 8
        if position + length > len(data):
            raise SmfError(f"it is cut short: a chunk of {length} bytes at byte {position} is incomplete")
        if tag == b"MTrk":
            track = _parse_track(data, position, position + length, budget, division * MAX_TICKS_IN_BEATS)
            budget -= len(track.events) + len(track.metas)
            tracks.append(track)
        position += length
    if not tracks:
        raise SmfError("it holds no track")
    return Smf(kind, division, tuple(tracks))


def _parse_track(data: bytes, position: int, end: int, budget: int, max_tick: int) -> MidiTrack:
    metas: list[MetaEvent] = []
    events: list[tuple[int, int, int, int]] = []
    tick, running = 0, 0
    try:
        while position < end:
            delta, position = _variable_length(data, position, end)
            tick += delta
            if tick > max_tick:
                raise SmfError(f"it is longer than {MAX_TICKS_IN_BEATS} beats")
            if len(events) + len(metas) > budget:
                raise SmfError(f"it holds more than {MAX_EVENTS} events")
            status = data[position]
            if status & 0x80:
                position += 1
            elif not running:
                raise SmfError(f"byte {position} should start an event")
            else:
                status = running
            if status == 0xFF:
                meta = data[position]
                length, position = _variable_length(data, position + 1, end)
                if position + length > end:
                    raise SmfError(f"an event at byte {position} runs past its track")
                if meta == _END_OF_TRACK:
                    return MidiTrack(tuple(metas), tuple(events), tick)
                metas.append(MetaEvent(tick, meta, data[position : position + length]))
                position += length
            elif status in (0xF0, 0xF7):
                length, position = _variable_length(data, position, end)
                if position + length > end:
                    raise SmfError(f"an event at byte {position} runs past its track")
                position += length
                running = 0
            elif status > 0xF0:
                raise SmfError(f"byte {position - 1} ({status:#04x}) is no event of a MIDI file")
            else:
                running = status
                count = _DATA_BYTES[status & 0xF0]
                first, second = data[position], data[position + 1] if count == 2 else 0
                position += count
                if position > end or (first | second) & 0x80:
                    raise SmfError(f"damaged event at byte {position - count}")
                events.append((tick, status, first, second))
    except IndexError as error:
        raise SmfError(f"it is cut short at byte {len(data)}") from error
    return MidiTrack(tuple(metas), tuple(events), tick)


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

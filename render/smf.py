"""Standard MIDI Files, read tolerantly: bytes in, raw messages with ticks out.

A damaged file is used as far as it can be read: a track that breaks off keeps what came before, illegal status bytes
are skipped, data bytes lose their top bit, and each repair is named in ``warnings``. Only a file without any readable
track is refused. Reference: Standard MIDI Files 1.0 (RP-001); the RIFF wrapper is Microsoft's RMID.
"""

from __future__ import annotations

from dataclasses import dataclass

from render.errors import BadInput

NOTE_OFF, NOTE_ON, KEY_PRESSURE, CONTROL, PROGRAM, PRESSURE, BEND = 0x80, 0x90, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0
META_TEXT, META_NAME, META_MARKER, META_CUE = 0x01, 0x03, 0x06, 0x07
META_PORT, META_END, META_TEMPO = 0x21, 0x2F, 0x51

_KEPT_METAS = frozenset({META_TEXT, META_NAME, META_MARKER, META_CUE, META_PORT, META_TEMPO})
_SYSTEM_COMMON_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_SMPTE_RATES = {24: 24.0, 25: 25.0, 29: 30000 / 1001, 30: 30.0}


@dataclass(frozen=True, slots=True)
class Message:
    """A channel message: ``status`` is the upper nibble (`NOTE_ON`...), ``channel`` 0-15, data bytes 0-127."""

    tick: int
    status: int
    channel: int
    data1: int
    data2: int


@dataclass(frozen=True, slots=True)
class Meta:
    """A meta event this package uses: ``kind`` is one of the ``META_`` numbers, ``data`` its bytes."""

    tick: int
    kind: int
    data: bytes


@dataclass(frozen=True)
class RawTrack:
    """One MTrk chunk: messages and metas in file order, and the tick at which the track ends."""

    messages: tuple[Message, ...]
    metas: tuple[Meta, ...]
    end_tick: int
    ended_properly: bool


@dataclass(frozen=True)
class RawFile:
    """A parsed file. Exactly one of ``ticks_per_beat`` and ``ticks_per_s`` (SMPTE division) is above zero."""

    format: int
    ticks_per_beat: int
    ticks_per_s: float
    tracks: tuple[RawTrack, ...]
    warnings: tuple[str, ...]


class _Truncated(Exception):
    """The chunk ends in the middle of an event."""


def parse(data: bytes, label: str, *, max_tracks: int, max_messages: int) -> RawFile:
    """Parse ``data``; ``label`` names the file in messages. Raises BadInput."""
    data = _unwrap_riff(data)
    if data[:4] != b"MThd" or len(data) < 14:
        raise BadInput(f"{label}: not a MIDI file (no MThd header); export it again as a Standard MIDI File")
    header_bytes = int.from_bytes(data[4:8], "big")
    file_format = int.from_bytes(data[8:10], "big")
    division = int.from_bytes(data[12:14], "big")
    warnings: list[str] = []
    if file_format > 2:
        warnings.append(f"unknown MIDI format {file_format} read as format 1")
        file_format = 1
    ticks_per_beat, ticks_per_s = _division(division, label)
    tracks: list[RawTrack] = []
    budget = max_messages
    position = 8 + max(6, header_bytes) if header_bytes < len(data) else 14
    while position + 8 <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "big")
        start = position + 8
        if name != b"MTrk":
            found = data.find(b"MTrk", position + 1)
            if found < 0:
                break
            if not name.isalnum() or start + size > found:
                warnings.append(f"{found - position} bytes that belong to no track were skipped")
            position = found
            continue
        if len(tracks) >= max_tracks:
            raise BadInput(f"{label}: more than {max_tracks} tracks; split the file")
        end = start + size
        if end > len(data):
            warnings.append(f"track {len(tracks) + 1} is cut short")
            end = len(data)
        elif end + 4 <= len(data) and data[end : end + 4] != b"MTrk":
            following = data.find(b"MTrk", start)
            end = following if following >= 0 else len(data)
        track, used = _parse_track(data, start, end, budget, f"track {len(tracks) + 1}", warnings, label)
        budget -= used
        tracks.append(track)
        position = end
    if not tracks:
        raise BadInput(f"{label}: the MIDI file holds no track; export it again")
    if file_format == 0 and len(tracks) > 1:
        warnings.append("a format 0 file with several tracks was read as format 1")
        file_format = 1
    return RawFile(file_format, ticks_per_beat, ticks_per_s, tuple(tracks), tuple(warnings))


def _unwrap_riff(data: bytes) -> bytes:
    """The MIDI file inside a RIFF RMID wrapper; other data as they are."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        found = data.find(b"MThd", 12, 4096)
        if found >= 0:
            return data[found:]
    return data


def _division(division: int, label: str) -> tuple[int, float]:
    if division == 0:
        raise BadInput(f"{label}: the header gives no time base (division 0); export the file again")
    if division < 0x8000:
        return division, 0.0
    rate = _SMPTE_RATES.get(256 - (division >> 8))
    ticks_per_frame = division & 0xFF
    if rate is None or ticks_per_frame == 0:
        raise BadInput(
            f"{label}: impossible SMPTE time base 0x{division:04x}; export with ticks per quarter note"
        )
    return 0, rate * ticks_per_frame


def _variable_int(data: bytes, position: int, end: int) -> tuple[int, int]:
    """A variable-length number at ``position`` and the position after it."""
    value = 0
    for i in range(position, min(position + 4, end)):
        value = (value << 7) | (data[i] & 0x7F)
        if data[i] < 0x80:
            return value, i + 1
    if position + 4 >= end:
        raise _Truncated
    return value, position + 4


def _parse_track(
    data: bytes, start: int, end: int, budget: int, name: str, warnings: list[str], label: str
) -> tuple[RawTrack, int]:
    """The track in ``data[start:end]`` and how many messages it spent of ``budget``."""
    messages: list[Message] = []
    metas: list[Meta] = []
    tick = 0
    status = 0
    illegal = clipped = 0
    ended = False
    position = start
    try:
        while position < end:
            delta, position = _variable_int(data, position, end)
            tick += delta
            if position >= end:
                raise _Truncated
            byte = data[position]
            if byte == 0xFF:
                if position + 1 >= end:
                    raise _Truncated
                kind = data[position + 1]
                size, position = _variable_int(data, position + 2, end)
                if kind == META_END:
                    ended = True
                    break
                if position + size > end:
                    raise _Truncated
                if kind in _KEPT_METAS and len(metas) < budget:
                    metas.append(Meta(tick, kind, data[position : position + min(size, 256)]))
                position += size
            elif byte in (0xF0, 0xF7):
                size, position = _variable_int(data, position + 1, end)
                if position + size > end:
                    raise _Truncated
                position += size
            elif byte > 0xF0:
                illegal += 1
                position += 1 + _SYSTEM_COMMON_BYTES.get(byte, 0)
            else:
                if byte >= 0x80:
                    status = byte
                    position += 1
                elif status == 0:
                    illegal += 1
                    position += 1
                    continue
                size = 1 if status & 0xF0 in (PROGRAM, PRESSURE) else 2
                if position + size > end:
                    raise _Truncated
                data1 = data[position]
                data2 = data[position + 1] if size == 2 else 0
                position += size
                clipped += (data1 | data2) >> 7
                if len(messages) + len(metas) >= budget:
                    raise BadInput(f"{label}: more MIDI messages than the limit; split the file")
                messages.append(Message(tick, status & 0xF0, status & 0x0F, data1 & 0x7F, data2 & 0x7F))
    except _Truncated:
        warnings.append(f"{name} breaks off in the middle of an event")
    if illegal:
        warnings.append(f"{name}: {illegal} illegal bytes were skipped")
    if clipped:
        warnings.append(f"{name}: {clipped} messages with data bytes above 127 were brought into range")
    if not ended:
        warnings.append(f"{name} has no end-of-track event")
    return RawTrack(tuple(messages), tuple(metas), tick, ended), len(messages) + len(metas)

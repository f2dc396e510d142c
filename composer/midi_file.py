"""MIDI files read and written without loss: what a DAW put in comes out again, whatever it is.

Convention: as `composer.smf`, whose `MidiFile` holds a whole file. Reading and writing keeps every note, controller,
meta, system exclusive message and unknown chunk, their order and their ticks; writing what was read from a written
file gives the same bytes. Bytes are spelt in one way: shortest numbers, running status wherever it may be, an end of
track in every track.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from composer.errors import BadInput
from composer.output import staged_file
from composer.smf import (
    DATA_BYTES,
    END_OF_TRACK,
    ESCAPE,
    MAX_CHUNKS,
    MAX_VARIABLE_LENGTH,
    META,
    SYSEX,
    MidiFile,
    MidiTrack,
    SmfError,
    parse_smf,
)

MAX_FILE_BYTES = 32 * 2**20
MAX_TICKS_PER_BEAT = 0x7FFF


def read_midi_file(path: Path) -> MidiFile:
    """Everything in a MIDI file.

    Raises BadInput (one line with the remedy) on a file that is missing, damaged, too large, of type 2 or timed in
    SMPTE frames.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadInput(
                f"{path}: larger than {MAX_FILE_BYTES // 2**20} MiB; give a MIDI file of one piece"
            )
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
    with told_of(path):
        return parse_smf(data)


@contextmanager
def told_of(path: Path) -> Iterator[None]:
    """What is wrong with the file at ``path`` leaves as BadInput, with its name and the remedy."""
    try:
        yield
    except SmfError as error:
        raise BadInput(f"{path}: {error}; export it again as a standard MIDI file, type 0 or 1") from error


def write_midi_file(file: MidiFile, path: Path) -> None:
    """Write ``file`` to ``path``: in memory first, then to a synced temporary file that is renamed.

    Raises ValueError as `midi_file_bytes` does, BadInput or OutOfResources where the place cannot be written.
    """
    data = midi_file_bytes(file)
    with staged_file(Path(path)) as temporary:
        temporary.write_bytes(data)


def midi_file_bytes(file: MidiFile) -> bytes:
    """The bytes of ``file``. Raises ValueError for one that could not have been read: a type that is not 0 or 1,
    ticks that go back, a message that is none.
    """
    if file.kind not in (0, 1):
        raise ValueError(f"MIDI file type {file.kind} is not 0 or 1")
    if not 1 <= file.ticks_per_beat <= MAX_TICKS_PER_BEAT:
        raise ValueError(f"{file.ticks_per_beat} ticks a beat is outside 1-{MAX_TICKS_PER_BEAT}")
    if not 1 <= len(file.tracks) <= MAX_CHUNKS - len(file.other_chunks):
        raise ValueError(f"{len(file.tracks)} tracks and {len(file.other_chunks)} chunks; 1-{MAX_CHUNKS} fit")
    header = b"".join(
        number.to_bytes(2, "big") for number in (file.kind, len(file.tracks), file.ticks_per_beat)
    )
    placed = [(other.tracks_before, _chunk(other.tag, other.data)) for other in file.other_chunks]
    placed += [(index, _chunk(b"MTrk", _track_bytes(track))) for index, track in enumerate(file.tracks)]
    placed.sort(key=lambda chunk: chunk[0])  # stable: the chunks that stand before a track stay before it
    return _chunk(b"MThd", header) + b"".join(data for _, data in placed)


def _chunk(tag: bytes, data: bytes) -> bytes:
    if len(tag) != 4:
        raise ValueError(f"chunk type {tag!r} is not four bytes")
    return tag + len(data).to_bytes(4, "big") + data


def _track_bytes(track: MidiTrack) -> bytes:
    out = bytearray()
    now, running = 0, 0
    for tick, data in track.messages:
        _check_message(data)
        out += _variable_length(tick - now)
        status, now = data[0], tick
        if status < SYSEX:
            out += data[1:] if status == running else data
            running = status
            continue
        head = 2 if status == META else 1
        out += data[:head] + _variable_length(len(data) - head) + data[head:]
        running = 0
    return bytes(out + _variable_length(track.end_tick - now) + bytes((META, END_OF_TRACK, 0)))


def _check_message(data: bytes) -> None:
    status = data[0] if data else 0
    if status == META:
        is_fine = len(data) >= 2 and data[1] != END_OF_TRACK
    elif status < SYSEX:
        count = DATA_BYTES.get(status & 0xF0)
        is_fine = count is not None and len(data) == 1 + count and max(data[1:]) < 0x80
    else:
        is_fine = status in (SYSEX, ESCAPE)
    if not is_fine:
        raise ValueError(f"{data[:16].hex(' ') or 'nothing'} is no message of a track")


def _variable_length(number: int) -> bytes:
    """``number`` in as few bytes of seven bits as hold it. Raises ValueError outside 0 to 2^28 - 1."""
    if not 0 <= number <= MAX_VARIABLE_LENGTH:
        raise ValueError(f"a time or length of {number} is outside 0-{MAX_VARIABLE_LENGTH}")
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))

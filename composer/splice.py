"""Notes of a MIDI file exchanged for others; every other message stays, byte for byte and in its order.

Convention: ticks and messages as in `composer.smf`. A note belongs to the tick on which it starts: its note-off, found
as `composer.midi_reader` finds it (the first sounding note of the pitch ends first), goes with it. At one tick new
note-offs stand before the messages that were there and new note-ons after them, so that a controller set on the beat
counts for the note.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from composer.music import Note
from composer.smf import META, NOTE_OFF, NOTE_ON, TEXT, MidiFile, MidiTrack

Message = tuple[int, bytes]


def with_notes(
    file: MidiFile, place: tuple[int, int], is_old: Callable[[int, int], bool], notes: Iterable[Note]
) -> MidiFile:
    """``file`` with the notes for which ``is_old`` (start tick, pitch) says so taken out at ``place`` (SMF track,
    channel), and ``notes`` put in."""
    index, channel = place
    track = file.tracks[index]
    gone = _messages_of_notes(track, channel, is_old)
    kept = [message for number, message in enumerate(track.messages) if number not in gone]
    ons: list[Message] = []
    offs: list[Message] = []
    for note in notes:
        start = round(note.onset_beats * file.ticks_per_beat)
        stop = max(round(note.end_beats * file.ticks_per_beat), start + 1)
        ons.append((start, bytes((NOTE_ON | channel, note.pitch, note.velocity))))
        offs.append((stop, bytes((NOTE_OFF | channel, note.pitch, 0))))
    return _with_track(file, index, _merged(offs, kept, ons))


def with_texts(
    file: MidiFile, is_old: Callable[[int, str], bool], texts: Sequence[tuple[int, str]]
) -> MidiFile:
    """``file`` with the text events of its first track for which ``is_old`` (tick, text) says so taken out, and
    ``texts`` (tick, text) put in, after what stands on their tick."""
    kept = [
        (tick, data)
        for tick, data in file.tracks[0].messages
        if not (is_text(data) and is_old(tick, data[2:].decode("utf-8", "replace")))
    ]
    new = [(tick, bytes((META, TEXT)) + text.encode()) for tick, text in texts]
    return _with_track(file, 0, _merged([], kept, new))


def is_text(data: bytes) -> bool:
    """Whether a message is a text event."""
    return data[:2] == bytes((META, TEXT))


def _messages_of_notes(track: MidiTrack, channel: int, is_old: Callable[[int, int], bool]) -> set[int]:
    """Which messages of a track start or end the notes that ``is_old`` names."""
    gone: set[int] = set()
    sounding: dict[int, deque[tuple[int, bool]]] = {}
    for number, (tick, data) in enumerate(track.messages):
        if data[0] & 0x0F != channel or data[0] & 0xF0 not in (NOTE_OFF, NOTE_ON):
            continue
        waiting = sounding.setdefault(data[1], deque())
        if data[0] & 0xF0 == NOTE_ON and data[2] > 0:
            waiting.append((number, is_old(tick, data[1])))
        elif waiting:
            start, goes = waiting.popleft()
            if goes:
                gone |= {start, number}
    return gone | {start for waiting in sounding.values() for start, goes in waiting if goes}


def _merged(before: Iterable[Message], kept: Sequence[Message], after: Iterable[Message]) -> list[Message]:
    """Messages by tick; on one tick ``before`` first and ``after`` last."""
    return sorted((*sorted(before), *kept, *after), key=lambda message: message[0])


def _with_track(file: MidiFile, index: int, messages: list[Message]) -> MidiFile:
    end = max(file.tracks[index].end_tick, messages[-1][0] if messages else 0)
    tracks = list(file.tracks)
    tracks[index] = MidiTrack(tuple(messages), end)
    return replace(file, tracks=tuple(tracks))

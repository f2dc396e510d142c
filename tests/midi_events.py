"""MIDI files as mido reads them, and whether two hold the same outside some places."""

from __future__ import annotations

import io

import mido

from composer.midi_file import midi_file_bytes
from composer.midi_reader import score_of


def events(file) -> list[list[tuple[int, mido.Message]]]:
    """Every track's messages at their ticks, as mido reads them."""
    tracks = []
    for track in mido.MidiFile(file=io.BytesIO(midi_file_bytes(file))).tracks:
        tick, found = 0, []
        for message in track:
            tick += message.time
            found.append((tick, message.copy(time=0)))
        tracks.append(found)
    return tracks


def is_note(message) -> bool:
    return message.type in ("note_on", "note_off")


def is_of_version(message) -> bool:
    told = message.type == "text" and message.text.startswith("version.")
    return told or message.type == "sequencer_specific"


def is_chord(message) -> bool:
    return message.type == "text" and message.text.startswith("chord=")


def notes_of(track) -> list[tuple[int, int, int, int, int]]:
    """(start, stop, pitch, velocity, channel) in ticks."""
    sounding: dict[tuple[int, int], list[tuple[int, int]]] = {}
    notes = []
    for tick, message in track:
        if not is_note(message):
            continue
        waiting = sounding.setdefault((message.channel, message.note), [])
        if message.type == "note_on" and message.velocity:
            waiting.append((tick, message.velocity))
        elif waiting:
            start, velocity = waiting.pop(0)
            notes.append((start, tick, message.note, velocity, message.channel))
    return sorted(notes)


def check_the_rest(old, new, places: set[tuple[int, int]], chords: set[int]) -> None:
    """Outside ``places`` (SMF track, bar), and outside the chords of some bars, both files hold the same."""
    score = score_of(old)

    def bar(tick: int) -> int:
        return score.tempo_map.bar_at(tick / old.ticks_per_beat + 1e-6)

    for index, (before, after) in enumerate(zip(events(old), events(new), strict=True)):
        others = [
            [
                (tick, message)
                for tick, message in track
                if not is_note(message)
                and message.type != "end_of_track"  # a track that ended earlier may be longer now
                and not is_of_version(message)
                and not (is_chord(message) and {bar(tick), bar(tick - 1)} & chords)
            ]
            for track in (before, after)
        ]
        assert others[0] == others[1]
        kept = [
            [note for note in notes_of(track) if (index, bar(note[0])) not in places]
            for track in (before, after)
        ]
        assert kept[0] == kept[1]
        # in the same order too, notes and all else
        order = [
            [
                (tick, message)
                for tick, message in track
                if not is_of_version(message)
                and message.type != "end_of_track"
                and not (is_note(message) and index in {track for track, _ in places})
                and not is_chord(message)
            ]
            for track in (before, after)
        ]
        assert order[0] == order[1]

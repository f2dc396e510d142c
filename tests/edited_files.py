"""What people and programs do to a MIDI file between two sessions: thirty edits, each a function on a mido file."""

from __future__ import annotations

import io
from collections.abc import Callable
from copy import deepcopy

import mido

EDITS: dict[str, Callable[[mido.MidiFile], None]] = {}


def edit(function: Callable[[mido.MidiFile], None]) -> Callable[[mido.MidiFile], None]:
    """Enter an edit into the table."""
    EDITS[function.__name__] = function
    return function


def edited(data: bytes, name: str) -> bytes:
    """The bytes of a file after an edit, as mido writes them."""
    file = mido.MidiFile(file=io.BytesIO(data))
    EDITS[name](file)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def absolute(track: mido.MidiTrack) -> list[tuple[int, mido.Message]]:
    """Messages at their ticks."""
    tick, found = 0, []
    for message in track:
        tick += message.time
        found.append((tick, message.copy(time=0)))
    return found


def relative(track: mido.MidiTrack, messages: list[tuple[int, mido.Message]]) -> None:
    """Put messages at their ticks into a track; its end is where the last of them or its old end is."""
    ends = [tick for tick, message in messages if message.type == "end_of_track"]
    rest = sorted((m for m in messages if m[1].type != "end_of_track"), key=lambda m: m[0])
    end = max([*ends, *(tick for tick, _ in rest)], default=0)
    now, out = 0, []
    for tick, message in [*rest, (end, mido.MetaMessage("end_of_track"))]:
        out.append(message.copy(time=tick - now))
        now = tick
    track[:] = out


def change(file: mido.MidiFile, index: int, how: Callable) -> None:
    """Exchange the messages of a track for what ``how`` makes of them."""
    relative(file.tracks[index], how(absolute(file.tracks[index])))


def is_note(message: mido.Message) -> bool:
    return message.type in ("note_on", "note_off")


@edit
def moves_a_track(file):
    change(file, 1, lambda ms: [(t + 120 if is_note(m) else t, m) for t, m in ms])


@edit
def moves_all_notes_by_odd_ticks(file):
    for index in range(1, len(file.tracks)):
        change(file, index, lambda ms: [(t + 7 if is_note(m) else t, m) for t, m in ms])


@edit
def deletes_notes_of_one_pitch(file):
    pitch = next(m.note for m in file.tracks[1] if is_note(m))
    change(file, 1, lambda ms: [(t, m) for t, m in ms if not (is_note(m) and m.note == pitch)])


@edit
def deletes_a_track(file):
    del file.tracks[-1]


@edit
def deletes_everything_in_two_bars(file):
    for index in range(1, len(file.tracks)):
        change(file, index, lambda ms: [(t, m) for t, m in ms if not (is_note(m) and 1920 <= t < 5760)])


@edit
def transposes_a_track(file):
    change(file, 1, lambda ms: [(t, m.copy(note=min(m.note + 3, 127)) if is_note(m) else m) for t, m in ms])


@edit
def transposes_all_down_an_octave(file):
    for index in range(1, len(file.tracks)):
        change(
            file,
            index,
            lambda ms: [(t, m.copy(note=max(m.note - 12, 0)) if is_note(m) else m) for t, m in ms],
        )


@edit
def quantises_to_eighths(file):
    change(
        file,
        1,
        lambda ms: [(round(t / 240) * 240 + (m.type == "note_off") if is_note(m) else t, m) for t, m in ms],
    )


@edit
def humanises(file):
    change(
        file,
        1,
        lambda ms: [(max(t + (i * 37) % 13 - 6, 0) if is_note(m) else t, m) for i, (t, m) in enumerate(ms)],
    )


@edit
def splits_a_track_at_middle_c(file):
    low = deepcopy(file.tracks[1])
    change(file, 1, lambda ms: [(t, m) for t, m in ms if not (is_note(m) and m.note < 67)])
    file.tracks.append(low)
    change(
        file, len(file.tracks) - 1, lambda ms: [(t, m) for t, m in ms if not (is_note(m) and m.note >= 67)]
    )
    for message in file.tracks[-1]:
        if message.type == "track_name":
            message.name = "Lower half"


@edit
def merges_two_tracks(file):
    joined = absolute(file.tracks[1]) + [m for m in absolute(file.tracks[2]) if m[1].type != "track_name"]
    relative(file.tracks[1], joined)
    del file.tracks[2]


@edit
def merges_all_into_type_0(file):
    merged = mido.merge_tracks(file.tracks)
    file.tracks[:] = [merged]
    file.type = 0


@edit
def changes_the_tempo(file):
    change(file, 0, lambda ms: [*ms, (3840, mido.MetaMessage("set_tempo", tempo=400_000))])


@edit
def bends_the_tempo_inside_a_bar(file):
    added = [(2000 + 100 * i, mido.MetaMessage("set_tempo", tempo=500_000 + 5000 * i)) for i in range(12)]
    change(file, 0, lambda ms: ms + added)


@edit
def changes_the_metre(file):
    change(file, 0, lambda ms: [*ms, (3840, mido.MetaMessage("time_signature", numerator=3, denominator=4))])


@edit
def puts_a_short_bar_in(file):
    added = [
        (3840, mido.MetaMessage("time_signature", numerator=5, denominator=8)),
        (5040, mido.MetaMessage("time_signature", numerator=4, denominator=4)),
    ]
    change(file, 0, lambda ms: ms + added)


@edit
def changes_the_key(file):
    change(file, 0, lambda ms: [*ms, (7680, mido.MetaMessage("key_signature", key="Bm"))])


@edit
def renames_every_track(file):
    for number, track in enumerate(file.tracks):
        for message in track:
            if message.type == "track_name":
                message.name = f"Spur {number} \u00e4"


@edit
def loses_all_names_and_texts(file):
    for index in range(len(file.tracks)):
        change(file, index, lambda ms: [(t, m) for t, m in ms if m.type not in ("track_name", "text")])


@edit
def adds_controllers(file):
    added = [
        (i * 60, mido.Message("control_change", channel=0, control=1, value=i % 128)) for i in range(200)
    ]
    added += [
        (i * 480, mido.Message("control_change", channel=0, control=64, value=127 * (i % 2)))
        for i in range(16)
    ]
    change(file, 1, lambda ms: ms + added)


@edit
def adds_bends_and_pressure(file):
    added = [(i * 48, mido.Message("pitchwheel", channel=0, pitch=(i * 97) % 8000 - 4000)) for i in range(80)]
    added += [(i * 96, mido.Message("aftertouch", channel=0, value=i)) for i in range(40)]
    added += [(i * 96, mido.Message("polytouch", channel=0, note=60, value=i)) for i in range(40)]
    change(file, 1, lambda ms: ms + added)


@edit
def adds_sysex(file):
    added = [
        (0, mido.Message("sysex", data=(0x7E, 0x7F, 9, 1))),
        (960, mido.Message("sysex", data=range(100))),
    ]
    change(file, 0, lambda ms: added + ms)


@edit
def adds_unknown_metas(file):
    added = [
        (0, mido.UnknownMetaMessage(0x4B, data=(1, 2, 3))),  # mido loses the time of these
        (0, mido.MetaMessage("sequencer_specific", data=(0, 0, 0x66, 1))),
        (10, mido.MetaMessage("device_name", name="Bus 1")),
        (0, mido.MetaMessage("midi_port", port=1)),
    ]
    change(file, 1, lambda ms: ms + added)


@edit
def adds_markers_and_lyrics(file):
    added = [(960 * i, mido.MetaMessage("marker", text=f"my mark {i}")) for i in range(5)]
    added += [(480 * i, mido.MetaMessage("lyrics", text="la")) for i in range(9)]
    change(file, 0, lambda ms: ms + added)


@edit
def adds_program_and_bank_changes(file):
    added = [
        (1920, mido.Message("control_change", channel=0, control=0, value=8)),
        (1920, mido.Message("control_change", channel=0, control=32, value=1)),
        (1920, mido.Message("program_change", channel=0, program=40)),
    ]
    change(file, 1, lambda ms: ms + added)


@edit
def records_a_second_take_over_the_first(file):
    added = []
    for i in range(16):
        added.append((i * 480, mido.Message("note_on", channel=0, note=60, velocity=70)))
        added.append((i * 480 + 700, mido.Message("note_on", channel=0, note=60, velocity=0)))
    change(file, 1, lambda ms: ms + added)


@edit
def leaves_notes_hanging(file):
    change(file, 1, lambda ms: [*ms, (960, mido.Message("note_on", channel=0, note=65, velocity=90))])


@edit
def adds_an_instrument_of_its_own(file):
    track = mido.MidiTrack(
        [mido.MetaMessage("track_name", name="Erhu"), mido.Message("program_change", channel=7, program=110)]
    )
    for i in range(8):
        track.append(mido.Message("note_on", channel=7, note=72 + i, velocity=80, time=0))
        track.append(mido.Message("note_off", channel=7, note=72 + i, velocity=64, time=450))
    file.tracks.append(track)


@edit
def plays_longer_than_the_film(file):
    end = max(sum(m.time for m in track) for track in file.tracks)
    added = [
        (end + 960, mido.Message("note_on", channel=0, note=70, velocity=80)),
        (end + 2000, mido.Message("note_off", channel=0, note=70)),
    ]
    change(file, 1, lambda ms: ms + added)


@edit
def scales_all_velocities(file):
    for track in file.tracks:
        for message in track:
            if message.type == "note_on" and message.velocity:
                message.velocity = max(message.velocity * 3 // 4, 1)

"""MIDI files read as performances: times, sharing of channels, damage, caps."""

from __future__ import annotations

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from render import smf
from render.errors import BadInput
from render.events import MidiLimits, read_performance


def note(pitch, start, length, channel=0, velocity=80):
    return [
        (start, mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)),
        (start + length, mido.Message("note_off", note=pitch, channel=channel)),
    ]


def track(events, end=None, name=None):
    """A mido track from (tick, message) pairs."""
    out = mido.MidiTrack()
    if name:
        out.append(mido.MetaMessage("track_name", name=name, time=0))
    previous = 0
    for tick, message in sorted(events, key=lambda pair: pair[0]):
        out.append(message.copy(time=tick - previous))
        previous = tick
    out.append(mido.MetaMessage("end_of_track", time=(end or previous) - previous))
    return out


def save(path, *tracks, type=1, ticks_per_beat=480):
    mido.MidiFile(type=type, ticks_per_beat=ticks_per_beat, tracks=list(tracks)).save(path)
    return path


def starts(part):
    return part.time_s[part.status == smf.NOTE_ON].tolist()


def test_times_follow_the_tempo_map(tmp_path):
    tempi = [
        (0, mido.MetaMessage("set_tempo", tempo=500_000)),
        (960, mido.MetaMessage("set_tempo", tempo=250_000)),
    ]
    markers = [(960, mido.MetaMessage("marker", text="H001"))]
    path = save(
        tmp_path / "a.mid",
        track(tempi + markers, end=2400),
        track(note(60, 0, 480) + note(62, 960, 480) + note(64, 1440, 480), name="Violin"),
    )
    performance = read_performance(path)
    (part,) = performance.parts
    assert starts(part) == pytest.approx([0.0, 1.0, 1.25])
    assert performance.end_s == pytest.approx(1.0 + 1440 / 480 * 0.25)
    assert [(m.time_s, m.text) for m in performance.markers] == [(1.0, "H001")]
    assert performance.stem_names == ("Violin",)


def test_stuck_notes_end_with_the_file(tmp_path):
    path = save(tmp_path / "a.mid", track([(0, mido.Message("note_on", note=60, velocity=9))], end=960))
    (part,) = read_performance(path).parts
    assert part.status.tolist() == [smf.NOTE_ON, smf.NOTE_OFF]
    assert part.time_s.tolist() == [0.0, 1.0]


def test_tracks_with_own_programs_stay_apart_on_a_shared_channel(tmp_path):
    tracks = [
        track([(0, mido.Message("program_change", program=p)), *note(60, 0, 480)], name=n)
        for p, n in ((40, "Violin"), (73, "Flute"))
    ]
    parts = read_performance(save(tmp_path / "a.mid", *tracks)).parts
    assert [p.data1[p.status == smf.PROGRAM].tolist() for p in parts] == [[40], [73]]


def test_a_setup_track_reaches_the_tracks_of_its_channel(tmp_path):
    setup = track(
        [(0, mido.Message("program_change", program=40)), (0, mido.Message("control_change", control=7))]
    )
    parts = read_performance(save(tmp_path / "a.mid", setup, track(note(60, 0, 480)))).parts
    assert len(parts) == 1
    assert parts[0].status.tolist()[:2] == [smf.PROGRAM, smf.CONTROL]


def test_format_0_gives_a_stem_for_every_channel(tmp_path):
    path = save(tmp_path / "a.mid", track(note(60, 0, 480, 0) + note(36, 0, 480, 9)), type=0)
    performance = read_performance(path)
    assert performance.stem_names == ("Channel 1", "Channel 10")
    assert [part.is_drums for part in performance.parts] == [False, True]


def test_format_2_tracks_follow_each_other(tmp_path):
    path = save(tmp_path / "a.mid", track(note(60, 0, 480)), track(note(62, 0, 480)), type=2)
    performance = read_performance(path)
    assert [starts(part) for part in performance.parts] == [[0.0], [0.5]]
    assert performance.end_s == 1.0


def test_equal_track_names_are_told_apart(tmp_path):
    path = save(tmp_path / "a.mid", *[track(note(60, 0, 480, c), name="Horn") for c in (0, 1)])
    assert read_performance(path).stem_names == ("Horn", "Horn (2)")


def raw_file(*chunks, format=1, division=480):
    header = b"MThd" + (6).to_bytes(4, "big") + format.to_bytes(2, "big")
    header += len(chunks).to_bytes(2, "big") + division.to_bytes(2, "big")
    return header + b"".join(b"MTrk" + len(c).to_bytes(4, "big") + c for c in chunks)


NOTE = b"\x00\x90\x3c\x50\x83\x60\x80\x3c\x00"
END = b"\x00\xff\x2f\x00"


def test_smpte_time_base(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(raw_file(b"\x19\x90\x3c\x50" + NOTE + END, division=0xE728))  # 25 frames of 40 ticks
    assert starts(read_performance(path).parts[0])[0] == pytest.approx(0.025)


@pytest.mark.parametrize("tempo", [b"\x00\x00\x00", b"\xff\xff\xff"])
def test_impossible_tempo_is_ignored_and_named(tmp_path, tempo):
    path = tmp_path / "a.mid"
    path.write_bytes(raw_file(b"\x00\xff\x51\x03" + tempo + NOTE + END))
    performance = read_performance(path)
    assert performance.end_s == pytest.approx(0.5)
    assert any("tempo" in warning for warning in performance.warnings)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MThd",
        b"not a midi file" * 10,
        raw_file(),
        raw_file(END),
        raw_file(NOTE + END, division=0),
        raw_file(NOTE + END, division=0x8000),
        raw_file(b"\xff\xff\xff\x7f" * 1 + NOTE[1:] + END, division=1),
    ],
)
def test_useless_files_give_one_clear_line(tmp_path, content):
    path = tmp_path / "bad.mid"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_performance(path)
    assert "bad.mid" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_tracks_keep_what_came_before(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(raw_file(NOTE + b"\x00\xf4\x00\x90\xbc\x50\x00\x90"))
    performance = read_performance(path)
    assert performance.note_count == 2
    assert len(performance.warnings) == 4


@pytest.mark.parametrize(
    "limits", [MidiLimits(max_bytes=20), MidiLimits(max_messages=1), MidiLimits(max_tracks=1)]
)
def test_caps(tmp_path, limits):
    path = save(tmp_path / "a.mid", track(note(60, 0, 480)), track(note(60, 0, 480)))
    with pytest.raises(BadInput, match="split"):
        read_performance(path, limits)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=100), st.integers(0, 3))
def test_any_bytes_are_read_or_refused(tmp_path_factory, first, second, format):
    path = tmp_path_factory.getbasetemp() / "fuzz.mid"
    path.write_bytes(raw_file(first, second, format=format))
    try:
        performance = read_performance(path)
    except BadInput:
        return
    for part in performance.parts:
        assert (np.diff(part.time_s) >= 0).all()
        assert part.time_s[-1] <= performance.end_s + 1e-9
        assert max(part.data1.max(), part.data2.max()) < 128


def test_damaged_files(shared_data):
    read, refusals = 0, []
    for path in sorted((shared_data / "bad" / "midi").iterdir()):
        try:
            read += read_performance(path).note_count > 0
        except BadInput as error:
            refusals.append(str(error))
    assert read >= 70
    assert all(".mid" in line.lower() and "\n" not in line for line in refusals)

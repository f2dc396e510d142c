"""A MIDI file on a new timeline, event by event."""

from __future__ import annotations

from dataclasses import replace

import pytest
from real_midi import real_files

from composer.errors import BadInput
from composer.followed import followed, sheet_of
from composer.kept_bars import Layout, lay_out
from composer.midi_file import midi_file_bytes
from composer.midi_reader import score_of
from composer.moved_file import moved_file
from composer.picture_edit import PictureEdit, Piece, Shot
from composer.smf import MidiFile, MidiTrack, OtherChunk, parse_smf
from composer.timing import Bar, TempoMap

BAR = 1920


def meta(kind: int, data: bytes) -> bytes:
    return bytes((0xFF, kind)) + data


def text(words: str) -> bytes:
    return meta(0x01, words.encode())


CONDUCTOR = [
    (0, meta(0x03, b"Mine")),
    (0, text("seed=3")),
    (0, meta(0x58, b"\x04\x02\x18\x08")),
    (0, meta(0x51, b"\x07\xa1\x20")),
    (0, meta(0x59, b"\x00\x00")),
    (0, text("chord=C")),
    (0, text("mood=0.10,0.20")),
    (BAR + 480, meta(0x06, b"GONE")),
    (BAR, text("chord=F")),
    (2 * BAR, text("chord=G")),
    (2 * BAR + 960, meta(0x51, b"\x08\x00\x00")),
    (3 * BAR, meta(0x51, b"\x07\xa1\x20")),
    (3 * BAR, meta(0x59, b"\x02\x00")),
    (3 * BAR, meta(0x06, b"KEPT")),
    (4 * BAR, text("chord=end")),
]
PLAYER = [
    (0, b"\xb0\x00\x01"),
    (0, b"\xc0\x10"),
    (0, b"\xb0\x0b\x50"),
    (0, b"\x90\x3c\x40"),  # rings from bar 1 into bar 3
    (960, b"\xb0\x40\x7f"),
    (BAR, b"\xe0\x00\x60"),
    (BAR, b"\xc0\x11"),
    (BAR, b"\x90\x40\x41"),
    (2 * BAR + 480, b"\x80\x3c\x05"),
    (2 * BAR + 480, b"\x80\x40\x00"),
    (2 * BAR + 480, b"\xb0\x0b\x70"),
    (3 * BAR, b"\x90\x43\x42"),
    (4 * BAR, b"\x80\x43\x00"),
]


@pytest.fixture
def file() -> MidiFile:
    tracks = (
        MidiTrack(tuple(sorted(CONDUCTOR, key=lambda m: m[0])), 4 * BAR),
        MidiTrack(tuple(PLAYER), 4 * BAR),
    )
    return MidiFile(1, 480, tracks, (OtherChunk(1, b"XFIH", b"kept"),))


def moved(file: MidiFile, sources: tuple[int | None, ...], pieces: tuple[Piece, ...], marks=()):
    """``file`` with the bars of ``sources``; new bars last a quarter of a second a beat."""
    old = score_of(file).tempo_map
    bars = tuple(Bar(3, 4, 250_000) if source is None else old.bars[source] for source in sources)
    edit = PictureEdit(pieces, (Shot("shot 1", 0.0, old.end_s),))
    return moved_file(file, old, Layout(TempoMap(bars), sources), edit, marks, lambda data: False)


def test_nothing_is_moved_where_nothing_is_cut(file):
    end_s = score_of(file).tempo_map.end_s
    found = moved(file, (0, 1, 2, 3), (Piece(0, end_s, 0.0),))
    for one, other in zip(file.tracks, found.file.tracks, strict=True):
        assert sorted(one.messages) == sorted(other.messages)
        assert one.end_tick == other.end_tick
    assert found.file.tracks[1].messages == file.tracks[1].messages
    assert found.file.other_chunks == file.other_chunks
    assert not found.dropped


def test_a_gap_between_kept_bars(file):
    """The second bar is made anew as a bar of three quarters, without its picture."""
    found = moved(file, (0, None, 2, 3), (Piece(0, 2, 0), Piece(2, 2.75, None), Piece(2.75, 6.9, 4)))
    new = BAR + 3 * 480  # where the third bar begins now
    player = found.file.tracks[1].messages
    assert player == (
        (0, b"\xb0\x00\x01"),
        (0, b"\xc0\x10"),
        (0, b"\xb0\x0b\x50"),
        (0, b"\x90\x3c\x40"),
        (960, b"\xb0\x40\x7f"),
        (BAR, b"\x80\x3c\x00"),  # cut at the end of what is kept
        (BAR, b"\xb0\x40\x00"),  # new bars begin with the pedal up
        (new, b"\xb0\x40\x7f"),  # and what was set before the third bar is set there
        (new, b"\xe0\x00\x60"),
        (new, b"\xc0\x11"),
        (new, b"\x90\x3c\x40"),  # both notes that rang into it are struck
        (new, b"\x90\x40\x41"),
        (new + 480, b"\x80\x3c\x05"),
        (new + 480, b"\x80\x40\x00"),
        (new + 480, b"\xb0\x0b\x70"),
        (new + BAR, b"\x90\x43\x42"),
        (new + 2 * BAR, b"\x80\x43\x00"),
    )
    conductor = found.file.tracks[0].messages
    assert [m for m in conductor if m[1][:2] == b"\xff\x58"] == [
        (0, meta(0x58, b"\x04\x02\x18\x08")),
        (BAR, meta(0x58, b"\x03\x02\x18\x08")),
        (new, meta(0x58, b"\x04\x02\x18\x08")),
    ]
    assert [(t, int.from_bytes(d[2:], "big")) for t, d in conductor if d[:2] == b"\xff\x51"] == [
        (0, 500_000),
        (BAR, 250_000),
        (new, 500_000),
        (new + 960, 524_288),
        (new + BAR, 500_000),
    ]
    texts = [(t, d[2:].decode()) for t, d in conductor if d[:2] == b"\xff\x01"]
    assert texts == [
        (0, "seed=3"),
        (0, "chord=C"),
        (0, "mood=0.10,0.20"),
        (new, "chord=G"),
        (new + 2 * BAR, "chord=end"),
    ]
    assert found.dropped == ("dropped: marker 'GONE' at 00:02.5, whose picture is gone",)
    assert found.file.tracks[0].end_tick == found.file.tracks[1].end_tick == new + 2 * BAR


def test_bars_may_stand_elsewhere_and_twice(file):
    """The last bar first, then the first bar twice: programs, banks and bends are as they were in each."""
    pieces = (Piece(0, 2, 6.097152), Piece(2, 4, 0), Piece(4, 6, 0))
    found = moved(file, (3, 0, 0), pieces)
    player = found.file.tracks[1].messages
    assert player[:4] == ((0, b"\xb0\x00\x01"), (0, b"\xc0\x10"), (0, b"\xb0\x0b\x50"), (0, b"\xb0\x40\x7f"))
    assert {(0, b"\xc0\x11"), (0, b"\xb0\x0b\x70"), (BAR, b"\xc0\x10"), (BAR, b"\xb0\x0b\x50")} <= set(player)
    assert (BAR, b"\xe0\x00\x40") in player  # the bend had not begun
    assert [tick for tick, data in player if data[:2] == b"\x90\x3c"] == [BAR, 2 * BAR]
    keys = [(t, d[2:]) for t, d in found.file.tracks[0].messages if d[:2] == b"\xff\x59"]
    assert keys == [(0, b"\x02\x00"), (BAR, b"\x00\x00")]
    assert [t for t, d in found.file.tracks[0].messages if d[:2] == b"\xff\x06"] == [0]


def test_a_mark_in_a_new_bar_goes_where_its_picture_is(file):
    found = moved(file, (0, None, 2, 3), (Piece(0, 2, 0), Piece(2, 2.75, 2.0), Piece(2.75, 6.9, 4)))
    places = [t for t, d in found.file.tracks[0].messages if d == meta(0x06, b"GONE")]
    assert places == [BAR + 960]  # half a second into the bar, at a quarter of a second a beat
    assert not found.dropped


def test_moods_of_new_bars_are_those_of_the_new_picture(file):
    marks = [(0, text("mood=0.50,0.50")), (BAR, text("mood=-0.50,0.00"))]
    found = moved(file, (0, None, 2, 3), (Piece(0, 2, 0), Piece(2, 2.75, None), Piece(2.75, 6.9, 4)), marks)
    moods = [(t, d[2:]) for t, d in found.file.tracks[0].messages if d[2:].startswith(b"mood=")]
    assert moods == [(0, b"mood=0.10,0.20"), (BAR, b"mood=-0.50,0.00"), (BAR + 1440, b"mood=0.10,0.20")]


def test_a_file_of_type_0_moves_as_well(file):
    merged = sorted((*CONDUCTOR, *PLAYER), key=lambda message: message[0])
    single = MidiFile(0, 480, (MidiTrack(tuple(merged), 4 * BAR),))
    pieces = (Piece(0, 2, 0), Piece(2, 2.75, None), Piece(2.75, 6.9, 4))
    one, two = moved(single, (0, None, 2, 3), pieces).file, moved(file, (0, None, 2, 3), pieces).file
    assert score_of(parse_smf(midi_file_bytes(one))).tempo_map == score_of(two).tempo_map
    assert [t.notes for t in score_of(one).tracks] == [t.notes for t in score_of(two).tracks]


def test_ticks_that_hold_no_eighth_are_refused(file):
    odd = replace(file, ticks_per_beat=15)
    old = TempoMap((Bar.at_bpm(120), Bar.at_bpm(120)))
    layout = Layout(TempoMap((old.bars[0], Bar(3, 8, 500_000))), (0, None))
    edit = PictureEdit((Piece(0, 2.75, 0),), (Shot("shot 1", 0, 4),))
    with pytest.raises(ValueError, match="15 ticks"):
        moved_file(odd, old, layout, edit, (), lambda data: False)


def test_real_files_keep_every_note_of_kept_bars(shared_data):
    """A third of the picture is taken out of the middle and put first."""
    for name, real in real_files(shared_data, 2):
        score = score_of(real)
        end = score.tempo_map.end_s
        if not 20 < end < 400:
            continue
        a, b = round(end / 3 * 25) / 25, round(end * 2 / 3 * 25) / 25
        pieces = (Piece(0, b - a, a, 1), Piece(b - a, b, 0.0, 0), Piece(b, end, b, 2))
        shots = (Shot("shot 1", 0, a), Shot("shot 2", a, b), Shot("shot 3", b, end))
        edit = PictureEdit(pieces, shots)
        before = sheet_of(score)
        try:
            layout = lay_out(score.tempo_map, edit, followed(before, edit), before.hits)
        except BadInput:
            continue
        new = score_of(
            parse_smf(
                midi_file_bytes(moved_file(real, score.tempo_map, layout, edit, (), lambda d: False).file)
            )
        )
        assert new.tempo_map == layout.tempo_map, name
        assert abs(new.tempo_map.end_s - end) <= 0.02
        for bar, source in enumerate(layout.sources):
            if source is not None:
                assert set(_onsets(score, source)) <= set(_onsets(new, bar)), (name, bar)
        assert sum(source is not None for source in layout.sources) >= 0.5 * len(layout.sources)


def _onsets(score, bar: int) -> list[tuple]:
    start, stop = score.tempo_map.bar_starts_beats[bar : bar + 2]
    return [
        (round(float(n.onset_beats - start), 4), n.pitch, n.velocity)
        for track in score.tracks
        for n in track.notes
        if start - 1e-6 <= n.onset_beats < stop - 1e-6
    ]

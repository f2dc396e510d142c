"""Files of one section each: complete, and together the whole music."""

import random
from collections import Counter
from dataclasses import replace

import mido
import pretty_midi
import pytest
from real_midi import real_files
from score_builders import film_cues, make_music

from composer.chase import ChannelState
from composer.conductor import Conductor
from composer.errors import BadInput
from composer.lint import lint
from composer.midi import midi_bytes
from composer.midi_file import midi_file_bytes, read_midi_file
from composer.midi_reader import places_of, read_midi, score_of
from composer.orchestrate import orchestrate
from composer.section_files import OPENING, section_file, section_spans, write_sections
from composer.smf import META, MidiFile, MidiTrack, parse_smf
from composer.timecode import timecode_s


def film_file(**changes):
    cues = film_cues("full-orchestra", 60.0)
    return parse_smf(midi_bytes(replace(orchestrate(*make_music(cues, 3), cues), **changes)))


def meta(kind, data):
    return bytes((META, kind)) + data


def cut(file, index):
    score = score_of(file)
    return section_file(file, score, section_spans(file, score)[index])


def note_ticks(file):
    """(start, stop, track, channel, pitch, velocity) of all notes, in ticks."""
    score = score_of(file)
    ticks = file.ticks_per_beat
    return [
        (round(note.onset_beats * ticks), round(note.end_beats * ticks), *place, note.pitch, note.velocity)
        for place, track in zip(places_of(file), score.tracks, strict=True)
        for note in track.notes
    ]


def check_together(file, spans, pieces):
    """The notes of all pieces are those of ``file``, cut at the borders."""
    wanted, found = Counter(), Counter()
    for span, piece in zip(spans, pieces, strict=True):
        for start, stop, *rest in note_ticks(file):
            if start < span.end and stop > span.start:
                wanted[max(start, span.start), min(stop, span.end), *rest] += 1
        for start, stop, *rest in note_ticks(piece):
            found[start + span.start, stop + span.start, *rest] += 1
    assert found == wanted


def marked_anywhere(file, rng):
    """The file with section markers on ticks of every sort: where a note begins or ends, and between."""
    end = max(track.end_tick for track in file.tracks)
    ticks = [tick for track in file.tracks for tick, _ in track.messages if tick < end]
    chosen = sorted({*rng.choices(ticks, k=3), *(rng.randrange(end) for _ in range(3))})
    markers = tuple((tick, meta(0x06, b"S%d" % tick)) for tick in chosen)
    first = file.tracks[0]
    messages = sorted((*first.messages, *markers), key=lambda message: message[0])
    return replace(
        file, tracks=(MidiTrack(tuple(messages), max(first.end_tick, chosen[-1])), *file.tracks[1:])
    )


@pytest.mark.slow
def test_real_files_cut_anywhere_are_whole_together(shared_data):
    rng = random.Random(5)
    for _, file in real_files(shared_data):
        marked = marked_anywhere(file, rng)
        score = score_of(marked)
        spans = section_spans(marked, score)
        pieces = [section_file(marked, score, span) for span in spans]
        check_together(marked, spans, [parse_smf(midi_file_bytes(piece)) for piece in pieces])
        whole = Conductor.of(marked)
        for span, piece in zip(spans, pieces, strict=True):
            lasts = whole.seconds(span.end) - whole.seconds(span.start)
            assert Conductor.of(piece).seconds(span.end - span.start) == pytest.approx(lasts, abs=1e-9)


@pytest.mark.parametrize("shift_beats", [0.0, 1.3])
def test_the_sections_together_are_the_music(tmp_path, shift_beats):
    markers = score_of(film_file()).markers
    file = film_file(
        markers=tuple(
            replace(m, onset_beats=m.onset_beats + (shift_beats if m.onset_beats else 0.0)) for m in markers
        )
    )
    paths = write_sections(file, tmp_path / "parts")
    assert [path.name for path in paths] == ["01 A.mid", "02 B.mid", "03 C.mid", "04 A'.mid"]
    assert sorted((tmp_path / "parts").iterdir()) == sorted(paths)
    spans = section_spans(file, score_of(file))
    check_together(file, spans, [read_midi_file(path) for path in paths])
    is_crossed = any(start < span.start < stop for span in spans for start, stop, *_ in note_ticks(file))
    assert is_crossed == (shift_beats > 0)


@pytest.mark.parametrize(
    ("rate", "start"), [(25.0, "01:00:00:00"), (30000 / 1001, "01:00:00;00"), (50.0, "00:00:00:00")]
)
def test_every_section_stands_alone(tmp_path, rate, start):
    file = film_file(frame_rate=rate, start_timecode=start)
    whole = score_of(file)
    begins = [marker.onset_beats for marker in whole.markers if marker.kind == "section"]
    for path, begin in zip(write_sections(file, tmp_path), begins, strict=True):
        part = read_midi(path)
        time_s = whole.tempo_map.seconds(begin)
        bar_lines = whole.tempo_map.bar_starts_s - time_s
        inside = bar_lines[(bar_lines > 1e-6) & (bar_lines < part.tempo_map.end_s - 1e-6)]
        assert part.tempo_map.bar_starts_s[1:-1] == pytest.approx(inside, abs=1e-6)
        assert timecode_s(part.start_timecode, rate, start) == pytest.approx(time_s, abs=1 / rate)
        offset = next(m for m in read_midi_file(path).tracks[0].metas if m.kind == 0x54).data
        frames = 30000 / 1001 if ";" in start else 25.0
        separator = ";" if ";" in start else ":"
        label = f"{offset[0] & 31:02d}:{offset[1]:02d}:{offset[2]:02d}{separator}{offset[3]:02d}"
        exact_s = timecode_s(label, frames, start) + offset[4] / 100 / frames
        assert exact_s == pytest.approx(time_s, abs=0.011 / frames)
        assert [track.name for track in part.tracks] == [track.name for track in whole.tracks]
        for own, other in zip(part.tracks, whole.tracks, strict=True):
            assert (own.program, own.volume, own.pan, own.role) == (
                other.program,
                other.volume,
                other.pan,
                other.role,
            )
            values = [value for beat, value in other.expression if beat <= begin + 1e-6]
            assert [value for beat, value in own.expression if beat == 0][-1:] == values[-1:]
        assert part.keys[0][1] == [name for beat, name in whole.keys if beat <= begin + 1e-6][-1]
        end = begin + part.tempo_map.end_beats
        chords = {
            span.onset_beats - begin: span.chord for span in whole.chords if begin <= span.onset_beats < end
        }
        assert {span.onset_beats: span.chord for span in part.chords if span.onset_beats > 0} == {
            beat: chord for beat, chord in chords.items() if beat > 0
        }
        inside = [m for m in whole.markers if begin <= m.onset_beats < end]
        assert [m.text for m in part.markers] == [m.text for m in inside]
        assert [m.onset_beats for m in part.markers] == pytest.approx([m.onset_beats - begin for m in inside])
        assert part.provenance == whole.provenance


def test_no_program_loses_anything_of_them():
    file = film_file()
    score = score_of(file)
    assert lint(file) == ()
    for span in section_spans(file, score):
        assert lint(section_file(file, score, span)) == ()


def test_other_readers_open_them(tmp_path):
    for path in write_sections(film_file(), tmp_path):
        other = mido.MidiFile(path)
        assert other.length == pytest.approx(read_midi(path).tempo_map.end_s, abs=1e-3)
        piano = pretty_midi.PrettyMIDI(str(path))
        assert piano.get_end_time() <= other.length + 1e-3
        assert sum(len(i.notes) for i in piano.instruments) == len(note_ticks(read_midi_file(path)))


def test_controllers_programs_bends_and_parameters_are_chased():
    setup = [
        *((0, meta(0x03, b"Lead")), (0, b"\xf0\x7e\x7f\x09\x01\xf7"), (0, b"\xb2\x00\x01"), (0, b"\xc2\x10")),
        *((0, b"\xb2\x65\x00"), (0, b"\xb2\x64\x00"), (0, b"\xb2\x06\x0c"), (0, b"\xb2\x65\x7f")),
        *((0, b"\xb2\x64\x7f"), (0, b"\xb2\x07\x50"), (10, b"\x92\x3c\x40"), (20, b"\xb2\x40\x7f")),
        *((30, b"\xe2\x00\x50"), (40, b"\xd2\x22"), (50, b"\xb2\x07\x51"), (60, b"\xc2\x11")),
        *((400, meta(0x01, b"hello")), (480, meta(0x06, b"B")), (480, b"\xc2\x12"), (480, b"\x92\x40\x40")),
        *((480, b"\xb2\x0b\x30"), (500, b"\x82\x3c\x07"), (600, b"\x82\x40\x00")),
    ]
    file = MidiFile(1, 480, (MidiTrack((), 960), MidiTrack(tuple(setup), 960)))
    assert [span.name for span in section_spans(file, score_of(file))] == [OPENING, "B"]
    first, second = cut(file, 0), cut(file, 1)
    assert first.tracks[1].messages[-1] == (480, b"\x82\x3c\x00")
    assert second.tracks[1].messages == (
        *((0, meta(0x03, b"Lead")), (0, b"\xf0\x7e\x7f\x09\x01\xf7")),
        *((0, b"\xb2\x00\x01"), (0, b"\xc2\x12")),
        *((0, b"\xb2\x64\x00"), (0, b"\xb2\x65\x00"), (0, b"\xb2\x06\x0c")),
        *((0, b"\xb2\x65\x7f"), (0, b"\xb2\x64\x7f")),
        *((0, b"\xb2\x07\x51"), (0, b"\xb2\x0b\x30"), (0, b"\xb2\x40\x7f")),
        *((0, b"\xe2\x00\x50"), (0, b"\xd2\x22"), (0, b"\x92\x3c\x40")),
        *((0, meta(0x06, b"B")), (0, b"\x92\x40\x40")),
        *((20, b"\x82\x3c\x07"), (120, b"\x82\x40\x00")),
    )
    assert parse_smf(midi_file_bytes(second)) == second


def test_reset_takes_back_what_it_should():
    state = ChannelState()
    for text in ("b0 07 50", "b0 40 7f", "e0 00 50", "b0 63 01", "b0 62 02", "b0 06 10", "b0 79 00"):
        state.take(bytes.fromhex(text))
    assert [data.hex(" ") for data in state.messages()] == ["b0 62 02", "b0 63 01", "b0 06 10", "b0 07 50"]


def test_a_note_that_ends_at_the_border_is_not_struck_again():
    messages = ((0, b"\x90\x3c\x40"), (480, b"\x90\x3c\x41"), (480, b"\x80\x3c\x05"), (480, meta(0x06, b"B")))
    file = MidiFile(0, 480, (MidiTrack((*messages, (600, b"\x80\x3c\x06")), 960),))
    assert note_ticks(cut(file, 0)) == [(0, 480, 0, 0, 60, 0x40)]
    assert note_ticks(cut(file, 1)) == [(0, 120, 0, 0, 60, 0x41)]


def test_a_section_inside_a_bar_begins_with_the_rest_of_it():
    messages = (
        *(
            (0, meta(0x58, bytes((4, 2, 24, 8)))),
            (0, meta(0x51, bytes((7, 0xA1, 0x20)))),
            (0, b"\x90\x3c\x40"),
        ),
        *((1200, meta(0x06, b"B")), (3000, b"\x80\x3c\x00")),
    )
    part = cut(MidiFile(0, 480, (MidiTrack(messages, 4800),)), 1)
    bars = score_of(part).tempo_map.bars
    assert [(bar.numerator, bar.denominator) for bar in bars] == [(3, 8), (4, 4), (4, 4)]


def test_tempo_and_metre_of_any_track_are_chased():
    own = (
        (0, meta(0x51, bytes((5, 0, 0)))),
        (100, meta(0x51, bytes((6, 0, 0)))),
        (900, meta(0x58, b"\x03\x02\x18\x08")),
    )
    marked = ((0, b"\x90\x3c\x40"), (2340, meta(0x06, b"B")), (2400, b"\x80\x3c\x00"))
    file = MidiFile(1, 480, (MidiTrack((), 0), MidiTrack(own, 900), MidiTrack(marked, 5000)))
    conductor = Conductor.of(cut(file, 1))
    assert conductor.tempi == ((0, 6 * 65536),)
    assert [(m.numerator, m.denominator) for m in conductor.metres][-1] == (3, 4)


def test_names_are_fit_for_any_disk(tmp_path):
    names = (b'a/b:c*?"<>|\\', b"...", b"x" * 300, b"same", b"same")
    messages = [(0, b"\x90\x3c\x40"), *((480 * n, meta(0x06, name)) for n, name in enumerate(names))]
    file = MidiFile(0, 480, (MidiTrack((*messages, (2390, b"\x80\x3c\x00")), 2400),))
    written = [path.name for path in write_sections(file, tmp_path)]
    assert written[:2] == ["01 a_b_c_______.mid", "02 Section.mid"]
    assert len(written[2]) == 255
    assert written[3:] == ["04 same.mid", "05 same.mid"]


def test_too_many_sections_are_refused(tmp_path):
    messages = ((0, b"\x90\x3c\x40"), *((n, meta(0x06, b"x")) for n in range(1000)), (1200, b"\x80\x3c\x00"))
    with pytest.raises(BadInput, match=r"1000 sections, more than 999; mark fewer"):
        write_sections(MidiFile(0, 480, (MidiTrack(messages, 1200),)), tmp_path / "parts")
    assert not (tmp_path / "parts").exists()

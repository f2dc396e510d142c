"""REAPER projects, read back with the parser of the package rpp: the same tempo map, markers, notes and events."""

import base64
from collections import Counter, defaultdict, deque

import pytest
import rpp
from real_midi import real_files
from score_builders import film_cues, make_cues, make_music, make_section

from composer.conductor import Conductor
from composer.midi import midi_bytes
from composer.midi_reader import score_of
from composer.orchestrate import orchestrate
from composer.palettes import PALETTES
from composer.reaper import CONDUCTED, Film, reaper_text, write_reaper
from composer.smf import META, SYSEX, MidiFile, MidiTrack, parse_smf
from composer.spotting.cues import Hit

METRES = [((4, 4),), ((6, 8), (9, 8)), ((7, 8), (3, 4)), ((2, 2), (5, 16), (3, 4))]


def film_file(style="full-orchestra", **tempo):
    cues = film_cues(style)
    if tempo:
        cues = make_cues(60.0, [make_section(0.0, 60.0, style)], hits=[Hit(12.3, 'a "door"', 1.0)], **tempo)
    lead, accompaniment = make_music(cues, 3)
    return parse_smf(midi_bytes(orchestrate(lead, accompaniment, cues)))


def meta(kind, data):
    return bytes((META, kind)) + data


def metre(numerator, power):
    return meta(0x58, bytes((numerator, power, 24, 8)))


def tempo(us):
    return meta(0x51, us.to_bytes(3, "big"))


def read(project):
    """The tree, and under each tag of the project's own lines those lines."""
    tree = rpp.loads(project)
    lines = defaultdict(list)
    for child in tree:
        if isinstance(child, list):
            lines[child[0]].append(child[1:])
    return tree, lines


def bar_times(tree, count):
    """Times of bar lines by tempo and metre alone: points' own times are only used to know how far each holds."""
    points = [child for child in tree.find("TEMPOENVEX") if child[0] == "PT"]
    quarter, changes, metres = 0.0, [], []
    for index, (_, time, bpm, shape, *rest) in enumerate(points):
        assert shape == "1"
        if index:
            before = changes[-1]
            quarter += (float(time) - before[0]) * before[2] / 60
        changes.append((float(time), quarter, float(bpm)))
        if rest:
            number, selected, flags = (int(field) for field in rest)
            assert (selected, flags & 1) == (0, 1)
            metres.append((quarter, number & 0xFFFF, number >> 16, flags))
    found, here = [], 0.0
    for start, numerator, denominator, flags in metres:
        assert bool(flags & 4) == (abs(start - here) > 1e-6)
        here = start
        following = next((later for later, *_ in metres if later > start + 1e-6), float("inf"))
        while here < following - 1e-6 and len(found) < count:
            at = max(point for point in changes if point[1] <= here + 1e-6)
            found.append(at[0] + (here - at[1]) * 60 / at[2])
            here += numerator * 4 / denominator
    return found


def item_events(track):
    """(tick, bytes) of the events of a track's MIDI item, and its last tick."""
    source = track.find("ITEM").find("SOURCE")
    assert source.attrib == ["MIDI"]
    tick, events = 0, []
    for child in source:
        if isinstance(child, list) and child[0] == "E":
            tick += int(child[1])
            events.append((tick, bytes(int(byte, 16) for byte in child[2:])))
        elif isinstance(child, rpp.Element):
            tick += int(child.attrib[0])
            events.append((tick, b"".join(base64.b64decode(line) for line in child)))
    assert events.pop() == (tick, bytes((0xB0, 0x7B, 0)))
    return events, tick


def notes_of(events):
    """Multiset of (start, stop, channel, pitch, velocity)."""
    notes, sounding = Counter(), defaultdict(deque)
    for tick, data in events:
        place = (data[0] & 15, data[1])
        if data[0] & 0xF0 == 0x90 and data[2]:
            sounding[place].append((tick, data[2]))
        elif data[0] & 0xF0 in (0x80, 0x90) and sounding[place]:
            start, velocity = sounding[place].popleft()
            notes[start, tick, *place, velocity] += 1
    return notes


def kept_messages(file):
    """What must be in some item, as REAPER has it: three bytes a channel message, F7 left away before an escape."""
    found = Counter()
    for track in file.tracks:
        for tick, data in track.messages:
            if data[0] < SYSEX:
                found[tick, data.ljust(3, b"\0")] += 1
            elif data[0] != META or data[1] not in CONDUCTED:
                found[tick, data[1:] if data[0] == 0xF7 else data] += 1
    return found


def check_same(file):
    tree, lines = read(reaper_text(file))
    score = score_of(file)
    starts = score.tempo_map.bar_starts_s[:-1]
    assert bar_times(tree, len(starts)) == pytest.approx(list(starts), abs=1e-6 * len(starts))
    events = [item_events(track) for track in tree.findall("TRACK")]
    assert all(end == Conductor.of(file).end_tick for _, end in events)
    assert Counter(event for found, _ in events for event in found) == kept_messages(file)
    assert len([1 for found, _ in events if notes_of(found)]) == len([1 for t in score.tracks if t.notes])
    for track, own in zip(
        [track for track in tree.findall("TRACK") if notes_of(item_events(track)[0])],
        [track for track in score.tracks if track.notes],
        strict=True,
    ):
        name = next(child[1] for child in track if child[0] == "NAME")
        assert name == own.name
        ticks = file.ticks_per_beat
        read_back = Counter()
        for (start, stop, _, pitch, velocity), count in notes_of(item_events(track)[0]).items():
            read_back[start, stop, pitch, velocity] += count
        assert read_back == Counter(
            (round(n.onset_beats * ticks), round(n.end_beats * ticks), n.pitch, n.velocity) for n in own.notes
        )
    markers = [marker for marker in score.markers if marker.kind != "section"]
    sections = [marker for marker in score.markers if marker.kind == "section"]
    single = [line for line in lines["MARKER"] if line[3] == "0"]
    regions = [line for line in lines["MARKER"] if line[3] == "1"]
    for found, wanted in ((single, markers), (regions[::2], sections)):
        assert [line[2] for line in found] == [marker.text for marker in wanted]
        assert [float(line[1]) for line in found] == pytest.approx(
            [score.tempo_map.seconds(marker.onset_beats) for marker in wanted], abs=1e-6 * len(starts)
        )
    ends = [*(score.tempo_map.seconds(marker.onset_beats) for marker in sections[1:]), score.tempo_map.end_s]
    if sections:
        assert [float(line[1]) for line in regions[1::2]] == pytest.approx(ends, abs=1e-6 * len(starts))


@pytest.mark.parametrize("style", PALETTES)
def test_a_film_score_comes_back(style):
    check_same(film_file(style))


@pytest.mark.parametrize("metres", METRES)
def test_every_bar_is_where_it_was_whatever_the_metre(metres):
    check_same(film_file(metres=metres))


def test_tempo_counts_quarter_notes_in_every_metre():
    track = MidiTrack(
        ((0, tempo(500_000)), (0, metre(6, 3)), (0, b"\x90\x3c\x40"), (480, b"\x80\x3c\x00")), 2880
    )
    tree, lines = read(reaper_text(MidiFile(1, 480, (track,))))
    assert lines["TEMPO"] == [["120.0000000000", "6", "8"]]
    point = next(child for child in tree.find("TEMPOENVEX") if child[0] == "PT")
    assert point[2:5] == ["120.0000000000", "1", str(8 * 65536 + 6)]
    assert bar_times(tree, 2) == pytest.approx([0.0, 1.5])


def awkward_file(kind):
    """Tempo changes inside bars and on an instrument's track, a metre inside a bar, and every kind of message."""
    first = (
        *((0, meta(0x03, b"Piece")), (0, metre(4, 2)), (0, tempo(500_000)), (960, tempo(444_444))),
        *((2400, metre(3, 2)), (2400, tempo(731_913)), (2500, meta(0x06, b'foreign `marker\' "x"'))),
        (2600, meta(0x7F, bytes(range(256)))),
    )
    played = (
        *((0, meta(0x03, "Flöte".encode())), (0, b"\xf0\x7e\x7f\x09\x01\xf7"), (0, b"\xc3\x49")),
        *((0, b"\xb3\x07\x50"), (0, b"\x93\x3c\x40"), (240, b"\xe3\x10\x50"), (240, b"\xd3\x22")),
        *((300, b"\xa3\x3c\x11"), (480, b"\x83\x3c\x40"), (480, b"\x93\x3d\x40"), (700, b"\x93\x3d\x00")),
        *((700, b"\xf7\xfa"), (720, meta(0x05, b"la")), (960, b"\x99\x24\x7f"), (1200, b"\x89\x24\x00")),
        *((1300, tempo(600_000)), (1300, meta(0x59, b"\xfe\x01")), (1400, meta(0x01, b"x" * 500))),
        (1500, b"\xb5\x40\x7f"),
    )
    if kind == 0:
        merged = tuple(sorted((*first, *played), key=lambda message: message[0]))
        return MidiFile(0, 480, (MidiTrack(merged, 4000),))
    return MidiFile(1, 480, (MidiTrack(first, 3000), MidiTrack(played, 4000)))


@pytest.mark.parametrize("kind", [0, 1])
def test_all_events_are_kept(kind):
    file = awkward_file(kind)
    tree, lines = read(reaper_text(file))
    events = [item_events(track)[0] for track in tree.findall("TRACK")]
    assert Counter(event for found in events for event in found) == kept_messages(file)
    named = [next(child[1] for child in track if child[0] == "NAME") for track in tree.findall("TRACK")]
    assert len(named) == (
        2 if kind == 0 else 3
    )  # two channels sound; in type 1 the conductor has texts as well
    points = [child for child in tree.find("TEMPOENVEX") if child[0] == "PT"]
    assert [float(point[1]) for point in points] == pytest.approx([0.0, 1.0, 1.3148147, 2.6898147])
    assert points[-1][4:] == [str(4 * 65536 + 3), "0", "5"]
    assert lines["MARKER"][0][2] == "foreign 'marker' \"x\""


@pytest.mark.parametrize(
    ("rate", "start", "seconds", "fields"),
    [
        (25.0, "01:00:00:00", 3600.0, ["25", "0"]),
        (24000 / 1001, "01:00:00:00", 3603.6, ["24", "2"]),
        (30000 / 1001, "01:00:00;00", 3599.9964, ["30", "1"]),
        (30000 / 1001, "00:59:59:00", 3602.599, ["30", "2"]),
        (50.0, "00:00:10:25", 10.5, ["50", "0"]),
    ],
)
def test_frame_rate_and_start_are_the_scores(rate, start, seconds, fields):
    texts = [(0, meta(0x01, text.encode())) for text in (f"frame_rate={rate!r}", f"start_timecode={start}")]
    track = MidiTrack((*texts, (0, b"\x90\x3c\x40"), (480, b"\x80\x3c\x00")), 960)
    _, lines = read(reaper_text(MidiFile(1, 480, (track,))))
    assert float(lines["PROJOFFS"][0][0]) == pytest.approx(seconds, abs=1e-6)
    assert lines["TIMEMODE"][0][3:5] == fields


def test_the_film_is_the_first_track_by_its_path_from_the_project(tmp_path):
    film = Film(tmp_path / "pictures" / 'my "film".mp4', 29.96)
    (tmp_path / "out").mkdir()
    write_reaper(film_file(), tmp_path / "out" / "song.rpp", film)
    text = (tmp_path / "out" / "song.rpp").read_text(encoding="utf-8")
    tree, lines = read(text)
    item = tree.findall("TRACK")[0].find("ITEM")
    assert [child for child in item if child[0] in ("POSITION", "LENGTH")] == [
        ["POSITION", "0"],
        ["LENGTH", "29.960000000000"],
    ]
    source = item.find("SOURCE")
    assert source.attrib == ["VIDEO"]
    assert list(source) == [["FILE", '../pictures/my "film".mp4']]
    assert lines["TIMELOCKMODE"] == [["0"]]
    kept = [next(child[1] for child in track if child[0] == "BEAT") for track in tree.findall("TRACK")]
    assert kept == ["0", *["1"] * (len(kept) - 1)]
    assert str(tmp_path) not in text


def test_same_file_same_project():
    assert reaper_text(film_file()) == reaper_text(film_file())


@pytest.mark.slow
def test_real_files_come_back(shared_data):
    for name, file in real_files(shared_data):
        try:
            check_same(file)
        except AssertionError as error:
            raise AssertionError(name) from error

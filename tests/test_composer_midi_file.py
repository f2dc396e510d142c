"""MIDI files through our reader and writer: nothing is lost, whoever wrote them."""

import io
import random
import tarfile
import warnings
from dataclasses import replace
from pathlib import Path

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_builders import film_cues, make_music

from composer.errors import BadInput
from composer.midi import midi_bytes
from composer.midi_file import midi_file_bytes, read_midi_file, write_midi_file
from composer.orchestrate import orchestrate
from composer.smf import MidiFile, MidiTrack, OtherChunk, SmfError, parse_smf

ARCHIVES = ("emopia", "pop909", "symmv", "vgmidi")
FILES_OF_AN_ARCHIVE = 6
REFUSALS = (ValueError, EOFError, OSError, KeyError, IndexError, mido.KeySignatureError)


@pytest.fixture(scope="module")
def film_bytes():
    cues = film_cues("full-orchestra")
    lead, accompaniment = make_music(cues, 3)
    return midi_bytes(orchestrate(lead, accompaniment, cues))


@pytest.fixture(scope="module")
def many_files(shared_data):
    """Name and bytes of real files: some of every archive, and all the damaged ones."""
    files = {path.name: path.read_bytes() for path in sorted((shared_data / "bad" / "midi").iterdir())}
    for name in ARCHIVES:
        archive = shared_data / "midi" / f"{name}.tar.xz"
        if archive.is_file():
            files |= some_of(archive)
    return files


def some_of(archive: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(archive, "r:xz") as tar:
        for member in tar:
            if member.isfile() and member.name.endswith(".mid"):
                found[member.name] = tar.extractfile(member).read()
                if len(found) == FILES_OF_AN_ARCHIVE:
                    break
    return found


def random_message(rng: random.Random) -> bytes:
    data = bytes(rng.choices(range(256), k=rng.choice((0, 1, 2, 5, 127, 128, 300))))
    kind = rng.random()
    if kind < 0.7:
        status = rng.choice((0x80, 0x90, 0x90, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0)) | rng.choice((0, 0, 0, 9, 15))
        count = 1 if status & 0xF0 in (0xC0, 0xD0) else 2
        return bytes((status, *rng.choices(range(128), k=count)))
    if kind < 0.9:
        meta = rng.choice(
            [0, 1, 3, 5, 6, 7, 0x20, 0x21, 0x4B, 0x51, 0x54, 0x58, 0x59, 0x60, 0x7F, 0x9C, 0xFF]
        )
        return bytes((0xFF, meta)) + data
    return bytes((rng.choice((0xF0, 0xF7)),)) + data


def random_track(rng: random.Random) -> MidiTrack:
    tick, messages = 0, []
    for _ in range(rng.choice((0, 1, 10, 200))):
        tick += rng.choice((0, 0, 1, 127, 128, 480, 20_000))
        messages.append((tick, random_message(rng)))
    return MidiTrack(tuple(messages), tick + rng.choice((0, 1, 16_384)))


def random_file(seed: int) -> MidiFile:
    rng = random.Random(seed)
    tracks = tuple(random_track(rng) for _ in range(rng.randint(1, 5)))
    places = sorted(rng.randint(0, len(tracks)) for _ in range(rng.randint(0, 3)))
    others = tuple(OtherChunk(place, b"XFIH", rng.randbytes(rng.randint(1, 20)) + b"\1") for place in places)
    return MidiFile(rng.randint(0, 1), rng.choice((24, 96, 480, 960, 32_767)), tracks, others)


def heard_by_mido(data: bytes) -> list[list[tuple[int, list[int]]]]:
    """What another reader finds in a file: for every track, absolute ticks and bytes up to the end of track."""
    tracks = []
    for track in mido.MidiFile(file=io.BytesIO(data), clip=False).tracks:
        now, messages = 0, []
        for message in track:
            now += message.time
            if message.type == "end_of_track":
                break
            messages.append((now, message.bytes()))
        tracks.append(messages)
    return tracks


def assert_kept(data: bytes) -> None:
    """Reading and writing ``data`` loses nothing, and doing it again changes nothing."""
    file = parse_smf(data)
    written = midi_file_bytes(file)
    assert parse_smf(written) == file
    assert midi_file_bytes(parse_smf(written)) == written


@pytest.mark.parametrize("seed", range(60))
def test_random_files_come_back_as_they_were(seed):
    file = random_file(seed)
    data = midi_file_bytes(file)
    assert parse_smf(data) == file
    assert_kept(data)


def test_our_own_files_come_back_byte_for_byte(film_bytes):
    assert midi_file_bytes(parse_smf(film_bytes)) == film_bytes


def test_what_is_not_music_is_kept_in_its_place():
    messages = (
        (0, b"\xff\x7f\x00\x00\x41\x01"),  # sequencer-specific
        (0, b"\xf0\x7e\x7f\x09\x01\xf7"),
        (0, b"\xb0\x07\x64"),
        (0, b"\xff\x4b\x09\x08"),  # a meta of no known kind
        (10, b"\x90\x3c\x40"),
        (10, b"\x80\x3c\x40"),
        (10, b"\xa0\x3c\x10"),
        (11, b"\xd0\x22"),
        (11, b"\xf0\x43\x12"),  # in two packets
        (12, b"\xf7\x00\xf7"),
        (12, b"\xff\x05la"),
    )
    chunks = (OtherChunk(0, b"XFIH", b"head"), OtherChunk(1, b"XFKM", b"tail"))
    file = MidiFile(0, 96, (MidiTrack(messages, 99),), chunks)
    data = midi_file_bytes(file)
    back = parse_smf(data)
    assert back == file
    assert data.index(b"XFIH") < data.index(b"MTrk") < data.index(b"XFKM")
    assert [meta.kind for meta in back.tracks[0].metas] == [0x7F, 0x4B, 0x05]
    assert [event[0] for event in back.tracks[0].events] == [0, 10, 10, 10, 11]
    assert back.tracks[0].events[-1] == (11, 0xD0, 0x22, 0)


def test_another_reader_finds_the_same_before_and_after(film_bytes, many_files):
    compared = 0
    for name, data in {"our own": film_bytes, **many_files}.items():
        try:
            written = midi_file_bytes(parse_smf(data))
            before = heard_by_mido(data)
        except (SmfError, *REFUSALS):
            continue  # damage that one of the two readers refuses
        after = heard_by_mido(written)
        assert after[: len(before)] == before, name  # mido stops at the count of a header that counts wrongly
        compared += 1
    assert compared >= 30


def test_real_files_are_kept_or_refused(many_files):
    kept = 0
    for data in many_files.values():
        try:
            parse_smf(data)
        except SmfError:
            continue
        assert_kept(data)
        kept += 1
    assert kept >= 40


def test_files_saved_again_by_mido_are_kept(film_bytes, many_files):
    for data in (film_bytes, *many_files.values()):
        try:
            parse_smf(data)
            buffer = io.BytesIO()
            mido.MidiFile(file=io.BytesIO(data)).save(file=buffer)
        except (SmfError, *REFUSALS):
            continue  # damaged
        assert_kept(buffer.getvalue())


def test_files_saved_again_by_pretty_midi_are_kept(film_bytes, many_files):
    pretty_midi = pytest.importorskip("pretty_midi")
    for name, data in {"our own": film_bytes, **many_files}.items():
        if not (name == "our own" or "/" in name):
            continue  # the damaged ones: pretty_midi is no judge of those
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pretty_midi.PrettyMIDI(io.BytesIO(data)).write(buffer)
        assert_kept(buffer.getvalue())


def test_files_saved_again_by_symusic_are_kept(film_bytes, many_files):
    symusic = pytest.importorskip("symusic")
    for name, data in {"our own": film_bytes, **many_files}.items():
        if name == "our own" or "/" in name:
            assert_kept(symusic.Score.from_midi(data).dumps_midi())


@given(st.binary(max_size=300))
def test_whatever_is_read_can_be_written(body):
    head = b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk" + len(body).to_bytes(4, "big")
    try:
        parse_smf(head + body)
    except SmfError:
        return
    assert_kept(head + body)


def test_padding_is_left_out_and_an_end_of_track_is_added():
    track = b"\x00\x90\x3c\x40\x60\x3c\x00"
    head = b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\7"
    file = parse_smf(head + track + b"\0" * 40)
    assert file.other_chunks == ()
    assert file.tracks[0] == MidiTrack(((0, b"\x90\x3c\x40"), (96, b"\x90\x3c\x00")), 96)
    assert midi_file_bytes(file) == head[:-1] + b"\x0b" + track + b"\0\xff\x2f\0"


def test_files_on_disk(film_bytes, tmp_path):
    path = tmp_path / "score.mid"
    write_midi_file(parse_smf(film_bytes), path)
    assert path.read_bytes() == film_bytes
    assert read_midi_file(path) == parse_smf(film_bytes)
    path.write_bytes(film_bytes[:100])
    for name, complaint in (("none.mid", "cannot be read"), ("score.mid", "cut short")):
        with pytest.raises(BadInput, match=complaint) as caught:
            read_midi_file(tmp_path / name)
        assert "\n" not in str(caught.value)
    with path.open("wb") as stream:
        stream.truncate(33 * 2**20)
    with pytest.raises(BadInput, match="larger than"):
        read_midi_file(path)
    with pytest.raises(BadInput, match="folder"):
        write_midi_file(parse_smf(film_bytes), tmp_path)


def test_too_many_chunks_are_refused():
    chunk = b"MTrk\0\0\0\0"
    head = b"MThd\0\0\0\6\0\1\xff\xff\0\x60"
    assert len(parse_smf(head + chunk * 65_535 + b"\0" * 8).tracks) == 65_535
    with pytest.raises(SmfError, match="more than 65535 chunks"):
        parse_smf(head + chunk * 65_536)


GOOD = MidiFile(1, 480, (MidiTrack(((5, b"\x90\x3c\x40"),), 9),))


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (replace(GOOD, kind=2), "type 2"),
        (replace(GOOD, ticks_per_beat=0x8000), "32768 ticks"),
        (replace(GOOD, tracks=()), "0 tracks"),
        (replace(GOOD, other_chunks=(OtherChunk(0, b"XF", b""),)), "four bytes"),
        (replace(GOOD, tracks=(MidiTrack(((5, b"\xb0\7\1"), (4, b"\xb0\7\1")), 9),)), "-1 is outside"),
        (replace(GOOD, tracks=(MidiTrack(((5, b"\xb0\7\1"),), 4),)), "-1 is outside"),
        (replace(GOOD, tracks=(MidiTrack((), 2**28),)), "outside 0-268435455"),
        *(
            (replace(GOOD, tracks=(MidiTrack(((0, data),), 0),)), "no message")
            for data in (b"", b"\x40\x40", b"\x90\x3c", b"\x90\x3c\x80", b"\xc0\1\2", b"\xf4", b"\xff", b"\xff\x2f")
        ),
    ],
)  # fmt: skip
def test_what_could_not_be_read_is_not_written(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        midi_file_bytes(wrong)

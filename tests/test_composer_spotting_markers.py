"""Markers of other programs: what each writes, read as hits at the right times, and nothing worse than one line."""

from __future__ import annotations

import csv
import io
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composer.errors import BadInput
from composer.spotting.cues import Hit
from composer.spotting.markers import read_markers
from composer.spotting.markers.labels import Label, read_label
from composer.timecode import timecode

NTSC = 30000 / 1001
AVID = """\
TITLE:   REEL 2 LOCKED
FCM: NON-DROP FRAME
001  A001C003 V     C        09:14:02:08 09:14:06:08 01:00:00:00 01:00:04:00
* FROM CLIP NAME:  A001C003.MOV
* LOC: 01:00:01:14 RED     door slam [stop]
002  A002C001 V     C        10:00:10:00 10:00:10:00 01:00:04:00 01:00:04:00
002  A003C007 V     D    024 10:10:00:00 10:10:04:00 01:00:04:00 01:00:08:00
* TO CLIP NAME:  A003C007.MOV
M2   A003C007         012.5                10:10:00:00
003  SND01    A2    C        00:00:10:00 00:00:13:00 01:00:06:00 01:00:09:00
004  BL       V     C        00:00:00:00 00:00:02:00 01:00:08:00 01:00:10:00
* LOC: 01:00:09:00 CYAN
005  A004C001 AA/V  W001 010 11:00:00:00 11:00:02:00 01:00:10:00 01:00:12:00
006  A005C001 B     C        11:00:00:00 11:00:02:00 01:00:12:00 01:00:14:00
"""
RESOLVE = """\
TITLE: ( no title )

001  001      V     C        01:00:18:06 01:00:18:07 01:00:18:06 01:00:18:07
trois coups à la porte |C:ResolveColorYellow |M:Marker 1 |D:1

002  001      V     C        01:00:20:20 01:00:20:21 01:00:20:20 01:00:20:21
 |C:ResolveColorBlue |M:she turns? |D:24

003  001      V     C        01:00:42:21 01:00:42:22 01:00:42:21 01:00:42:22
2. note |C:ResolveColorRed |M:crash |D:1
""".replace("7\n", "7  \n").replace("1\n\n", "1 \n\n")  # as Resolve ends its lines
PREMIERE = (
    "Marker Name\tDescription\tIn\tOut\tDuration\tMarker Type\r\n"
    "slam\tloud\t00:00:05:13\t00:00:05:13\t00:00:00:00\tComment\r\n"
    "\tonly described\t00:00:07:00\t00:00:09:00\t00:00:02:00\tChapter\r\n"
)
REAPER = '''\
#,Name,Start,End,Length
M1,slam,0:12.480,,
R1,"chase, long",1:00:02.5,1:00:09.0,0:06.500
M2,"say ""go""",20,,
'''
OURS = """\
time,label,weight,tolerance,required,gesture
12.48,door slam,,,,
1:02.5,she turns,0.3,0.5,no,swell
# a remark
00:01:10:12,by timecode,,,yes,
"""


def read(tmp_path: Path, data: str | bytes, **film: object) -> tuple[Hit, ...]:
    path = tmp_path / "markers.txt"
    path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    return read_markers(path, **{"frame_rate": 25.0, "start_timecode": "00:00:00:00", **film})


def told(hits: tuple[Hit, ...]) -> list[tuple[float, str]]:
    return [(round(hit.time_s, 6), hit.label) for hit in hits]


def test_an_edl_gives_picture_cuts_dissolves_and_locators(tmp_path: Path) -> None:
    hits = read(tmp_path, AVID, start_timecode="01:00:00:00")
    assert told(hits) == [
        (1.56, "door slam"),
        (4.48, "dissolve"),
        (8.0, "cut"),
        (9.0, "cyan"),
        (10.2, "wipe"),
        (12.0, "cut"),
    ]
    assert {hit.kind for hit in hits} == {"marker"}
    slam, dissolve, cut = hits[:3]
    assert (slam.required, slam.weight, slam.gesture) == (True, 1.0, "stop")
    assert (cut.required, cut.weight, cut.tolerance_s) == (False, 0.5, 0.1)
    assert dissolve.tolerance_s == 0.48  # anywhere within it


def test_resolve_markers_are_markers_and_no_cuts(tmp_path: Path) -> None:
    hits = read(tmp_path, RESOLVE, start_timecode="01:00:00:00")
    assert told(hits) == [(18.24, "trois coups à la porte"), (20.8, "she turns"), (42.84, "crash")]
    assert [hit.required for hit in hits] == [True, False, True]
    assert read(tmp_path, RESOLVE.encode("latin-1"), start_timecode="01:00:00:00") == hits


def test_resolve_edit_index_as_csv(tmp_path: Path) -> None:
    table = (
        "#,Reel,Match,V,C,Dur,Source In,Source Out,Record In,Record Out,Name,Comments,Color,Notes\n"
        "1,,,,,00:00:00:01,,,01:00:18:06,01:00:18:07,Marker 1,,Blue,slam\n"
    )
    assert told(read(tmp_path, table, start_timecode="01:00:00:00")) == [(18.24, "slam")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig", "utf-8", "latin-1"])
def test_premiere_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    data = PREMIERE.encode(encoding)
    if encoding == "utf-16-be":
        data = b"\xfe\xff" + data
    assert told(read(tmp_path, data)) == [(5.52, "slam"), (7.0, "only described")]
    assert told(read(tmp_path, PREMIERE.replace("\t", ","))) == [(5.52, "slam"), (7.0, "only described")]


def test_reaper_with_names_in_quotes(tmp_path: Path) -> None:
    assert told(read(tmp_path, REAPER)) == [(12.48, "slam"), (20.0, 'say "go"'), (3602.5, "chase, long")]


def test_our_own_table_says_everything(tmp_path: Path) -> None:
    assert read(tmp_path, OURS) == (
        Hit(12.48, "door slam", 1.0, 0.1, True, "marker"),
        Hit(62.5, "she turns", 0.3, 0.5, False, "marker", "swell"),
        Hit(70.48, "by timecode", 1.0, 0.1, True, "marker"),
    )
    shuffled = "Gesture;LABEL;Time\nstop;x;0,5\n"  # as a spreadsheet writes it where the comma is decimal
    assert read(tmp_path, shuffled) == (Hit(0.5, "x", 1.0, 0.1, True, "marker", "stop"),)


def test_scene_lists_as_pyscenedetect_writes_them(tmp_path: Path) -> None:
    scenedetect = pytest.importorskip("scenedetect")
    from scenedetect.output import write_scene_list

    moments = [scenedetect.FrameTimecode(frame, 25.0) for frame in (0, 100, 163, 250)]
    scenes = list(pairwise(moments))
    for cut_list in (moments[1:3], None):
        file = io.StringIO()
        write_scene_list(file, scenes, cut_list=cut_list)
        hits = read(tmp_path, file.getvalue(), start_timecode="01:00:00:00")
        assert hits == (Hit(4.0, "cut", kind="marker"), Hit(6.52, "cut", kind="marker"))


@pytest.mark.parametrize("start", ["00:00:00:00", "01:00:00:00", "01:00:00;00", "23:59:59;10"])
@pytest.mark.parametrize("frames", [0, 1799, 1800, 17982, 107892, 215784])
def test_timecode_counts_as_the_film_does_to_the_frame(tmp_path: Path, start: str, frames: int) -> None:
    time_s = frames / NTSC
    label = timecode(time_s, NTSC, start)
    table = f"timecode,label\n{label},x\n"
    (hit,) = read(tmp_path, table, frame_rate=NTSC, start_timecode=start)
    assert abs(hit.time_s - time_s) < 1e-6
    edl = f"FCM: {'' if ';' in start else 'NON-'}DROP FRAME\n* LOC: {label.replace(';', ':')} RED x\n"
    (hit,) = read(tmp_path, edl, frame_rate=NTSC, start_timecode=start)
    assert abs(hit.time_s - time_s) < 1e-6


def test_a_list_that_counts_otherwise_starts_at_the_same_label(tmp_path: Path) -> None:
    edl = "FCM: DROP FRAME\n* LOC: 01:01:00:02 RED x\n"
    (hit,) = read(tmp_path, edl, frame_rate=NTSC, start_timecode="01:00:00:00")
    assert abs(hit.time_s - 1800 / NTSC) < 1e-6


def test_what_labels_say() -> None:
    assert read_label("door slam") == Label("door slam")
    assert read_label("  she turns [Swell]? ") == Label("she turns", "swell", True)
    assert read_label("why?? [stop]") == Label("why", "stop", True)
    assert read_label("VFX [plate 3]") == Label("VFX [plate 3]")
    assert len(read_label("x" * 500).name) == 60


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("hello\nworld\n", 1, "neither an EDL nor a table"),
        ("time,label\n12.48,a\nsoon,b\n", 3, "'soon' is not a time"),
        ("#,Name,Start,End,Length\nR1,a,5.1.00,9.1.00,4.0.00\n", 2, "bars and beats"),
        ("time,label\n,b\n", 2, "no time in this line"),
        ("time,weight\n1,2\n", 2, "weight is '2'; it must be 0 to 1"),
        ("time,required\n1,perhaps\n", 2, "must be one of true"),
        ("time,gesture\n1,bang\n", 2, "must be one of auto"),
        ("time,wieght\n1,1\n", 1, "did you mean weight?"),
        ('time,label\n1,"a\nb"\n99,late\n', 4, "'late' at 99.00 s is outside the film"),
        ("In\n313\n", 2, "'313' is not a timecode"),
        ("timecode,label\n00:00:05:25,x\n", 2, "frame 25"),
        ("timecode,label\n00:00:05;10,x\n", 2, "drop-frame"),
        ("TITLE: x\n* LOC: 00:00:01 RED x\n", 2, "not a timecode"),
        ("TITLE: x\n |C:ResolveColorRed |M:x |D:1\n", 2, "without an event"),
        ("001 A V Q 0:00:00:00 0:00:01:00 00:00:01:00 00:00:02:00\n", 1, "not an event"),
        ("001 A V C 0:00:00:00 0:00:01:00 00:00:01: 00:00:02:00\n", 1, "not a timecode"),
        ("FCM: NON-DROP FRAME\n\n", None, "no marker in it"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int | None, what: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text, duration_s=60.0)
    message = str(caught.value)
    assert what in message
    assert "\n" not in message
    where = f"{tmp_path / 'markers.txt'}:" + (f"{line}:" if line else "")
    assert message.startswith(where)


def test_a_list_of_another_reel_names_the_films_start(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"starts at timecode 02:00:00:00.*--start-timecode"):
        read(tmp_path, RESOLVE, start_timecode="02:00:00:00")


def test_missing_huge_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="check the name"):
        read_markers(tmp_path / "none.csv", frame_rate=25.0, start_timecode="00:00:00:00")
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(BadInput, match="larger than"):
        read_markers(huge, frame_rate=25.0, start_timecode="00:00:00:00")
    with pytest.raises(BadInput, match="not text"):
        read(tmp_path, b"\x89PNG\r\n\0\0\0")
    with pytest.raises(BadInput, match="more than 20000 markers"):
        read(tmp_path, "time\n" + "".join(f"{i / 10}\n" for i in range(20_001)))
    with pytest.raises(BadInput, match="not a line of a table"):
        read(tmp_path, "time,label\n1," + "x" * (csv.field_size_limit() + 1))


SAMPLES = [AVID, RESOLVE, PREMIERE, REAPER, OURS]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sample=st.sampled_from(SAMPLES),
    cut=st.integers(0, 900),
    edits=st.lists(st.tuples(st.integers(0, 900), st.binary(max_size=3)), max_size=4),
    encoding=st.sampled_from(["utf-8", "utf-16", "latin-1"]),
)
def test_damaged_files_are_hits_or_one_line(
    tmp_path: Path, sample: str, cut: int, edits: list[tuple[int, bytes]], encoding: str
) -> None:
    data = bytearray(sample.encode(encoding)[: cut if cut else None])
    for at, new in edits:
        data[at : at + len(new)] = new
    message = ""
    try:
        hits = read(tmp_path, bytes(data), duration_s=7200.0)
    except BadInput as error:
        hits, message = (), str(error)
    assert hits or message
    assert "\n" not in message
    assert all(0 <= hit.time_s < 7200.0 and 0 <= hit.weight <= 1 for hit in hits)

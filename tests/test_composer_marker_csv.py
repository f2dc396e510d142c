"""Marker lists: what stands in them, and that our own reader of marker lists reads them back."""

import csv
import io
from dataclasses import replace

import pytest
from score_builders import film_cues, make_music

from composer.marker_csv import HEADER, marker_csv, write_marker_csv
from composer.music import Marker, Score
from composer.orchestrate import orchestrate
from composer.spotting.markers import read_markers
from composer.timecode import timecode_s
from composer.timing import Bar, TempoMap

RATES = [
    (25.0, "01:00:00:00"),
    (24000 / 1001, "00:59:50:00"),
    (30000 / 1001, "01:00:00;00"),
    (60000 / 1001, "00:00:58;56"),
    (30000 / 1001, "10:00:00:00"),
]


def rows_of(score):
    return list(csv.DictReader(io.StringIO(marker_csv(score))))


def film_score(**changes):
    cues = film_cues("chamber", 200.0)
    return replace(orchestrate(*make_music(cues, 3), cues), **changes)


@pytest.mark.parametrize(("rate", "start"), RATES)
def test_our_reader_reads_them_back(tmp_path, rate, start):
    score = film_score(frame_rate=rate, start_timecode=start)
    write_marker_csv(score, tmp_path / "markers.csv")
    hits = read_markers(tmp_path / "markers.csv", frame_rate=rate, start_timecode=start)
    times = [score.tempo_map.seconds(marker.onset_beats) for marker in score.markers]
    assert [hit.time_s for hit in hits] == pytest.approx(times, abs=1e-6)
    assert [hit.label for hit in hits] == [marker.text for marker in score.markers]
    assert [hit.required for hit in hits] == [marker.kind == "hit" for marker in score.markers]
    for row, time_s in zip(rows_of(score), times, strict=True):
        assert (";" in row["Timecode"]) == (";" in start)
        assert timecode_s(row["Timecode"], rate, start) == pytest.approx(time_s, abs=0.51 / rate)


def test_timecode_alone_is_enough_to_read_them_back(tmp_path):
    score = film_score(frame_rate=30000 / 1001, start_timecode="01:00:00;00")
    lines = [f"{row['Name']},{row['Timecode']}" for row in rows_of(score)]
    (tmp_path / "short.csv").write_text("\n".join(["Name,Timecode", *lines]), encoding="utf-8")
    hits = read_markers(tmp_path / "short.csv", frame_rate=30000 / 1001, start_timecode="01:00:00;00")
    times = [score.tempo_map.seconds(marker.onset_beats) for marker in score.markers]
    assert [hit.time_s for hit in hits] == pytest.approx(times, abs=0.02)


def test_the_columns():
    bars = (Bar(4, 4, 500_000), Bar(6, 8, 500_000), Bar(4, 4, 1_000_000))
    markers = (
        Marker(0.0, "A"),
        Marker(4.75, 'H001 "SLAM", ü 00:00:02:09', "hit"),
        Marker(7.0, "B"),
        Marker(9.5, "H002 CUT", "cut"),
        Marker(11.0, "END"),
    )
    text = marker_csv(Score("x", TempoMap(bars), (), markers=markers))
    assert text.splitlines()[0] == ",".join(HEADER)
    assert [list(row.values()) for row in csv.DictReader(io.StringIO(text))] == [
        ["R1", "A", "0:00.000000", "0:03.500000", "0:03.500000", "section", "00:00:00:00", "0.000000", "1", "1", "no"],
        [
            "M1", 'H001 "SLAM", ü 00:00:02:09', "0:02.375000", "", "",
            "hit", "00:00:02:09", "2.375000", "2", "2.5", "yes",
        ],
        ["R2", "B", "0:03.500000", "0:07.500000", "0:04.000000", "section", "00:00:03:13", "3.500000", "3", "1", "no"],
        ["M2", "H002 CUT", "0:06.000000", "", "", "cut", "00:00:06:00", "6.000000", "3", "3.5", "no"],
        [
            "R3", "END", "0:07.500000", "0:07.500000", "0:00.000000",
            "section", "00:00:07:13", "7.500000", "3", "5", "no",
        ],
    ]  # fmt: skip


def test_no_markers_is_a_header_alone():
    assert marker_csv(Score("x", TempoMap((Bar(4, 4, 500_000),)), ())) == ",".join(HEADER) + "\r\n"

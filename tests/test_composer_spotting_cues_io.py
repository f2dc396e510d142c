"""The cue sheet as a document: exact round trips, edits, and errors that name the line."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composer.errors import BadInput
from composer.palettes import PALETTES
from composer.spotting.cues import CueSheet, Hit, Section
from composer.spotting.cues_io import digest, format_cues, read_cues, timecode, write_cues
from composer.spotting.tempo_solver import solve

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
UNIT = st.floats(0, 1)


@st.composite
def cue_sheets(draw: st.DrawFn) -> CueSheet:
    duration_s = draw(st.floats(0.01, 100))
    shares = draw(st.lists(st.floats(0.01, 0.99), max_size=4, unique=True))
    bounds = sorted({0.0, *(share * duration_s for share in shares), duration_s})
    section = st.builds(
        Section,
        start_s=st.just(0.0),
        end_s=st.just(1.0),
        label=TEXT,
        valence=st.floats(-1, 1),
        arousal=st.floats(-1, 1),
        key=st.sampled_from(["C", "F#m", "Bb"]),
        tempo_bpm=st.floats(40, 200),
        density=UNIT,
        dynamics=UNIT,
        style=st.sampled_from(sorted(PALETTES)),
        tags=st.lists(TEXT, max_size=3).map(tuple),
        theme=TEXT,
        silent=st.booleans(),
        metre=st.sampled_from(["4/4", "3/4", "6/8", "12/8", "2/2", "7/8"]),
        reasons=st.dictionaries(TEXT, TEXT, max_size=3),
    )
    sections = tuple(replace(draw(section), start_s=a, end_s=b) for a, b in pairwise(bounds))
    hit = st.builds(
        Hit,
        time_s=st.floats(0, duration_s),
        label=TEXT,
        weight=UNIT,
        tolerance_s=st.floats(0, 1),
        required=st.booleans(),
        kind=st.sampled_from(["cut", "user"]),
    )
    hits = tuple(draw(st.lists(hit, max_size=6)))
    frame_rate = draw(st.sampled_from([24000 / 1001, 25.0, 60.0]))
    tempo_map = solve(duration_s, frame_rate, sections, hits).tempo_map
    seed = draw(st.integers(-(2**62), 2**62))
    provenance = draw(st.dictionaries(TEXT, TEXT, max_size=3))
    return CueSheet(
        draw(TEXT), duration_s, frame_rate, "01:00:00;02", sections, hits, tempo_map, seed, provenance
    )


@pytest.fixture
def sheet() -> CueSheet:
    section = Section(0.0, 12.5, "A", 0.2, -0.1, "Am", 96.0, 0.5, 0.4, "chamber", ("calm",), "A")
    sections = (section, replace(section, start_s=12.5, end_s=30.0, label="B", theme="B"))
    hits = (Hit(12.5, "cut", 0.8), Hit(20.0, "door slam", 1.0, 0.05, True, "user"))
    tempo_map = solve(30.0, 25.0, sections, hits).tempo_map
    return CueSheet("film", 30.0, 25.0, "00:00:00:00", sections, hits, tempo_map, 7, {"input": "film.mp4"})


def rewritten(path: Path, sheet: CueSheet, old: str, new: str) -> Path:
    """The sheet's document with ``old`` (which must stand in it) replaced once by ``new``."""
    document = format_cues(sheet)
    assert old in document
    path.write_text(document.replace(old, new, 1), encoding="utf-8")
    return path


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cues=cue_sheets())
def test_what_is_written_reads_back_exactly(tmp_path, cues):
    path = tmp_path / "cues.yaml"
    write_cues(cues, path)
    assert read_cues(path) == cues


def test_the_document_is_plain_yaml_with_comments(sheet):
    document = format_cues(sheet)
    assert yaml.safe_load(document)["sections"][1]["start_s"] == 12.5
    assert "# 00:00:12:12" in document
    assert yaml.safe_load(document)["sections"][0]["metre"] == "4/4"
    assert "bring the same melody back" in document
    for field in ("valence", "theme", "metre", "tempo_bpm", "tolerance_s", "solved_for"):
        assert any(line.startswith("#") and field in line for line in document.splitlines())


def test_a_hand_written_sheet_needs_little(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "format: 1\nduration_s: 20\nframe_rate: 25\nsections:\n"
        "- {start_s: 0, label: A, valence: 0, arousal: 0, key: C, tempo_bpm: 100, density: .5,"
        " dynamics: .5, style: folk}\nhits:\n- {time_s: 5, required: true}\n"
    )
    cues = read_cues(path)
    assert cues.title == "mine"
    assert cues.sections[0].end_s == 20
    assert abs(cues.tempo_map.end_s - 20) < 0.002
    assert abs(cues.tempo_map.seconds(round(cues.tempo_map.beats(5) * 2) / 2) - 5) < 0.02


def test_edited_hits_have_the_map_solved_again(tmp_path, sheet):
    path = rewritten(tmp_path / "c.yaml", sheet, "time_s: 20.0", "time_s: 21.3")
    cues = read_cues(path)
    assert cues.tempo_map != sheet.tempo_map
    assert cues.tempo_map == solve(30.0, 25.0, cues.sections, cues.hits).tempo_map


def test_an_edited_metre_has_the_map_solved_again(tmp_path, sheet):
    cues = read_cues(rewritten(tmp_path / "c.yaml", sheet, "metre: 4/4", "metre: 3/4"))
    assert [section.metre for section in cues.sections] == ["3/4", "4/4"]
    assert (cues.tempo_map.bars[0].numerator, cues.tempo_map.bars[-1].numerator) == (3, 4)


def test_a_sheet_from_before_there_were_metres_keeps_its_map(tmp_path, sheet):
    path = tmp_path / "c.yaml"
    document = format_cues(sheet).replace("  metre: 4/4\n", "")
    assert "metre:" not in document
    path.write_text(document)
    assert read_cues(path) == sheet
    assert digest(sheet) == "48dc6ec1ff0db2d5"  # as it was written then


def test_edited_mood_keeps_the_map(tmp_path, sheet):
    cues = read_cues(rewritten(tmp_path / "c.yaml", sheet, "valence: 0.2", "valence: -0.6"))
    assert cues.sections[0].valence == -0.6
    assert cues.tempo_map == sheet.tempo_map


def test_keep_keeps_the_map_whatever_was_edited(tmp_path, sheet):
    path = rewritten(tmp_path / "c.yaml", sheet, "time_s: 20.0", "time_s: 21.3")
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join("  solved_for: keep" if line.startswith("  solved_for") else line for line in lines)
    )
    assert read_cues(path).tempo_map == sheet.tempo_map


@pytest.mark.parametrize(
    ("old", "new", "line_of", "what"),
    [
        ("valence: 0.2", "valense: 0.2", "valense", "unknown key 'valense'"),
        ("valence: 0.2", "valence: 2", "valence: 2", "must be -1 to 1"),
        ("valence: 0.2", "valence: high", "valence: high", "must be a number, not 'high'"),
        ("valence: 0.2", 'valence: "0.2"', 'valence: "0.2"', "in quotes"),
        ("valence: 0.2", "valence: .nan", "valence: .nan", "must be a number"),
        ("tempo_bpm: 96.0", "tempo_bpm: 1e9", "1e9", "must be 20 to 400"),
        ("  arousal: -0.1\n", "", "- start_s: 0.0", "arousal is missing"),
        ('key: "Am"', "key: H7", "key: H7", "H7"),
        ("metre: 4/4", "metre: 4/3", "metre: 4/3", "'4/3' is not 1 to 12 over 2, 4 or 8"),
        ("metre: 4/4", "metre: [4, 4]", "metre: [4", "metre must be text"),
        ('style: "chamber"', "style: polka", "polka", "choose one of"),
        ("silent: false", "silent: maybe", "maybe", "true or false"),
        ("start_s: 12.5", "start_s: 40", "start_s: 40", "must be 0 to 30"),
        ("start_s: 12.5", "start_s: 30", "start_s: 30", "before the end"),
        ("start_s: 0.0", "start_s: 1.0", "start_s: 1.0", "must start at 0"),
        ("required: true", "required: 1", "required: 1", "true or false"),
        ("kind: user", "kind: fade", "kind: fade", "one of cut, marker, user"),
        ("format: 1", "format: 2", "format: 2", "format is 2"),
        ("duration_s: 30.0", "duration_s: 30.0\nduration_s: 31.0", "duration_s: 31.0", "stands twice"),
        ("seed: 7", "seed: &a 7", "seed: &a", "anchors and aliases"),
        ("seed: 7", "seed: !!python/name:os.system 7", "seed: !!", "tags such as"),
        ("tags: [", "tags: {", "tags: {", "not YAML"),
        ("seed: 7", "seed: [[[[[[[[[[[[7]]]]]]]]]]]]", "seed: [[", "nested too deep"),
        ("end_beats:", "end_beats: 3 #", "end_beats: 3", "outside the last bar"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, sheet, old, new, line_of, what):
    path = rewritten(tmp_path / "c.yaml", sheet, old, new)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if line_of in text)
    with pytest.raises(BadInput) as caught:
        read_cues(path)
    message = str(caught.value)
    assert "\n" not in message
    assert what in message
    assert message.startswith(f"{path}:{line}:")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"# nothing\n",
        b"\xff\xfe",
        b"[" * 100_000,
        b"a: *b\n",
        b"- \x00",
        b"a: b: c",
        b"--- 1\n--- 2\n",
        b"7",
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path, data):
    path = tmp_path / "c.yaml"
    path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        read_cues(path)
    assert "\n" not in str(caught.value)


def test_missing_and_huge_files_are_refused(tmp_path):
    with pytest.raises(BadInput, match="check the name"):
        read_cues(tmp_path / "none.yaml")
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(BadInput, match="larger than"):
        read_cues(huge)


def test_a_map_that_misses_the_end_is_refused(tmp_path, sheet):
    document = format_cues(sheet)
    row = next(line for line in document.splitlines() if line.startswith("  - ["))
    count, beats, unit, tempo = row.split("[")[1].split("]")[0].split(", ")
    path = rewritten(
        tmp_path / "c.yaml", sheet, row, f"  - [{count}, {beats}, {unit}, {int(tempo) + 100_000}]"
    )
    with pytest.raises(BadInput, match="remove tempo_map"):
        read_cues(path)


def test_gaps_between_sections_are_not_written(sheet, tmp_path):
    broken = replace(sheet, sections=(sheet.sections[0], replace(sheet.sections[1], start_s=13.0)))
    path = tmp_path / "c.yaml"
    path.write_text("old")
    with pytest.raises(ValueError, match="starts at 13"):
        write_cues(broken, path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.yaml"]


def test_an_undecodable_title_is_written_with_a_replacement(sheet, tmp_path):
    write_cues(replace(sheet, title="caf\udce9"), tmp_path / "c.yaml")
    assert read_cues(tmp_path / "c.yaml").title == "caf\ufffd"


def test_timecode():
    assert timecode(3661.5, 24.0) == "01:01:01:12"

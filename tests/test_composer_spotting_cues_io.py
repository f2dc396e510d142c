"""The cue sheet as a document: exact round trips, edits, and errors that name the line."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composer.errors import BadInput
from composer.palettes import PALETTES
from composer.spotting import cues_io
from composer.spotting.cues import (
    GESTURES,
    HIT_KINDS,
    TEMPO_MODES,
    Accent,
    CueSheet,
    CurvePoint,
    Hit,
    Section,
)
from composer.spotting.cues_format import SCHEMA
from composer.spotting.cues_io import digest, format_cues, read_cues, write_cues
from composer.spotting.metre import Metre
from composer.spotting.seal import why_kept
from composer.spotting.tempo_range import LEAST_WISH_BPM, MAX_BPM, MIN_BPM, MOST_WISH_BPM
from composer.spotting.tempo_solver import solve

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
UNIT = st.floats(0, 1)


def pairs(duration_s: float, low: float, high: float) -> st.SearchStrategy[list[tuple[float, float]]]:
    """Moments of the film in order, each with a number."""
    rows = st.lists(
        st.tuples(st.floats(0, duration_s), st.floats(low, high)), max_size=20, unique_by=lambda r: r[0]
    )
    return rows.map(sorted)


def curve(duration_s: float, most: float) -> st.SearchStrategy[tuple[CurvePoint, ...]]:
    return pairs(duration_s, -most, most).map(lambda rows: tuple(CurvePoint(*row) for row in rows))


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
        valence_curve=curve(duration_s, 2),
        arousal_curve=curve(duration_s, 2),
        density_curve=curve(duration_s, 1),
        dynamics_curve=curve(duration_s, 1),
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
        kind=st.sampled_from(HIT_KINDS),
        gesture=st.sampled_from(GESTURES),
    )
    hits = tuple(sorted(draw(st.lists(hit, max_size=6)), key=lambda hit: hit.time_s))
    rates = [(24000 / 1001, "01:00:00:02"), (30000 / 1001, "00:59:59;28"), (60.0, "00:00:00:00")]
    frame_rate, start_timecode = draw(st.sampled_from(rates))
    accents = tuple(Accent(*row) for row in draw(pairs(duration_s, 0, 1)))
    tempo_map = solve(duration_s, frame_rate, sections, hits).tempo_map
    seed = draw(st.integers(-(2**62), 2**62))
    provenance = draw(st.dictionaries(TEXT, TEXT, max_size=3))
    return CueSheet(
        draw(TEXT),
        duration_s,
        frame_rate,
        start_timecode,
        sections,
        hits,
        tempo_map,
        seed,
        provenance,
        accents,
        draw(st.sampled_from(TEMPO_MODES)),
        draw(TEXT),
    )


@pytest.fixture
def sheet() -> CueSheet:
    section = Section(0.0, 12.5, "A", 0.2, -0.1, "Am", 96.0, 0.5, 0.4, "chamber", ("calm",), "A")
    section = replace(section, arousal_curve=(CurvePoint(1.0, -0.1), CurvePoint(4.0, 0.3)))
    sections = (section, replace(section, start_s=12.5, end_s=30.0, label="B", theme="B"))
    hits = (Hit(12.5, "cut", 0.8), Hit(20.0, "door slam", 1.0, 0.05, True, "user", "stop"))
    tempo_map = solve(30.0, 25.0, sections, hits).tempo_map
    accents = (Accent(3.2, 0.5), Accent(8.04, 1.0))
    origin = {"input": "film.mp4"}
    return CueSheet("film", 30.0, 25.0, "00:00:00:00", sections, hits, tempo_map, 7, origin, accents)


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
    assert "# 00:00:12:13" in document
    assert yaml.safe_load(document)["sections"][0]["metre"] == "4/4"
    assert "bring the same melody back" in document
    comments = [line for line in document.splitlines() if line.startswith("#")]
    keys = {*sum(cues_io.SECTION_KEYS, ()), *sum(cues_io.HIT_KEYS, ()), *GESTURES, *HIT_KINDS, *TEMPO_MODES}
    for field in (keys, "tempo_mode", "strength", "solved_for"):
        assert all(
            any(word in line for line in comments) for word in (field if isinstance(field, set) else [field])
        )
    assert f"$schema={SCHEMA.name}" in comments[0]


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


def test_hits_may_stand_in_any_order(tmp_path, sheet):
    path = tmp_path / "c.yaml"
    told = []
    for turned in (replace(sheet, hits=sheet.hits[::-1]), sheet):
        write_cues(turned, path)
        assert read_cues(path, note=told.append) == sheet
    assert told == []


def test_a_map_that_is_dropped_is_told(tmp_path, sheet):
    told = []
    read_cues(rewritten(tmp_path / "c.yaml", sheet, "time_s: 20.0", "time_s: 21.3"), note=told.append)
    assert [text.partition(":")[0] for text in told] == ["the tempo map was solved again"]
    read_cues(rewritten(tmp_path / "c.yaml", sheet, "valence: 0.2", "valence: -0.6"), note=told.append)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("valence: 0.2", "valence: 0.3"),
        ("time_s: 20.0,", "time_s: 20.5,"),
        ("seed: 7\n", "seed: 7  # mine\n"),
        ("# written by FrameScore: ", "# mine\n# written by FrameScore: "),
        ("\n", "\r\n"),
    ],
)
def test_the_seal_knows_an_edit(tmp_path, sheet, old, new):
    path = tmp_path / "c.yaml"
    write_cues(sheet, path)
    assert why_kept(path) == ""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="")
    assert why_kept(path) == "was edited since it was written"
    read_cues(path)


def test_the_seal_knows_what_is_added_or_cut_off_and_what_is_no_sheet(tmp_path, sheet):
    path = tmp_path / "c.yaml"
    write_cues(sheet, path)
    whole = path.read_bytes()
    for other in (whole + b"\n", whole[:-1], whole[: whole.rindex(b"#")], whole[:500], whole + whole):
        path.write_bytes(other)
        assert why_kept(path) == "was edited since it was written"
    for other in (b"", b"shopping list\n", bytes(range(256))):
        path.write_bytes(other)
        assert why_kept(path) == "is no cue sheet that FrameScore wrote"


def test_a_sheet_from_before_there_were_curves_reads_as_it_did(tmp_path, sheet):
    path = tmp_path / "c.yaml"
    plain = replace(
        sheet,
        sections=tuple(replace(section, arousal_curve=()) for section in sheet.sections),
        hits=tuple(replace(hit, gesture="auto") for hit in sheet.hits),
        accents=(),
    )
    document = format_cues(plain).replace("tempo_mode: smooth\n", "").replace(", gesture: auto", "")
    assert set(yaml.safe_load(document)["hits"][0]) == {
        "time_s",
        "label",
        "weight",
        "tolerance_s",
        "required",
        "kind",
    }
    path.write_text(document)
    assert read_cues(path) == plain


def test_the_map_is_solved_for_what_moves_bars_and_for_nothing_else(sheet):
    lift = (CurvePoint(2.0, 0.1),)
    other = {
        "label": "Z", "valence": -0.6, "arousal": 0.9, "key": "Eb", "density": 0.1, "dynamics": 0.9,
        "style": "folk", "tags": ("night",), "theme": "B", "reasons": {"key": "so"},
        "valence_curve": lift, "arousal_curve": (), "density_curve": lift, "dynamics_curve": lift,
    }  # fmt: skip
    moved = {"start_s", "tempo_bpm", "metre"}
    not_written = {"end_s"}  # a section ends where the next starts
    assert {field.name for field in fields(Section)} == {*other, *moved, *not_written, "silent"}

    def with_section(**changes: Any) -> CueSheet:
        return replace(sheet, sections=(replace(sheet.sections[0], **changes), sheet.sections[1]))

    for name, value in other.items():
        assert digest(with_section(**{name: value})) == digest(sheet), name
    first, slam = sheet.hits
    for name, value in {"label": "bang", "kind": "marker", "gesture": "swell"}.items():
        assert digest(replace(sheet, hits=(first, replace(slam, **{name: value})))) == digest(sheet), name
    for changes in (
        {"accents": ()},
        {"seed": 8},
        {"title": "x"},
        {"provenance": {}},
        {"start_timecode": "01:00:00:00"},
    ):
        assert digest(replace(sheet, **changes)) == digest(sheet)

    for name, value in {"start_s": 0.5, "tempo_bpm": 97.0, "metre": "3/4"}.items():
        assert digest(with_section(**{name: value})) != digest(sheet), name
    for name, value in {"time_s": 20.1, "weight": 0.9, "tolerance_s": 0.1, "required": False}.items():
        assert digest(replace(sheet, hits=(first, replace(slam, **{name: value})))) != digest(sheet), name
    for changes in (
        {"tempo_mode": "constant"},
        {"tempo_mode": "stepped"},
        {"duration_s": 30.1},
        {"frame_rate": 24.0},
    ):
        assert digest(replace(sheet, **changes)) != digest(sheet)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("valence: 0.2", "valence: -0.6"),
        ('key: "Am"', "key: Eb"),
        ("density: 0.5", "density: 0.9"),
        ("dynamics: 0.4", "dynamics: 0.9"),
        ('style: "chamber"', "style: folk"),
        ('tags: ["calm"]', "tags: [night, rain]"),
        ('theme: "A"', "theme: B"),
        ("[4.0, 0.3]", "[4.5, -0.3], [6, 0]"),
        ("[3.2, 0.5]", "[3.3, 0.5]"),
        ("gesture: stop", "gesture: swell"),
    ],
)
def test_an_edit_that_moves_no_bar_keeps_the_map_byte_for_byte(tmp_path, sheet, old, new):
    cues = read_cues(rewritten(tmp_path / "c.yaml", sheet, old, new))
    assert cues != sheet
    assert cues.tempo_map == sheet.tempo_map
    again = format_cues(cues)
    assert again[again.index("tempo_map:") :] == format_cues(sheet)[format_cues(sheet).index("tempo_map:") :]
    changed = [a for a, b in zip(again.splitlines(), format_cues(sheet).splitlines(), strict=True) if a != b]
    assert len(changed) == 1


def test_reading_leaves_the_persons_file_alone(tmp_path, sheet):
    path = rewritten(tmp_path / "c.yaml", sheet, "seed: 7", "seed: 7  # mine, do not touch")
    before = path.read_bytes()
    read_cues(path)
    assert path.read_bytes() == before


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
        ('style: "chamber"', "style: polka", "polka", "must be one of solo-piano"),
        ('style: "chamber"', "style: chambr", "chambr", "did you mean chamber?"),
        ("valence: 0.2", "valense: 0.2", "valense", "did you mean valence?"),
        ("arousal_curve: [", "arousal_curves: [", "arousal_curves", "did you mean arousal_curve?"),
        ("arousal_curve: [", "arousal_curves:\n  - [", "arousal_curves", "unknown key 'arousal_curves'"),
        ("[1.0, -0.1]", "[1.0]", "[1.0]", "a row of arousal_curve must be [seconds, change]"),
        ("[1.0, -0.1]", "[1.0, -2.1]", "[1.0, -2.1]", "change is -2.1; it must be -2 to 2"),
        ("[1.0, -0.1]", "[9.0, -0.1]", "[9.0, -0.1]", "put the rows in order of time"),
        ("[3.2, 0.5]", "[3.2, loud]", "[3.2, loud]", "strength must be a number"),
        ("[3.2, 0.5]", "[31, 0.5]", "[31, 0.5]", "seconds is 31; it must be 0 to 30"),
        ("gesture: stop", "gesture: stopp", "stopp", "did you mean stop?"),
        ("tempo_mode: smooth", "tempo_mode: rubato", "rubato", "one of constant, stepped, smooth"),
        ("tempo_mode: smooth", "tempo_mode: [smooth]", "[smooth]", "more than one word"),
        (
            '"00:00:00:00"',
            '"00:00:00:25"',
            '"00:00:00:25"',
            "start_timecode: timecode '00:00:00:25' has frame 25",
        ),
        ('"00:00:00:00"', '"00:00:00;00"', '"00:00:00;00"', "drop-frame"),
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
    lines = path.read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if line_of in text and not text.startswith("#"))
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


def test_timecodes_beside_the_times_are_those_of_the_film(sheet):
    document = format_cues(replace(sheet, frame_rate=30000 / 1001, start_timecode="01:00:00;00"))
    assert "time_s: 20.0" in document
    assert "# 01:00:19;29" in document


SCHEMA_TREE = json.loads(SCHEMA.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA_TREE)


@settings(max_examples=20, deadline=None)
@given(cues=cue_sheets())
def test_every_sheet_we_write_fits_the_schema(cues):
    VALIDATOR.validate(yaml.safe_load(format_cues(cues)))


def test_schema_and_reader_know_the_same_keys_and_words():
    jsonschema.Draft202012Validator.check_schema(SCHEMA_TREE)
    parts = SCHEMA_TREE["$defs"]
    known = [
        (SCHEMA_TREE, cues_io.TOP_KEYS),
        (parts["section"], cues_io.SECTION_KEYS),
        (parts["hit"], cues_io.HIT_KEYS),
        (parts["tempo_map"], cues_io.TEMPO_KEYS),
    ]
    for part, (required, optional) in known:
        assert part["additionalProperties"] is False
        assert set(part["properties"]) == {*required, *optional}
        assert set(part["required"]) == set(required)
    section, hit = parts["section"]["properties"], parts["hit"]["properties"]
    assert set(section) == {field.name for field in fields(Section)} - {"end_s"}
    assert set(hit) == {field.name for field in fields(Hit)}
    assert section["style"]["enum"] == list(PALETTES)
    assert (section["tempo_bpm"]["minimum"], section["tempo_bpm"]["maximum"]) == (
        LEAST_WISH_BPM,
        MOST_WISH_BPM,
    )
    assert f"{MIN_BPM:g}-{MAX_BPM:g}" in section["tempo_bpm"]["description"]
    assert tuple(hit["kind"]["enum"]) == HIT_KINDS
    assert tuple(hit["gesture"]["enum"]) == GESTURES
    assert tuple(SCHEMA_TREE["properties"]["tempo_mode"]["enum"]) == TEMPO_MODES
    for metre in section["metre"]["enum"]:
        assert str(Metre.parse(metre)) == metre


# What a schema cannot say: how values stand to each other.
BETWEEN_VALUES = (
    "must start at 0", "must start after", "in order of time", "it must be 0 to 30", "outside the last bar",
    "the bars end at", "has frame", "drop-frame", "does not exist",
)  # fmt: skip
VALUES = [
    None, True, False, -3, 0, 1, 2, 7, 33, 500, 10**12, -0.5, 0.5, 1.5, 31.5,
    "", "C", "4/4", "11/4", "0.5", "stop", "cut", "folk", "01:00:00:00", "keep", "x" * 250,
    [], [1.0], [1.0, 0.5], [1.0, 0.5, 2], [[1.0, 0.5]], [[2.0, 0.5], [1.0, 0.5]],
    {}, {"a": "b"}, {"time_s": 3}, [{"time_s": 3}],
]  # fmt: skip


def mutated(tree: Any, rng: random.Random) -> None:
    """Change one thing, somewhere: a value, or the keys of a mapping."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            walk(node[key])

    walk(tree)
    node, key = rng.choice(places)
    kind = rng.choice(["value", "value", "value", "drop", "add", "rename"])
    if kind == "value":
        node[key] = rng.choice(VALUES)
    elif kind == "drop":
        del node[key]
    elif isinstance(node, dict):
        if kind == "rename":
            node[f"{key}s"] = node.pop(key)
        else:
            node[rng.choice(["mood", "gesture", "start_s", "curve"])] = rng.choice(VALUES)


def test_schema_and_reader_refuse_the_same(tmp_path, sheet):
    path = tmp_path / "c.yaml"
    whole = yaml.safe_load(format_cues(replace(sheet, provenance={})))
    rng = random.Random(4)
    refused = accepted = 0
    for _ in range(300):
        tree = copy.deepcopy(whole)
        mutated(tree, rng)
        path.write_text(yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, width=200))
        problems = [error.message for error in VALIDATOR.iter_errors(tree)]
        message = ""
        try:
            read_cues(path)
        except BadInput as error:
            message = str(error)
        if problems:
            assert message.startswith(f"{path}:"), (problems, tree)
            assert message.removeprefix(f"{path}:").partition(":")[0].isdecimal()
        elif message:
            assert any(words in message for words in BETWEEN_VALUES), message
        refused += bool(problems)
        accepted += not message
    assert refused > 100
    assert accepted > 25

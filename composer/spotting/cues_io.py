"""The cue sheet as a document: YAML that a person edits, with comments that explain every field.

Times are seconds of picture time; the timecode beside them is a comment and is not read. Sections follow each
other without gaps, so only their starts are written: a section ends where the next one starts. Numbers are
written so that they read back exactly. ``cues.schema.json`` says the same to editors; keys and limits stand in both.

The tempo map: ``solved_for`` is a digest of everything it was solved for (duration, frame rate, tempo mode, the
starts, tempi and metres of sections, and the hits). While the digest still fits, the map is taken as it stands,
edits of its bars included. Once sections or hits were edited, it is solved again. ``solved_for: keep``
takes the map as it stands in any case; leaving ``tempo_map`` out has it solved. Hits are put in order of time.

The last line is a seal by which an edited sheet is known (`composer.spotting.seal`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from composer.errors import BadInput
from composer.output import staged_file
from composer.palettes import PALETTES
from composer.spotting.cues import (
    GESTURES,
    HIT_KINDS,
    HIT_TOLERANCE_S,
    TEMPO_MODES,
    Accent,
    CueSheet,
    Curve,
    CurvePoint,
    Hit,
    Section,
)
from composer.spotting.cues_format import CURVES, FORMAT_VERSION, digest, digest_of, format_cues
from composer.spotting.metre import DEFAULT_METRE, Metre
from composer.spotting.seal import sealed
from composer.spotting.tempo_range import LEAST_WISH_BPM, MOST_WISH_BPM
from composer.spotting.tempo_solver import MAX_DURATION_S, MAX_HITS, solve
from composer.spotting.yaml_tree import Node, choice, flag, integer, items, mapping, number, read_tree, text
from composer.theory import Key
from composer.timecode import ZERO_TIMECODE, frame_number
from composer.timing import MAX_TEMPO_US, MIN_TEMPO_US, Bar, TempoMap

__all__ = ["digest", "format_cues", "read_cues", "write_cues"]

MAX_SECTIONS = 2000
MAX_BARS = 100_000
MAX_POINTS = 20_000  # of a curve
MAX_ACCENTS = 100_000
END_TOLERANCE_S = 0.05  # between the end of a tempo map and that of the picture

# Keys that must be there, and keys that may.
TOP_KEYS = (
    ("format", "duration_s", "frame_rate", "sections"),
    (
        "title",
        "start_timecode",
        "seed",
        "tempo_mode",
        "picture",
        "hits",
        "accents",
        "tempo_map",
        "provenance",
    ),
)
SECTION_KEYS = (
    ("start_s", "label", "valence", "arousal", "key", "tempo_bpm", "density", "dynamics", "style"),
    ("theme", "metre", "tags", "silent", *CURVES, "reasons"),
)
HIT_KEYS = (("time_s",), ("label", "weight", "tolerance_s", "required", "kind", "gesture"))
TEMPO_KEYS = (("solved_for", "bars", "end_beats"), ())


def write_cues(cues: CueSheet, path: Path) -> None:
    """Write ``cues`` to ``path`` in one step: another program sees the old file or the whole new one.

    Raises ValueError where sections leave gaps, BadInput or OutOfResources where ``path`` cannot be written.
    """
    with staged_file(path) as temporary:
        temporary.write_text(sealed(format_cues(cues)), encoding="utf-8", newline="\n")


def read_cues(path: Path, *, note: Callable[[str], None] | None = None) -> CueSheet:
    """Read a cue sheet; its tempo map is solved again where it no longer fits (see the module's rule), and ``note`` is
    called to tell so.

    Raises BadInput with file, line, what and remedy.
    """
    top = mapping(read_tree(path), *TOP_KEYS)
    integer(top["format"], "format", FORMAT_VERSION, FORMAT_VERSION)
    duration_s = number(top["duration_s"], "duration_s", 1e-6, MAX_DURATION_S)
    frame_rate = number(top["frame_rate"], "frame_rate", 0.01, 100_000)
    tempo_mode = choice(top["tempo_mode"], "tempo_mode", TEMPO_MODES) if "tempo_mode" in top else "smooth"
    sections = _read_sections(top["sections"], duration_s)
    hits: tuple[Hit, ...] = ()
    if "hits" in top:
        read = (_read_hit(node, duration_s) for node in items(top["hits"], "hits", MAX_HITS))
        hits = tuple(sorted(read, key=lambda hit: hit.time_s))
    tempo_map = None
    if "tempo_map" in top:
        wanted = digest_of(duration_s, frame_rate, sections, hits, tempo_mode)
        tempo_map = _read_tempo_map(top["tempo_map"], duration_s, wanted)
    if tempo_map is None:
        if "tempo_map" in top and note is not None:
            note("the tempo map was solved again: sections or hits of the cue sheet were edited")
        tempo_map = solve(duration_s, frame_rate, sections, hits, mode=tempo_mode).tempo_map
    provenance = mapping(top["provenance"], (), _keys(top["provenance"])) if "provenance" in top else {}
    return CueSheet(
        title=text(top["title"], "title") if "title" in top else path.stem,
        duration_s=duration_s,
        frame_rate=frame_rate,
        start_timecode=_read_timecode(top["start_timecode"], frame_rate)
        if "start_timecode" in top
        else ZERO_TIMECODE,
        sections=sections,
        hits=hits,
        tempo_map=tempo_map,
        seed=integer(top["seed"], "seed", -(2**63), 2**63 - 1) if "seed" in top else 0,
        provenance={key: text(node, key) for key, node in provenance.items()},
        accents=_read_accents(top["accents"], duration_s) if "accents" in top else (),
        tempo_mode=tempo_mode,
        picture=text(top["picture"], "picture") if "picture" in top else "",
    )


def _read_sections(node: Node, duration_s: float) -> tuple[Section, ...]:
    nodes = items(node, "sections", MAX_SECTIONS)
    if not nodes:
        node.fail("sections is empty; give at least one, which starts at 0")
    read = [mapping(child, *SECTION_KEYS) for child in nodes]
    starts_s = [number(entry["start_s"], "start_s", 0.0, duration_s) for entry in read]
    if starts_s[0] != 0:
        read[0]["start_s"].fail(f"the first section starts at {starts_s[0]:g}; it must start at 0")
    for entry, before, start in zip(read[1:], starts_s, starts_s[1:], strict=False):
        if not before < start < duration_s:
            entry["start_s"].fail(
                f"the section starts at {start:g}; it must start after {before:g} "
                f"and before the end at {duration_s:g}"
            )
    ends_s = [*starts_s[1:], duration_s]
    spans_s = zip(read, starts_s, ends_s, strict=True)
    return tuple(_read_section(entries, a, b, duration_s) for entries, a, b in spans_s)


def _read_section(entries: dict[str, Node], start_s: float, end_s: float, duration_s: float) -> Section:
    label = text(entries["label"], "label", 200)
    key = text(entries["key"], "key", 20)
    try:
        Key.parse(key)
    except ValueError as error:
        entries["key"].fail(str(error))
    metre = text(entries["metre"], "metre", 20) if "metre" in entries else DEFAULT_METRE
    try:
        metre = str(Metre.parse(metre))
    except ValueError as error:
        entries["metre"].fail(str(error))
    style = choice(entries["style"], "style", tuple(PALETTES))
    reasons = mapping(entries["reasons"], (), _keys(entries["reasons"])) if "reasons" in entries else {}
    tags = items(entries["tags"], "tags", 100) if "tags" in entries else []
    return Section(
        start_s=start_s,
        end_s=end_s,
        label=label,
        valence=number(entries["valence"], "valence", -1, 1),
        arousal=number(entries["arousal"], "arousal", -1, 1),
        key=key,
        tempo_bpm=number(entries["tempo_bpm"], "tempo_bpm", LEAST_WISH_BPM, MOST_WISH_BPM),
        density=number(entries["density"], "density", 0, 1),
        dynamics=number(entries["dynamics"], "dynamics", 0, 1),
        style=style,
        tags=tuple(text(tag, "tag", 200) for tag in tags),
        theme=text(entries["theme"], "theme", 200) if "theme" in entries else "",
        silent=flag(entries["silent"], "silent") if "silent" in entries else False,
        metre=metre,
        valence_curve=_read_curve(entries, "valence_curve", duration_s, 2.0),
        arousal_curve=_read_curve(entries, "arousal_curve", duration_s, 2.0),
        density_curve=_read_curve(entries, "density_curve", duration_s, 1.0),
        dynamics_curve=_read_curve(entries, "dynamics_curve", duration_s, 1.0),
        reasons={name: text(node, name) for name, node in reasons.items()},
    )


def _read_curve(entries: dict[str, Node], name: str, duration_s: float, most: float) -> Curve:
    if name not in entries:
        return ()
    rows = _read_rows(entries[name], name, MAX_POINTS, duration_s, "change", -most, most)
    return tuple(CurvePoint(time_s, change) for time_s, change in rows)


def _read_accents(node: Node, duration_s: float) -> tuple[Accent, ...]:
    rows = _read_rows(node, "accents", MAX_ACCENTS, duration_s, "strength", 0.0, 1.0)
    return tuple(Accent(time_s, strength) for time_s, strength in rows)


def _read_rows(
    node: Node, name: str, at_most: int, duration_s: float, what: str, low: float, high: float
) -> list[tuple[float, float]]:
    """Pairs of a time and ``what``, in order of time."""
    rows: list[tuple[float, float]] = []
    for row in items(node, name, at_most):
        values = items(row, "numbers of a row", 2)
        if len(values) != 2:
            row.fail(f"a row of {name} must be [seconds, {what}]")
        time_s = number(values[0], "seconds", 0.0, duration_s)
        if rows and time_s <= rows[-1][0]:
            row.fail(f"{name} go from {rows[-1][0]:g} to {time_s:g} s; put the rows in order of time")
        rows.append((time_s, number(values[1], what, low, high)))
    return rows


def _read_hit(node: Node, duration_s: float) -> Hit:
    entries = mapping(node, *HIT_KEYS)
    return Hit(
        time_s=number(entries["time_s"], "time_s", 0.0, duration_s),
        label=text(entries["label"], "label", 1000) if "label" in entries else "",
        weight=number(entries["weight"], "weight", 0, 1) if "weight" in entries else 0.5,
        tolerance_s=number(entries["tolerance_s"], "tolerance_s", 0, 60)
        if "tolerance_s" in entries
        else HIT_TOLERANCE_S,
        required=flag(entries["required"], "required") if "required" in entries else False,
        kind=choice(entries["kind"], "kind", HIT_KINDS) if "kind" in entries else "user",
        gesture=choice(entries["gesture"], "gesture", GESTURES) if "gesture" in entries else "auto",
    )


def _read_tempo_map(node: Node, duration_s: float, wanted: str) -> TempoMap | None:
    """The map as it stands, or None where it was solved for something else."""
    entries = mapping(node, *TEMPO_KEYS)
    bars: list[Bar] = []
    for run in items(entries["bars"], "bars", MAX_BARS):
        values = items(run, "numbers of a bar", 4)
        if len(values) != 4:
            run.fail("a row of bars must be [how many, beats, beat unit, microseconds a quarter note]")
        count = integer(values[0], "how many", 1, MAX_BARS)
        numerator = integer(values[1], "beats", 1, 32)
        denominator = integer(values[2], "beat unit", 1, 32)
        tempo_us = integer(values[3], "microseconds a quarter note", MIN_TEMPO_US, MAX_TEMPO_US)
        if len(bars) + count > MAX_BARS:
            run.fail(f"more than {MAX_BARS} bars; keep fewer")
        try:
            bars += [Bar(numerator, denominator, tempo_us)] * count
        except ValueError as error:
            values[2].fail(str(error))
    end_beats = number(entries["end_beats"], "end_beats", 0, 1e7)
    solved_for = text(entries["solved_for"], "solved_for", 64)
    if solved_for not in (wanted, "keep"):
        return None
    try:
        tempo_map = TempoMap(tuple(bars), end_beats)
    except ValueError as error:
        entries["end_beats"].fail(str(error))
    if abs(tempo_map.end_s - duration_s) > END_TOLERANCE_S:
        node.fail(
            f"the bars end at {tempo_map.end_s:.3f} s, the picture at {duration_s:.3f} s; "
            "mend them, or remove tempo_map to have it solved again"
        )
    return tempo_map


def _read_timecode(node: Node, frame_rate: float) -> str:
    value = text(node, "start_timecode", 32)
    try:
        frame_number(value, frame_rate)
    except ValueError as error:
        node.fail(f"start_timecode: {error}")
    return value


def _keys(node: Node) -> tuple[str, ...]:
    if not isinstance(node.value, dict):
        raise BadInput(f"{node.path}:{node.line}: expected a mapping of names to text")
    return tuple(node.value)

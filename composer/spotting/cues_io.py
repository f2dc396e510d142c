"""The cue sheet as a document: YAML that a person edits, with comments that explain every field.

Times are seconds of picture time; the timecode beside them is a comment and is not read. Sections follow each
other without gaps, so only their starts are written: a section ends where the next one starts. Numbers are
written so that they read back exactly.

The tempo map: ``solved_for`` is a digest of everything it was solved for (duration, frame rate, the
starts, tempi and metres of sections, and the hits). While the digest still fits, the map is taken as it stands,
edits of its bars included. Once sections or hits were edited, it is solved again. ``solved_for: keep``
takes the map as it stands in any case; leaving ``tempo_map`` out has it solved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from composer.errors import BadInput
from composer.output import staged_file
from composer.palettes import PALETTES
from composer.spotting.cues import HIT_KINDS, CueSheet, Hit, Section
from composer.spotting.metre import DEFAULT_METRE, Metre
from composer.spotting.tempo_solver import MAX_DURATION_S, MAX_HITS, solve
from composer.spotting.yaml_tree import Node, flag, integer, items, mapping, number, quote, read_tree, text
from composer.theory import Key
from composer.timing import MAX_TEMPO_US, MIN_TEMPO_US, Bar, TempoMap

FORMAT_VERSION = 1
MAX_SECTIONS = 2000
MAX_BARS = 100_000
END_TOLERANCE_S = 0.05  # between the end of a tempo map and that of the picture

_HEADER = """\
# FrameScore cue sheet. Edit it, then: framescore compose FILE -o score.mid
# Times are seconds from the first frame; timecodes are comments and are not read.
"""
_SECTIONS = """\

# Sections follow each other: each ends where the next starts, the last with the film. The first starts at 0.
#   start_s              seconds; the music starts a bar there
#   label                name of the marker
#   theme                sections with the same word here bring the same melody back, each in its own key,
#                        tempo and ensemble; leave it empty for music of its own
#   valence, arousal     mood, -1 to 1: sad to glad, calm to excited
#   key, tempo_bpm       as C, F#m, Bb; quarter notes a minute that are wished (20-400)
#   metre                of the regular bar: 4/4, 3/4, 6/8 ... (1-12 over 2, 4 or 8); 4/4 where it is left out
#   density, dynamics    0 to 1: few to many notes, soft to loud
#   style                {styles}
#   tags                 words that help to choose
#   silent               true: no music here
#   reasons              what decided each field, for the reader only
"""
_HITS = """\

# Moments that the music should meet.
#   time_s, label        seconds, and what happens there
#   weight               0 to 1: how much it matters beside the others
#   tolerance_s          how far off still counts as met
#   required             true: must be met within half a frame
#   kind                 cut or user
"""
_TEMPO = """\

# Bars as [how many, beats, beat unit, microseconds a quarter note] (60000000 / BPM). Solved again once
# sections or hits were edited; write 'solved_for: keep' to keep these bars whatever else you change.
"""


def write_cues(cues: CueSheet, path: Path) -> None:
    """Write ``cues`` to ``path`` in one step: another program sees the old file or the whole new one.

    Raises ValueError where sections leave gaps, BadInput or OutOfResources where ``path`` cannot be written.
    """
    with staged_file(path) as temporary:
        temporary.write_text(format_cues(cues), encoding="utf-8", newline="\n")


def format_cues(cues: CueSheet) -> str:
    """The text of the document. Raises ValueError where sections leave gaps."""
    _check_gapless(cues)
    out = [
        _HEADER,
        f"format: {FORMAT_VERSION}\n",
        f"title: {quote(cues.title)}\n",
        f"duration_s: {float(cues.duration_s)!r}  # {timecode(cues.duration_s, cues.frame_rate)}\n",
        f"frame_rate: {float(cues.frame_rate)!r}\n",
        f"start_timecode: {quote(cues.start_timecode)}\n",
        f"seed: {cues.seed}\n",
        _SECTIONS.format(styles=", ".join(PALETTES)),
        "sections:\n" if cues.sections else "sections: []\n",
    ]
    for section in cues.sections:
        out.append(_format_section(section, cues.frame_rate))
    out += [_HITS, "hits:\n" if cues.hits else "hits: []\n"]
    out += [_format_hit(hit, cues.frame_rate) for hit in cues.hits]
    out += [_TEMPO, "tempo_map:\n", f"  solved_for: {digest(cues)}\n", "  bars:\n"]
    data = cues.tempo_map.to_json()
    second = 0.0
    for count, numerator, denominator, tempo_us in data["bars"]:
        bpm = 60e6 / tempo_us
        out.append(
            f"  - [{count}, {numerator}, {denominator}, {tempo_us}]  # {second:.3f} s, {bpm:.2f} BPM\n"
        )
        second += count * Bar(numerator, denominator, tempo_us).length_s
    out.append(f"  end_beats: {data['end_beats']!r}  # where the music is over\n")
    if cues.provenance:
        out.append("\n# Where this sheet comes from.\nprovenance:\n")
        out += [f"  {quote(key)}: {quote(value)}\n" for key, value in cues.provenance.items()]
    return "".join(out)


def read_cues(path: Path) -> CueSheet:
    """Read a cue sheet; its tempo map is solved again where it no longer fits (see the module's rule).

    Raises BadInput with file, line, what and remedy.
    """
    root = read_tree(path)
    top = mapping(
        root,
        ("format", "duration_s", "frame_rate", "sections"),
        ("title", "start_timecode", "seed", "hits", "tempo_map", "provenance"),
    )
    integer(top["format"], "format", FORMAT_VERSION, FORMAT_VERSION)
    duration_s = number(top["duration_s"], "duration_s", 1e-6, MAX_DURATION_S)
    sections = _read_sections(top["sections"], duration_s)
    hits: tuple[Hit, ...] = ()
    if "hits" in top:
        hits = tuple(_read_hit(node, duration_s) for node in items(top["hits"], "hits", MAX_HITS))
    frame_rate = number(top["frame_rate"], "frame_rate", 0.01, 100_000)
    tempo_map = None
    if "tempo_map" in top:
        wanted = _digest(duration_s, frame_rate, sections, hits)
        tempo_map = _read_tempo_map(top["tempo_map"], duration_s, wanted)
    if tempo_map is None:
        tempo_map = solve(duration_s, frame_rate, sections, hits).tempo_map
    provenance = mapping(top["provenance"], (), _keys(top["provenance"])) if "provenance" in top else {}
    return CueSheet(
        title=text(top["title"], "title") if "title" in top else path.stem,
        duration_s=duration_s,
        frame_rate=frame_rate,
        start_timecode=_read_timecode(top["start_timecode"]) if "start_timecode" in top else "00:00:00:00",
        sections=sections,
        hits=hits,
        tempo_map=tempo_map,
        seed=integer(top["seed"], "seed", -(2**63), 2**63 - 1) if "seed" in top else 0,
        provenance={key: text(node, key) for key, node in provenance.items()},
    )


def digest(cues: CueSheet) -> str:
    """What a tempo map depends on, as 16 hexadecimal digits."""
    return _digest(cues.duration_s, cues.frame_rate, cues.sections, cues.hits)


def timecode(time_s: float, frame_rate: float) -> str:
    """HH:MM:SS:FF of the frame at ``time_s``, counted without drop-frame; for the reader's eye."""
    base = max(round(frame_rate), 1)
    frames = round(time_s * frame_rate)
    seconds, frame = divmod(frames, base)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}"


def _digest(duration_s: float, frame_rate: float, sections: Sequence[Section], hits: Sequence[Hit]) -> str:
    content = [
        float(duration_s),
        float(frame_rate),
        [_solved_for(section) for section in sections],
        [(float(h.time_s), float(h.weight), float(h.tolerance_s), h.required) for h in hits],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _solved_for(section: Section) -> tuple[float | str, ...]:
    """What the bars of a section depend on; the usual metre is left out, as in sheets from before there were others."""
    start = (float(section.start_s), float(section.tempo_bpm))
    return start if section.metre == DEFAULT_METRE else (*start, section.metre)


def _format_section(section: Section, frame_rate: float) -> str:
    lines = [
        f"- start_s: {float(section.start_s)!r}  # {timecode(section.start_s, frame_rate)}",
        f"  label: {quote(section.label)}",
        f"  theme: {quote(section.theme)}",
        f"  valence: {float(section.valence)!r}",
        f"  arousal: {float(section.arousal)!r}",
        f"  key: {quote(section.key)}",
        f"  tempo_bpm: {float(section.tempo_bpm)!r}",
        f"  metre: {section.metre}",
        f"  density: {float(section.density)!r}",
        f"  dynamics: {float(section.dynamics)!r}",
        f"  style: {quote(section.style)}",
        f"  tags: [{', '.join(quote(tag) for tag in section.tags)}]",
        f"  silent: {str(section.silent).lower()}",
    ]
    if section.reasons:
        lines.append("  reasons:")
        lines += [f"    {quote(key)}: {quote(value)}" for key, value in section.reasons.items()]
    return "\n".join(lines) + "\n"


def _format_hit(hit: Hit, frame_rate: float) -> str:
    return (
        f"- {{time_s: {float(hit.time_s)!r}, label: {quote(hit.label)}, weight: {float(hit.weight)!r}, "
        f"tolerance_s: {float(hit.tolerance_s)!r}, required: {str(hit.required).lower()}, kind: {hit.kind}}}"
        f"  # {timecode(hit.time_s, frame_rate)}\n"
    )


def _check_gapless(cues: CueSheet) -> None:
    at_s = 0.0
    for section in cues.sections:
        if section.start_s != at_s:
            raise ValueError(f"section {section.label} starts at {section.start_s} s, not at {at_s} s")
        at_s = section.end_s
    if cues.sections and at_s != cues.duration_s:
        raise ValueError(f"the last section ends at {at_s} s, the film at {cues.duration_s} s")


def _read_sections(node: Node, duration_s: float) -> tuple[Section, ...]:
    nodes = items(node, "sections", MAX_SECTIONS)
    if not nodes:
        node.fail("sections is empty; give at least one, which starts at 0")
    read = [_section_entries(child) for child in nodes]
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
    return tuple(_read_section(e, a, b) for e, a, b in zip(read, starts_s, ends_s, strict=True))


def _section_entries(node: Node) -> dict[str, Node]:
    return mapping(
        node,
        ("start_s", "label", "valence", "arousal", "key", "tempo_bpm", "density", "dynamics", "style"),
        ("theme", "metre", "tags", "silent", "reasons"),
    )


def _read_section(entries: dict[str, Node], start_s: float, end_s: float) -> Section:
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
    style = text(entries["style"], "style", 200)
    if style not in PALETTES:
        entries["style"].fail(f"style {style!r} is not known; choose one of {', '.join(PALETTES)}")
    reasons = mapping(entries["reasons"], (), _keys(entries["reasons"])) if "reasons" in entries else {}
    tags = items(entries["tags"], "tags", 100) if "tags" in entries else []
    return Section(
        start_s=start_s,
        end_s=end_s,
        label=label,
        valence=number(entries["valence"], "valence", -1, 1),
        arousal=number(entries["arousal"], "arousal", -1, 1),
        key=key,
        tempo_bpm=number(entries["tempo_bpm"], "tempo_bpm", 20, 400),
        density=number(entries["density"], "density", 0, 1),
        dynamics=number(entries["dynamics"], "dynamics", 0, 1),
        style=style,
        tags=tuple(text(tag, "tag", 200) for tag in tags),
        theme=text(entries["theme"], "theme", 200) if "theme" in entries else "",
        silent=flag(entries["silent"], "silent") if "silent" in entries else False,
        metre=metre,
        reasons={name: text(node, name) for name, node in reasons.items()},
    )


def _read_hit(node: Node, duration_s: float) -> Hit:
    entries = mapping(node, ("time_s",), ("label", "weight", "tolerance_s", "required", "kind"))
    named = text(entries["kind"], "kind", 20) if "kind" in entries else "user"
    kind = next((known for known in HIT_KINDS if known == named), None)
    if kind is None:
        entries["kind"].fail(f"kind is {named!r}; it must be one of {', '.join(HIT_KINDS)}")
    return Hit(
        time_s=number(entries["time_s"], "time_s", 0.0, duration_s),
        label=text(entries["label"], "label", 1000) if "label" in entries else "",
        weight=number(entries["weight"], "weight", 0, 1) if "weight" in entries else 0.5,
        tolerance_s=number(entries["tolerance_s"], "tolerance_s", 0, 60) if "tolerance_s" in entries else 0.1,
        required=flag(entries["required"], "required") if "required" in entries else False,
        kind=kind,
    )


def _read_tempo_map(node: Node, duration_s: float, wanted: str) -> TempoMap | None:
    """The map as it stands, or None where it was solved for something else."""
    entries = mapping(node, ("solved_for", "bars", "end_beats"))
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


def _read_timecode(node: Node) -> str:
    value = text(node, "start_timecode", 32)
    parts = value.replace(";", ":").split(":")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts):
        node.fail(f"start_timecode is {value!r}; it must be like 01:00:00:00")
    return value


def _keys(node: Node) -> tuple[str, ...]:
    if not isinstance(node.value, dict):
        raise BadInput(f"{node.path}:{node.line}: expected a mapping of names to text")
    return tuple(node.value)

"""Writing a cue sheet: YAML with comments that explain every field, and the digest its tempo map was solved for.

Numbers are written so that they read back exactly. Timecodes stand beside them as comments.
"""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path

from composer.palettes import PALETTES
from composer.spotting.cues import CueSheet, Curve, Hit, Section, TempoMode
from composer.spotting.metre import DEFAULT_METRE
from composer.spotting.tempo_range import LEAST_WISH_BPM, MAX_BPM, MIN_BPM, MOST_WISH_BPM
from composer.spotting.yaml_tree import quote
from composer.timecode import timecode
from composer.timing import Bar

FORMAT_VERSION = 1
SCHEMA = Path(__file__).with_name("cues.schema.json")
CURVES = ("valence_curve", "arousal_curve", "density_curve", "dynamics_curve")
ROWS_A_LINE = 6

TITLE = "# FrameScore cue sheet."
_HEADER = f"""\
# yaml-language-server: $schema={SCHEMA.name}
{TITLE} Edit it, then: framescore compose FILE -o score.mid
# Times are seconds from the first frame; timecodes are comments and are not read.
# Editors check it and complete words: framescore spot --schema > {SCHEMA.name}
"""
_TEMPO_MODE = """\
# tempo_mode is smooth (bends to meet the hits), stepped (one tempo a section) or constant (one for the film)
"""
_SECTIONS = """\

# Sections follow each other: each ends where the next starts, the last with the film. The first starts at 0.
#   start_s              seconds; the music starts a bar there
#   label                name of the marker, and the seed of the section's music: renaming draws other music
#   theme                sections with the same word here bring the same melody back, each in its own key,
#                        tempo and ensemble; leave it empty for music of its own
#   valence, arousal     mood, -1 to 1: sad to glad, calm to excited
#   key, tempo_bpm       as C, F#m, Bb; quarter notes a minute that are wished ({slowest:g}-{fastest:g}; the bars
#                        keep within {min_bpm:g}-{max_bpm:g})
#   metre                of the regular bar: 4/4, 3/4, 6/8 ... (1-12 over 2, 4 or 8); 4/4 where it is left out
#   density, dynamics    0 to 1: few to many notes, soft to loud
#   valence_curve        [[seconds, change], ...]: how far a moment lies above or below the section's valence,
#                        straight lines between; arousal_curve, density_curve, dynamics_curve likewise.
#                        Edit the value to move a whole section, remove its curve to make it level.
#   style                {styles};
#                        where all sections are pop, networks that know pop songs write the music
#   tags                 words that help to choose
#   silent               true: no music here
#   reasons              what decided each field, for the reader only
"""
_STYLES = f"\n#{'':24}".join(textwrap.wrap(", ".join(PALETTES), 80, break_on_hyphens=False))
_HITS = """\

# Moments that the music should meet.
#   time_s, label        seconds, and what happens there
#   weight               0 to 1: how much it matters beside the others
#   tolerance_s          how far off still counts as met
#   required             true: must be met within half a frame
#   kind                 cut, marker or user
#   gesture              what the music does there: none, accent, stinger, swell (grows into it), stop (falls
#                        silent at it); auto leaves it to the composer
"""
_PICTURE = """\

# The file beside this one that holds what was seen: with it the chords follow colour and meaning frame by frame.
"""
_ACCENTS = """\

# Visual beats, movement that stops or turns, as [seconds, strength 0 to 1]: notes near them are accented.
# No bar is moved for them.
"""
_TEMPO = """\

# Bars as [how many, beats, beat unit, microseconds a quarter note] (60000000 / BPM). Solved again once
# sections or hits were edited; write 'solved_for: keep' to keep these bars whatever else you change.
"""


def format_cues(cues: CueSheet) -> str:
    """The text of the document. Raises ValueError where sections leave gaps."""
    _check_gapless(cues)
    out = [
        _HEADER,
        f"format: {FORMAT_VERSION}\n",
        f"title: {quote(cues.title)}\n",
        f"duration_s: {_number(cues.duration_s)}  # {_timecode(cues, cues.duration_s)}\n",
        f"frame_rate: {_number(cues.frame_rate)}\n",
        f"start_timecode: {quote(cues.start_timecode)}\n",
        f"seed: {cues.seed}\n",
        _TEMPO_MODE,
        f"tempo_mode: {cues.tempo_mode}\n",
        _SECTIONS.format(
            styles=_STYLES, slowest=LEAST_WISH_BPM, fastest=MOST_WISH_BPM, min_bpm=MIN_BPM, max_bpm=MAX_BPM
        ),
        "sections:\n" if cues.sections else "sections: []\n",
        *(_section(cues, section) for section in cues.sections),
        _HITS,
        "hits:\n" if cues.hits else "hits: []\n",
        *(_hit(cues, hit) for hit in cues.hits),
    ]
    if cues.picture:
        out.append(f"{_PICTURE}picture: {quote(cues.picture)}\n")
    if cues.accents:
        out += [_ACCENTS, _rows("accents", [(accent.time_s, accent.strength) for accent in cues.accents])]
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


def digest(cues: CueSheet) -> str:
    """What a tempo map depends on, as 16 hexadecimal digits."""
    return digest_of(cues.duration_s, cues.frame_rate, cues.sections, cues.hits, cues.tempo_mode)


def digest_of(
    duration_s: float,
    frame_rate: float,
    sections: Sequence[Section],
    hits: Sequence[Hit],
    tempo_mode: TempoMode,
) -> str:
    """`digest` of a sheet whose tempo map is not there yet."""
    content: list[object] = [
        float(duration_s),
        float(frame_rate),
        [_solved_for(section) for section in sections],
        [
            (float(h.time_s), float(h.weight), float(h.tolerance_s), h.required)
            for h in sorted(hits, key=lambda hit: hit.time_s)
        ],
    ]
    if tempo_mode != "smooth":  # which was the only one in older sheets
        content.append(tempo_mode)
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _solved_for(section: Section) -> tuple[float | str, ...]:
    """What the bars of a section depend on; the usual metre is left out, as in sheets from before there were others."""
    start = (float(section.start_s), float(section.tempo_bpm))
    return start if section.metre == DEFAULT_METRE else (*start, section.metre)


def _section(cues: CueSheet, section: Section) -> str:
    lines = [
        f"- start_s: {_number(section.start_s)}  # {_timecode(cues, section.start_s)}",
        f"  label: {quote(section.label)}",
        f"  theme: {quote(section.theme)}",
        f"  valence: {_number(section.valence)}",
        f"  arousal: {_number(section.arousal)}",
        f"  key: {quote(section.key)}",
        f"  tempo_bpm: {_number(section.tempo_bpm)}",
        f"  metre: {section.metre}",
        f"  density: {_number(section.density)}",
        f"  dynamics: {_number(section.dynamics)}",
        f"  style: {quote(section.style)}",
        f"  tags: [{', '.join(quote(tag) for tag in section.tags)}]",
        f"  silent: {str(section.silent).lower()}\n",
    ]
    text = "\n".join(lines)
    for name in CURVES:
        curve: Curve = getattr(section, name)
        if curve:
            text += _rows(name, [(point.time_s, point.change) for point in curve], indent="  ")
    if section.reasons:
        text += "  reasons:\n"
        text += "".join(f"    {quote(key)}: {quote(value)}\n" for key, value in section.reasons.items())
    return text


def _hit(cues: CueSheet, hit: Hit) -> str:
    return (
        f"- {{time_s: {_number(hit.time_s)}, label: {quote(hit.label)}, weight: {_number(hit.weight)}, "
        f"tolerance_s: {_number(hit.tolerance_s)}, required: {str(hit.required).lower()}, kind: {hit.kind}, "
        f"gesture: {hit.gesture}}}  # {_timecode(cues, hit.time_s)}\n"
    )


def _rows(name: str, rows: Sequence[tuple[float, float]], indent: str = "") -> str:
    """A list of pairs on one line, or a few on each of several."""
    cells = [f"[{_number(first)}, {_number(second)}]" for first, second in rows]
    if len(cells) <= ROWS_A_LINE:
        return f"{indent}{name}: [{', '.join(cells)}]\n"
    lines = [", ".join(cells[i : i + ROWS_A_LINE]) for i in range(0, len(cells), ROWS_A_LINE)]
    return f"{indent}{name}: [\n" + "".join(f"{indent}  {line},\n" for line in lines) + f"{indent}]\n"


def _number(value: float) -> str:
    """Reads back exactly, as a number in YAML 1.1 too, which wants a point before an exponent."""
    text = repr(float(value))
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def _timecode(cues: CueSheet, time_s: float) -> str:
    return timecode(time_s, cues.frame_rate, cues.start_timecode)


def _check_gapless(cues: CueSheet) -> None:
    at_s = 0.0
    for section in cues.sections:
        if section.start_s != at_s:
            raise ValueError(f"section {section.label} starts at {section.start_s} s, not at {at_s} s")
        at_s = section.end_s
    if cues.sections and at_s != cues.duration_s:
        raise ValueError(f"the last section ends at {at_s} s, the film at {cues.duration_s} s")

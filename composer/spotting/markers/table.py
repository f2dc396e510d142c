"""Tables of markers: a header line that names the columns, then a marker a line.

Columns are found by name, in any order, in capitals or not; others are left alone. The delimiter is the comma, the
tab or the semicolon, whichever the header uses most. Lines before the header (PySceneDetect's list of timecodes) and
lines that start with ``#`` are skipped.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from composer.spotting.cues import GESTURES, HIT_TOLERANCE_S, REQUIRED_WEIGHT, WISHED_WEIGHT, Hit
from composer.spotting.markers.clock import Clock
from composer.spotting.markers.labels import better_name, read_label
from composer.spotting.markers.source import (
    CUT_WEIGHT,
    Found,
    refuse,
)

HEADER_WITHIN = 40  # lines
MAX_COLUMNS = 100
DELIMITERS = ",\t;"
# What a column holds -> how programs head it, in small letters.
COLUMNS = {
    "time": ("time", "time s", "seconds", "start time (seconds)", "start", "start s", "position"),
    "timecode": ("timecode", "tc", "record in", "in"),
    "label": ("label", "marker name", "name", "marker"),
    "note": ("note", "notes", "description", "comment", "comments", "marker note"),
    "weight": ("weight",),
    "tolerance": ("tolerance", "tolerance s"),
    "required": ("required",),
    "gesture": ("gesture",),
}
YES, NO = ("true", "yes", "y", "x", "1"), ("false", "no", "n", "0")


@dataclass(frozen=True)
class _Table:
    path: Path
    columns: dict[str, int]  # what it holds -> its place
    is_scene_list: bool  # PySceneDetect


@dataclass(frozen=True)
class _Row:
    """One line, by what its cells hold; empty cells are missing."""

    path: Path
    line: int
    cells: dict[str, str]

    def number(self, name: str, high: float, default: float) -> float:
        if name not in self.cells:
            return default
        try:
            value = float(self.cells[name].replace(",", "."))
        except ValueError:
            value = -1.0
        if not 0 <= value <= high:
            refuse(self.path, self.line, f"{name} is {self.cells[name][:40]!r}; it must be 0 to {high:g}")
        return value

    def choice(self, name: str, known: tuple[str, ...], default: str) -> str:
        value = self.cells.get(name, default).lower()
        if value not in known:
            refuse(self.path, self.line, f"{name} is {value[:40]!r}; it must be one of {', '.join(known)}")
        return value


def read_table(path: Path, text: str, clock: Clock) -> Iterator[Found]:
    """The markers of a table. Raises BadInput where no header names a column of times, or for a cell that is wrong."""
    lines = text.split("\n")
    at = _header_at(path, lines)
    header, rows = lines[at], lines[at + 1 :]
    delimiter = _delimiter(header)
    _refuse_misspelt(path, at + 1, header, delimiter)
    table = _Table(path, _columns(header, delimiter), "scene number" in _names(header, delimiter))
    for row in _rows(table, rows, at + 2, delimiter):
        hit = _hit(row, clock, is_cut=table.is_scene_list)
        if not (table.is_scene_list and hit.time_s == 0):
            yield Found(row.line, hit)


def _header_at(path: Path, lines: list[str]) -> int:
    for at, line in enumerate(lines[:HEADER_WITHIN]):
        if {"time", "timecode"} & _columns(line, _delimiter(line)).keys():
            return at
    refuse(path, 1, "neither an EDL nor a table with a column of times; write a header such as: time,label")


def _delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _names(line: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # longer than any header
        return []
    return [" ".join(cell.lower().replace("_", " ").split()) for cell in cells[:MAX_COLUMNS]]


def _columns(line: str, delimiter: str) -> dict[str, int]:
    """What each known column holds -> its place; of two for the same thing the better-known heading counts."""
    names = _names(line, delimiter)
    found = {}
    for holds, headings in COLUMNS.items():
        heading = next((heading for heading in headings if heading in names), None)
        if heading is not None:
            found[holds] = names.index(heading)
    return found


def _refuse_misspelt(path: Path, line_number: int, line: str, delimiter: str) -> None:
    """Our own columns decide what the music does, so a slip in one is not passed over."""
    own = ("weight", "tolerance", "required", "gesture")
    known = {heading for headings in COLUMNS.values() for heading in headings}
    for name in _names(line, delimiter):
        near = difflib.get_close_matches(name, own, 1, cutoff=0.8)
        if near and name not in known:
            refuse(path, line_number, f"the column {name[:40]!r} is not known; did you mean {near[0]}?")


def _rows(table: _Table, lines: list[str], first_line: int, delimiter: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    start = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            refuse(table.path, first_line + start, f"not a line of a table ({error}); mend it")
        if cells is None:
            return
        line, start = first_line + start, reader.line_num
        if not any(cell.strip() for cell in cells) or cells[0].startswith("#"):
            continue
        named = {holds: cells[at].strip() for holds, at in table.columns.items() if at < len(cells)}
        yield _Row(table.path, line, {holds: cell for holds, cell in named.items() if cell})


def _hit(row: _Row, clock: Clock, *, is_cut: bool) -> Hit:
    time_s = _seconds(row, clock)
    if is_cut:
        return Hit(time_s, "cut", CUT_WEIGHT, kind="marker")
    label = read_label(better_name(row.cells.get("label", ""), row.cells.get("note", "")))
    gesture = row.choice("gesture", GESTURES, label.gesture)
    required = row.choice("required", YES + NO, "no" if label.is_wished else "yes") in YES
    return Hit(
        time_s=time_s,
        label=label.name or "marker",
        weight=row.number("weight", 1.0, REQUIRED_WEIGHT if required else WISHED_WEIGHT),
        tolerance_s=row.number("tolerance", 60.0, HIT_TOLERANCE_S),
        required=required,
        kind="marker",
        gesture=next(known for known in GESTURES if known == gesture),
    )


def _seconds(row: _Row, clock: Clock) -> float:
    try:
        if "time" in row.cells:
            return clock.seconds(row.cells["time"].replace(",", "."))
        if "timecode" in row.cells:
            return clock.timecode_seconds(row.cells["timecode"])
    except ValueError as error:
        refuse(row.path, row.line, str(error))
    refuse(row.path, row.line, "no time in this line; add it, or remove the line")

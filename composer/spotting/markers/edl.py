"""EDL, CMX 3600: one event a line, its last four fields source in, source out, record in, record out.

Of the record side's picture (tracks with a V, or B) every cut is a hit, the film's first frame apart. A dissolve or a
wipe is a hit in its middle that is met anywhere within it. ``FCM:`` lines say how the labels below them count.
Avid and others write markers as ``* LOC: 01:00:01:14 RED  words``. DaVinci Resolve writes a marker as an event of one
frame and a line ``note |C:ResolveColorRed |M:name |D:1``; such an event is no cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from composer.spotting.cues import HIT_TOLERANCE_S, REQUIRED_WEIGHT, WISHED_WEIGHT, Hit
from composer.spotting.markers.clock import Clock
from composer.spotting.markers.labels import better_name, read_label
from composer.spotting.markers.source import (
    CUT_WEIGHT,
    Found,
    refuse,
)

LOOKED_AT_LINES = 300  # for whether it is an EDL at all
_TRANSITION = re.compile(r"C|D|W\d{1,3}|K[BO]?")
_NEARLY_TIMECODE = re.compile(r"\d+[:;]\d*[:;][\d:;.]*")


@dataclass(frozen=True)
class _Event:
    line: int
    track: str
    transition: str
    length_frames: int  # of a dissolve or wipe
    record_in: str
    record_out: str
    drop_frame: bool | None


def is_edl(text: str) -> bool:
    """Whether the text looks like an EDL: its title, counting mode, an event or a marker comes early."""
    for number, line in enumerate(text.split("\n")):
        if number >= LOOKED_AT_LINES:
            return False
        if re.match(r"\s*(TITLE:|FCM:|\*\s*LOC:)", line) or _fields(line) is not None:
            return True
    return False


def read_edl(path: Path, text: str, clock: Clock) -> Iterator[Found]:
    """The cuts and markers of an EDL. Raises BadInput for a line that is no event but should be."""
    drop_frame: bool | None = None
    event: _Event | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if (mode := re.match(r"\s*FCM:(.*)", line)) is not None:
            drop_frame = "NON" not in mode[1].upper() if "DROP" in mode[1].upper() else None
        elif (marker := re.match(r"(.*?)\|C:\w*\s*\|M:(.*?)(\|D:|$)", line)) is not None:
            if event is None:
                refuse(path, number, "a marker without an event before it; export the markers again")
            name = better_name(marker[2].strip(), marker[1].strip())
            yield _marker(path, number, event.record_in, name, clock, drop_frame)
            event = None
        elif (locator := re.match(r"\s*\*\s*LOC:\s*(\S+)\s*(\w*)\s*(.*)", line)) is not None:
            label = locator[3] or locator[2].lower()
            yield _marker(path, number, locator[1], label, clock, drop_frame)
        elif (fields := _fields(line)) is not None:
            if event is not None:
                yield from _cut(path, event, clock)
            event = _event(path, number, fields, drop_frame)
    if event is not None:
        yield from _cut(path, event, clock)


def _fields(line: str) -> list[str] | None:
    """The fields of an event, or None for a line that is none."""
    fields = line.split()
    if len(fields) < 8 or not fields[0][:1].isdigit():
        return None
    return fields if all(_NEARLY_TIMECODE.fullmatch(field) for field in fields[-4:]) else None


def _event(path: Path, line: int, fields: list[str], drop_frame: bool | None) -> _Event:
    middle = fields[2:-4]
    length = int(middle.pop()[:6]) if len(middle) > 2 and middle[-1].isdecimal() else 0
    transition = middle[-1]
    if not _TRANSITION.fullmatch(transition):
        refuse(path, line, "not an event (number, reel, track, C, four timecodes); export the EDL again")
    return _Event(line, middle[-2], transition, length, fields[-2], fields[-1], drop_frame)


def _cut(path: Path, event: _Event, clock: Clock) -> Iterator[Found]:
    shows = "V" in event.track.upper() or event.track.upper() == "B"
    if not shows or event.transition.startswith("K") or event.record_in == event.record_out:
        return
    time_s = _seconds(path, event.line, event.record_in, clock, event.drop_frame)
    half_s = 0.5 * event.length_frames / clock.frame_rate
    if time_s == half_s == 0:
        return
    label = {"C": "cut", "D": "dissolve"}.get(event.transition, "wipe")
    tolerance_s = max(half_s, HIT_TOLERANCE_S)
    yield Found(event.line, Hit(time_s + half_s, label, CUT_WEIGHT, tolerance_s, kind="marker"))


def _marker(path: Path, line: int, moment: str, text: str, clock: Clock, drop_frame: bool | None) -> Found:
    label = read_label(text)
    hit = Hit(
        time_s=_seconds(path, line, moment, clock, drop_frame),
        label=label.name or "marker",
        weight=WISHED_WEIGHT if label.is_wished else REQUIRED_WEIGHT,
        required=not label.is_wished,
        kind="marker",
        gesture=label.gesture,
    )
    return Found(line, hit)


def _seconds(path: Path, line: int, moment: str, clock: Clock, drop_frame: bool | None) -> float:
    try:
        return clock.timecode_seconds(moment, drop_frame)
    except ValueError as error:
        refuse(path, line, f"{error}; mend it, or export the EDL at {clock.frame_rate:g} frames/s")

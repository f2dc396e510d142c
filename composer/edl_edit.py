"""The edit between two EDLs (CMX 3600): shots matched by what they are taken from.

A shot of the new list is a shot of the old one where reel, clip name and speed are the same and the source timecodes
overlap; what lies outside the overlap was cut off or is handles that were not there before. Picture where a list names
none is black, and is matched as such. Source timecodes count at the film's frame rate, record timecodes from its first
frame: the score's start timecode where the list begins with or after it, else the list's first event.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from composer.errors import BadInput
from composer.picture_edit import PictureEdit, Piece, Shot
from composer.spotting.markers.edl import is_edl
from composer.spotting.markers.source import read_text, refuse
from composer.timecode import exact_rate, frame_number

BLACK = "black"
LATE_START_S = 60.0  # of the first event after the film's start; more, and the list counts from elsewhere
MAX_EVENTS = 20_000
SAME_SPEED = 0.01  # relative
_TIMECODE = re.compile(r"\d+[:;]\d+[:;]\d+[:;.,]\d+")
_CLIP = re.compile(r"\*\s*(FROM|TO) CLIP NAME:\s*(.*\S)")


@dataclass(frozen=True)
class EdlShot:
    """An event of the picture: ``source`` (reel and clip) from ``source_in_s`` at ``speed``, shown from
    ``record_in_s`` to ``record_out_s`` (s from the film's first frame)."""

    source: tuple[str, str]
    source_in_s: float
    speed: float
    record_in_s: float
    record_out_s: float
    is_transition: bool = False

    @property
    def source_out_s(self) -> float:
        """Where in its source it ends."""
        return self.source_in_s + (self.record_out_s - self.record_in_s) * self.speed


def read_shots(path: Path, frame_rate: float, start_timecode: str) -> tuple[EdlShot, ...]:
    """The shots of an EDL in order, black between them, from the film's first frame on.

    Raises BadInput, with file, line, what and remedy, for a file that is no EDL or is damaged.
    """
    text = read_text(path)
    if not is_edl(text):
        raise BadInput(f"{path}: not an EDL; export the sequence as CMX 3600")
    shots: list[EdlShot] = []
    drop_frame: bool | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if (mode := re.match(r"\s*FCM:(.*)", line)) is not None:
            drop_frame = "NON" not in mode[1].upper() if "DROP" in mode[1].upper() else None
        elif re.search(r"\|C:\w*\s*\|M:", line) and shots:
            shots.pop()  # DaVinci Resolve writes a marker as an event of one frame
        elif (clip := _CLIP.match(line.strip())) is not None and shots:
            if clip[1] == ("TO" if shots[-1].is_transition else "FROM"):
                shots[-1] = replace(shots[-1], source=(shots[-1].source[0], clip[2]))
        elif (shot := _shot(path, number, line.split(), frame_rate, drop_frame)) is not None:
            shots.append(shot)
            if len(shots) > MAX_EVENTS:
                raise BadInput(f"{path}: more than {MAX_EVENTS} events; export one reel of the film")
    if not shots:
        raise BadInput(f"{path}: no picture in it; export the sequence with its video track")
    shots.sort(key=lambda shot: (shot.record_in_s, shot.record_out_s))
    start_s = float(frame_number(start_timecode, frame_rate) / exact_rate(frame_rate))
    if not 0 <= shots[0].record_in_s - start_s <= LATE_START_S:
        start_s = shots[0].record_in_s
    return _without_overlaps(shots, start_s, 0.5 / frame_rate)


def edit_of_edls(old: Sequence[EdlShot], new: Sequence[EdlShot], frame_s: float) -> PictureEdit:
    """The edit from one list of shots to another. ``frame_s``: what is shorter than half of it is nothing."""
    pieces: list[Piece] = []
    used: list[tuple[int, float, float]] = []  # old shot, from and to in its source
    for index, shot in enumerate(new):
        place = index / max(len(new) - 1, 1) * max(len(old) - 1, 0)
        pieces += _matched(shot, old, used, place, frame_s / 2)
    shots = tuple(Shot(f"shot {n}", shot.record_in_s, shot.record_out_s) for n, shot in enumerate(old, 1))
    return PictureEdit(tuple(pieces), shots)


def _shot(
    path: Path, line: int, fields: list[str], frame_rate: float, drop_frame: bool | None
) -> EdlShot | None:
    """The picture event that a line is; None for a line that is none."""
    if len(fields) < 8 or not fields[0][:1].isdigit():
        return None
    if not all(_TIMECODE.fullmatch(field) for field in fields[-4:]):
        return None
    if "V" not in fields[2].upper() and fields[2].upper() != "B":
        return None
    try:
        frames = [frame_number(label, frame_rate, drop_frame) for label in fields[-4:]]
    except ValueError as error:
        refuse(path, line, f"{error}; mend it, or export the EDL at {frame_rate:g} frames/s")
    source_in, source_out, record_in, record_out = (float(n / exact_rate(frame_rate)) for n in frames)
    if record_out <= record_in or fields[3].startswith("K"):
        return None
    reel, speed = fields[1], (source_out - source_in) / (record_out - record_in)
    if reel.upper() in ("BL", "BLACK"):
        reel, source_in, speed = BLACK, 0.0, 1.0
    elif frames[1] - frames[0] <= 1 < frames[3] - frames[2]:
        reel, speed = f"{reel} still {frames[0]}", 1.0
    return EdlShot((reel, ""), source_in, speed, record_in, record_out, fields[3] != "C")


def _without_overlaps(shots: Sequence[EdlShot], start_s: float, least_s: float) -> tuple[EdlShot, ...]:
    """The shots counted from ``start_s``, each up to where the next begins, and black where there is none."""
    found: list[EdlShot] = []
    now_s = 0.0
    for shot, later in zip(shots, [*shots[1:], None], strict=True):
        begin_s, end_s = shot.record_in_s - start_s, shot.record_out_s - start_s
        end_s = min(end_s, later.record_in_s - start_s) if later is not None else end_s
        if begin_s - now_s > least_s:
            found.append(EdlShot((BLACK, ""), 0.0, 1.0, now_s, begin_s))
        if end_s - begin_s > least_s:
            found.append(replace(shot, record_in_s=begin_s, record_out_s=end_s))
            now_s = end_s
    return tuple(found)


def _matched(
    shot: EdlShot,
    old: Sequence[EdlShot],
    used: list[tuple[int, float, float]],
    place: float,
    least_s: float,
) -> list[Piece]:
    """The pieces of a new shot: the old shot that it shares most unused source with, and so on with what is left."""
    if shot.record_out_s - shot.record_in_s < 1e-9:
        return []
    best: tuple[float, float, float] | None = None
    found = 0
    for index, other in enumerate(old):
        if shot.source != other.source or abs(shot.speed - other.speed) > SAME_SPEED * abs(other.speed):
            continue
        low, high = max(shot.source_in_s, other.source_in_s), min(shot.source_out_s, other.source_out_s)
        if (high - low) <= least_s * abs(shot.speed):
            continue
        taken = sum(max(min(high, b) - max(low, a), 0.0) for i, a, b in used if i == index)
        rank = (high - low - taken, high - low, -abs(index - place))
        if best is None or rank > best:
            best, found = rank, index
    if best is None:
        return [Piece(shot.record_in_s, shot.record_out_s, None)]
    other = old[found]
    low, high = max(shot.source_in_s, other.source_in_s), min(shot.source_out_s, other.source_out_s)
    used.append((found, low, high))
    start_s = shot.record_in_s + (low - shot.source_in_s) / shot.speed
    end_s = shot.record_in_s + (high - shot.source_in_s) / shot.speed
    old_start_s = other.record_in_s + (low - other.source_in_s) / other.speed
    before = replace(shot, record_out_s=start_s)
    after = replace(shot, record_in_s=end_s, source_in_s=high)
    return [
        *(_of_shot(p, found) for p in _matched(before, old, used, place, least_s)),
        Piece(start_s, end_s, old_start_s, found),
        *(_of_shot(p, found) for p in _matched(after, old, used, place, least_s)),
    ]


def _of_shot(piece: Piece, shot: int) -> Piece:
    """New picture beside a shot, from the same source, makes that shot longer."""
    return piece if piece.old_start_s is not None or piece.shot is not None else replace(piece, shot=shot)

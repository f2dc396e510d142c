"""Markers from other programs, as hits.

What a file is, is found by its content, not by its name:

- EDL (CMX 3600): the record-in of picture events are cuts, ``* LOC:`` lines and DaVinci Resolve's marker lines
  (``|C:ResolveColorRed |M:slam |D:1``) are markers (`edl`).
- A table with a header line (CSV, tab-separated or with semicolons): our own columns ``time`` or ``timecode``,
  ``label``, ``weight``, ``tolerance``, ``required``, ``gesture``; REAPER's region and marker list; the marker list of
  Premiere; the edit index of DaVinci Resolve; PySceneDetect's list of scenes (`table`).

Cuts are wished, with weight 0.5. Markers, which a person set, are required, with weight 1, unless the file or the
label says otherwise (`labels`). Four groups of digits are SMPTE timecode, counted from the film's start timecode;
seconds and ``h:m:s`` are time since the first frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from composer.errors import BadInput
from composer.spotting.cues import Hit
from composer.spotting.markers.clock import Clock
from composer.spotting.markers.edl import is_edl, read_edl
from composer.spotting.markers.source import Found, read_text
from composer.spotting.markers.table import read_table
from composer.spotting.tempo_solver import MAX_HITS

__all__ = ["read_markers"]


def read_markers(
    path: Path, *, frame_rate: float, start_timecode: str, duration_s: float = math.inf
) -> tuple[Hit, ...]:
    """The hits of a marker file, in order of time, for a film of ``frame_rate`` whose first frame is
    ``start_timecode``.

    Raises BadInput, with file, line, what and remedy, for a file that is none of these or is damaged, and for a
    marker outside the film.
    """
    text = read_text(path)
    clock = Clock(frame_rate, start_timecode)
    found = read_edl(path, text, clock) if is_edl(text) else read_table(path, text, clock)
    hits: dict[Hit, None] = {}
    for hit in _inside(path, found, clock, duration_s):
        hits[hit] = None
        if len(hits) > MAX_HITS:
            raise BadInput(f"{path}: more than {MAX_HITS} markers; keep fewer")
    if not hits:
        raise BadInput(f"{path}: no marker in it; export the markers again, or leave the file out")
    return tuple(sorted(hits, key=lambda hit: hit.time_s))


def _inside(path: Path, found: Iterator[Found], clock: Clock, duration_s: float) -> Iterator[Hit]:
    for line, hit in found:
        if not 0 <= hit.time_s < duration_s:
            end = f" and ends {duration_s:.2f} s later" if duration_s < math.inf else ""
            raise BadInput(
                f"{path}:{line}: {hit.label!r} at {hit.time_s:.2f} s is outside the film, which starts at timecode "
                f"{clock.start_timecode}{end}; remove it, or tell the film's start with --start-timecode"
            )
        yield hit

"""A film of named sections, what editors do to it, and the truth about where its picture is then.

An *order* is the new picture: (section of the old one or None, frames cut at its start, frames cut at its end);
negative frames are picture that was not there before, and for None the second number is how long the new picture is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from composer.midi import midi_bytes
from composer.pipeline import compose
from composer.smf import MidiTrack, parse_smf
from composer.spotting.cues import CueSheet, Hit, Section
from composer.spotting.tempo_solver import solve
from composer.timecode import frame_label

RATE = 25.0
FRAME_S = 1 / RATE
BOUNDS_S = (0.0, 9.2, 18.4, 27.0, 38.6, 48.0)
HITS_S = {"door": 4.44, "turn": 13.0, "slam": 22.52, "look": 33.0, "fall": 43.2}
OPERATIONS = ("move", "cut start", "cut end", "more start", "more end", "remove", "insert")
Order = list[tuple[int | None, int, int]]
START = "01:00:00:00"


@dataclass(frozen=True)
class Shown:
    """Picture from ``new_s`` for ``length_s`` that was at ``old_s``; None: it is new."""

    new_s: float
    length_s: float
    old_s: float | None
    section: int | None


def old_sheet() -> CueSheet:
    """48 seconds in five sections, two ensembles, five required hits and a cut."""
    sections = tuple(
        Section(start, end, "ABCDE"[i], 0.3 - 0.2 * i, 0.1 * i, key, bpm, 0.5, 0.5, style)
        for i, (start, end, key, bpm, style) in enumerate(
            zip(
                BOUNDS_S,
                BOUNDS_S[1:],
                ("C", "Am", "C", "Am", "C"),
                (96.0, 100.0, 92.0, 104.0, 96.0),
                ("chamber", "chamber", "chamber", "full-orchestra", "full-orchestra"),
                strict=False,
            )
        )
    )
    hits = [Hit(time_s, name, 1.0, required=True, kind="user") for name, time_s in HITS_S.items()]
    hits = tuple(sorted([*hits, Hit(30.0, "cut", 0.5)], key=lambda hit: hit.time_s))
    tempo_map = solve(BOUNDS_S[-1], RATE, sections, hits).tempo_map
    origin = {"input": "film.mp4", "input_sha256": "ab" * 32}
    return CueSheet("Test", BOUNDS_S[-1], RATE, START, sections, hits, tempo_map, 3, origin)


def old_file(cues: CueSheet):
    """Its music by the shipped networks, and what a person added: a marker, a lyric, bend, pedal, modulation."""
    file = parse_smf(midi_bytes(compose(cues, None, seed=3, candidates=1)))
    first, second = file.tracks[0], file.tracks[1]
    tick = [round(cues.tempo_map.beats(time_s) * file.ticks_per_beat) for time_s in (10.0, 21.0, 30.5, 44.0)]
    status = next(data[0] & 0x0F for _, data in second.messages if data[0] & 0xF0 == 0xC0)
    added = [
        (tick[0], bytes((0xE0 | status, 0, 80))),
        (tick[0], bytes((0xB0 | status, 1, 44))),
        (tick[1], bytes((0xB0 | status, 64, 127))),
        (tick[2], bytes((0xE0 | status, 0, 64))),
        (tick[2], bytes((0xB0 | status, 64, 0))),
        (tick[3], b"\xff\x05la"),
    ]
    mine = [(tick[1], b"\xff\x06MY PLACE"), (tick[3], b"\xf0\x7e\x7f\x09\x01\xf7")]
    tracks = [
        MidiTrack(tuple(sorted((*track.messages, *more), key=lambda m: m[0])), track.end_tick)
        for track, more in ((first, mine), (second, added))
    ]
    return replace(file, tracks=(*tracks, *file.tracks[2:]))


def shown(order: Order) -> list[Shown]:
    """The truth about a new picture."""
    found, now = [], 0.0
    for section, start, end in order:
        if section is None:
            found.append(Shown(now, start * FRAME_S, None, None))
        else:
            if start < 0:
                found.append(Shown(now, -start * FRAME_S, None, section))
                now = now - start * FRAME_S
            old_s = BOUNDS_S[section] + max(start, 0) * FRAME_S
            length_s = BOUNDS_S[section + 1] - max(end, 0) * FRAME_S - old_s
            found.append(Shown(now, length_s, old_s, section))
            if end < 0:
                found.append(Shown(now + length_s, -end * FRAME_S, None, section))
        now = found[-1].new_s + found[-1].length_s
    return found


def new_sheet(old: CueSheet, order: Order) -> CueSheet:
    """The cue sheet of a new picture, as a person would edit the old one; its tempo map is not solved."""
    pieces = shown(order)
    sections, hits = [], []
    for piece in pieces:
        start_s, end_s = round(piece.new_s, 6), round(piece.new_s + piece.length_s, 6)
        if piece.section is None:
            sections.append(
                replace(old.sections[0], label=f"NEW{len(sections)}", start_s=start_s, end_s=end_s)
            )
        elif sections and sections[-1].label == old.sections[piece.section].label:
            sections[-1] = replace(sections[-1], end_s=end_s)
        else:
            sections.append(replace(old.sections[piece.section], start_s=start_s, end_s=end_s))
        if piece.old_s is not None:
            shift_s = piece.new_s - piece.old_s
            hits += [
                replace(hit, time_s=round(hit.time_s + shift_s, 6))
                for hit in old.hits
                if piece.old_s - 1e-6 <= hit.time_s < piece.old_s + piece.length_s - 1e-6
            ]
    hits.sort(key=lambda hit: hit.time_s)
    sheet = replace(old, sections=tuple(sections), hits=tuple(hits), duration_s=sections[-1].end_s)
    return replace(sheet, provenance={"input": "new.mp4", "input_sha256": "cd" * 32})


def edl_text(order: Order) -> str:
    """The EDL of a new picture: every section is taken from a reel of its own, from 10 seconds into it."""
    lines, start = ["TITLE: TEST", "FCM: NON-DROP FRAME"], round(3600 * RATE)

    def label(time_s: float) -> str:
        return frame_label(round(time_s * RATE), RATE)

    for number, piece in enumerate(_cut_together(shown(order)), 1):
        reel = f"NEW{number}" if piece.section is None else f"REEL{piece.section}"
        source_s = 10.0 if piece.old_s is None else 10.0 + piece.old_s - BOUNDS_S[piece.section]
        record = start / RATE + piece.new_s
        times = (source_s, source_s + piece.length_s, record, record + piece.length_s)
        lines.append(f"{number:03d}  {reel} V     C        {' '.join(label(t) for t in times)}")
    return "\n".join(lines) + "\n"


def _cut_together(pieces: list[Shown]) -> list[Shown]:
    """One event for a section and the handles that make it longer."""
    found: list[Shown] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last is not None and last.section is not None and last.section == piece.section:
            old_s = last.old_s if last.old_s is not None else piece.old_s - last.length_s
            found[-1] = Shown(last.new_s, last.length_s + piece.length_s, old_s, last.section)
        else:
            found.append(piece)
    return found


def random_order(rng: np.random.Generator) -> Order:
    """One to three changes of the picture."""
    order: Order = [(section, 0, 0) for section in range(5)]
    for operation in rng.choice(OPERATIONS, size=int(rng.integers(1, 4))):
        old = [place for place, entry in enumerate(order) if entry[0] is not None]
        place = int(rng.choice(old))
        section, start, end = order[place]
        frames = int(rng.integers(2, 70))
        if operation == "move":
            order.insert(int(rng.integers(0, len(order))), order.pop(place))
        elif operation == "remove" and len(old) > 2:
            order.pop(place)
        elif operation == "insert":
            order.insert(int(rng.integers(0, len(order) + 1)), (None, int(rng.integers(20, 200)), 0))
        elif operation.endswith("start") and not start:
            order[place] = (section, frames if operation.startswith("cut") else -frames, end)
        elif operation.endswith("end") and not end:
            order[place] = (section, start, frames if operation.startswith("cut") else -frames)
    return order

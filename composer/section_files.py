"""A MIDI file cut at its section markers, each section a file that stands alone.

Convention: a section goes from its marker to the next or to the end; music before the first marker is a section of
its own. What was set before (`composer.chase`; tempo, metre and key of any track) stands at its first tick, with the
SMPTE offset of its start to a hundredth of a frame, and ``start_timecode=`` where the file has that. Notes that go
over a border end there and begin again after it. A section that begins inside a bar begins with the rest of that bar.
Chunks that are no tracks stay in every file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from composer.chase import TrackState
from composer.conductor import Conductor
from composer.errors import BadInput
from composer.midi import smpte_rate
from composer.midi_file import write_midi_file
from composer.midi_reader import score_of
from composer.music import Score
from composer.output import fitting_name
from composer.smf import (
    KEY_SIGNATURE,
    META,
    NOTE_OFF,
    NOTE_ON,
    SMPTE_OFFSET,
    TEMPO,
    TEXT,
    TIME_SIGNATURE,
    TRACK_NAME,
    MidiFile,
    MidiTrack,
)
from composer.timecode import exact_rate, frame_label, frame_number, is_drop_frame, parse_timecode

MAX_SECTIONS = 999
OPENING = "Start"  # what comes before the first marker
_SMPTE_CODES = {24.0: 0, 25.0: 1, 29.97: 2, 30.0: 3}
_NAME = bytes((META, TRACK_NAME))
_START_TEXT = bytes((META, TEXT)) + b"start_timecode="
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
Message = tuple[int, bytes]


@dataclass(frozen=True)
class SectionSpan:
    """A section of a file: its marker's text, and its ticks from ``start`` to before ``end``."""

    name: str
    start: int
    end: int


def write_sections(file: MidiFile, folder: Path) -> list[Path]:
    """Write each section of ``file`` to ``folder``, as ``01 A.mid`` and so on, and return the paths.

    Raises SmfError for a file that holds no music, ValueError where its start is no timecode at its frame rate,
    BadInput or OutOfResources where there are too many sections or the place cannot be written.
    """
    score = score_of(file)
    spans = section_spans(file, score)
    if len(spans) > MAX_SECTIONS:
        raise BadInput(f"{folder}: {len(spans)} sections, more than {MAX_SECTIONS}; mark fewer in the score")
    pieces = [section_file(file, score, span) for span in spans]
    digits = max(2, len(str(len(spans))))
    paths = []
    for number, (span, piece) in enumerate(zip(spans, pieces, strict=True), 1):
        name = _FORBIDDEN.sub("_", span.name).strip(". ") or "Section"
        paths.append(folder / fitting_name(f"{number:0{digits}d} {name}", ".mid"))
        write_midi_file(piece, paths[-1])
    return paths


def section_spans(file: MidiFile, score: Score) -> list[SectionSpan]:
    """The sections of a file, in order, by the markers of its ``score``; without any it is one section."""
    end = max(track.end_tick for track in file.tracks)
    starts = {0: OPENING}
    for marker in score.markers:
        tick = round(marker.onset_beats * file.ticks_per_beat)
        if marker.kind == "section" and tick < end:
            starts[tick] = marker.text
    ticks = [*sorted(starts), end]
    return [SectionSpan(starts[start], start, stop) for start, stop in pairwise(ticks)]


def section_file(file: MidiFile, score: Score, span: SectionSpan) -> MidiFile:
    """The section as a file of the same type and division; ``score`` is that of all of ``file``.

    Raises ValueError where its start is no timecode at its frame rate.
    """
    conductor = Conductor.of(file)
    label, offset = _start_of(score, conductor.seconds(span.start))
    head = [(0, offset), *_conducted(file, conductor, span)]
    tracks = []
    for index, track in enumerate(file.tracks):
        is_last = span.end == conductor.end_tick
        messages = _cut(track, span, head if index == 0 else [], label, is_last=is_last)
        tracks.append(MidiTrack(tuple(messages), span.end - span.start))
    return replace(file, tracks=tuple(tracks))


def _start_of(score: Score, time_s: float) -> tuple[str, bytes]:
    """The label of the frame at ``time_s``, and the SMPTE offset, which has hundredths of a frame as well."""
    drops = is_drop_frame(score.start_timecode)
    frames, hundredths = divmod(round(time_s * float(exact_rate(score.frame_rate)) * 100), 100)
    number = frame_number(score.start_timecode, score.frame_rate) + frames
    label = frame_label(number, score.frame_rate, drop_frame=drops)
    hours, minutes, seconds, frame = parse_timecode(label)
    if score.frame_rate > 40:  # as `smpte_rate` halves it
        frame, hundredths = frame // 2, (frame % 2 * 100 + hundredths) // 2
    rate = smpte_rate(score.frame_rate, drops)
    frame = min(frame, round(rate) - 1)
    offset = (_SMPTE_CODES[rate] << 5 | hours, minutes, seconds, frame, hundredths)
    return label, bytes((META, SMPTE_OFFSET, *offset))


def _conducted(file: MidiFile, conductor: Conductor, span: SectionSpan) -> list[Message]:
    """Metre, tempo and key at the section's start, as they were written; where that is inside a bar, first a metre for
    the rest of the bar, in 32nds, as far as it is so many."""
    metas = sorted(
        (meta for track in file.tracks for meta in track.metas if meta.tick <= span.start),
        key=lambda meta: meta.tick,
    )
    newest = {meta.kind: bytes((META, meta.kind)) + meta.data for meta in metas}
    found = [(0, newest[kind]) for kind in (TEMPO, KEY_SIGNATURE) if kind in newest]
    if TIME_SIGNATURE not in newest:
        return found
    metre = conductor.metre_at(span.start)
    bar = Fraction(4 * metre.numerator * file.ticks_per_beat, metre.denominator)
    left = Fraction(metre.tick - span.start) % bar
    changes = (other.tick - span.start for other in conductor.metres if other.tick > span.start)
    change = next(changes, conductor.end_tick)
    units = min(left, Fraction(change)) * 8 / file.ticks_per_beat
    if left and units.denominator == 1 and units <= 32:
        found.insert(0, (0, bytes((META, TIME_SIGNATURE, *_shortest(int(units)), 24, 8))))
        is_next = left < min(change, span.end - span.start)
        return [*found, (int(left), newest[TIME_SIGNATURE])] if is_next else found
    return [(0, newest[TIME_SIGNATURE]), *found]


def _shortest(units: int) -> tuple[int, int]:
    """So many 32nds as numerator and power of two of the denominator, quarters at the most."""
    power = 5
    while units % 2 == 0 and power > 2:
        units, power = units // 2, power - 1
    return units, power


def _cut(
    track: MidiTrack, span: SectionSpan, head: list[Message], label: str, *, is_last: bool
) -> list[Message]:
    """The messages of a track within a section, counted from its start; ``head`` comes after its name."""
    state = TrackState()
    first: list[bytes] = []  # what stands on the first tick and sets nothing
    later: list[Message] = []
    for tick, data in track.messages:
        if tick < span.start:
            state.take(data)
        elif tick > span.start:
            later.append((tick, data))
        elif _is_note_on(data) or not (_is_conducted(data) or state.release(data) or state.take(data)):
            first.append(data)
    told = [_with_label(data, label) for data in state.messages()]
    names = [data for data in told if data[:2] == _NAME]
    others = [data for data in told if data[:2] != _NAME]
    held = state.notes()
    for data in first:
        state.play(data)
    found = [(0, data) for data in names] + head + [(0, data) for data in (*others, *held, *first)]
    for tick, data in later:
        if tick < span.end or (is_last and tick == span.end):
            state.play(data)
            found.append((tick - span.start, data))
        elif tick == span.end and state.release(data):
            found.append((tick - span.start, data))
    ends = [bytes((NOTE_OFF | data[0] & 0x0F, data[1], 0)) for data in state.notes()]
    found += [(span.end - span.start, data) for data in ends]
    return sorted(found, key=lambda message: message[0])


def _is_note_on(data: bytes) -> bool:
    return data[0] & 0xF0 == NOTE_ON and data[2] > 0


def _is_conducted(data: bytes) -> bool:
    return data[0] == META and data[1] in (TEMPO, TIME_SIGNATURE, KEY_SIGNATURE, SMPTE_OFFSET)


def _with_label(data: bytes, label: str) -> bytes:
    """The message, or where it is the text that tells the timecode of the start, that text with ``label``."""
    return _START_TEXT + label.encode() if data.startswith(_START_TEXT) else data

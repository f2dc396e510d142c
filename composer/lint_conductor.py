"""Rules of `composer.lint` for the file as a whole and for its conductor track: tempo, metre, keys, markers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from composer.lint_rules import Found
from composer.lint_view import Metre, Piece
from composer.smf import CUE_POINT, KEY_SIGNATURE, LYRIC, MARKER, SMPTE_OFFSET, TEMPO, TIME_SIGNATURE
from composer.timing import MAX_TEMPO_US, MIN_TEMPO_US

GOOD_DIVISIONS = (480, 960)
MAX_CHANNELS = 16
MAX_TEMPO_CHANGE, ROUNDING = 0.04, 1e-4  # of tempo, from one to the next
MAX_MARKER = 60  # letters, as `composer.timecode.ascii_text` cuts them
SMPTE_FRAMES = (24, 25, 30, 30)  # by the rate's code; the third is drop-frame

_CONDUCTED = {
    TEMPO: "a tempo",
    TIME_SIGNATURE: "a metre",
    KEY_SIGNATURE: "a key",
    SMPTE_OFFSET: "an SMPTE offset",
    MARKER: "a marker",
    CUE_POINT: "a cue point",
}


def check_file(piece: Piece) -> Iterator[Found]:
    """Type, division, chunks, and whether there is music that 16 channels can hold."""
    file = piece.file
    if not piece.is_multitrack:
        channels = {channel for part in piece.parts for channel in part.channels}
        if len(channels) > 1:
            yield Found("type-0-parts", f"it is of type 0, with {len(channels)} channels in one track")
        else:
            yield Found("type-0", "it is of type 0")
    if file.ticks_per_beat not in GOOD_DIVISIONS:
        yield Found("division", f"it has {file.ticks_per_beat} ticks a quarter note")
    for chunk in file.other_chunks:
        yield Found("other-chunk", f"it holds a chunk of type {chunk.tag.decode('latin-1')!r}")
    if not piece.sounding:
        yield Found("no-notes", "it holds no notes")
    if len(piece.sounding) > MAX_CHANNELS:
        yield Found("many-parts", f"{len(piece.sounding)} tracks sound, and MIDI has {MAX_CHANNELS} channels")


def check_first_track(piece: Piece) -> Iterator[Found]:
    """The first track is a named conductor, and what it conducts stands nowhere else."""
    first = piece.parts[0]
    if piece.is_multitrack:
        if first.channels:
            what = f"{len(first.notes)} notes" if first.notes else "channel messages"
            yield Found("conductor-notes", f"the first track holds {what}", 0, min(first.channels.values()))
        if not first.name:
            yield Found("conductor-name", "the first track has no name", 0)
    for track, event in piece.metas(*_CONDUCTED):
        if track > 0:
            yield Found("off-conductor", f"{_CONDUCTED[event.kind]} stands on this track", track, event.tick)


def check_tempo(piece: Piece) -> Iterator[Found]:
    """Tempo at the start, in range, at bar lines, in small steps, and as far as notes reach."""
    for track, event in piece.metas(TEMPO):
        tempo_us = int.from_bytes(event.data, "big")
        if len(event.data) != 3 or not tempo_us:
            yield Found("tempo-value", "a tempo event is damaged", track, event.tick)
        elif not MIN_TEMPO_US <= tempo_us <= MAX_TEMPO_US:
            yield Found("tempo-value", f"the tempo is {60e6 / tempo_us:.4g} BPM", track, event.tick)
    tempi = piece.tempi
    if not tempi or tempi[0][0] > 0:
        yield Found("tempo-missing", "the file starts without a tempo")
    changes = [(old, new, tick) for (_, old), (tick, new) in pairwise(tempi) if old != new]
    for old, new, tick in changes:
        bpm = f"from {60e6 / old:.4g} to {60e6 / new:.4g} BPM"
        if not piece.grid.is_bar_line(tick):
            yield Found("tempo-off-bar", f"the tempo changes {bpm} inside a bar", 0, tick)
        if (change := abs(old / new - 1)) > MAX_TEMPO_CHANGE + ROUNDING:
            yield Found("tempo-step", f"the tempo changes {bpm}, by {change:.1%}", 0, tick)
    last_stop = max((part.last_stop for part in piece.sounding), default=0)
    if piece.sounding and changes and changes[-1][2] > last_stop:
        yield Found("tempo-after-notes", "the tempo changes after the last note", 0, changes[-1][2])


def check_metre(piece: Piece) -> Iterator[Found]:
    """Metre at the start, with meaning, at bar lines."""
    starts = False
    for track, event in piece.metas(TIME_SIGNATURE):
        metre = Metre.of(event)
        starts |= metre is not None and metre.tick == 0
        if metre is None:
            yield Found("metre-value", "a metre is damaged or beyond 32/32", track, event.tick)
    if not starts:
        yield Found("metre-missing", "the file starts without a metre")
    for metre, beat in piece.grid.off_bar:
        what = (
            f"the metre changes to {metre.numerator}/{metre.denominator} on beat {beat:g} of the bar before"
        )
        yield Found("metre-off-bar", what, 0, metre.tick)


def check_keys(piece: Piece) -> Iterator[Found]:
    """Keys are those of the circle of fifths."""
    for track, event in piece.metas(KEY_SIGNATURE):
        fifths = int.from_bytes(event.data[:1], "big", signed=True)
        if len(event.data) != 2 or not -7 <= fifths <= 7 or event.data[1] > 1:
            yield Found(
                "key-value", "a key is damaged or has more than seven sharps or flats", track, event.tick
            )


def check_offset(piece: Piece) -> Iterator[Found]:
    """An SMPTE offset that is a time of day, at the start."""
    offsets = list(piece.metas(SMPTE_OFFSET))
    if not offsets:
        yield Found("offset-missing", "the file has no SMPTE offset")
    for track, event in offsets:
        if event.tick > 0:
            yield Found("offset-late", "the SMPTE offset stands after the start", track, event.tick)
        if not _is_time_of_day(event.data):
            yield Found("offset-value", "the SMPTE offset is no time of day", track, event.tick)


def _is_time_of_day(data: bytes) -> bool:
    if len(data) != 5 or data[0] & 0x80:
        return False
    hours, minutes, seconds, frames, hundredths = data[0] & 0x1F, *data[1:]
    fits = hours < 24 and minutes < 60 and seconds < 60 and hundredths < 100
    return fits and frames < SMPTE_FRAMES[data[0] >> 5]


def check_markers(piece: Piece) -> Iterator[Found]:
    """Markers are short ASCII, every cue point has one beside it, and there are no lyrics."""
    marked = {(event.tick, event.text) for _, event in piece.metas(MARKER)}
    for track, event in piece.metas(MARKER, CUE_POINT):
        what = "marker" if event.kind == MARKER else "cue point"
        if event.kind == CUE_POINT and (event.tick, event.text) not in marked:
            yield Found("cue-alone", f"cue point {_quoted(event.text)} has no marker", track, event.tick)
        if not event.text:
            yield Found("marker-empty", f"a {what} has no text", track, event.tick)
        elif not all(0x20 <= byte <= 0x7E for byte in event.data):
            yield Found("marker-text", f"{what} {_quoted(event.text)} is not plain ASCII", track, event.tick)
        if len(event.text) > MAX_MARKER:
            yield Found(
                "marker-long",
                f"{what} {_quoted(event.text)} has {len(event.text)} letters",
                track,
                event.tick,
            )
    for track, event in piece.metas(LYRIC):
        yield Found("lyrics", f"a lyric, {_quoted(event.text)}, stands on this track", track, event.tick)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 24 else f"{text[:24]}...")

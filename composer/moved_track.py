"""One track of a MIDI file on the new timeline: every event of a bar that stays moves with its bar.

Ticks and messages as in `composer.smf`. A note belongs to the tick on which it starts; one that rings past the end of
what is kept ends there, and one that rings into a stretch whose bars before it are gone is struck at its start. At the
start of every kept stretch controllers, program, bend and pressure are put where they were (as DAWs chase them); where
new bars begin pedals are lifted, and expression leads from what is before to what follows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from composer.smf import (
    BEND,
    CONTROL,
    EXPRESSION,
    META,
    NOTE_OFF,
    NOTE_ON,
    PRESSURE,
    PROGRAM,
    SYSEX,
    MidiTrack,
)

PEDALS, BANK = (64, 65, 66, 67, 68, 69), (0, 32)
MODES = 120  # controllers from here on are commands, not values
INCREMENTS = (96, 97)
AT_REST = {1: 0, EXPRESSION: 127, **dict.fromkeys(PEDALS, 0)}  # of controllers that were never set
HELD_BEATS = 0.25  # a note that rings into a kept stretch for less is not struck again
Message = tuple[int, bytes]
State = dict[tuple[int, int], bytes]  # (status, controller or -1) -> the message that set it, the newest last


@dataclass(frozen=True)
class Span:
    """Ticks of the new timeline from ``start`` to ``end``; ``old_start``: where they were, None for new bars, which
    begin at ``bars``."""

    start: int
    end: int
    old_start: int | None
    bars: tuple[int, ...] = ()

    @property
    def old_end(self) -> int:
        """Where the old ticks end. Raises ValueError for new bars."""
        if self.old_start is None:
            raise ValueError("new bars were nowhere before")
        return self.old_start + self.end - self.start


def moved_messages(
    track: MidiTrack, spans: Sequence[Span], ticks_per_beat: int, is_head: Sequence[bool]
) -> list[Message]:
    """The channel messages of ``track`` on the new timeline. ``is_head`` (messages,): those of its first tick that
    stand there whatever is moved; of them only the state is looked at, the caller writes them."""
    messages = track.messages
    ticks = [tick for tick, _ in messages]
    off_of, of_notes = _pairs(messages)
    states = _states(messages, spans)
    out: list[Message] = []
    now: State = {}
    for (_, data), head in zip(messages, is_head, strict=True):
        if head:
            _take(now, data)
    for number, span in enumerate(spans):
        if span.old_start is None:
            later = states[number + 1] if number + 1 < len(spans) else None
            out += _into_gap(span, now, later)
            continue
        first, last = bisect_left(ticks, span.old_start), bisect_left(ticks, span.old_end)
        shift = span.start - span.old_start
        own = [i for i in range(first, last) if messages[i][1][0] < SYSEX and not is_head[i]]
        ons = [i for i in own if i in off_of]
        set_here = {_key(messages[i][1]) for i in own if ticks[i] == span.old_start}
        out += [(span.start, data) for data in _chased(now, states[number], set_here)]
        held = [
            i
            for i, off in off_of.items()
            if ticks[i] < span.old_start
            and (off is None or ticks[off] >= span.old_start + HELD_BEATS * ticks_per_beat)
            and not _goes_on(spans, number)
        ]
        out += [(span.start, messages[i][1]) for i in held]
        offs = {i: off for i in (*held, *ons) if (off := off_of[i]) is not None}
        plain = [i for i in own if i in off_of or i not in of_notes]
        ending = {off for off in offs.values() if ticks[off] <= span.old_end}
        out += [(ticks[i] + shift, messages[i][1]) for i in sorted({*plain, *ending})]
        cut = [i for i in (*held, *ons) if offs.get(i) not in ending]
        out += [(span.end, _off(messages[i][1])) for i in cut]
        for i in plain:
            _take(now, messages[i][1])
    return out


def is_state(data: bytes) -> bool:
    """Whether a message sets something that stays set: a controller, program, bend or pressure."""
    return _key(data) is not None


def _goes_on(spans: Sequence[Span], number: int) -> bool:
    """Whether the stretch follows in the new timeline what it followed in the old."""
    before = spans[number - 1] if number else None
    return before is not None and before.old_start is not None and before.old_end == spans[number].old_start


def _pairs(messages: Sequence[Message]) -> tuple[dict[int, int | None], set[int]]:
    """Note-on -> its note-off (None where it has none), as places in ``messages``; and all that start or end notes.
    The first sounding note of a pitch ends first, as `composer.midi_reader` reads it."""
    off_of: dict[int, int | None] = {}
    of_notes: set[int] = set()
    sounding: dict[tuple[int, int], list[int]] = {}
    for place, (_, data) in enumerate(messages):
        kind = data[0] & 0xF0
        if data[0] >= SYSEX or kind not in (NOTE_OFF, NOTE_ON):
            continue
        of_notes.add(place)
        waiting = sounding.setdefault((data[0] & 0x0F, data[1]), [])
        if kind == NOTE_ON and data[2] > 0:
            off_of[place] = None
            waiting.append(place)
        elif waiting:
            off_of[waiting.pop(0)] = place
    return off_of, of_notes


def _off(on: bytes) -> bytes:
    return bytes((NOTE_OFF | on[0] & 0x0F, on[1], 0))


def _key(data: bytes) -> tuple[int, int] | None:
    """What a message sets; None where it sets nothing that stays."""
    kind = data[0] & 0xF0
    if data[0] >= SYSEX or kind not in (CONTROL, PROGRAM, PRESSURE, BEND):
        return None
    if kind != CONTROL:
        return data[0], -1
    return None if data[1] >= MODES or data[1] in INCREMENTS else (data[0], data[1])


def _take(state: State, data: bytes) -> None:
    key = _key(data)
    if key is not None:
        state.pop(key, None)
        state[key] = data


def _states(messages: Sequence[Message], spans: Sequence[Span]) -> list[State | None]:
    """What was set before each kept stretch."""
    found: list[State | None] = [None] * len(spans)
    state: State = {}
    place = 0
    kept = [(span.old_start, number) for number, span in enumerate(spans) if span.old_start is not None]
    for old_start, number in sorted(kept):
        while place < len(messages) and (messages[place][0] < old_start or messages[place][0] == 0):
            _take(state, messages[place][1])
            place += 1
        found[number] = dict(state)
    return found


def _chased(now: State, wanted: State | None, set_here: Iterable[tuple[int, int] | None]) -> list[bytes]:
    """The messages that bring ``now`` to ``wanted``; ``now`` is there afterwards."""
    wanted = wanted or {}
    skipped = set(set_here)
    rest = {key: data for key in now if key not in wanted and (data := _at_rest(key)) is not None}
    out = [data for key, data in {**rest, **wanted}.items() if now.get(key) != data and key not in skipped]
    rebanked = {data[0] & 0x0F for data in out if data[0] & 0xF0 == CONTROL and data[1] in BANK}
    for key, data in wanted.items():
        if key[0] & 0xF0 == PROGRAM and key[0] & 0x0F in rebanked and data not in out and key not in skipped:
            out.append(data)
    for data in out:
        _take(now, data)
    return out


def _at_rest(key: tuple[int, int]) -> bytes | None:
    """The message that takes back what was set, where nothing set is something else than what anyone would set."""
    status, controller = key
    if status & 0xF0 == BEND:
        return bytes((status, 0, 64))
    if status & 0xF0 == PRESSURE:
        return bytes((status, 0))
    return bytes((status, controller, AT_REST[controller])) if controller in AT_REST else None


def _into_gap(span: Span, now: State, later: State | None) -> list[Message]:
    """What is set where new bars begin: pedals, bend and pressure at rest, expression on its way."""
    out: list[Message] = []
    for key in list(now):
        data = _at_rest(key)
        lifts = key[1] in PEDALS or key[0] & 0xF0 in (BEND, PRESSURE)
        if lifts and data is not None and now[key] != data:
            out.append((span.start, data))
            _take(now, data)
        if key[1] == EXPRESSION and key[0] & 0xF0 == CONTROL and later is not None and key in later:
            levels = np.interp(span.bars, (span.start, span.end), (now[key][2], later[key][2]))
            for bar, level in zip(span.bars, levels.tolist(), strict=True):
                step = bytes((key[0], EXPRESSION, round(level)))
                if step != now[key]:
                    out.append((bar, step))
                    now[key] = step
    return out


def is_meta(data: bytes, kind: int) -> bool:
    """Whether a message is a meta event of a type."""
    return data[0] == META and data[1] == kind

"""What the messages of a MIDI file have set by some tick, so that a piece cut out of it sounds as it did inside.

Convention: MIDI 1.0. A channel keeps its program, controllers, registered and other parameters (RPN, NRPN), pitch
bend and pressure until they are set anew; ``reset all controllers`` takes back what MMA RP-015 says. Of a track's
metas its names and port hold on; of text events the newest of each ``name=value``.
"""

from __future__ import annotations

import re
from collections import deque

from composer.smf import BEND, CONTROL, KEY_PRESSURE, META, NOTE_OFF, NOTE_ON, PRESSURE, PROGRAM, SYSEX, TEXT

_BANK, _BANK_FINE = 0, 32
_DATA, _DATA_FINE, _STEPS = 6, 38, (96, 97)
_SELECTORS = {98: "nrpn", 99: "nrpn", 100: "rpn", 101: "rpn"}
_SOUND_OFF, _RESET, _NOTES_OFF = 120, 121, 123
_FIRST_MODE = 120  # from here on controllers are commands, not states
_RESET_CONTROLLERS = (1, 2, 4, 11, 64, 65, 66, 67, 68, 69)  # RP-015; expression goes to 127, the others to 0
_HELD_METAS = (0x02, 0x03, 0x04, 0x08, 0x09, 0x20, 0x21)  # copyright, names, device, channel prefix, port
_NAMED = re.compile(rb"([\w.-]{1,80})=", re.ASCII)


class ChannelState:
    """What one channel has been told."""

    def __init__(self) -> None:
        self._program: bytes | None = None
        self._bends: dict[int, bytes] = {}  # pitch bend and channel pressure by their status
        self._controllers: dict[int, bytes] = {}
        self._selected: dict[int, bytes] = {}  # selectors of the parameter that data entry sets now
        self._parameters: dict[tuple[bytes, ...], list[bytes]] = {}  # selectors -> data entry

    def take(self, data: bytes) -> bool:
        """Take in a channel message; whether it set something that lasts."""
        kind, first = data[0] & 0xF0, data[1]
        if kind == PROGRAM:
            self._program = data
        elif kind in (BEND, PRESSURE):
            self._bends[kind] = data
        elif kind == CONTROL and first in _SELECTORS:
            others = {
                number: old
                for number, old in self._selected.items()
                if _SELECTORS[number] == _SELECTORS[first]
            }
            self._selected = {**others, first: data}
        elif kind == CONTROL and first in (_DATA, _DATA_FINE, *_STEPS):
            self._enter(first, data)
        elif kind == CONTROL and first < _FIRST_MODE:
            self._controllers[first] = data
        elif kind == CONTROL and first == _RESET:
            self._reset()
            return False
        else:
            return False
        return True

    def messages(self) -> list[bytes]:
        """What tells a fresh channel all of it: bank, program, parameters, controllers, bend and pressure."""
        banks = [self._controllers[number] for number in (_BANK, _BANK_FINE) if number in self._controllers]
        program = [] if self._program is None else [self._program]
        entered = [message for selectors, data in self._parameters.items() for message in (*selectors, *data)]
        rest = [
            self._controllers[number]
            for number in sorted(self._controllers)
            if number not in (_BANK, _BANK_FINE)
        ]
        return [*banks, *program, *entered, *self._selected.values(), *rest, *self._bends.values()]

    def _enter(self, number: int, data: bytes) -> None:
        selectors = tuple(self._selected[number] for number in sorted(self._selected))
        entered = [] if number == _DATA else list(self._parameters.get(selectors, ()))
        if number == _DATA_FINE:
            entered = [message for message in entered if message[1] != _DATA_FINE]
        self._parameters[selectors] = [*entered, data]

    def _reset(self) -> None:
        self._bends.clear()
        self._selected.clear()
        for number in _RESET_CONTROLLERS:
            self._controllers.pop(number, None)


class TrackState:
    """What the messages of a track have set: taken in one after the other, told to another track at once."""

    def __init__(self) -> None:
        self.sounding: dict[tuple[int, int], deque[bytes]] = {}  # channel, pitch -> note-ons, oldest first
        self._channels: dict[int, ChannelState] = {}
        self._metas: dict[tuple[int, bytes], bytes] = {}  # kind and name -> the newest
        self._sysex: list[bytes] = []

    def take(self, data: bytes) -> bool:
        """Take in a message; whether `messages` tells of it. Notes and what stops them it does not."""
        if data[0] == META:
            return self._take_meta(data)
        if data[0] >= SYSEX:
            self._sysex.append(data)
            return True
        if data[0] & 0xF0 in (NOTE_ON, NOTE_OFF, KEY_PRESSURE):
            self.play(data)
            return False
        if data[0] & 0xF0 == CONTROL and data[1] in (_SOUND_OFF, _NOTES_OFF):
            self.sounding = {
                (channel, pitch): ons
                for (channel, pitch), ons in self.sounding.items()
                if channel != data[0] & 0x0F
            }
        channel = data[0] & 0x0F
        return self._channels.setdefault(channel, ChannelState()).take(data)

    def play(self, data: bytes) -> None:
        """Take in a note-on or what ends a note; other messages are passed over."""
        if data[0] & 0xF0 == NOTE_ON and data[2] > 0:
            self.sounding.setdefault((data[0] & 0x0F, data[1]), deque()).append(data)
        else:
            self.release(data)

    def release(self, data: bytes) -> bool:
        """Whether ``data`` ends a note that sounds: the oldest of its pitch, which is over then."""
        ends = data[0] & 0xF0 == NOTE_OFF or (data[0] & 0xF0 == NOTE_ON and data[2] == 0)
        waiting = self.sounding.get((data[0] & 0x0F, data[1])) if ends else None
        if not waiting:
            return False
        waiting.popleft()
        return True

    def messages(self) -> list[bytes]:
        """Names and texts, system exclusive messages, then what each channel has been told; without notes."""
        told = [message for _, state in sorted(self._channels.items()) for message in state.messages()]
        return [*self._metas.values(), *self._sysex, *told]

    def notes(self) -> list[bytes]:
        """The note-ons of what sounds now."""
        return [message for _, ons in sorted(self.sounding.items()) for message in ons]

    def _take_meta(self, data: bytes) -> bool:
        kind, name = data[1], b""
        if kind == TEXT and (match := _NAMED.match(data, 2)) is not None:
            name = match[1]
        elif kind not in _HELD_METAS:
            return False
        self._metas[kind, name] = data
        return True

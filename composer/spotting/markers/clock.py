"""The three ways in which programs write a moment: seconds, ``h:m:s``, and SMPTE timecode."""

from __future__ import annotations

import re
from dataclasses import dataclass

from composer.timecode import is_drop_frame, timecode_s

_SECONDS = re.compile(r"\d{1,9}(\.\d{0,12})?|\.\d{1,12}", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,4}):(\d{1,2}(?:\.\d{0,12})?)", re.ASCII)
_TIMECODE = re.compile(r"(\d{1,2})[:;](\d{2})[:;](\d{2})([:;.,])(\d{2,3})", re.ASCII)
_BEATS = re.compile(r"-?\d+\.\d+\.\d+", re.ASCII)


@dataclass(frozen=True)
class Clock:
    """Reads moments as seconds since the first frame, which has the label ``start_timecode``."""

    frame_rate: float
    start_timecode: str

    def seconds(self, text: str) -> float:
        """``12.48``, ``1:02.5``, ``0:01:02.5`` (time since the first frame) or ``01:00:12:12`` (timecode).

        Raises ValueError for anything else, bars and beats in particular.
        """
        match = _TIMECODE.fullmatch(text)
        if match is not None and match[4] in ":;":
            return self.timecode_seconds(text)
        if _BEATS.fullmatch(text):
            raise ValueError(f"{text!r} counts bars and beats; export the times as seconds or timecode")
        clock = _CLOCK.fullmatch(text)
        if clock is not None:
            return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])
        if not _SECONDS.fullmatch(text):
            raise ValueError(f"{text[:40]!r} is not a time; write seconds (12.48), 1:02.5 or a timecode")
        return float(text)

    def timecode_seconds(self, text: str, drop_frame: bool | None = None) -> float:
        """Only timecode. ``drop_frame``: how the list says that it counts, where the label's own separator does not;
        None: as the start does. A list that counts otherwise than the film's start was counted from the same label.

        Raises ValueError for anything else.
        """
        match = _TIMECODE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:40]!r} is not a timecode such as 01:00:12:12")
        hours, minutes, seconds, separator, frames = match.groups()
        if separator != ":":
            drop_frame = True
        elif drop_frame is None:
            drop_frame = is_drop_frame(self.start_timecode)
        start = re.sub(r"[:;.,](\d+)$", r";\1" if drop_frame else r":\1", self.start_timecode)
        label = f"{hours}:{minutes}:{seconds}{';' if drop_frame else ':'}{frames}"
        return timecode_s(label, self.frame_rate, start)

"""Timecode and the short ASCII names that DAWs show for markers.

Convention: SMPTE ST 12-1. A label counts frames at the nearest whole rate. Non-drop labels, ``HH:MM:SS:FF``, run
behind the clock at 23.976, 29.97 and 59.94 frames/s (3.6 s an hour). Drop-frame labels, ``HH:MM:SS;FF``, exist at
29.97 and 59.94 only: they leave out the first two (four) labels of every minute but each tenth and so keep to the
clock. At 29.97 they are 1.8 frames off it at most within ten minutes and gain another 2.6 in a day, at 59.94 twice as
many. Labels begin again after 24 hours.
"""

from __future__ import annotations

import math
import re
import unicodedata
from fractions import Fraction

BROADCAST_RATES = tuple(Fraction(base * 1000, 1001) for base in (24, 30, 48, 60, 120))
DROP_RATES = tuple(Fraction(base * 1000, 1001) for base in (30, 60))
RATE_SLACK = 2.5e-4  # relative: people write 23.98 for 24000/1001, and 24 is 1e-3 away
ZERO_TIMECODE = "00:00:00:00"


def timecode(time_s: float, frame_rate: float, start_timecode: str = ZERO_TIMECODE) -> str:
    """The label of the frame at ``time_s`` (picture time) of a film whose first frame is ``start_timecode``.

    Drop-frame where the start is. Raises ValueError as `frame_number` does.
    """
    start = frame_number(start_timecode, frame_rate)
    frames = math.floor(time_s * float(exact_rate(frame_rate)) + 0.5)
    return frame_label(start + frames, frame_rate, drop_frame=is_drop_frame(start_timecode))


def timecode_s(
    label: str, frame_rate: float, start_timecode: str = ZERO_TIMECODE, drop_frame: bool | None = None
) -> float:
    """Picture time (s) of the frame labelled ``label``: the inverse of `timecode`.

    ``drop_frame``: how ``label`` counts, for lists that say so elsewhere (``FCM: DROP FRAME`` of an EDL); None: as
    its own separator says. Of the two ways round the day the shorter one counts, so that a label before the start
    gives a negative time. Raises ValueError as `frame_number` does.
    """
    drops = is_drop_frame(label) if drop_frame is None else drop_frame
    day = _frames_a_day(frame_rate, drops)
    frames = frame_number(label, frame_rate, drops) - frame_number(start_timecode, frame_rate)
    frames = (frames + day // 2) % day - day // 2
    return float(frames / exact_rate(frame_rate))


def exact_rate(frame_rate: float) -> Fraction:
    """Frames/s as the fraction that is meant: 24000/1001 for 23.976 and 23.98, 30000/1001 for 29.97.

    Raises ValueError for a rate that is not above 0.
    """
    if not 0 < frame_rate < math.inf:
        raise ValueError(f"frame rate {frame_rate} is not a number above 0")
    for rate in BROADCAST_RATES:
        if abs(frame_rate / rate - 1) < RATE_SLACK:
            return rate
    return Fraction(frame_rate)


def can_drop_frames(frame_rate: float) -> bool:
    """Whether drop-frame labels exist at this rate: 29.97 and 59.94."""
    return exact_rate(frame_rate) in DROP_RATES


def is_drop_frame(label: str) -> bool:
    """Whether ``label`` is written as drop-frame: a semicolon (older gear: a full stop or comma) before its frames."""
    return re.search(r"[;.,]\d+\s*$", label) is not None


def frame_number(label: str, frame_rate: float, drop_frame: bool | None = None) -> int:
    """How many frames after midnight's the frame labelled ``label`` comes.

    Raises ValueError where ``label`` is no timecode, has more frames than the rate, is drop-frame at a rate that has
    none, or is one of the labels that drop-frame leaves out.
    """
    hours, minutes, seconds, frames = parse_timecode(label)
    base = _base(frame_rate)
    if frames >= base:
        raise ValueError(
            f"timecode {label!r} has frame {frames}; at {frame_rate:g} frames/s the last is {base - 1}"
        )
    minutes += hours * 60
    number = (minutes * 60 + seconds) * base + frames
    if not (is_drop_frame(label) if drop_frame is None else drop_frame):
        return number
    dropped = _dropped_a_minute(label, frame_rate)
    if minutes % 10 and seconds == 0 and frames < dropped:
        raise ValueError(
            f"timecode {label!r} does not exist: drop-frame goes from the second before to ;{dropped:02d}"
        )
    return number - dropped * (minutes - minutes // 10)


def frame_label(number: int, frame_rate: float, *, drop_frame: bool = False) -> str:
    """The label of the frame that comes ``number`` frames after midnight's; of any sign. Raises ValueError for
    drop-frame at a rate that has none.
    """
    base = _base(frame_rate)
    number %= _frames_a_day(frame_rate, drop_frame)
    if drop_frame:
        dropped = _dropped_a_minute("drop-frame", frame_rate)
        tens, rest = divmod(number, 600 * base - 9 * dropped)
        number += 9 * dropped * tens
        if rest >= 60 * base:  # past the first minute of ten, which drops nothing
            number += dropped * (1 + (rest - 60 * base) // (60 * base - dropped))
    rest, frame = divmod(number, base)
    return f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}{';' if drop_frame else ':'}{frame:02d}"


def parse_timecode(text: str) -> tuple[int, int, int, int]:
    """Hours, minutes, seconds and frames of ``"HH:MM:SS:FF"`` or ``"HH:MM:SS;FF"``. Raises ValueError else."""
    match = re.fullmatch(r"(\d{1,2})[:;](\d{1,2})[:;](\d{1,2})[:;.,](\d{1,3})", text.strip(), re.ASCII)
    if match is None:
        raise ValueError(f"timecode {text!r} is not like 01:00:00:00")
    hours, minutes, seconds, frames = (int(group) for group in match.groups())
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(f"timecode {text!r} is not a time of day")
    return hours, minutes, seconds, frames


def ascii_text(text: str, limit: int = 60) -> str:
    """``text`` as short printable ASCII: accents dropped, other letters as ``?``, white space single."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in " ".join(plain.split()))
    return plain[:limit].strip()


def _base(frame_rate: float) -> int:
    """Labels a second."""
    return max(1, round(exact_rate(frame_rate)))


def _frames_a_day(frame_rate: float, drop_frame: bool) -> int:
    base = _base(frame_rate)
    return 24 * 3600 * base - (24 * 54 * _dropped_a_minute("drop-frame", frame_rate) if drop_frame else 0)


def _dropped_a_minute(label: str, frame_rate: float) -> int:
    if not can_drop_frames(frame_rate):
        raise ValueError(
            f"timecode {label!r} is drop-frame, which 29.97 and 59.94 frames/s have, not {frame_rate:g}"
        )
    return _base(frame_rate) // 15

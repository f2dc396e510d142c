"""Timecode and the short ASCII names that DAWs show for markers.

Convention: SMPTE ST 12-1 labels ``HH:MM:SS:FF``, non-drop: frames are counted at the nearest whole rate, so
that at 29.97 frames/s the label runs behind the clock, as editing systems show it.
"""

from __future__ import annotations

import math
import re
import unicodedata


def timecode(time_s: float, frame_rate: float, start_timecode: str = "00:00:00:00") -> str:
    """``"HH:MM:SS:FF"`` of a picture time, non-drop, counted at the nearest whole frame rate (SMPTE ST
    12-1).
    """
    base = max(1, round(frame_rate))
    hours, minutes, seconds, frames = parse_timecode(start_timecode)
    total = ((hours * 60 + minutes) * 60 + seconds) * base + frames + math.floor(time_s * frame_rate + 0.5)
    total %= 24 * 3600 * base
    rest, frame = divmod(total, base)
    return f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}:{frame:02d}"


def parse_timecode(text: str) -> tuple[int, int, int, int]:
    """Hours, minutes, seconds and frames of ``"HH:MM:SS:FF"`` (``;`` allowed). Raises ValueError else."""
    match = re.fullmatch(r"(\d{1,2}):(\d{1,2}):(\d{1,2})[:;.](\d{1,3})", text.strip())
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

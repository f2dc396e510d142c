"""Tiny MusicXML scores as text, for tests of the training readers."""

from __future__ import annotations

import io
import zipfile

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def note(pitch: str, duration: int, *inside: str, chord: bool = False, staff: int = 1) -> str:
    """``pitch`` like C4, F#4, Bb3, or R for a rest; ``duration`` in divisions; ``inside`` are more elements."""
    alter = {"#": 1, "b": -1}.get(pitch[1:2], 0)
    body = "<chord/>" if chord else ""
    if pitch == "R":
        body += "<rest/>"
    else:
        sharp = f"<alter>{alter}</alter>" if alter else ""
        body += f"<pitch><step>{pitch[0]}</step>{sharp}<octave>{pitch[-1]}</octave></pitch>"
    return f"<note>{body}<duration>{duration}</duration>{''.join(inside)}<staff>{staff}</staff></note>"


def attributes(beats: int = 4, beat_type: int = 4, divisions: int = 12, more: str = "") -> str:
    """Divisions and metre."""
    time = f"<time><beats>{beats}</beats><beat-type>{beat_type}</beat-type></time>"
    return f"<attributes><divisions>{divisions}</divisions>{time}{more}</attributes>"


def direction(inside: str, more: str = "") -> str:
    """A direction with one type in it."""
    return f"<direction><direction-type>{inside}</direction-type>{more}</direction>"


def score(*parts: list[str], names: tuple[str, ...] = (), implicit: tuple[int, ...] = ()) -> bytes:
    """A score of parts, each a list of measures' contents; ``implicit`` are indices of implicit measures."""
    listed = "".join(
        f'<score-part id="P{i}"><part-name>{names[i] if i < len(names) else ""}</part-name></score-part>'
        for i in range(len(parts))
    )
    written = "".join(
        f'<part id="P{i}">'
        + "".join(
            f'<measure number="{m + 1}"{" implicit=" + chr(34) + "yes" + chr(34) if m in implicit else ""}>'
            f"{content}</measure>"
            for m, content in enumerate(part)
        )
        + "</part>"
        for i, part in enumerate(parts)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
        '"http://www.musicxml.org/dtds/partwise.dtd">'
        f'<score-partwise version="4.0"><part-list>{listed}</part-list>{written}</score-partwise>'
    ).encode()


def mxl(xml: bytes) -> bytes:
    """The score as a compressed file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("score.xml", xml)
    return buffer.getvalue()

"""The last line of a cue sheet, a comment: a digest of all that stands above it, by which an edit is known.

A sheet whose seal still fits holds nothing that a person wrote, and may be replaced.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from composer.errors import BadInput
from composer.hostile import read_bytes
from composer.spotting.cues_format import TITLE
from composer.spotting.yaml_tree import MAX_BYTES

MARK = "# written by FrameScore: "


def sealed(document: str) -> str:
    """The document with its seal below it."""
    return document + _seal(document.encode()).decode()


def why_kept(path: Path) -> str:
    """Why a file must not be replaced by a sheet, as words that follow its name; empty where it is a sheet that nobody
    edited since it was written.
    """
    try:
        data = read_bytes(path, MAX_BYTES, "cue sheet")
    except BadInput:
        return "is no cue sheet that FrameScore wrote"
    document, mark, _ = data.rpartition(MARK.encode())
    if mark and data == document + _seal(document):
        return ""
    ours = mark or TITLE.encode() in data
    return "was edited since it was written" if ours else "is no cue sheet that FrameScore wrote"


def _seal(document: bytes) -> bytes:
    return f"{MARK}{hashlib.sha256(document).hexdigest()[:16]}\n".encode()

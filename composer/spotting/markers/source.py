"""A marker file as text, whoever wrote it: capped, in whatever encoding editing programs use."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import NamedTuple, NoReturn

from composer.errors import BadInput
from composer.hostile import read_bytes
from composer.spotting.cues import Hit

MAX_BYTES = 16 * 2**20
CUT_WEIGHT = 0.5
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),  # Premiere
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Found(NamedTuple):
    """A hit and the line of the file that it stands in."""

    line: int
    hit: Hit


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16 with its mark, or Latin-1, its lines ended by ``\\n``.

    Raises BadInput where it is not text.
    """
    data = read_bytes(path, MAX_BYTES, "list of markers")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\0" in text:
        raise BadInput(f"{path}: not text; export the markers as EDL or CSV")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def refuse(path: Path, line: int, what: str) -> NoReturn:
    """Raise the BadInput that says ``what`` is wrong at this line."""
    raise BadInput(f"{path}:{line}: {what}")

"""OpenScore: songs with piano, string quartets, orchestral movements (MusicXML, CC0).

The singer's line is a song's melody; where several sing, the first. Quartets and orchestras have the skyline; with the
Hauptstimme annotations (CC BY-SA) an orchestra has the part that an annotator heard as leading.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import numpy as np

from composer.analysis.skyline import skyline
from composer.tokens.frame import STYLES
from composer.train.corpora.build import Built, build_songs
from composer.train.corpora.musicxml import read_musicxml
from composer.train.corpora.piece import Piece, UnusablePiece

ORCHESTRA_NOTES = 24  # in four pulses
VOICE_NAMES = re.compile(
    r"voice|voix|stimme|gesang|chant|canto|soprano|sopran|mezzo|alto\b|alt\b|tenor|ténor|baritone|bariton|bass\b",
    re.IGNORECASE,
)


def read_lied(data: bytes, number: int) -> Built:
    """Songs of a Lied: the first singer's line is the melody."""
    piece = read_musicxml(data)
    return build_songs(replace(piece, melody=sung_line(piece)), number, STYLES.index("art song"))


def read_quartet(data: bytes, number: int) -> Built:
    """Songs of a string quartet."""
    return build_songs(read_musicxml(data), number, STYLES.index("quartet"))


def read_orchestra(data: bytes, number: int, annotation: bytes | None = None) -> Built:
    """Songs of an orchestral movement; ``annotation`` is a Hauptstimme ``_annotations.csv``."""
    piece = read_musicxml(data)
    if annotation is not None:
        piece = replace(piece, melody=leading_line(piece, annotation.decode("utf-8-sig")))
    return build_songs(piece, number, STYLES.index("orchestra"), ORCHESTRA_NOTES)


def sung_line(piece: Piece) -> np.ndarray | None:
    """(n,) bool: the top line of the first part that sings; None where nobody does."""
    counts = np.bincount(piece.notes[:, 4].astype(int), minlength=len(piece.parts))
    singers = [i for i, sung in enumerate(piece.sung) if sung and counts[i]]
    named = [i for i, name in enumerate(piece.parts) if VOICE_NAMES.search(name) and counts[i]]
    if not (singers or named):
        return None
    return line_of(piece, (singers or named)[0])


def line_of(piece: Piece, part: int) -> np.ndarray:
    """(n,) bool: the highest voice of one part."""
    chosen = np.flatnonzero(piece.notes[:, 4] == part)
    out = np.zeros(len(piece.notes), bool)
    onset, duration, pitch = piece.notes[chosen, :3].T
    out[chosen[skyline(onset, duration, pitch)]] = True
    return out


def leading_line(piece: Piece, annotation: str) -> np.ndarray:
    """(n,) bool: the top line of the annotated part from each annotation to the next, the skyline before the first.

    Rows give ``qstamp`` (quarters from the start), ``part`` (an abbreviated name) and ``part_num``, counted from 0;
    where a part is missing in our file the names tell by how much the numbers are off.
    """
    try:
        rows = [
            (float(row["qstamp"]), int(row["part_num"]), row["part"])
            for row in csv.DictReader(io.StringIO(annotation))
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise UnusablePiece(f"a damaged annotation ({error!r})") from error
    rows.sort()
    onset, duration, pitch = piece.notes[:, :3].T
    out = skyline(onset, duration, pitch)
    lines: dict[int, np.ndarray] = {}
    ends = [*(time for time, _, _ in rows[1:]), np.inf]
    for (start, number, name), end in zip(rows, ends, strict=True):
        inside = (onset >= start - 1e-6) & (onset < end - 1e-6)
        part = _named_part(piece.parts, number, name)
        if part is None:
            continue
        if part not in lines:
            lines[part] = line_of(piece, part)
        if (lines[part] & inside).any():
            out = np.where(inside, lines[part], out)
    return out


def _named_part(parts: tuple[str, ...], number: int, name: str) -> int | None:
    """The part nearest to ``number`` whose name an abbreviation such as "Vln 2" may stand for."""
    pattern = re.compile(".*".join(map(re.escape, re.sub(r"[^\w]", "", name).lower())))
    fits = [i for i, part in enumerate(parts) if pattern.search(re.sub(r"[^\w]", "", part).lower())]
    if fits:
        return min(fits, key=lambda i: abs(i - number))
    return number if 0 <= number < len(parts) else None

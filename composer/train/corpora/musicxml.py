"""MusicXML 2-4 to `Piece`: fast, for thousands of scores, and wary of what is in them.

Convention: W3C Music Notation Community Group, *MusicXML 4.0*. Partwise scores, plain or compressed (.mxl). Pitches
as they sound (``transpose`` applied), ties joined, grace and cue notes left out, staccato notes half as long, repeats
as written. Short bars (a pick-up, a bar before a repeat) are as long as what is in them; the halves of a bar that a
repeat cuts in two are put together again. A part without dynamic marks, as singers' mostly are, follows those of the
part that has most.

XML is not trusted: sizes are capped, entity declarations refused (Python's expat expands internal ones), and nothing
outside the file is read.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections import Counter
from xml.etree import ElementTree as ET

import numpy as np

from composer.train.corpora.expression import DOWNBEAT, ON_BEAT, bar_tempi
from composer.train.corpora.musicxml_part import PartReader, WrittenScore, part_notes
from composer.train.corpora.piece import COMPOUND_PULSE, Piece, UnusablePiece, is_compound

MAX_XML_BYTES = 64 * 2**20  # Beethoven's Ninth in full score: 27 MB, 1.3 million tags
MAX_TAGS = 4_000_000
MAX_PARTS = 200
TRUSTED_SHORT = 0.5  # quarters: a bar shorter than its metre by whole multiples of this is meant so
UNWRITTEN_METRE_BARS = (
    8  # as many full bars of another length than the metre's, and most of them: that is the metre
)
_ROOT = re.compile(r"<score-(partwise|timewise)")


def read_musicxml(data: bytes) -> Piece:
    """The piece in a .mxl or MusicXML file's bytes.

    Raises UnusablePiece where it is damaged, too large, not MusicXML, or holds no notes.
    """
    text = _safe_text(_unzipped(data) if data[:2] == b"PK" else data)
    try:
        score = read_score(text)
    except ET.ParseError as error:
        raise UnusablePiece(f"not well-formed XML ({error})") from error
    return assemble(score)


def _unzipped(data: bytes) -> bytes:
    """The score inside a compressed file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [
                info.filename
                for info in archive.infolist()
                if info.filename.lower().endswith((".xml", ".musicxml"))
                and not info.filename.startswith("META-INF")
            ]
            if not names:
                raise UnusablePiece("a compressed file without a score in it")
            with archive.open(names[0]) as file:
                content = file.read(MAX_XML_BYTES + 1)  # what the header claims is not trusted
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise UnusablePiece(f"a damaged compressed file ({error})") from error
    return content


def _safe_text(data: bytes) -> str:
    """Decoded XML without entity declarations."""
    if len(data) > MAX_XML_BYTES:
        raise UnusablePiece(f"more than {MAX_XML_BYTES // 2**20} MiB of XML")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    else:
        declared = re.match(rb"[^>]{0,100}encoding=[\"']([\w.-]+)", data[:200])
        encoding = declared[1].decode("ascii").lower() if declared else "utf-8"
        if encoding in ("utf-8", "utf8"):
            encoding = "utf-8-sig"
        elif encoding not in ("iso-8859-1", "latin-1", "us-ascii", "ascii", "windows-1252"):
            raise UnusablePiece(f"XML in the encoding {encoding}")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnusablePiece(f"XML that is not {encoding}") from error
    if "<!ENTITY" in text:
        raise UnusablePiece("XML with entity declarations")
    if text.count("<") > MAX_TAGS:
        raise UnusablePiece(f"more than {MAX_TAGS} tags")
    root = _ROOT.search(text)
    if root is None:
        raise UnusablePiece("not a MusicXML score")
    if root[1] == "timewise":
        raise UnusablePiece("a timewise score")
    return re.sub(r"^<\?xml[^>]*\?>", "", text, count=1)


def read_score(text: str) -> WrittenScore:
    """All parts of a score. Raises UnusablePiece, and ElementTree's ParseError on XML that is not well-formed."""
    root = ET.fromstring(text)
    score = WrittenScore()
    names = {
        part.get("id"): " ".join((part.findtext("part-name") or "").split())
        for part in root.findall("part-list/score-part")
    }
    parts = root.findall("part")
    if len(parts) > MAX_PARTS:
        raise UnusablePiece(f"more than {MAX_PARTS} parts")
    for part in parts:
        reader = PartReader(score, names.get(part.get("id"), ""))
        for measure in part.findall("measure"):
            reader.measure(measure)
        score.parts.append(reader.part)
        part.clear()
    return score


def assemble(score: WrittenScore) -> Piece:
    """The parts of a score on common bars. Raises UnusablePiece where it holds no notes."""
    if not score.notes:
        raise UnusablePiece("no notes")
    lengths, metres, opens, pickup, joins = _bars(score)
    starts = np.concatenate([[0.0], np.cumsum(lengths)])
    heads = np.flatnonzero(~joins)
    bar_starts = np.append(starts[heads], starts[-1])
    marked = max(score.parts, key=lambda part: part.levels)
    notes = np.concatenate(
        [
            part_notes(part, starts, index, part if part.levels else marked)
            for index, part in enumerate(score.parts)
        ]
    )
    at = np.minimum(np.searchsorted(bar_starts, notes[:, 0] + 1e-6, side="right") - 1, len(heads) - 1)
    pulse = np.where([is_compound(int(n), int(d)) for n, d in metres[heads]], COMPOUND_PULSE, 1.0)[at]
    inside = (notes[:, 0] - bar_starts[at]) / pulse
    on_beat = np.abs(inside - np.round(inside)) < 1e-6
    metric = np.where(inside < 1e-6, DOWNBEAT, np.where(on_beat, ON_BEAT, 0.0))
    notes[:, 3] = np.clip(np.round(notes[:, 3] + metric), 1, 127)
    symbols = np.array([(starts[m] + t, i) for m, t, i in score.symbols], float).reshape(-1, 2)
    return Piece(
        notes=notes,
        parts=tuple(part.name for part in score.parts),
        sung=tuple(part.sung for part in score.parts),
        bar_starts=bar_starts,
        metres=metres[heads],
        pickup=pickup[heads],
        opens=opens[heads],
        quarter_bpm=bar_tempi(_tempo_changes(score, starts), bar_starts),
        symbols=symbols[np.argsort(symbols[:, 0], kind="stable")] if len(symbols) else None,
    )


def _bars(score: WrittenScore) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For every measure: length in quarters, metre, whether a movement opens, whether it is a pick-up, whether it is
    the second half of the one before.
    """
    bars = score.bars
    content = np.array([bar.length for bar in bars])
    implicit = np.array([bar.implicit for bar in bars])
    first = np.array([i == 0 or bar.restarts for i, bar in enumerate(bars)])
    metres = _real_metres(np.array([bar.metre for bar in bars]), content, implicit | first)
    nominal = 4.0 * metres[:, 0] / metres[:, 1]
    short = (content < nominal - 1e-6) & (content > 1e-6)
    completes = np.append(False, short[:-1] & (np.abs(content[:-1] + content[1:] - nominal[1:]) < 1e-6))
    missing = (nominal - content) / TRUSTED_SHORT
    meant = np.abs(missing - np.round(missing)) < 1e-4
    keeps = short & (implicit | first | completes | np.append(completes[1:], False) | meant)
    joins = completes & short & ~first & np.append(True, ~first[:-1])
    for i in np.flatnonzero(joins):
        joins[i] &= not joins[i - 1]
    lengths = np.where((short & ~keeps) | (content <= 1e-6), nominal, content)
    opens = first | np.array([False, *(bar.ends for bar in bars[:-1])])
    return lengths, metres, opens, keeps & first, joins


def _real_metres(metres: np.ndarray, content: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """Metres (bars, 2) that agree with what is in the bars: some files leave their time signature out."""
    out = metres.copy()
    for metre in np.unique(metres, axis=0):
        under = (metres == metre).all(1) & ~odd & (content > 1e-6)
        common = Counter(np.round(content[under], 3).tolist()).most_common(1)
        if not common:
            continue
        length, count = common[0]
        halves = round(2 * length)
        if (
            abs(length - 4.0 * metre[0] / metre[1]) > 1e-3
            and count >= max(UNWRITTEN_METRE_BARS, 0.6 * under.sum())
            and abs(length - halves / 2) < 1e-3
        ):
            out[(metres == metre).all(1)] = (halves // 2, 4) if halves % 2 == 0 else (halves, 8)
    return out


def _tempo_changes(score: WrittenScore, starts: np.ndarray) -> list[tuple[float, float]]:
    """(quarters, quarter notes a minute); of several marks at one place the surest: sound, metronome, then words."""
    best: dict[float, tuple[int, float]] = {}
    for measure, time, bpm, rank in score.tempi:
        at = round(float(starts[measure]) + time, 3)
        if at not in best or rank < best[at][0]:
            best[at] = (rank, bpm)
    return [(time, bpm) for time, (_, bpm) in best.items()]

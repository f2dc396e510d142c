"""Renaming a sample entry inside an MP4 file.

FFmpeg reads VP8 in MP4 but refuses to write it. Its VP9 writer makes the same structure (VP Codec ISO Media File
Format Binding 1.0: ``vp08`` and ``vp09`` sample entries, both with a ``vpcC`` box), so only the entry's four letters
have to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_PATH = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
_STSD_HEADER_BYTES = 8  # version, flags and entry count before the entries


def relabel_sample_entry(path: Path, old: bytes, new: bytes) -> int:
    """Rename every sample entry ``old`` (four bytes) to ``new`` in the MP4 file at ``path``; how many there were."""
    if len(old) != 4 or len(new) != 4:
        raise ValueError(f"sample entry names have four bytes, not {old!r} and {new!r}")
    with path.open("rb+") as file:
        file.seek(0, 2)
        found = list(_entries(file, 0, file.tell(), _PATH, old))
        for position in found:
            file.seek(position + 4)
            file.write(new)
    return len(found)


def _entries(file, start: int, end: int, path: tuple[bytes, ...], wanted: bytes) -> Iterator[int]:
    """Offsets of the boxes named ``wanted`` under ``path`` between two offsets."""
    for position, body, stop, name in _boxes(file, start, end):
        if not path and name == wanted:
            yield position
        elif path and name == path[0]:
            inner = body + _STSD_HEADER_BYTES if len(path) == 1 else body
            yield from _entries(file, inner, stop, path[1:], wanted)


def _boxes(file, start: int, end: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Boxes between two offsets: where each starts, where its contents start and end, its name."""
    position = start
    while position + 8 <= end:
        file.seek(position)
        header = file.read(16)
        size, name, body = int.from_bytes(header[:4], "big"), header[4:8], position + 8
        if size == 1:
            size, body = int.from_bytes(header[8:16], "big"), position + 16
        elif size == 0:
            size = end - position
        if size < body - position or position + size > end:
            return
        yield position, body, position + size, name
        position += size

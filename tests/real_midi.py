"""Real MIDI files from the archives that may lie beside the checkout."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from composer.smf import MidiFile, parse_smf

ARCHIVES = ("emopia", "pop909", "symmv", "vgmidi")
FILES_OF_AN_ARCHIVE = 3


def real_files(shared_data: Path, count: int = FILES_OF_AN_ARCHIVE) -> Iterator[tuple[str, MidiFile]]:
    """Name and content of the first ``count`` files of every archive."""
    for name in ARCHIVES:
        archive = shared_data / "midi" / f"{name}.tar.xz"
        if not archive.is_file():
            continue
        with tarfile.open(archive, "r:xz") as tar:
            members = (member for member in tar if member.isfile() and member.name.endswith(".mid"))
            for member in islice(members, count):
                yield member.name, parse_smf(tar.extractfile(member).read())

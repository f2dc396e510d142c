"""The collections by name: what they are, whose they are, how their works are found and read.

A work is a path inside the archive or folder and the bytes that belong to it. Its number is a hash of collection and
path, so a work stays in its split (`composer.train.song.split_of`) whatever else is read with it.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from composer.train.corpora import chorales, folder, lead_sheets, openscore, pop909
from composer.train.corpora.build import Built
from composer.train.corpora.piece import UnusablePiece

READER_VERSION = 2  # count up whenever readers give other songs, so that caches are made anew
MEASURE_ONLY = "unknown: measure only"
WORKS_A_COLLECTION = 100_000_000
MAX_FILE_BYTES = 64 * 2**20
ANNOTATIONS = "annotations"
CHORALES_FILE = "Jsb16thSeparated.json"  # four voices in every frame


@dataclass(frozen=True)
class Work:
    """``path`` names it, ``number`` decides its split, ``files`` are its contents by role."""

    path: str
    number: int
    files: dict[str, bytes]


@dataclass(frozen=True)
class Collection:
    """``find`` lists an archive's works, ``read`` makes songs of one."""

    name: str
    title: str
    licence: str
    find: Callable[[Path], Iterator[Work]]
    read: Callable[[Work], Built]


def work_number(collection: str, path: str) -> int:
    """A number that depends on the collection and the path alone, and on no collection's neighbours."""
    digest = hashlib.sha256(path.encode()).digest()
    order = list(COLLECTIONS).index(collection)
    return order * WORKS_A_COLLECTION + int.from_bytes(digest[:8], "big") % WORKS_A_COLLECTION


def archive_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every file in a tar archive or below a folder. Raises UnusablePiece on a broken archive."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and not file.is_symlink() and file.stat().st_size <= MAX_FILE_BYTES:
                yield file.relative_to(path).as_posix(), file.read_bytes()
        return
    try:
        with tarfile.open(path, "r|*") as tar:
            for member in tar:
                if member.isfile() and member.size <= MAX_FILE_BYTES:
                    content = tar.extractfile(member)
                    if content is not None:
                        yield os.path.normpath(member.name), content.read()
    except (tarfile.TarError, EOFError, lzma.LZMAError) as error:
        raise UnusablePiece(f"{path.name}: a damaged archive ({error})") from error


def _below(root: str, name: str) -> str:
    """A member's path from the project's folder ``root`` on, whatever the archive has wrapped around it."""
    at = f"/{name}".find(f"/{root}/")
    return name[at:] if at >= 0 else name


def _scores(collection: str, root: str, path: Path) -> Iterator[Work]:
    for member, content in archive_members(path):
        if member.lower().endswith((".mxl", ".musicxml")):
            name = _below(root, member)
            yield Work(name, work_number(collection, name), {"score": content})


def _lieder(path: Path) -> Iterator[Work]:
    return _scores("lieder", "scores", path)


def _quartets(path: Path) -> Iterator[Work]:
    return _scores("quartets", "scores", path)


def _lead_sheets(path: Path) -> Iterator[Work]:
    return _scores("ewld", "dataset", path)


def _orchestra(path: Path) -> Iterator[Work]:
    annotations: dict[str, bytes] = {}
    waiting: dict[str, Work] = {}
    for member, content in archive_members(path):
        name = _below("data", member)
        if name.endswith("_annotations.csv"):
            annotations[name.removesuffix("_annotations.csv")] = content
        elif name.endswith(".mxl") and not name.endswith("_melody.mxl"):
            waiting[name.removesuffix(".mxl")] = Work(
                name, work_number("orchestra", name), {"score": content}
            )
    for stem, work in waiting.items():
        if stem in annotations:
            work.files[ANNOTATIONS] = annotations[stem]
        yield work


def _chorales(path: Path) -> Iterator[Work]:
    for name, content in archive_members(path):
        if Path(name).name == CHORALES_FILE:
            for part, pieces in json.loads(content).items():
                for i, frames in enumerate(pieces):
                    label = f"{part}/{i}"
                    yield Work(label, work_number("jsb", label), {"frames": json.dumps(frames).encode()})


def _pop909(path: Path) -> Iterator[Work]:
    files: dict[str, dict[str, bytes]] = {}
    for name, content in archive_members(path):
        number, file = Path(name).parent.name, Path(name).name
        if number.isdigit() and file in (f"{number}.mid", "beat_midi.txt", "chord_midi.txt"):
            files.setdefault(number, {})["midi" if file.endswith(".mid") else file] = content
    for number in sorted(files):
        yield Work(number, int(number), files[number])


def _folder(path: Path) -> Iterator[Work]:
    for name, content in archive_members(path):
        if name.lower().endswith(folder.MIDI_SUFFIXES + folder.MUSICXML_SUFFIXES):
            yield Work(name, work_number("folder", name), {"score": content})


def _read_lied(work: Work) -> Built:
    return openscore.read_lied(work.files["score"], work.number)


def _read_quartet(work: Work) -> Built:
    return openscore.read_quartet(work.files["score"], work.number)


def _read_orchestra(work: Work) -> Built:
    return openscore.read_orchestra(work.files["score"], work.number, work.files.get(ANNOTATIONS))


def _read_lead_sheet(work: Work) -> Built:
    return lead_sheets.read_lead_sheet(work.files["score"], work.number)


def _read_chorale(work: Work) -> Built:
    return chorales.read_chorale(json.loads(work.files["frames"]), work.number)


def _read_pop909(work: Work) -> Built:
    try:
        midi, beats, chords = (work.files[name] for name in ("midi", "beat_midi.txt", "chord_midi.txt"))
    except KeyError as error:
        raise UnusablePiece(f"{error} is missing") from error
    return pop909.read_song(work.number, midi, beats.decode(), chords.decode())


def _read_file(work: Work) -> Built:
    return folder.read_file(work.path, work.files["score"], work.number)


# The order is part of the works' numbers: add at the end.
COLLECTIONS = {
    "pop909": Collection("pop909", "POP909 (Wang et al., ISMIR 2020)", "MIT", _pop909, _read_pop909),
    "lieder": Collection("lieder", "OpenScore Lieder Corpus", "CC0-1.0", _lieder, _read_lied),
    "ewld": Collection("ewld", "OpenEWLD lead sheets", "public domain", _lead_sheets, _read_lead_sheet),
    "jsb": Collection("jsb", "J. S. Bach, four-part chorales", "public domain", _chorales, _read_chorale),
    "quartets": Collection("quartets", "OpenScore String Quartets", "CC0-1.0", _quartets, _read_quartet),
    "orchestra": Collection("orchestra", "OpenScore Orchestra", "CC0-1.0", _orchestra, _read_orchestra),
    "folder": Collection("folder", "a user's folder", MEASURE_ONLY, _folder, _read_file),
}

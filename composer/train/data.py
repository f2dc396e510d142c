"""Collections of music to arrays: ``python -m composer.train.data lieder=L.tar.xz jsb=J.tar.xz -o runs/open.npz``.

A source is ``NAME=PATH``: pop909, lieder, ewld, jsb, quartets, orchestra (the archives as their projects publish
them, packed or unpacked) or folder (your own MIDI and MusicXML, packed or not). `composer.train.song` tells what is
written. Beside the npz lie a JSON that says what is in it and whose it is, and a cache a collection: what was read
once is read again only when the archive or the readers change, so an interrupted run goes on at the next collection.

Licences: Lieder, quartets and orchestra are CC0, OpenEWLD and the chorales public domain, POP909 MIT. The leading
voices of the orchestra (``--leading-voice``) are CC BY-SA. A folder is marked "unknown: measure only" unless
``--folder-licence`` says otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from composer.tokens.frame import STYLES
from composer.train.corpora.build import Built
from composer.train.corpora.catalogue import (
    ANNOTATIONS,
    COLLECTIONS,
    READER_VERSION,
    Collection,
    Work,
)
from composer.train.corpora.piece import UnusablePiece
from composer.train.song import Song, load_songs, save_songs, split_of

ANNOTATION_LICENCE = "CC BY-SA (Hauptstimme annotations)"
REPORTED_REFUSALS = 200
WAITING_A_JOB = 4  # works held in memory for each process
# What damaged files raise on their way through numpy and mido.
DAMAGE = (ValueError, KeyError, IndexError, EOFError, OSError, OverflowError, ZeroDivisionError)


@dataclass(frozen=True)
class Read:
    """A collection as read: its songs, how many notes were off the grid, and a line for each work refused."""

    songs: list[Song]
    off_grid: int
    refused: list[str]


def read_collection(collection: Collection, path: Path, leading_voice: bool = False, jobs: int = 1) -> Read:
    """All songs of an archive or folder, in the order of its works' paths. Copies of a work are left out."""
    works = collection.find(path)
    if not leading_voice:
        works = (replace(w, files={k: v for k, v in w.files.items() if k != ANNOTATIONS}) for w in works)
    started = time.monotonic()
    built: list[tuple[Work, Built]] = []
    refused: list[str] = []
    for done, (work, result) in enumerate(_results(collection, works, jobs), 1):
        if isinstance(result, str):
            refused.append(f"{work.path}: {result}")
        elif not result.songs:
            refused.append(f"{work.path}: too short")
        else:
            built.append((work, result))
        if done % 100 == 0:
            seconds = time.monotonic() - started
            print(
                f"{collection.name}: {done} works, {len(refused)} refused, {seconds:.0f} s", file=sys.stderr
            )
    songs: list[Song] = []
    off_grid = 0
    seen: dict[bytes, str] = {}
    for work, result in sorted(built, key=lambda pair: pair[0].path):
        digest = hashlib.sha256(b"".join(song.notes.tobytes() for song in result.songs)).digest()
        if digest in seen:
            refused.append(f"{work.path}: the same music as {seen[digest]}")
            continue
        seen[digest] = work.path
        songs += result.songs
        off_grid += result.off_grid
    return Read(songs, off_grid, sorted(refused))


def _read_work(read: Any, work: Work) -> Built | str:
    try:
        return read(work)
    except DAMAGE as error:
        return str(error) if isinstance(error, UnusablePiece) else repr(error)


def _results(collection: Collection, works: Iterator[Work], jobs: int) -> Iterator[tuple[Work, Built | str]]:
    """Every work with its songs or the reason there are none, in any order."""
    if jobs <= 1:
        for work in works:
            yield Work(work.path, work.number, {}), _read_work(collection.read, work)
        return
    read = partial(_read_work, collection.read)
    context = multiprocessing.get_context("spawn")  # a fork of a program with threads may hang
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_interrupts)
    try:
        waiting: dict[Future[Built | str], Work] = {}
        more = True
        while waiting or more:
            for work in islice(works, WAITING_A_JOB * jobs - len(waiting)):
                waiting[pool.submit(read, work)] = Work(work.path, work.number, {})
            more = len(waiting) >= WAITING_A_JOB * jobs
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                yield waiting.pop(future), future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C is for the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def fingerprint(path: Path) -> str:
    """sha256 of an archive; of a folder, of its files' names, sizes and times."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            status = file.lstat()
            digest.update(f"{file.relative_to(path)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    else:
        with path.open("rb") as archive:
            while block := archive.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def cached(
    collection: Collection, path: Path, cache: Path, leading_voice: bool, jobs: int
) -> tuple[Read, str]:
    """`read_collection` through a cache folder, and the sha256 of what was read."""
    sha256 = fingerprint(path)
    voice = "-leading" if leading_voice and collection.name == "orchestra" else ""
    stem = f"{collection.name}{voice}-{sha256[:16]}-v{READER_VERSION}"
    npz, notes = cache / f"{stem}.npz", cache / f"{stem}.json"
    if npz.exists() and notes.exists():
        told = json.loads(notes.read_text())
        print(f"{collection.name}: {told['songs']} songs from the cache", file=sys.stderr)
        return Read(load_songs(npz), told["off_grid"], told["refused"]), sha256
    result = read_collection(collection, path, bool(voice), jobs)
    if result.songs:
        cache.mkdir(parents=True, exist_ok=True)
        part = cache / f"{stem}.part.npz"
        save_songs(result.songs, part)
        os.replace(part, npz)
        told = {"songs": len(result.songs), "off_grid": result.off_grid, "refused": result.refused}
        _write_json(notes, told)
    return result, sha256


def describe(songs: list[Song]) -> dict[str, Any]:
    """Counts of a list of songs, for the JSON and for people."""
    beats = Counter(
        f"{int(n)} {'dotted quarters' if c else 'quarters'}"
        for song in songs
        for n, c in zip(song.bar_beats, song.compound, strict=True)
    )
    notes = sum(len(song.notes) for song in songs)
    bars = sum(len(song.bar_beats) for song in songs)
    return {
        "works": len({song.number for song in songs}),
        "songs": len(songs),
        "splits": dict(sorted(Counter(split_of(song.number) for song in songs).items())),
        "notes": notes,
        "melody_notes": int(sum((song.notes[:, 2] == 0).sum() for song in songs)),
        "bars": bars,
        "bars_by_metre": dict(beats.most_common()),
        "minor_share_of_bars": round(sum(len(s.bar_beats) for s in songs if s.minor) / max(bars, 1), 4),
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    os.replace(part, path)


def _source(text: str) -> tuple[Collection, Path]:
    name, equals, path = text.partition("=")
    if not equals or name not in COLLECTIONS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not NAME=PATH with NAME one of {', '.join(COLLECTIONS)}"
        )
    if not Path(path).exists():
        raise argparse.ArgumentTypeError(f"{path}: no such file or folder")
    return COLLECTIONS[name], Path(path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="+", type=_source, metavar="NAME=PATH")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument(
        "--leading-voice", action="store_true", help="melody of the orchestra as annotated, CC BY-SA"
    )
    parser.add_argument("--folder-licence", metavar="TEXT", help="what a folder's licence is")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes that read (all cores)"
    )
    args = parser.parse_args()
    songs: list[Song] = []
    told: dict[str, Any] = {"reader_version": READER_VERSION, "styles": STYLES, "collections": []}
    for collection, path in args.sources:
        try:
            read, sha256 = cached(
                collection, path, args.output.parent / "cache", args.leading_voice, args.jobs
            )
        except UnusablePiece as error:
            parser.exit(3, f"{error}; fetch it again\n")
        except BrokenProcessPool:
            parser.exit(
                5, f"{collection.name}: a reading process was killed, for memory perhaps; give --jobs 1\n"
            )
        licence = collection.licence
        if collection.name == "folder" and args.folder_licence:
            licence = args.folder_licence
        if collection.name == "orchestra" and args.leading_voice:
            licence += f"; {ANNOTATION_LICENCE}"
        about = describe(read.songs)
        about["off_grid_share_of_notes"] = round(read.off_grid / max(about["notes"], 1), 4)
        told["collections"].append(
            {
                "name": collection.name, "title": collection.title, "licence": licence, "source": path.name,
                "sha256": sha256, **about, "refused": len(read.refused),
                "refused_works": read.refused[:REPORTED_REFUSALS],
            }
        )  # fmt: skip
        print(
            f"{collection.name}: {about['songs']} songs of {about['works']} works, {about['notes']:,} notes; "
            f"{len(read.refused)} refused {read.refused[:2]}",
            file=sys.stderr,
        )
        songs += read.songs
    if not songs:
        parser.exit(3, "no music in these sources; give a folder or archive that holds MIDI or MusicXML\n")
    told["total"] = describe(songs)
    part = args.output.with_name(args.output.stem + ".part.npz")
    save_songs(songs, part)
    os.replace(part, args.output)
    _write_json(args.output.with_suffix(".json"), told)
    total = told["total"]
    print(f"{args.output}: {total['songs']} songs, {total['notes']:,} notes", file=sys.stderr)


if __name__ == "__main__":
    main()

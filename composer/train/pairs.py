"""Pairs of video and music to arrays: ``python -m composer.train.pairs FOLDER -o runs/pairs.npz``.

The folder holds ``name.mp4`` (.mkv, .mov, ...) beside ``name.mid``, which start together, as in SymMV (Zhuo et al.,
"Video Background Music Generation", ICCV 2023; its videos are fetched by their addresses). A film is watched by the
composer's own controllers, its music read by its own bars as any folder's (`composer.train.corpora.folder`), and
seconds link the two: where a transcription has one nominal tempo, as SymMV's, its bars are a grid and no more.

The file holds songs as `composer.train.song` writes them, so every stage can learn from it, and a picture of each.
``python -m composer.train.chords runs/pop909.npz --pairs runs/pairs.npz`` learns from both. Beside it lie a JSON that
says what is in it and whose it is ("unknown: measure only" unless ``--licence`` says otherwise), and a cache of every
pair, so that an interrupted run goes on where it was. A pair that cannot be read is left out, counted and named.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from composer.errors import BadInput, FrameScoreError
from composer.tokens.picture import COLOR_WIDTH, SEMANTIC_WIDTH, Picture, PictureTrack, picture_between
from composer.train.corpora import folder
from composer.train.corpora.catalogue import MAX_FILE_BYTES, MEASURE_ONLY, READER_VERSION, work_number
from composer.train.corpora.piece import UnusablePiece
from composer.train.data import DAMAGE, REPORTED_REFUSALS, describe, fingerprint
from composer.train.song import Song, load_songs, save_songs
from composer.video.analyze import analyze
from composer.video.semantics import DEFAULT_MODEL, ClipSource, load_clip

PAIRS_VERSION = 1  # count up whenever a film gets other tokens, so that caches are made anew
VIDEO_SUFFIXES = (
    ".mp4",
    ".mkv",
    ".mov",
    ".webm",
    ".avi",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".ts",
    ".flv",
    ".wmv",
    ".ogv",
)


@dataclass(frozen=True)
class PairFiles:
    """The two files of a pair; ``name`` is the path of the music below the folder and decides its split."""

    name: str
    video: Path
    midi: Path


@dataclass(frozen=True)
class Pair:
    """A song, which is a stretch of the music in one key, and what is seen during its bars."""

    song: Song
    picture: Picture


def find_pairs(root: Path) -> list[PairFiles]:
    """Every MIDI file below a folder that has a video of the same name beside it, by name."""
    videos = {
        path.with_suffix(""): path
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
    }
    return [
        PairFiles(path.relative_to(root).as_posix(), videos[path.with_suffix("")], path)
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in folder.MIDI_SUFFIXES and path.is_file() and path.with_suffix("") in videos
    ]


def read_pair(files: PairFiles, clip: ClipSource | None = None) -> list[Pair]:
    """The songs of a pair that start before the film is over. Raises UnusablePiece or BadInput where the music or the
    film cannot be used, and of `DAMAGE` on a damaged file."""
    if files.midi.stat().st_size > MAX_FILE_BYTES:
        raise UnusablePiece(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    built = folder.read_file(files.name, files.midi.read_bytes(), work_number("folder", files.name))
    if not built.songs:
        raise UnusablePiece("too short")
    features = analyze(files.video, clip=clip)
    track = PictureTrack.of(features)
    return [
        Pair(song, picture_between(track, borders_s))
        for song, borders_s in zip(built.songs, built.borders_s, strict=True)
        if borders_s[0] < features.duration_s
    ]


def cached_pair(files: PairFiles, clip: ClipSource | None, cache: Path) -> list[Pair] | str:
    """`read_pair` through a cache folder, or the reason why there is nothing."""
    read = [files.video, files.midi] + ([clip.weights] if clip and clip.weights else [])
    seen: list[object] = [
        files.name,
        clip and clip.model,
        COLOR_WIDTH,
        SEMANTIC_WIDTH,
        READER_VERSION,
        PAIRS_VERSION,
    ]
    seen += [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in read]
    path = cache / f"pair-{hashlib.sha256(repr(seen).encode()).hexdigest()[:24]}.npz"
    if path.exists():
        return load_pairs(path)
    try:
        pairs = read_pair(files, clip)
    except (BadInput, *DAMAGE) as error:
        return str(error) if isinstance(error, BadInput | UnusablePiece) else repr(error)
    if not pairs:
        return "the music starts after the film"
    save_pairs(pairs, path)
    return pairs


def save_pairs(pairs: list[Pair], path: Path) -> None:
    """Songs and pictures in one npz that `composer.train.song.load_songs` reads too, whole or not at all."""
    part = path.with_name(path.stem + ".part.npz")
    save_songs([pair.song for pair in pairs], part)
    with np.load(part, allow_pickle=False) as file:
        songs = dict(file)
    color, semantic = (
        np.concatenate([getattr(pair.picture, kind) for pair in pairs]) for kind in ("color", "semantic")
    )
    np.savez_compressed(part, **songs, color=color, semantic=semantic)
    os.replace(part, path)


def load_pictures(path: Path) -> list[Picture | None]:
    """The picture of every song in a file of songs; None where it has no pictures. Raises BadInput on a file whose
    pictures are of another version."""
    with np.load(path, allow_pickle=False) as file:
        lengths = file["bar_beats_lengths"]
        if "color" not in file:
            return [None] * len(lengths)
        color, semantic = file["color"], file["semantic"]
    if color.shape[1] != COLOR_WIDTH or semantic.shape[1] != SEMANTIC_WIDTH:
        raise BadInput(f"{path}: pictures of another version; make it anew with composer.train.pairs")
    borders = np.cumsum(lengths)[:-1]
    parts = zip(np.split(color, borders), np.split(semantic, borders), strict=True)
    return [Picture(*part) for part in parts]


def load_pairs(path: Path) -> list[Pair]:
    """The inverse of `save_pairs`."""
    pictures = load_pictures(path)
    return [Pair(s, p) for s, p in zip(load_songs(path), pictures, strict=True) if p is not None]


def _read_all(
    found: list[PairFiles], clip: ClipSource | None, cache: Path, jobs: int
) -> Iterator[list[Pair] | str]:
    read = partial(cached_pair, clip=clip, cache=cache)
    if jobs <= 1:
        yield from map(read, found)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(read, found)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument(
        "--clip-weights", type=Path, metavar="FILE", help="look with CLIP too: its weights, safetensors"
    )
    parser.add_argument("--clip-model", default=DEFAULT_MODEL, help="the open_clip model of these weights")
    parser.add_argument("--licence", metavar="TEXT", default=MEASURE_ONLY, help="what the pairs' licence is")
    parser.add_argument("--jobs", type=int, default=1, help="films watched at a time")
    args = parser.parse_args()
    clip = ClipSource(args.clip_model, args.clip_weights, offline=True) if args.clip_weights else None
    try:
        if clip:
            load_clip(clip)  # once, before each film fails for it
    except FrameScoreError as error:
        parser.exit(error.exit_code, f"{error}\n")
    found = find_pairs(args.folder)
    cache = args.output.parent / "cache"
    pairs: list[Pair] = []
    refused: list[str] = []
    started = time.monotonic()
    for done, (files, result) in enumerate(
        zip(found, _read_all(found, clip, cache, args.jobs), strict=True), start=1
    ):
        if isinstance(result, str):
            refused.append(f"{files.name}: {result}")
        else:
            pairs += result
        told = refused[-1] if isinstance(result, str) else f"{files.name}: {len(result)} songs"
        left = (time.monotonic() - started) / done * (len(found) - done) / 60
        print(f"{done}/{len(found)} {told}; {left:.0f} min left", file=sys.stderr, flush=True)
    if not pairs:
        parser.exit(
            3, f"{args.folder}: {len(refused)} of {len(found)} pairs refused; give name.mp4 beside name.mid\n"
        )
    save_pairs(pairs, args.output)
    about = {
        "name": "pairs", "title": "a user's pairs of video and music", "licence": args.licence,
        "source": args.folder.name, "sha256": fingerprint(args.folder), **describe([p.song for p in pairs]),
        "clip": clip.model if clip else None, "refused": len(refused), "refused_works": refused[:REPORTED_REFUSALS],
    }  # fmt: skip
    text = json.dumps(
        {"reader_version": READER_VERSION, "collections": [about]}, indent=1, ensure_ascii=False
    )
    args.output.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    print(
        f"{args.output}: {len(pairs)} songs of {len(found) - len(refused)} pairs, {len(refused)} refused",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()

"""A folder of MIDI files to train the renderer on: ``python -m composer.train.scores ARCHIVES -o runs/render/midi``.

ARCHIVES is a folder with the archives that `ARCHIVES` names; what is missing there is left out, and told. Written are
``<collection>-<number>.mid``, whose number keeps the split of `composer.train.song.split_of`: POP909 as its files are
(MIT); the first minutes of OpenScore's songs, quartets and orchestral movements (CC0; without the annotations, which
are not); and pieces of the composer's own in each palette. Text events say who leads (``role=``) and the mood from bar
to bar (``mood=``): that of the cue sheet in the composer's own pieces, else as `composer.analysis.mood` hears it.
``sources.json`` tells what is there and whose it is. Files that exist are kept, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import numpy as np

from composer import __version__
from composer.free import FreeWishes, free_cues
from composer.midi import midi_bytes, mood_text
from composer.midi_reader import score_from_bytes
from composer.music import Score
from composer.palettes import PALETTES
from composer.pipeline import Checkpoints, compose
from composer.spotting.cues import CueSheet, CurvePoint, Section
from composer.train.corpora.catalogue import COLLECTIONS, Work
from composer.train.corpora.musicxml import read_musicxml
from composer.train.corpora.openscore import sung_line
from composer.train.corpora.piece import UnusablePiece
from composer.train.data import DAMAGE, fingerprint
from composer.train.score_pieces import heard_moods, score_of_piece, singers, with_heard_moods
from composer.train.song import split_of

ARCHIVES = {
    "pop909": "pop909.tar.xz",
    "lieder": "openscore_lieder.tar.xz",
    "quartets": "openscore_quartets.tar.xz",
    "orchestra": "hauptstimme.tar.xz",
}
MOST_WORKS = 250  # of a collection of scores
LONGEST_S = 240.0  # of a score
POP909_ROLES = {"MELODY": "melody", "BRIDGE": "counter", "PIANO": "arpeggio"}
COMPOSED = "composed"
PIECES_A_PALETTE = 10  # one held out, one for tuning
COMPOSED_BARS = 32  # 40 to 130 s
LEVELS = (0.2, 0.9)  # of the density or dynamics that a composed piece is asked for
DYNAMICS_SWING, AROUSAL_SWING = 0.25, 0.3  # how far a section of it rises or falls about its mean


def pop909_song(work: Work) -> bytes:
    """A song's own MIDI file, events untouched, with roles and heard moods as text events."""
    file = mido.MidiFile(file=io.BytesIO(work.files["midi"]), clip=True)
    for track in file.tracks:
        if role := POP909_ROLES.get(track.name.strip()):
            track.insert(0, mido.MetaMessage("text", text=f"role={role}"))
    moods, now = mido.MidiTrack(), 0
    for mood in heard_moods(score_from_bytes(work.files["midi"])):
        tick = round(mood.onset_beats * file.ticks_per_beat)
        moods.append(mido.MetaMessage("text", text=mood_text(mood), time=tick - now))
        now = tick
    file.tracks[0] = mido.merge_tracks([file.tracks[0], moods])
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def openscore_score(work: Work, *, soloists: bool = False) -> bytes:
    """The first minutes of a MusicXML score, with heard moods. Raises UnusablePiece."""
    piece = read_musicxml(work.files["score"])
    piece = replace(piece, sung=singers(piece))
    if any(piece.sung):
        piece = replace(piece, melody=sung_line(piece))
    score = score_of_piece(piece, "", LONGEST_S, soloists=soloists)
    return midi_bytes(with_heard_moods(score))


def composed_cues(palette: str, number: int) -> CueSheet:
    """A cue sheet for piece ``number`` of a palette: moods drawn near the palette's, density (odd numbers) or dynamics
    (even ones) from low to high as the numbers rise, and sections that swell and fade."""
    seed = 1000 * list(PALETTES).index(palette) + number
    level = float(np.interp(number, (0, PIECES_A_PALETTE - 1), LEVELS))
    wishes = FreeWishes(palette, density=level) if number % 2 else FreeWishes(palette, dynamics=level)
    cues = free_cues(COMPOSED_BARS, seed=seed, wishes=wishes, title=f"{palette} {number}")
    rng = np.random.default_rng(seed)
    return replace(cues, sections=tuple(_swelling(section, rng) for section in cues.sections))


def composed_piece(palette: str, number: int) -> Score:
    """A piece of the composer's own, with the moods of its cue sheet."""
    cues = composed_cues(palette, number)
    return compose(cues, None, seed=cues.seed, checkpoints=Checkpoints.for_cues(cues), candidates=1)


def _swelling(section: Section, rng: np.random.Generator) -> Section:
    """The section with dynamics and arousal that rise, fall, or rise and fall about their means."""
    change = rng.uniform(-1, 1, 3)
    times = np.linspace(section.start_s, section.end_s, change.size).tolist()

    def curve(swing: float) -> tuple[CurvePoint, ...]:
        return tuple(
            CurvePoint(time, round(swing * float(c), 3)) for time, c in zip(times, change, strict=True)
        )

    return replace(section, dynamics_curve=curve(DYNAMICS_SWING), arousal_curve=curve(AROUSAL_SWING))


def write_collection(name: str, archive: Path, folder: Path, most: int) -> dict[str, Any]:
    """Write the first ``most`` works of an archive in order of their numbers, which are as good as random; what was
    written, for ``sources.json``. Copies of a work are left out, or one might be held out and the other trained on.
    """
    collection = COLLECTIONS[name]
    refused: list[str] = []
    written: dict[bytes, int] = {}
    for work in sorted(collection.find(archive), key=lambda work: work.number):
        if len(written) == most:
            break
        path = folder / f"{name}-{work.number}.mid"
        try:
            data = path.read_bytes() if path.exists() else _midi_of(name, work)
        except DAMAGE as error:
            refused.append(f"{work.path}: {error if isinstance(error, UnusablePiece) else repr(error)}")
            continue
        if (known := written.setdefault(hashlib.sha256(data).digest(), work.number)) != work.number:
            refused.append(f"{work.path}: the same music as {name}-{known}")
            continue
        if not path.exists():
            _write(path, data)
        if len(written) % 50 == 0:
            print(f"{name}: {len(written)} files", file=sys.stderr)
    return {
        "name": name, "title": collection.title, "licence": collection.licence, "source": archive.name,
        "sha256": fingerprint(archive), **_counts([*written.values()]), "refused": len(refused),
        "refused_works": refused,
    }  # fmt: skip


def _midi_of(name: str, work: Work) -> bytes:
    return pop909_song(work) if name == "pop909" else openscore_score(work, soloists=name == "quartets")


def write_composed(folder: Path) -> dict[str, Any]:
    """Write the composer's own pieces, every palette's first one first."""
    digests: dict[str, str] = {}
    for number in range(PIECES_A_PALETTE):
        for palette in PALETTES:
            path = folder / f"{COMPOSED}-{palette}-{number}.mid"
            if not path.exists():
                _write(path, midi_bytes(composed_piece(palette, number)))
        print(f"{COMPOSED}: {(number + 1) * len(PALETTES)} files", file=sys.stderr)
    for collection in ("open", "pop909"):
        digests |= Checkpoints.shipped(collection).digests()
    return {
        "name": COMPOSED, "title": f"framescore {__version__}, free pieces", "licence": "Apache-2.0",
        "palettes": list(PALETTES), "checkpoints": digests, **_counts([*range(PIECES_A_PALETTE)] * len(PALETTES)),
    }  # fmt: skip


def _counts(numbers: list[int]) -> dict[str, Any]:
    return {"files": len(numbers), "splits": dict(sorted(Counter(map(split_of, numbers)).items()))}


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", type=Path, help="the folder of the archives")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder of MIDI files")
    parser.add_argument(
        "--most", type=int, default=MOST_WORKS, help="works of each collection of scores (%(default)s)"
    )
    parser.add_argument("--only", nargs="+", choices=[*ARCHIVES, COMPOSED], default=[*ARCHIVES, COMPOSED])
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    listing = args.output / "sources.json"
    told = json.loads(listing.read_text())["sources"] if listing.exists() else []
    for name in args.only:
        if name == COMPOSED:
            source = write_composed(args.output)
        elif (archive := args.archives / ARCHIVES[name]).exists():
            try:
                source = write_collection(
                    name, archive, args.output, sys.maxsize if name == "pop909" else args.most
                )
            except UnusablePiece as error:
                parser.exit(3, f"{error}; fetch it again\n")
        else:
            print(f"{archive}: not there, {name} left out", file=sys.stderr)
            continue
        told = [*(known for known in told if known["name"] != name), source]
        _write(listing, (json.dumps({"sources": told}, indent=1, ensure_ascii=False) + "\n").encode())
        print(f"{name}: {source['files']} files, {source['splits']}", file=sys.stderr)


if __name__ == "__main__":
    main()

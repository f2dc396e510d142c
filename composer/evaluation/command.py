"""``framescore evaluate``: what MIDI files are like, beside a reference and a training set where these are given.

A file that cannot be read is said in one line and left out; the rest is measured, and the command ends with the exit
code of bad input. Text goes to stdout, or with ``--json`` the data in its place and the text to stderr.
"""

from __future__ import annotations

import hashlib
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from composer import __version__
from composer.errors import BadInput
from composer.evaluation.pieces import MidiPiece, find_midi, read_piece
from composer.evaluation.table import format_table
from composer.evaluation.wishes import Wishes, adherence, read_wishes, wishes_path
from composer.metrics import TooLittleMusic
from composer.metrics.figures import NAMES, measure, melody_of
from composer.metrics.novelty import RUN_NOTES, KnownMelodies, longest_shared_run, shares_run, sharing_rate
from composer.metrics.spread import Spread, distance_in_deviations, spread_of
from composer.options import seed_from
from composer.output import sha256_of
from composer.terminal import Console, Progress

LONGEST = "longest_shared_run"
MEASURING, REFERENCE, TRAINING = "measuring", "reference", "training set"


@dataclass(frozen=True)
class Measured:
    """One file and everything that was found of it. ``wishes`` is None where nothing says what was asked for."""

    read: MidiPiece
    figures: dict[str, float]
    melody: np.ndarray
    wishes: Wishes | None


@dataclass
class Skipped:
    """What could not be read, said once and kept."""

    console: Console
    files: list[dict[str, str]]

    def add(self, path: Path, error: BadInput) -> None:
        """Say that ``path`` is left out, and why."""
        self.console.error(f"{error} (skipped)")
        self.files.append({"file": str(path), "reason": str(error)})


def evaluate(options: Namespace, console: Console) -> int:
    """Run the command. Raises BadInput where there is nothing to measure."""
    skipped = Skipped(console, [])
    paths = find_midi(options.paths)
    reference_paths = find_midi([options.reference]) if options.reference is not None else []
    shares = {TRAINING: 1.0} if options.training is not None else {}
    shares |= {REFERENCE: float(len(reference_paths))} if reference_paths else {}
    with Progress(console, {**shares, MEASURING: float(len(paths))}) as progress:
        known = None
        if options.training is not None:
            progress.begin(TRAINING)
            known = read_known(options.training, skipped, progress)
        reference: list[Measured] = []
        if reference_paths:
            progress.begin(REFERENCE)
            reference = measure_files(reference_paths, skipped, progress)
        progress.begin(MEASURING)
        measured = measure_files(paths, skipped, progress)
    seed = options.seed
    if seed is None:
        digests = "".join(sha256_of(one.read.path) for one in measured)
        seed = seed_from(hashlib.sha256(digests.encode()).hexdigest())
    result = evaluate_files(measured, reference, known, seed)
    result["skipped"] = skipped.files
    table = format_table(result)
    if options.json:
        console.say(table)
    else:
        print(table, file=console.machines, flush=True)
    exit_code = BadInput.exit_code if skipped.files else 0
    console.result({**result, "exit_code": exit_code})
    return exit_code


def measure_files(paths: Sequence[Path], skipped: Skipped, progress: Progress) -> list[Measured]:
    """Read and measure ``paths``; those that cannot be read go to ``skipped``."""
    found = []
    for index, path in enumerate(paths):
        try:
            read = read_piece(path)
        except BadInput as error:
            skipped.add(path, error)
            continue
        wishes = None
        beside = wishes_path(path)
        if beside is not None:
            try:
                wishes = read_wishes(beside, read.piece)
            except BadInput as error:
                skipped.add(beside, error)
        found.append(Measured(read, measure(read.piece), melody_of(read.piece), wishes))
        progress((index + 1) / len(paths))
    return found


def read_known(path: Path, skipped: Skipped, progress: Progress) -> KnownMelodies:
    """The melodies of a folder of MIDI files, or of an npz that `KnownMelodies.save` wrote. Raises BadInput."""
    if path.suffix.lower() == ".npz":
        return KnownMelodies.load(path)
    melodies = []
    paths = find_midi([path])
    for index, file in enumerate(paths):
        try:
            melodies.append(melody_of(read_piece(file).piece))
        except BadInput as error:
            skipped.add(file, error)
        progress((index + 1) / len(paths))
    return KnownMelodies(melodies)


def evaluate_files(
    measured: Sequence[Measured], reference: Sequence[Measured], known: KnownMelodies | None, seed: int
) -> dict[str, Any]:
    """Everything as JSON-ready data; ``seed`` draws the bootstrap's resamples."""
    rng = np.random.default_rng(seed)
    ours = [_with_longest(one, known) for one in measured]
    theirs = [_with_longest(one, known) for one in reference]
    names = (*NAMES, LONGEST)
    rows = {name: _summary(name, ours, theirs, rng) for name in names}
    judged = [(one.wishes, one.read.piece) for one in measured if one.wishes is not None]
    return {
        "framescore": {"version": __version__, "seed": seed},
        "files": [_file(one, figures) for one, figures in zip(measured, ours, strict=True)],
        "reference": {"count": len(reference)} if reference else None,
        "summary": {name: row for name, row in rows.items() if row is not None},
        "controls": adherence([wish for wish, _ in judged], [piece for _, piece in judged]) if judged else {},
        "novelty": _novelty(measured, reference, known) if known is not None and measured else None,
        "skipped": [],
    }


def _with_longest(one: Measured, known: KnownMelodies | None) -> dict[str, float]:
    if known is None or not len(one.melody):
        return one.figures
    return {**one.figures, LONGEST: longest_shared_run(one.melody, known)}


def _summary(
    name: str, ours: list[dict[str, float]], theirs: list[dict[str, float]], rng: np.random.Generator
) -> dict[str, Any] | None:
    values, reference = (
        np.array([figures[name] for figures in group if name in figures]) for group in (ours, theirs)
    )
    if not len(values):
        return None
    row = _spread(spread_of(values, rng))
    if len(reference):
        row["reference"] = _spread(spread_of(reference, rng))
        try:
            row["distance"] = distance_in_deviations(values, reference)
        except TooLittleMusic:
            row["distance"] = None
    return row


def _spread(spread: Spread) -> dict[str, Any]:
    data = asdict(spread)
    data["std"] = data.pop("deviation")
    return data


def _file(one: Measured, figures: dict[str, float]) -> dict[str, Any]:
    piece = one.read.piece
    data: dict[str, Any] = {
        "file": str(one.read.path),
        "sha256": sha256_of(one.read.path),
        "bars": piece.bars,
        "notes": len(piece.pitch),
        "duration_s": round(float(piece.bar_starts_s[-1]), 4),
        "melody_by": one.read.melody_by,
        "figures": figures,
    }
    if one.wishes is not None:
        data["controls"] = adherence([one.wishes], [piece])
    return data


def _novelty(
    measured: Sequence[Measured], reference: Sequence[Measured], known: KnownMelodies
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "run_notes": RUN_NOTES,
        "training_melodies": known.count,
        "sharing": sharing_rate([one.melody for one in measured], known),
        "longest": max(_longest(one, known) for one in measured),
        "sharing_files": [str(one.read.path) for one in measured if shares_run(one.melody, known)],
    }
    if reference:
        data["reference_sharing"] = sharing_rate([one.melody for one in reference], known)
        data["reference_longest"] = max(_longest(one, known) for one in reference)
    return data


def _longest(one: Measured, known: KnownMelodies) -> int:
    return longest_shared_run(one.melody, known) if len(one.melody) else 0

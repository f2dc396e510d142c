"""``framescore export``: a MIDI score as other programs want it. Nothing is composed and nothing changed.

As in `composer.commands`, it takes the parsed command line and the console and returns the exit code.
"""

from __future__ import annotations

from argparse import Namespace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.errors import BadInput
from composer.options import WrongUsage
from composer.terminal import Console

if TYPE_CHECKING:
    from composer.music import Score
    from composer.reaper import Film

OUTPUTS = {
    "rpp": "--rpp",
    "marker_list": "--markers",
    "sections": "--sections",
    "musicxml": "--musicxml",
}  # as argparse names them -> the option


def export(options: Namespace, console: Console) -> int:
    """Write what was asked for, one after the other."""
    from composer.midi_file import read_midi_file
    from composer.midi_reader import score_of
    from composer.smf import SmfError

    check_outputs(options)
    file = read_midi_file(options.midi)
    try:
        score = score_of(file, title=options.midi.stem)
    except SmfError as error:
        raise BadInput(
            f"{options.midi}: {error}; export it again as a standard MIDI file, type 0 or 1"
        ) from error
    check_start(score, options.midi)
    written: dict[str, Any] = {}
    if options.rpp is not None:
        from composer.reaper import write_reaper

        write_reaper(file, options.rpp, None if options.video is None else film_of(options.video, score))
        written["rpp"] = str(options.rpp)
    if options.marker_list is not None:
        from composer.marker_csv import write_marker_csv

        write_marker_csv(score, options.marker_list)
        written["markers"] = str(options.marker_list)
    if options.sections is not None:
        from composer.section_files import write_sections

        written["sections"] = [str(path) for path in write_sections(file, options.sections)]
    if options.musicxml is not None:
        from composer.musicxml import write_musicxml

        write_musicxml(score, options.musicxml)
        written["musicxml"] = str(options.musicxml)
    for path in [path for made in written.values() for path in ([made] if isinstance(made, str) else made)]:
        console.say(path)
    console.result(written)
    return 0


def check_outputs(options: Namespace) -> None:
    """Raise WrongUsage where nothing is asked for, or an output would replace an input or another output."""
    outputs = {option: getattr(options, name) for name, option in OUTPUTS.items()}
    given = [(option, path) for option, path in outputs.items() if path is not None]
    if not given:
        raise WrongUsage(f"nothing to export; give at least one of {', '.join(outputs)}")
    if options.video is not None and options.rpp is None:
        raise WrongUsage("--video goes on the first track of --rpp; give both")
    for option, path in given:
        if path.resolve() in [read.resolve() for read in (options.midi, options.video) if read is not None]:
            raise WrongUsage(f"{option} {path}: this is the input; name another file")
    for (first, one), (second, other) in combinations(given, 2):
        if one.resolve() == other.resolve():
            raise WrongUsage(f"{second} {other}: {first} names the same place; name another")


def check_start(score: Score, path: Path) -> None:
    """Raise BadInput where the score's start is no timecode at its frame rate, by which all markers count."""
    from composer.timecode import frame_number

    try:
        frame_number(score.start_timecode, score.frame_rate)
    except ValueError as error:
        raise BadInput(
            f"{path}: its start: {error}; mend its SMPTE offset, or its texts frame_rate= and start_timecode="
        ) from error


def film_of(path: Path, score: Score) -> Film:
    """The film by what its header says of its length; the score's where that says nothing."""
    from composer.reaper import Film
    from composer.video.reader import VideoReader

    with VideoReader(path) as video:
        return Film(path, video.expected_duration_s or score.tempo_map.end_s)

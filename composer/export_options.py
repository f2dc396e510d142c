"""The options of ``framescore export``."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path


def export_options(command: ArgumentParser) -> None:
    """What ``export`` is asked: a MIDI file, and at least one thing to make of it."""
    command.add_argument("midi", type=Path, metavar="score.mid")
    group = command.add_argument_group("what is written; several at once, at least one")
    group.add_argument(
        "--rpp",
        type=Path,
        metavar="song.rpp",
        help="a REAPER project: tempo map, markers, a track an instrument",
    )
    group.add_argument(
        "--video", type=Path, metavar="film.mp4", help="the film, on the project's first track"
    )
    group.add_argument(
        "--markers",
        type=Path,
        metavar="markers.csv",
        dest="marker_list",
        help="all markers as a table, with timecode, bars and beats",
    )
    group.add_argument(
        "--sections", type=Path, metavar="DIR", help="a MIDI file a section, each complete, such as 01 A.mid"
    )
    group.add_argument("--musicxml", type=Path, metavar="FILE", help="for notation programs")

"""What the command line asks for, checked before work begins and against the film once it is known.

Each takes the parsed command line. What is wrong leaves as `WrongUsage` or `BadInput`, one line with its remedy.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np

from composer.errors import BadInput, NotInstalled
from composer.options import WrongUsage, is_cue_sheet
from composer.spotting.cues import Hit

USER_HIT_WEIGHT, WISHED_HIT_WEIGHT = 1.0, 0.5
FILM_WISHES = ("hit", "markers", "silence", "tempo_mode", "start_timecode")
FREE_WISHES = ("bars", "valence", "arousal", "density", "dynamics")


def check_source(options: Namespace) -> None:
    """Raise WrongUsage where there is not exactly one thing to compose from, or wishes that do not go with it."""
    if options.free == (options.source is not None):
        raise WrongUsage("give either VIDEO or cues.yaml, or --free for music without a picture")
    for name in FILM_WISHES:
        if options.free and getattr(options, name):
            option = name.replace("_", "-")
            raise WrongUsage(f"--{option}: music without a picture has nothing to follow; leave it out")
    if options.source is not None and is_cue_sheet(options.source) and options.silence:
        raise WrongUsage("--silence goes with a video; in a cue sheet, write 'silent: true' in its section")
    for name in FREE_WISHES:
        if not options.free and getattr(options, name) is not None:
            raise WrongUsage(f"--{name} goes with --free; for a film, edit the cue sheet that 'spot' writes")


def check_wishes(options: Namespace) -> None:
    """Before any work is done: WrongUsage for an unknown key or style, BadInput for a marker file that is missing."""
    from composer.palettes import PALETTES
    from composer.theory import Key

    if options.style is not None and options.style not in PALETTES:
        raise WrongUsage(
            f"--style {options.style}: no such style; the styles are {', '.join(sorted(PALETTES))}"
        )
    for path in options.markers:
        if not path.is_file():
            raise BadInput(f"{path}: no such file; check the name of the markers")
    if options.key is not None:
        try:
            options.key = str(Key.parse(options.key))
        except ValueError as error:
            raise WrongUsage(f"--key {options.key}: not a key; write one such as C, Am, F#m or Eb") from error


def check_device(options: Namespace) -> None:
    """Raise NotInstalled where CUDA was asked for: the networks decode on the CPU, where a batch of one is fastest.

    This is the one place that reads ``--device``: what the stages need to know of it goes from here to
    `composer.pipeline.compose`.
    """
    if options.device == "cuda":
        raise NotInstalled(
            "--device cuda: this release writes music on the CPU, with or without a GPU; use --device cpu or auto"
        )


def refuse_overwriting(output: Path, *inputs: Path) -> None:
    """Raise WrongUsage where an output would replace an input."""
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise WrongUsage(f"-o {output}: this is the input; name another file")


def refuse_losing_edits(output: Path) -> None:
    """Raise WrongUsage where a cue sheet, or a folder of outputs, was edited by hand since it was written."""
    from composer.report import edited_outputs
    from composer.spotting.cues_io import is_as_written

    if output.is_dir():
        edited = edited_outputs(output)
    else:
        edited = (output.name,) if output.exists() and not is_as_written(output) else ()
    if edited:
        raise WrongUsage(
            f"-o {output}: {' and '.join(edited)} there was edited since it was written; name another place, "
            "or move it away"
        )


def started_at(options: Namespace, known: str, frame_rate: float) -> str:
    """The label of the first frame: the command line's, or the one ``known``. Raises BadInput."""
    from composer.timecode import frame_number

    if options.start_timecode is None:
        return known
    try:
        frame_number(options.start_timecode, frame_rate)
    except ValueError as error:
        raise BadInput(f"--start-timecode: {error}") from error
    return str(options.start_timecode)


def wished_hits(
    options: Namespace, duration_s: float, frame_rate: float, start_timecode: str
) -> tuple[Hit, ...]:
    """The user's hits, as heavy as can be, and those of the marker files. Raises BadInput for one outside the film."""
    from composer.spotting.markers import read_markers

    hits = []
    for wish in options.hit:
        if wish.time_s >= duration_s:
            raise BadInput(
                f"--hit {wish.time_s:g}: the film ends at {duration_s:.2f} s; give an earlier time"
            )
        weight = USER_HIT_WEIGHT if wish.is_required else WISHED_HIT_WEIGHT
        hits.append(
            Hit(wish.time_s, wish.label, weight, required=wish.is_required, kind="user", gesture=wish.gesture)
        )
    for path in options.markers:
        hits += read_markers(
            path, frame_rate=frame_rate, start_timecode=start_timecode, duration_s=duration_s
        )
    return tuple(hits)


def hits_with(known: tuple[Hit, ...], given: tuple[Hit, ...], frame_rate: float) -> tuple[Hit, ...]:
    """Those of a cue sheet and those given beside it, in order of time; a cut within a frame of a given one is that."""
    given_s = np.array([hit.time_s for hit in given])
    kept = [
        hit
        for hit in known
        if hit.kind != "cut" or np.abs(given_s - hit.time_s).min(initial=np.inf) > 1 / frame_rate
    ]
    return tuple(sorted(dict.fromkeys((*kept, *given)), key=lambda hit: hit.time_s))

"""A cue sheet and the file beside it that holds what was seen of its film.

The chords listen to colours and meaning bar by bar, which no one would write into a sheet by hand. So `spot` and
`score` put them beside it (``cues.picture.npz`` beside ``cues.yaml``), the sheet names the file, and composing from the
sheet gives the music that composing from the film gives.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from composer.errors import BadInput
from composer.output import staged_file
from composer.spotting.cues import CueSheet
from composer.spotting.cues_io import write_cues
from composer.tokens.picture import PictureTrack
from composer.video.features import VideoFeatures

SUFFIX = ".picture.npz"


def write_sheet(cues: CueSheet, features: VideoFeatures, path: Path) -> None:
    """Write the sheet to ``path`` and what was seen beside it.

    Raises BadInput or OutOfResources where they cannot be written.
    """
    name = path.stem + SUFFIX
    with staged_file(path.parent / name) as temporary:
        PictureTrack.of(features).save(temporary)
    write_cues(replace(cues, picture=name), path)


def seen_beside(cues: CueSheet, path: Path) -> PictureTrack | None:
    """What was seen of the film of a sheet read from ``path``; None where the sheet names nothing or it is not there.

    Raises BadInput where the file is damaged or the name is none of a file beside the sheet.
    """
    if not cues.picture:
        return None
    if Path(cues.picture).name != cues.picture:
        raise BadInput(f"{path}: picture is {cues.picture!r}; it must be the name of a file beside the sheet")
    beside = path.parent / cues.picture
    return PictureTrack.load(beside) if beside.exists() else None

"""What a marker's label says beside its name, wherever it is written (markers of any program, ``--hit``).

Convention: a label that ends in ``?`` is wished, not required; ``[stop]`` at its end (any gesture of
`composer.spotting.cues`) is what the music does there. ``door slam [stop]``, ``she turns [swell]?``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from composer.options import MAX_LABEL_CHARACTERS
from composer.spotting.cues import GESTURES, Gesture

_GESTURE = re.compile(rf"\[({'|'.join(GESTURES)})\]$", re.IGNORECASE)
_UNNAMED = re.compile(r"(Marker \d+)?")  # as Resolve names a marker that nobody named


@dataclass(frozen=True)
class Label:
    """The name that is left, one line of at most `MAX_LABEL_CHARACTERS`, and what the rest said."""

    name: str
    gesture: Gesture = "auto"
    is_wished: bool = False


def better_name(name: str, note: str) -> str:
    """The name of a marker, or its note where nobody named it."""
    return note if note and _UNNAMED.fullmatch(name) else name


def read_label(text: str) -> Label:
    """Take the signs off a label. ``[words]`` that are no gesture stay part of the name."""
    name, is_wished = " ".join(text.split()), False
    if name.endswith("?"):
        name, is_wished = name.rstrip("? "), True
    found = _GESTURE.search(name)
    if found is None:
        return Label(name[:MAX_LABEL_CHARACTERS].rstrip(), is_wished=is_wished)
    name = name[: found.start()].rstrip()
    gesture = next(known for known in GESTURES if known == found[1].lower())
    return Label(name.rstrip("? ")[:MAX_LABEL_CHARACTERS], gesture, is_wished or name.endswith("?"))

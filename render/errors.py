"""The few errors that end a command. Their message is one line and ends in the remedy; each knows its exit code."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class RenderError(Exception):
    """Base of the errors a user can act upon."""

    exit_code = 1


class BadInput(RenderError):
    """A file cannot be used: what, where, remedy."""

    exit_code = 3


class NotInstalled(RenderError):
    """A library, font or checkpoint is missing; the message names the command that mends it."""

    exit_code = 4


class OutOfResources(RenderError):
    """A limit on time, memory or size was reached."""

    exit_code = 5


def did_you_mean(wanted: str, names: Sequence[str], most: int) -> str:
    """The question whether ``wanted`` means one of ``names``, of which it tells the ``most`` nearest; "" if none is."""
    near = difflib.get_close_matches(wanted, names, most)
    return f"did you mean {' or '.join(near)}?" if near else ""

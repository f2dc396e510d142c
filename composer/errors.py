"""The few errors that end a command. Their message is one line and ends in the remedy; each knows its exit code."""

from __future__ import annotations


class FrameScoreError(Exception):
    """Base of the errors a user can act upon."""

    exit_code = 1


class BadInput(FrameScoreError):
    """A file cannot be used: what, where, remedy."""

    exit_code = 3


class NotInstalled(FrameScoreError):
    """A library, font or checkpoint is missing; the message names the command that mends it."""

    exit_code = 4


class OutOfResources(FrameScoreError):
    """A limit on time, memory or size was reached."""

    exit_code = 5

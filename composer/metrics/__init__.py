"""Metrics: pure functions, each with its definition and source.

A metric that cannot be computed for want of music (no notes, one bar, no chord) raises `TooLittleMusic`; any other
`ValueError` means that the arguments make no sense.
"""


class TooLittleMusic(ValueError):
    """There is not enough music for a figure; the message says what it needs."""

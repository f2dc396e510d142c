"""Metrics of rendered sound: pure functions, each with its definition and source.

A metric that cannot be computed for want of sound (no frames, silence, a control that never moves) raises
`TooLittleSound`; any other `ValueError` means that the arguments make no sense.
"""


class TooLittleSound(ValueError):
    """There is not enough sound for a figure; the message says what it needs."""

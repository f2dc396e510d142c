"""Training, in this order: ``python -m composer.train.data`` (or ``.pairs``), then ``.chords``, ``.melody`` and
``.accompaniment``, ``.tune``, ``.export``, ``.measure``."""

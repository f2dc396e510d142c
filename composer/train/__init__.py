"""Training: ``python -m composer.train.data``, then ``.chords``, ``.melody``, ``.accompaniment``."""

"""``framescore evaluate``: MIDI files to figures, tables and JSON. The figures themselves are `composer.metrics`."""

"""What notes say about themselves: chords, keys, phrases, the tune, the mood. Pure numpy, deterministic."""

"""In which register a mood lies: high for glad and excited music, low for sad and calm.

Hevner, "The affective value of pitch and tempo in music" (American Journal of Psychology 49, 1937); Gabrielsson &
Lindström, "The role of structure in the musical expression of emotions" (2010).
"""

from __future__ import annotations

MIDDLE = 60.0  # MIDI pitch
SPAN = 7.0  # semitones from the middle to either end of the moods
FREEDOM = 5.0  # semitones that the networks may depart from it


def lift_of(valence: float, arousal: float) -> float:
    """Semitones by which a mood (-1..1 each) lies above the middle register; below where negative."""
    return SPAN * (valence + arousal) / 2

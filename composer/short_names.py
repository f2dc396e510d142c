"""Short names of instruments, as they stand before every system of a score but the first.

Convention: English orchestral abbreviations (Gould, *Behind Bars*, 2011, ch. 18, and MuseScore's instrument list), word
by word; a word without one stays as it is.
"""

from __future__ import annotations

import re

_PHRASES = {"English Horn": "E. Hn.", "Double Basses": "Db.", "Double Bass": "Db.", "Music Box": "M. Box"}
_WORDS = {
    "Accordion": "Accord.", "Acoustic": "Ac.", "Bass": "B.", "Basses": "B.", "Bassoon": "Bsn.", "Bassoons": "Bsn.",
    "Celesta": "Cel.", "Cello": "Vc.", "Cellos": "Vc.", "Choir": "Ch.", "Church": "Ch.",
    "Clarinet": "Cl.", "Clarinets": "Cl.", "Drum": "Dr.", "Dulcimer": "Dulc.", "Electric": "El.",
    "Electronic": "El.", "Fiddle": "Fdl.", "Flute": "Fl.", "Flutes": "Fl.", "Fretless": "Frtl.",
    "Glockenspiel": "Glk.", "Guitar": "Gtr.", "Harp": "Hp.", "Horn": "Hn.", "Horns": "Hn.", "Marimba": "Mrm.",
    "Muted": "Mt.", "Oboe": "Ob.", "Oboes": "Ob.", "Orchestral": "Orch.", "Organ": "Org.", "Percussion": "Perc.",
    "Piano": "Pno.", "Piccolo": "Picc.", "Pizzicato": "Pizz.", "Solo": "S.", "Strings": "Str.", "Synth": "Syn.",
    "Tenor": "T.", "Timpani": "Timp.", "Trombone": "Tbn.", "Trombones": "Tbn.", "Trumpet": "Tpt.",
    "Trumpets": "Tpt.", "Tuba": "Tba.", "Tubular": "Tub.", "Vibraphone": "Vib.", "Viola": "Vla.", "Violas": "Vla.",
    "Violin": "Vln.", "Violins": "Vln.", "Voice": "V.", "Whistle": "Wh.",
}  # fmt: skip


def short_name(name: str) -> str:
    """``Violins I`` to ``Vln. I``; what stands in brackets, as in ``Horns (pad)``, stays."""
    for long, short in _PHRASES.items():
        name = name.replace(long, short)
    return re.sub(r"\w+", lambda word: _WORDS.get(word[0], word[0]), name)

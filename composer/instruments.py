"""The instruments palettes may name: program, playable range, polyphony, place in the stereo picture,
notation.

Convention: ranges are *sounding* MIDI pitches a good player reaches safely, after Adler, *The Study of
Orchestration* (4th ed., 2016), appendix A; guitars, keyboards and folk instruments by their makers' ranges.
Programs are General MIDI 1, counted from 0 (the drum kits are Roland GS's). ``written_shift`` is written
pitch minus sounding pitch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Family = Literal[
    "keyboard", "strings", "plucked", "woodwind", "brass", "voice", "percussion", "synth", "drums"
]
Clef = Literal["treble", "bass", "alto", "grand", "percussion"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument or section.

    ``low``/``high`` sounding MIDI pitches, inclusive; ``polyphony`` notes at once (1: monophonic);
    ``decays``: a held note dies away, so swells cannot shape it; ``volume`` CC7 and ``pan`` CC10 defaults;
    for drums ``program`` is a kit.
    """

    name: str
    program: int
    low: int
    high: int
    polyphony: int
    family: Family
    clef: Clef = "treble"
    pan: int = 64
    volume: int = 100
    written_shift: int = 0
    decays: bool = False

    @property
    def is_drums(self) -> bool:
        """Whether it plays on the drum channel."""
        return self.family == "drums"

    @property
    def centre(self) -> int:
        """The middle of the range."""
        return (self.low + self.high) // 2

    def fold(self, pitch: int) -> int:
        """``pitch`` moved by the fewest octaves into the range (every range spans an octave or more)."""
        if pitch < self.low:
            return pitch + 12 * -((pitch - self.low) // 12)
        if pitch > self.high:
            return pitch - 12 * -((self.high - pitch) // 12)
        return pitch


def _keyboard(
    name: str, program: int, low: int, high: int, *, volume: int, pan: int = 64, written_shift: int = 0
) -> Instrument:
    return Instrument(
        name, program, low, high, 10, "keyboard", "grand", pan, volume, written_shift, decays=True
    )


_TABLE = (
    # Keyboards and tuned percussion
    _keyboard("Piano", 0, 21, 108, volume=104),
    _keyboard("Felt Piano", 0, 21, 108, volume=92),
    _keyboard("Electric Piano", 4, 28, 103, volume=92, pan=58),
    _keyboard("Celesta", 8, 60, 108, volume=88, pan=48, written_shift=-12),
    Instrument("Church Organ", 19, 36, 96, 10, "keyboard", "grand", volume=84),
    Instrument("Music Box", 10, 60, 96, 8, "percussion", pan=64, volume=104, decays=True),
    Instrument(
        "Glockenspiel", 9, 79, 108, 2, "percussion", pan=46, volume=100, written_shift=-24, decays=True
    ),
    Instrument("Vibraphone", 11, 53, 89, 4, "percussion", pan=76, volume=106, decays=True),
    Instrument("Marimba", 12, 45, 96, 4, "percussion", pan=50, volume=92, decays=True),
    Instrument("Tubular Bells", 14, 60, 77, 2, "percussion", pan=84, volume=84, decays=True),
    Instrument("Timpani", 47, 38, 57, 2, "percussion", "bass", pan=72, volume=100, decays=True),
    # Plucked
    Instrument("Harp", 46, 24, 103, 8, "plucked", "grand", pan=36, volume=96, decays=True),
    Instrument(
        "Acoustic Guitar", 24, 40, 83, 6, "plucked", pan=54, volume=100, written_shift=12, decays=True
    ),
    Instrument("Steel Guitar", 25, 40, 84, 6, "plucked", pan=78, volume=92, written_shift=12, decays=True),
    Instrument("Jazz Guitar", 26, 40, 84, 6, "plucked", pan=44, volume=88, written_shift=12, decays=True),
    Instrument(
        "Acoustic Bass", 32, 28, 67, 1, "plucked", "bass", pan=64, volume=104, written_shift=12, decays=True
    ),
    Instrument(
        "Pizzicato Strings",
        45,
        36,
        96,
        8,
        "plucked",
        "grand",
        pan=60,
        volume=100,
        written_shift=0,
        decays=True,
    ),
    # Strings: soloists, then sections
    Instrument("Solo Violin", 40, 55, 98, 1, "strings", pan=48, volume=100),
    Instrument("Solo Viola", 41, 48, 86, 1, "strings", "alto", pan=70, volume=96),
    Instrument("Solo Cello", 42, 36, 79, 1, "strings", "bass", pan=80, volume=104),
    Instrument("Fiddle", 110, 55, 93, 1, "strings", pan=52, volume=96),
    Instrument("Violins I", 48, 55, 98, 2, "strings", pan=36, volume=114),
    Instrument("Violins II", 48, 55, 93, 2, "strings", pan=50, volume=98),
    Instrument("Violas", 48, 48, 86, 2, "strings", "alto", pan=72, volume=92),
    Instrument("Cellos", 48, 36, 76, 2, "strings", "bass", pan=86, volume=100),
    Instrument("Double Basses", 48, 28, 60, 1, "strings", "bass", pan=94, volume=100, written_shift=12),
    Instrument("Low Strings", 44, 28, 67, 2, "strings", "bass", pan=80, volume=92),
    # Woodwind
    Instrument("Piccolo", 72, 74, 105, 1, "woodwind", pan=56, volume=76, written_shift=-12),
    Instrument("Flute", 73, 60, 96, 1, "woodwind", pan=56, volume=96),
    Instrument("Oboe", 68, 58, 91, 1, "woodwind", pan=68, volume=92),
    Instrument("English Horn", 69, 52, 81, 1, "woodwind", pan=72, volume=92, written_shift=7),
    Instrument("Clarinet", 71, 50, 91, 1, "woodwind", pan=60, volume=92, written_shift=2),
    Instrument("Bassoon", 70, 34, 72, 1, "woodwind", "bass", pan=70, volume=92),
    Instrument("Tenor Sax", 66, 44, 76, 1, "woodwind", pan=58, volume=96, written_shift=14),
    Instrument("Low Whistle", 78, 62, 88, 1, "woodwind", pan=56, volume=84),
    # Brass
    Instrument("Trumpet", 56, 54, 82, 1, "brass", pan=78, volume=106, written_shift=2),
    Instrument("Muted Trumpet", 59, 54, 82, 1, "brass", pan=72, volume=100, written_shift=2),
    Instrument("Horns", 60, 41, 77, 4, "brass", pan=44, volume=96, written_shift=7),
    Instrument("Trombones", 57, 40, 70, 3, "brass", "bass", pan=84, volume=88),
    Instrument("Tuba", 58, 28, 58, 1, "brass", "bass", pan=88, volume=92),
    # Voices
    Instrument("Choir", 52, 43, 81, 6, "voice", "grand", pan=64, volume=80),
    Instrument("Voice", 53, 57, 81, 1, "voice", pan=64, volume=88),
    # Electronic
    Instrument("Warm Pad", 89, 36, 96, 8, "synth", "grand", pan=64, volume=64),
    Instrument("Dark Pad", 95, 36, 84, 8, "synth", "grand", pan=64, volume=58),
    Instrument("Bowed Glass", 92, 48, 96, 6, "synth", "grand", pan=76, volume=104),
    Instrument("Halo Pad", 94, 48, 96, 8, "synth", "grand", pan=52, volume=76),
    Instrument("Synth Lead", 81, 48, 96, 1, "synth", pan=64, volume=94),
    Instrument("Soft Lead", 80, 48, 96, 1, "synth", pan=64, volume=72),
    Instrument("Pulse", 39, 28, 88, 1, "synth", "bass", pan=58, volume=80, decays=True),
    Instrument("Synth Pluck", 88, 48, 100, 6, "synth", pan=46, volume=84, decays=True),
    Instrument("Synth Bass", 38, 28, 60, 1, "synth", "bass", pan=64, volume=116),
    Instrument("Sub Bass", 39, 24, 52, 1, "synth", "bass", pan=64, volume=82),
    Instrument("Fretless Bass", 35, 28, 67, 1, "plucked", "bass", pan=64, volume=96, written_shift=12),
    Instrument(
        "Electric Bass", 33, 28, 67, 1, "plucked", "bass", pan=64, volume=96, written_shift=12, decays=True
    ),
    # Folk
    Instrument("Accordion", 21, 53, 93, 5, "keyboard", "treble", pan=74, volume=88),
    Instrument("Dulcimer", 15, 50, 93, 4, "percussion", pan=44, volume=112, decays=True),
    # Drums: the range is the General MIDI percussion map
    Instrument("Drum Kit", 0, 35, 81, 6, "drums", "percussion", volume=92, decays=True),
    Instrument("Brush Kit", 40, 35, 81, 6, "drums", "percussion", volume=120, decays=True),
    Instrument("Electronic Kit", 24, 35, 81, 6, "drums", "percussion", volume=88, decays=True),
    Instrument("Orchestral Percussion", 48, 35, 81, 6, "drums", "percussion", volume=96, decays=True),
    Instrument("Hand Percussion", 0, 35, 81, 6, "drums", "percussion", volume=116, decays=True),
)

INSTRUMENTS: dict[str, Instrument] = {instrument.name: instrument for instrument in _TABLE}


def instrument_of(track_name: str, program: int, is_drums: bool) -> Instrument | None:
    """The instrument a track was written for: by its name, then by its program; None for one outside the
    table.

    A name may carry more in brackets, as in ``Piano (arpeggio)``.
    """
    named = INSTRUMENTS.get(track_name.split(" (")[0].strip())
    if named is not None and named.is_drums == is_drums and named.program == program:
        return named
    for instrument in _TABLE:
        if instrument.program == program and instrument.is_drums == is_drums:
            return instrument
    return None

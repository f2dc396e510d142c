"""What can be wrong with a MIDI file for a DAW: every rule with who suffers from it and what mends it.

Convention: the contract of `composer.midi`. An *error* is where some program loses notes, timing, sound or names, or
gets them wrong; *advice* is the rest. Sources: MMA, *Standard MIDI Files 1.0* (RP-001); help.ableton.com, "Importing a
tempo map"; *Cubase* manual, "Importing MIDI files"; Sound on Sound on MIDI files in Live (it ignores channels);
JacquesLucke/animation_nodes, issue 1654. What mido 1.3, pretty_midi 0.2.11 and symusic 0.6 do was tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Level = Literal["error", "advice"]


class Rule(NamedTuple):
    """A rule: its level, which program suffers and how, and the remedy."""

    level: Level
    suffers: str
    remedy: str


class Found(NamedTuple):
    """A place where a rule (a key of `RULES`) is broken. ``track`` is an index, None for the whole file."""

    rule: str
    what: str
    track: int | None = None
    tick: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A `Found` for people: names and bars in place of numbers. ``str()`` of it is one line.

    ``track`` is its name, "" for the whole file. ``bar`` and ``beat`` count from 1, the beat in the metre's own unit
    as the rulers of DAWs do (an eighth in 6/8); None where no place is meant. ``more``: how many of the same kind
    follow on the same track.
    """

    level: Level
    rule: str
    track: str
    bar: int | None
    beat: float | None
    what: str
    suffers: str
    remedy: str
    more: int = 0

    def __str__(self) -> str:
        place = [self.track] if self.track else []
        if self.bar is not None:
            place.append(f"bar {self.bar} beat {self.beat:g}")
        more = f" (and {self.more} more like it)" if self.more else ""
        return f"{self.level}: {', '.join(place) or 'file'}: {self.what}{more}; {self.suffers}; {self.remedy}"


RULES: dict[str, Rule] = {
    # The file
    "type-0-parts": Rule(
        "error",
        "Ableton Live puts all parts into one clip, for it ignores channels",
        "export it as type 1, one instrument a track",
    ),
    "type-0": Rule("advice", "tempo and music share a track in every DAW", "export it as type 1"),
    "division": Rule(
        "advice",
        "programs with another grid round every time",
        "export it with 480 or 960 ticks a quarter note",
    ),
    "other-chunk": Rule(
        "advice",
        "every DAW leaves it out when it saves the file",
        "keep the original beside what a DAW exports",
    ),
    "no-notes": Rule(
        "error",
        "Logic and Ableton Live take neither tempo nor markers from a file without notes",
        "add the music, or one long note on a track of its own",
    ),
    "many-parts": Rule(
        "error",
        "General MIDI players such as FluidSynth play some with the instrument of another",
        "join parts, or split the score into two files",
    ),
    # The conductor
    "conductor-notes": Rule(
        "error",
        "programs that take the first track for the tempo track, such as Animation Nodes, lose it",
        "move it to a track of its own, after one that has tempo, metre and markers alone",
    ),
    "conductor-name": Rule(
        "advice", "DAWs show the cue without a name", "name the first track after the cue"
    ),
    "off-conductor": Rule(
        "error",
        "pretty_midi and others that keep to the standard read it from the first track only",
        "move it to the first track",
    ),
    "tempo-missing": Rule(
        "error",
        "DAWs go on in the tempo of the open project, and music and picture part",
        "set the tempo at the very start",
    ),
    "tempo-value": Rule(
        "error",
        "FrameScore refuses the file, and DAWs hold the tempo at limits of their own",
        "choose a tempo of 20-400 BPM",
    ),
    "tempo-off-bar": Rule(
        "advice",
        "the change is hard to find and to edit in a DAW, and notation programs move it",
        "move it to a bar line",
    ),
    "tempo-step": Rule(
        "advice",
        "players and listeners stumble over it",
        "spread it over several bars, at most 4 % each",
    ),
    "tempo-after-notes": Rule(
        "advice",
        "Ableton Live reads the tempo only as far as notes reach",
        "hold a note, however soft, to the last change of tempo",
    ),
    "metre-missing": Rule("advice", "DAWs take 4/4", "set the metre at the very start"),
    "metre-value": Rule("error", "DAWs ignore it or take 4/4", "set it anew, at most 32/32"),
    "metre-off-bar": Rule(
        "error",
        "DAWs whose bars are whole move it to a bar line, and all bars after it are others",
        "move it to a bar line, or give the bar before it a metre of its own",
    ),
    "key-value": Rule("error", "mido refuses the file; notation programs drop the key", "set the key anew"),
    "offset-missing": Rule(
        "advice",
        "Dorico places the cue at 00:00:00:00",
        "export it with the SMPTE offset of the picture's first frame",
    ),
    "offset-late": Rule(
        "error",
        "Dorico and all that keep to the standard read it at the very start only",
        "move the SMPTE offset to the very start",
    ),
    "offset-value": Rule(
        "error",
        "mido may refuse the file, and the cue stands at another timecode",
        "set the SMPTE offset anew",
    ),
    "marker-text": Rule(
        "error",
        "every program reads letters beyond ASCII in an encoding of its own",
        "name the marker in plain ASCII",
    ),
    "marker-long": Rule("advice", "DAWs cut it off in the ruler", "shorten it to 60 letters"),
    "marker-empty": Rule("advice", "DAWs show a nameless flag or leave it out", "name it or remove it"),
    "cue-alone": Rule(
        "error",
        "Cubase, like most DAWs, imports markers only",
        "add a marker of the same text at the same place",
    ),
    "lyrics": Rule("error", "Ardour turns lyrics into markers", "export the file without lyrics"),
    # The parts
    "channels": Rule(
        "error",
        "Ableton Live ignores channels and plays all of them with one instrument",
        "split the track, one channel each",
    ),
    "programs": Rule(
        "error",
        "Cubase and Dorico take the first program for the whole track",
        "give each instrument a track and a channel of its own",
    ),
    "shared-channel": Rule(
        "error",
        "a channel has one program: General MIDI players play one track with the other's instrument",
        "give each track a channel of its own",
    ),
    "shared-mixer": Rule(
        "advice",
        "volume, pan, expression and pedal of one move the other in General MIDI players",
        "give each track a channel of its own",
    ),
    "port": Rule(
        "error",
        "most programs ignore ports, so that its channel clashes with the same one of another port",
        "give each track a channel of its own, on one port",
    ),
    "program-missing": Rule(
        "error",
        "General MIDI players play a piano, or what the channel had last, and Dorico names it so",
        "set the program at the very start of the track",
    ),
    "mixer-missing": Rule(
        "advice",
        "Cubase and General MIDI players keep the balance that the channel had last",
        "set volume (CC7) and pan (CC10) at the very start of the track",
    ),
    "setup-late": Rule(
        "advice",
        "what a DAW plays from the start of the project has another sound or balance until then",
        "move it to the very start of the track",
    ),
    "drums-elsewhere": Rule(
        "error",
        "General MIDI players play the strokes as notes of a piano or another instrument",
        "put the track on channel 10",
    ),
    "not-drums": Rule(
        "error",
        "General MIDI players play its notes as strokes of a drum kit",
        "put the track on another channel than 10",
    ),
    "range": Rule(
        "error",
        "sample libraries are silent there, and players cannot play it",
        "move it by an octave or give it to another instrument",
    ),
    "range-guess": Rule(
        "advice",
        "sample libraries of that instrument may be silent there",
        "move it by an octave, or name the track after the instrument that plays it",
    ),
    "zero-length": Rule(
        "error",
        "pretty_midi drops it, and a DAW shows nothing that could be edited",
        "lengthen or remove the note",
    ),
    "hanging": Rule(
        "error",
        "pretty_midi and symusic drop it, and in DAWs it sounds on to the end or for ever",
        "end the note",
    ),
    "overlap": Rule(
        "error",
        "a note-off cannot tell the two apart: each program ends them in another way",
        "end the first note where the second starts",
    ),
    "stray-off": Rule("advice", "some synthesizers cut off another note", "remove the note-off"),
    "controller-late": Rule(
        "advice",
        "DAWs make the project longer than the music",
        "remove controllers after the end of the piece",
    ),
    "track-unnamed": Rule(
        "advice", "DAWs number the track, and stems have no name", "name the track after its instrument"
    ),
    "track-name-twice": Rule(
        "advice",
        "stems and tracks cannot be told apart",
        "give each track a name of its own, such as Violins (melody)",
    ),
    "sysex": Rule(
        "advice",
        "Ableton Live leaves system exclusive messages out",
        "set the sound by program and controllers",
    ),
}

"""A user's own MIDI and MusicXML files.

MIDI is read by the beats, metres and tempi it carries (type 0 or 1). A track named as a melody is the melody, else
the skyline of all tracks but the drums.
"""

from __future__ import annotations

import numpy as np

from composer.errors import BadInput
from composer.midi_reader import score_from_bytes
from composer.smf import SmfError
from composer.tokens.frame import STYLES
from composer.train.corpora.build import Built, build_songs
from composer.train.corpora.musicxml import read_musicxml
from composer.train.corpora.openscore import line_of, sung_line
from composer.train.corpora.piece import Piece, UnusablePiece

MIDI_SUFFIXES = (".mid", ".midi")
MUSICXML_SUFFIXES = (".mxl", ".musicxml", ".xml")
MAX_NOTES_IN_FOUR_PULSES = 36
MELODY_NAMES = ("melody", "vocal", "voice", "lead", "solo", "sing")


def read_file(name: str, data: bytes, number: int) -> Built:
    """Songs of a MIDI or MusicXML file; which it is follows from its bytes, not from ``name``."""
    piece = read_midi(data) if data[:4] == b"MThd" else _from_musicxml(data)
    return build_songs(piece, number, STYLES.index("other"), MAX_NOTES_IN_FOUR_PULSES)


def _from_musicxml(data: bytes) -> Piece:
    piece = read_musicxml(data)
    return Piece(**{**vars(piece), "melody": sung_line(piece)})


def read_midi(data: bytes) -> Piece:
    """The piece in a MIDI file's bytes. Raises UnusablePiece where it is damaged or holds no notes."""
    try:
        score = score_from_bytes(data)
    except (SmfError, BadInput) as error:
        raise UnusablePiece(str(error)) from error
    tracks = [track for track in score.tracks if not track.is_drums and track.notes]
    rows = [
        (note.onset_beats, note.duration_beats, note.pitch, note.velocity, index)
        for index, track in enumerate(tracks)
        for note in track.notes
    ]
    if not rows:
        raise UnusablePiece("no notes")
    bars = score.tempo_map.bars
    lengths = [4.0 * bar.numerator / bar.denominator for bar in bars]
    piece = Piece(
        notes=np.array(rows, float),
        parts=tuple(track.name for track in tracks),
        sung=(False,) * len(tracks),
        bar_starts=np.concatenate([[0.0], np.cumsum(lengths)]),
        metres=np.array([(bar.numerator, bar.denominator) for bar in bars]),
        pickup=np.zeros(len(bars), bool),
        opens=np.arange(len(bars)) == 0,
        quarter_bpm=np.array([60e6 / bar.tempo_us for bar in bars]),
    )
    named = [i for i, name in enumerate(piece.parts) if any(word in name.lower() for word in MELODY_NAMES)]
    return Piece(**{**vars(piece), "melody": line_of(piece, named[0]) if named else None})

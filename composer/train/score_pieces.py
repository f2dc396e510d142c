"""Works as scores that can be played: `Piece` to `Score`, with programs by the parts' names, and with a mood by ear."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from composer.analysis.mood import bar_features, mood_of
from composer.analysis.skyline import skyline
from composer.instruments import INSTRUMENTS, Instrument
from composer.moods import changes
from composer.music import MoodPoint, Note, Score, Track
from composer.orchestrate import MAX_MELODIC_TRACKS
from composer.timing import MAX_TEMPO_US, MIN_TEMPO_US, Bar, TempoMap
from composer.tokens.grid import TICKS_PER_BEAT
from composer.train.corpora.expression import likely_bpm
from composer.train.corpora.openscore import VOICE_NAMES
from composer.train.corpora.piece import COMPOUND_PULSE, Piece, UnusablePiece, is_compound

SHORTEST_NOTE = 1 / 32  # quarters
FEWEST_NOTES = 24

# The first that fits a part's name, in the languages of engravers.
_NAMES: tuple[tuple[str, str], ...] = (
    (r"picc|ottavino|kleine fl", "Piccolo"),
    (r"fl[uöoû]|traverso|\bfl\b", "Flute"),
    (r"engl|inglese|anglais|cor a\.", "English Horn"),
    (r"ob[oe]|hautb|\bob\b", "Oboe"),
    (r"clar|klar|\bcl\b", "Clarinet"),
    (r"fag|bassoon|basson", "Bassoon"),
    (r"cornet|tromb[ae]\b|tromp|trump|\btr(be|p)\b", "Trumpet"),
    (r"corno|corni|horn|\bcors?\b|\bhr", "Horns"),
    (r"tuba|ophi|serpent", "Tuba"),
    (r"trombon|posaune", "Trombones"),
    (r"timp|pauk|timb", "Timpani"),
    (r"pian|klavier|forte|cembalo|keyb|harpsi", "Piano"),
    (r"arp|harfe", "Harp"),
    (r"celest", "Celesta"),
    (r"glock|carillon|campan", "Glockenspiel"),
    (r"\borg", "Church Organ"),
    (r"guit|gitarr", "Acoustic Guitar"),
    (r"contrab|kontrab|double bass|violone|\bkb|\bcb\b|\bdb\b", "Double Basses"),
    (r"violonc|cell|\bvc|contin", "Cellos"),
    (r"viola|bratsche|\bvla", "Violas"),
    (r"viol|geige|\bvl?n\b|\bvl\b", "Violins I"),
    (r"coro|chor|chœur", "Choir"),
)
_SOLOISTS = {"Violins I": "Solo Violin", "Violas": "Solo Viola", "Cellos": "Solo Cello"}
_UNPITCHED = re.compile(
    r"piatt|cymbal|becken|cassa|tambur|tamtam|drum|trommel|triang|cinelli|gran c", re.IGNORECASE
)


def score_of_piece(piece: Piece, title: str, longest_s: float, *, soloists: bool = False) -> Score:
    """A piece as it is written, its first whole bars up to ``longest_s`` seconds, one track a part.

    The leading part is the one that sings (``piece.melody``), else the one that has most of the top line; the lowest
    of three or more has the role bass, the others counter where they play single notes. Unpitched percussion, which
    MusicXML names by staff lines, is left out; where there are more parts than channels, small ones join others of
    their kind. ``soloists``: one player a part. Raises UnusablePiece where the bars cannot be written as metres or too
    little is left.
    """
    bars, starts = _bars(piece, longest_s)
    end = float(starts[-1])
    notes = piece.notes[(piece.notes[:, 0] < end - SHORTEST_NOTE)]
    kept = [i for i, name in enumerate(piece.parts) if not _UNPITCHED.search(name)]
    notes = notes[np.isin(notes[:, 4], kept)]
    if len(notes) < FEWEST_NOTES:
        raise UnusablePiece(f"{len(notes)} notes in the first {longest_s:.0f} s")
    roles = _roles(piece, notes)
    tracks = []
    for index, role in roles.items():
        sung = piece.sung[index]
        instrument = _instrument(piece.parts[index], sung, soloists)
        rows = notes[notes[:, 4] == index]
        played = tuple(
            Note(
                float(onset), float(min(max(duration, SHORTEST_NOTE), end - onset)), int(pitch), int(velocity)
            )
            for onset, duration, pitch, velocity in rows[np.lexsort((rows[:, 2], rows[:, 0])), :4]
        )
        tracks.append(
            Track(
                piece.parts[index] or instrument.name, role, instrument.program, played,
                volume=instrument.volume, pan=instrument.pan,
            )
        )  # fmt: skip
    return Score(title, TempoMap(bars), fitting(tracks))


def singers(piece: Piece) -> tuple[bool, ...]:
    """Which parts sing: those with words whose name is no instrument's. (Themes of orchestral scores are labelled with
    letters where singers have their words.)"""
    return tuple(sung and not _written_for(name) for name, sung in zip(piece.parts, piece.sung, strict=True))


def with_heard_moods(score: Score) -> Score:
    """The score with the mood that `composer.analysis.mood` hears around every bar."""
    return replace(score, moods=heard_moods(score))


def heard_moods(score: Score) -> tuple[MoodPoint, ...]:
    """The mood of a score's notes, drums left out, where it changes; in bars with nothing to hear that before.

    What tracks double, at the octave too, counts once: an orchestra is not as busy as it has players.
    """
    tempo_map = score.tempo_map
    first: dict[tuple[int, int], int] = {}
    notes: list[Note] = []
    for index, track in enumerate(score.tracks):
        for note in track.notes if not track.is_drums else ():
            place = (round(note.onset_beats * TICKS_PER_BEAT), note.pitch % 12)
            if first.setdefault(place, index) == index and note.onset_beats < tempo_map.end_beats:
                notes.append(note)
    if not notes:
        return ()
    onset, end = (
        np.array([tempo_map.seconds(beat) for beat in beats])
        for beats in ([n.onset_beats for n in notes], [n.end_beats for n in notes])
    )
    features = bar_features(
        np.array([tempo_map.bar_at(note.onset_beats) for note in notes]),
        end - onset,
        np.array([note.pitch for note in notes]),
        np.array([float(note.velocity) for note in notes]),
        bar_s=np.array([bar.length_s for bar in tempo_map.bars]),
        bar_bpm=np.array([bar.bpm / bar.pulse_beats for bar in tempo_map.bars]),
    )
    mood = mood_of(features)
    heard = np.flatnonzero(features.note_rate > 0)
    rows = zip(tempo_map.bar_starts_beats[heard], mood.valence[heard], mood.arousal[heard], strict=True)
    return changes([(float(beat), float(valence), float(arousal)) for beat, valence, arousal in rows])


def fitting(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """At most `MAX_MELODIC_TRACKS` tracks: the smallest of those whose program is played twice joins the smallest other
    one of its program, then the smallest of all that of the nearest program. The one that is joined keeps its name.
    """
    out = [track for track in tracks if track.notes]
    while len(out) > MAX_MELODIC_TRACKS:
        count = Counter(track.program for track in out)
        spare = [track for track in out if track.role != "melody"]
        least = min(spare, key=lambda track: (count[track.program] == 1, len(track.notes)))
        out.remove(least)
        host = min(out, key=lambda track: (abs(track.program - least.program), len(track.notes)))
        joined = sorted([*host.notes, *least.notes], key=lambda note: (note.onset_beats, note.pitch))
        out[out.index(host)] = replace(host, notes=tuple(joined))
    return tuple(out)


def _bars(piece: Piece, longest_s: float) -> tuple[tuple[Bar, ...], np.ndarray]:
    """Bars until ``longest_s``, and where they start (bars + 1,)."""
    lengths = np.diff(piece.bar_starts)
    pulse = np.where([is_compound(int(n), int(d)) for n, d in piece.metres], COMPOUND_PULSE, 1.0)
    bpm = piece.quarter_bpm
    if np.isnan(bpm).any():
        tune = (
            piece.notes[skyline(*piece.notes[:, :3].T), 0]
            if piece.melody is None
            else piece.notes[piece.melody, 0]
        )
        quarters = max(float(piece.bar_starts[-1]), 1.0)
        bpm = np.where(np.isnan(bpm), likely_bpm(len(np.unique(tune)) / quarters) * pulse, bpm)
    until_s = np.cumsum(lengths * 60 / bpm)
    count = max(int(np.searchsorted(until_s, longest_s, side="right")), 1)
    bars = []
    for length, (numerator, denominator), tempo in zip(
        lengths[:count], piece.metres[:count].tolist(), bpm[:count], strict=True
    ):
        if abs(4 * numerator / denominator - length) > 1e-6 or numerator > 32 or denominator > 32:
            numerator, denominator = _metre(float(length))
        tempo_us = round(min(max(60e6 / tempo, MIN_TEMPO_US), MAX_TEMPO_US))
        bars.append(Bar(numerator, denominator, tempo_us))
    return tuple(bars), piece.bar_starts[: count + 1]


def _metre(length: float) -> tuple[int, int]:
    """A metre that fills ``length`` quarters. Raises UnusablePiece where there is none."""
    wholes = Fraction(length / 4).limit_denominator(32)
    for denominator in (4, 8, 16, 32, 2, 1):
        numerator = wholes * denominator
        if numerator.denominator == 1 and 1 <= numerator <= 32 and abs(float(wholes) * 4 - length) < 1e-6:
            return int(numerator), denominator
    raise UnusablePiece(f"a bar of {length:g} quarters")


def _roles(piece: Piece, notes: np.ndarray) -> dict[int, str]:
    """Part to role, for the parts that play."""
    playing = [int(part) for part in np.unique(notes[:, 4])]
    sung = [part for part in playing if piece.sung[part]]
    if sung:
        leading = sung[0]
    else:
        top = notes[skyline(*notes[:, :3].T), 4].astype(int)
        leading = int(np.bincount(top).argmax())
    roles = {}
    mean = {part: float(notes[notes[:, 4] == part, 2].mean()) for part in playing}
    lowest = min(mean, key=lambda part: mean[part])
    for part in playing:
        if part == leading:
            roles[part] = "melody"
        elif part == lowest and len(playing) > 2:
            roles[part] = "bass"
        else:
            roles[part] = "arpeggio" if _plays_chords(notes[notes[:, 4] == part]) else "counter"
    return roles


def _plays_chords(rows: np.ndarray) -> bool:
    return len(np.unique(np.round(rows[:, 0], 3))) < 0.8 * len(rows)


def _instrument(name: str, sung: bool, soloists: bool) -> Instrument:
    """The instrument of a part: by its name, else a voice where it sings or is named as one, else the piano."""
    found = _written_for(name) or ("Voice" if sung or VOICE_NAMES.search(name) else "Piano")
    return INSTRUMENTS[_SOLOISTS.get(found, found) if soloists else found]


def _written_for(name: str) -> str:
    """The instrument that a part's name names, or nothing."""
    return next((known for pattern, known in _NAMES if re.search(pattern, name.lower())), "")

"""Pieces become songs: pulses, keys, melodies; every collection's own rules."""

from __future__ import annotations

import io
from dataclasses import replace

import mido
import numpy as np
import pytest
from musicxml_builder import attributes, note, score

from composer.theory import Key
from composer.tokens import grid
from composer.tokens.frame import CADENCES, STYLES
from composer.tokens.vocabulary import CHORD_NONE, chord_id
from composer.train.corpora import build, chorales, folder, lead_sheets, openscore
from composer.train.corpora.build import build_songs, shift_to_c
from composer.train.corpora.musicxml import read_musicxml
from composer.train.corpora.piece import Piece, UnusablePiece, is_compound
from composer.train.song import Song

SCALE = (0, 2, 4, 5, 7, 9, 11, 12)


def make_piece(bars: int = 12, metre: tuple[int, int] = (4, 4), tonic: int = 0, octave: int = 72) -> Piece:
    """A major scale up and down in eighths over a tonic triad a bar."""
    length = 4.0 * metre[0] / metre[1]
    steps = round(length / 0.5)
    rows = []
    for bar in range(bars):
        for i in range(steps):
            rows.append((bar * length + i / 2, 0.5, octave + tonic + SCALE[i % 8], 80, 0))
        for third in (0, 4, 7):
            rows.append((bar * length, length, octave - 24 + tonic + third, 64, 1))
    return Piece(
        notes=np.array(rows, float),
        parts=("Voice", "Piano"),
        sung=(True, False),
        bar_starts=np.arange(bars + 1) * length,
        metres=np.tile(metre, (bars, 1)),
        pickup=np.zeros(bars, bool),
        opens=np.arange(bars) == 0,
        quarter_bpm=np.full(bars, 90.0),
    )


def check(song: Song) -> None:
    """What must hold for every song."""
    bars, pulses = len(song.bar_beats), int(song.bar_beats.sum())
    assert len(song.chords) == pulses
    for name in ("compound", "bpm", "phrase_left", "cadence"):
        assert len(getattr(song, name)) == bars, name
    keys = song.notes[:, :4].astype(int)
    assert np.array_equal(keys, keys[np.lexsort(keys.T[::-1])])
    assert len(np.unique(keys, axis=0)) == len(keys)
    assert 0 <= keys[:, 0].min() <= keys[:, 0].max() < pulses
    tune = keys[keys[:, 2] == 0, 3]
    assert ((tune >= build.LOWEST_MELODY) & (tune <= build.HIGHEST_MELODY)).all()
    assert ((keys[:, 3] >= grid.LOWEST_PITCH) & (keys[:, 3] <= grid.HIGHEST_PITCH)).all()
    assert ((song.notes[:, 5] >= 0) & (song.notes[:, 5] < grid.VELOCITY_LEVELS)).all()
    assert ((song.chords >= 0) & (song.chords <= CHORD_NONE)).all()
    assert ((song.bar_beats >= 1) & (song.bar_beats <= 8)).all()
    assert song.phrase_left[-1] == 0
    assert set(song.cadence.tolist()) <= set(range(len(CADENCES)))
    assert bars <= build.MAX_SONG_BARS


@pytest.mark.parametrize(
    ("metre", "pulses", "compound"),
    [
        ((2, 4), 2, 0), ((3, 4), 3, 0), ((4, 4), 4, 0), ((2, 2), 4, 0), ((3, 2), 6, 0), ((3, 8), 1, 1),
        ((6, 8), 2, 1), ((9, 8), 3, 1), ((12, 8), 4, 1), ((5, 8), 3, 0), ((7, 8), 4, 0),
    ],
)  # fmt: skip
def test_pulses_of_metres(metre, pulses, compound):
    [song] = build_songs(make_piece(metre=metre), 7, 1).songs
    check(song)
    assert set(song.bar_beats.tolist()) == {pulses}
    assert set(song.compound.tolist()) == {compound} == {int(is_compound(*metre))}
    assert song.bpm == pytest.approx(np.full(12, 60.0 if compound else 90.0))
    tune = song.notes[song.notes[:, 2] == 0]
    assert tune[1, :2].tolist() == [0, grid.SUB_TICKS.index(4 if compound else 6)]
    starts = np.arange(12) * pulses
    assert set(starts) <= set(tune[:, 0].tolist())


def test_long_bars_are_split():
    [song] = build_songs(make_piece(metre=(12, 4)), 7, 1).songs
    check(song)
    assert song.bar_beats.tolist() == [4, 8] * 12


def test_a_pick_up_inside_a_pulse_leads_to_the_bar_line():
    piece = make_piece()
    lead = np.array([[0.0, 0.5, 79, 80, 0]])
    later = piece.notes + np.array([0.5, 0, 0, 0, 0])
    piece = replace(
        piece,
        notes=np.concatenate([lead, later]),
        bar_starts=np.append(0, piece.bar_starts + 0.5),
        metres=np.tile((4, 4), (13, 1)),
        pickup=np.arange(13) == 0,
        opens=np.arange(13) == 0,
        quarter_bpm=np.full(13, 90.0),
    )
    song = build_songs(piece, 7, 1).songs[0]
    check(song)
    assert song.bar_beats[:2].tolist() == [1, 4]
    assert song.notes[0, :2].tolist() == [0, grid.SUB_TICKS.index(6)]


@pytest.mark.parametrize("tonic", range(12))
def test_songs_are_moved_to_c_major(tonic):
    built = build_songs(make_piece(tonic=tonic), 7, 1)
    [song] = built.songs
    check(song)
    assert built.off_grid == 0
    assert (tonic + song.meta[2]) % 12 == 0
    assert -5 <= song.meta[2] <= 6
    assert set(song.chords.tolist()) == {chord_id(0, "")}


def test_a_minor_key_goes_to_a_minor():
    assert shift_to_c(Key(2, "minor")) == -5
    assert shift_to_c(Key(9, "minor")) == 0
    assert {shift_to_c(Key(t, m)) for t in range(12) for m in ("major", "minor")} == set(range(-5, 7))


def test_a_piece_that_modulates_becomes_a_song_a_key():
    home, away = make_piece(16), make_piece(16, tonic=6)
    away_notes = away.notes + np.array([64.0, 0, 0, 0, 0])
    piece = replace(
        home,
        notes=np.concatenate([home.notes, away_notes]),
        bar_starts=np.arange(33) * 4.0,
        metres=np.tile((4, 4), (32, 1)),
        pickup=np.zeros(32, bool),
        opens=np.arange(32) == 0,
        quarter_bpm=np.full(32, 90.0),
    )
    songs = build_songs(piece, 123, 4).songs
    assert [len(song.bar_beats) for song in songs] == pytest.approx([16, 16], abs=build.PHRASE_REACH)
    assert [song.meta.tolist() for song in songs] == [[123, 0, 0, 4, 0], [123, 0, 6, 4, 1]]
    assert sum(len(song.notes) for song in songs) == len(piece.notes)


def test_a_long_piece_is_cut_and_a_short_one_left_out():
    songs = build_songs(make_piece(400), 7, 1).songs
    assert sum(len(song.bar_beats) for song in songs) == 400
    for song in songs:
        check(song)
    assert build_songs(make_piece(3), 7, 1).songs == ()


def test_a_deep_voice_sings_an_octave_higher_and_keeps_its_shape():
    [song] = build_songs(replace(make_piece(octave=36), melody=None), 7, 1).songs
    check(song)
    piece = make_piece(octave=36)
    [song] = build_songs(replace(piece, melody=piece.notes[:, 4] == 0), 7, 1).songs
    check(song)
    tune = song.notes[song.notes[:, 2] == 0]
    assert tune[:8, 3].tolist() == [48 + step for step in SCALE]


def test_a_tune_without_a_tempo_gets_a_likely_one():
    piece = make_piece()
    [song] = build_songs(replace(piece, quarter_bpm=np.full(12, np.nan)), 7, 1).songs
    assert 60 <= song.bpm[0] < 90  # two notes a pulse
    assert np.ptp(song.bpm) == 0


def test_thinning_keeps_tune_and_bass_and_drops_doublings_first():
    onset, pitch = np.zeros(7), np.array([36, 48, 60, 64, 67, 79, 84])
    melody = pitch == 84
    kept = build.thinned(onset, np.ones(7), pitch, np.full(7, 80.0), melody, 3)
    assert pitch[kept].tolist() == [36, 64, 67, 84]
    twice = build.thinned(
        np.zeros(2), np.array([1.0, 2.0]), np.array([60, 60]), np.full(2, 80.0), np.zeros(2, bool), 9
    )
    assert twice.tolist() == [1]


def tune_bar(pitches: str) -> str:
    return "".join(note(p, 12) for p in pitches.split())


def octave_part(octave: int) -> list[str]:
    """Eight bars of a broken chord."""
    bar = tune_bar(" ".join(f"{step}{octave}" for step in "CEGE"))
    return [attributes() + bar, *[bar] * 7]


def lied() -> bytes:
    """A pick-up, a singer with words, a piano on two staves; the singer rests in the last bars."""
    word = "<lyric><text>la</text></lyric>"
    voice = [attributes(3) + note("G4", 12, word)]
    voice += [note("C5", 12, word) + note("E5", 24, word)] * 9 + [note("R", 36)] * 4
    hands = (
        note("G5", 36) + "<backup><duration>36</duration></backup>" + note("C3", 12, staff=2)
        + note("G3", 24, staff=2)
    )  # fmt: skip
    piano = [attributes(3) + note("R", 12)] + [hands] * 13
    return score(voice, piano, names=("Singstimme", "Pianoforte"), implicit=(0,))


def test_the_singer_has_the_melody_and_the_piano_plays_alone():
    [song] = openscore.read_lied(lied(), 41).songs
    check(song)
    assert song.style == STYLES.index("art song")
    tune = song.notes[song.notes[:, 2] == 0]
    assert len(tune) == 19
    assert set(tune[:, 3].tolist()) == {67, 72, 76}  # the piano's G5 above is not the tune
    assert tune[:, 0].max() < 1 + 9 * 3
    assert song.notes[:, 0].max() >= 1 + 12 * 3


def test_quartets_have_the_highest_voice():
    parts = [
        [attributes() + tune_bar(f"C{o} E{o} G{o} E{o}"), *[tune_bar(f"C{o} E{o} G{o} E{o}")] * 7]
        for o in (5, 4, 3, 2)
    ]
    [song] = openscore.read_quartet(score(*parts), 1).songs
    tune = song.notes[song.notes[:, 2] == 0]
    assert len(tune) * 4 == len(song.notes)
    assert tune[:, 3].min() >= 72


def test_the_annotated_part_leads():
    parts = [
        [attributes() + tune_bar(f"C{o} E{o} G{o} E{o}"), *[tune_bar(f"C{o} E{o} G{o} E{o}")] * 7]
        for o in (6, 5, 4)
    ]
    piece = read_musicxml(score(*parts, names=("Flute 1", "Violin 1", "Violin 2")))
    table = "qstamp,measure,part,part_num\n0.0,1,Vln 2,2\n16.0,5,Fl 1,1\n"
    led = openscore.leading_line(piece, table)
    assert set(piece.notes[led & (piece.notes[:, 0] < 16), 4]) == {2}
    assert set(piece.notes[led & (piece.notes[:, 0] >= 16), 4]) == {0}
    with pytest.raises(UnusablePiece, match="annotation"):
        openscore.leading_line(piece, "qstamp,part\nx,y\n")


def test_lead_sheets_have_given_chords_and_no_accompaniment():
    symbol = "<harmony><root><root-step>D</root-step></root><kind>minor-seventh</kind></harmony>"
    home = "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>"
    bars = [symbol + tune_bar("F4 A4 D5 C5"), home + tune_bar("E4 G4 C5 G4")] * 6
    [song] = lead_sheets.read_lead_sheet(score([attributes() + bars[0], *bars[1:]]), 9).songs
    check(song)
    assert set(song.notes[:, 2].tolist()) == {0}
    assert song.chords[:8].tolist() == [chord_id(2, "m7")] * 4 + [chord_id(0, "")] * 4


def chorale_frames(triple: bool = False) -> list[list[int]]:
    """A pick-up, then phrases that end on long notes at bar lines, in 16ths."""
    beats = [[67, 62, 59, 43]]
    turn = [[72, 67, 64, 48], [74, 65, 59, 43], [76, 67, 60, 48]]
    for _ in range(6):
        beats += turn if triple else [*turn, [77, 65, 57, 41]]
        beats += [[72, 67, 64, 48]] * 3 if triple else [[76, 67, 60, 48]] * 2 + [[72, 67, 64, 48]] * 2
    return [frame for beat in beats for frame in [beat] * 4]


def test_a_chorale_finds_its_metre_and_its_notes():
    [song] = chorales.read_chorale(chorale_frames(), 3).songs
    check(song)
    assert song.bar_beats[:3].tolist() == [1, 4, 4]
    assert song.style == STYLES.index("chorale")
    soprano = song.notes[song.notes[:, 2] == 0]
    assert soprano[:4, 3].tolist() == [67, 72, 74, 76]
    assert grid.DURATION_TICKS[soprano[5, 4]] == 24  # nothing moves: held
    [waltz] = chorales.read_chorale(chorale_frames(triple=True), 3).songs
    assert waltz.bar_beats[:3].tolist() == [1, 3, 3]
    for damaged in ([], [[60, 55, 52], [60]], [["x"] * 4], [[60.5] * 4]):
        with pytest.raises(ValueError):  # noqa: PT011
            chorales.read_chorale(damaged, 3)


def midi_bytes(
    bars: int = 10, tracks: tuple[str, ...] = ("Piano", "Lead vocal"), drums: bool = True
) -> bytes:
    file = mido.MidiFile(ticks_per_beat=480)
    conductor = mido.MidiTrack([mido.MetaMessage("time_signature", numerator=6, denominator=8)])
    conductor.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(120)))
    file.tracks.append(conductor)
    for index, name in enumerate(tracks):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        for i in range(6 * bars):
            pitch = 60 + 12 * (1 - index) + SCALE[i % 6]
            track.append(mido.Message("note_on", channel=index, note=pitch, velocity=72))
            track.append(mido.Message("note_off", channel=index, note=pitch, time=240))
        file.tracks.append(track)
    if drums:
        track = mido.MidiTrack([mido.Message("note_on", channel=9, note=36, velocity=99)])
        track.append(mido.Message("note_off", channel=9, note=36, time=480))
        file.tracks.append(track)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def test_midi_by_its_own_beats_and_names():
    [song] = folder.read_file("a.mid", midi_bytes(), 12).songs
    check(song)
    assert set(song.bar_beats.tolist()) == {2}
    assert set(song.compound.tolist()) == {1}
    assert song.bpm == pytest.approx(np.full(10, 80.0))
    tune = song.notes[song.notes[:, 2] == 0]
    assert tune[:, 3].min() == 60 + song.meta[2]  # the named track, though the piano is higher
    assert song.notes[:, 3].min() == 60 + song.meta[2]  # no drum
    [song] = folder.read_file("b.mid", midi_bytes(tracks=("a", "b")), 12).songs
    assert song.notes[song.notes[:, 2] == 0][:, 3].min() == 72 + song.meta[2]  # the skyline
    for damaged in (midi_bytes()[:50], b"MThd", midi_bytes(tracks=())):
        with pytest.raises(UnusablePiece):
            folder.read_file("c.mid", damaged, 12)


def test_no_file_of_the_damaged_ones_breaks_the_reader(shared_data):
    files = sorted((shared_data / "bad" / "midi").iterdir())
    outcomes = []
    for file in files:
        try:
            for song in folder.read_file(file.name, file.read_bytes(), 1).songs:
                check(song)
            outcomes.append("read")
        except UnusablePiece:
            outcomes.append("refused")
    assert len(outcomes) == len(files) > 0

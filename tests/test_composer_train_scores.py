"""The renderer's training folder: works to MIDI with instruments, leaders and moods; copies and damage left out."""

from __future__ import annotations

import io
import json
import sys

import mido
import numpy as np
import pytest
from musicxml_builder import attributes, direction, mxl, note, score
from test_composer_train_data import archive, lied

from composer.midi_reader import score_from_bytes
from composer.music import Note, Score, Track
from composer.palettes import PALETTES
from composer.timing import Bar, TempoMap
from composer.train import scores
from composer.train.corpora.catalogue import Work
from composer.train.corpora.musicxml import read_musicxml
from composer.train.corpora.piece import UnusablePiece
from composer.train.score_pieces import fitting, heard_moods, score_of_piece
from render.events import read_performance
from render.mood import MoodCurve


def test_a_song_is_a_voice_and_a_piano():
    made = score_of_piece(read_musicxml(lied(1)), "song", 240.0)
    assert [(track.role, track.program) for track in made.tracks] == [("melody", 53), ("arpeggio", 0)]
    assert [len(track.notes) for track in made.tracks] == [32, 24]
    assert len(made.tempo_map.bars) == 8
    assert made.tempo_map.end_beats == 32


def test_dynamics_tempo_and_bars_are_as_written():
    loud = direction("<dynamics><ff/></dynamics>", '<sound tempo="90"/>')
    quiet = direction("<dynamics><pp/></dynamics>")
    bar = "".join(note(pitch, 12) for pitch in ("C5", "E5", "G5"))
    top = [attributes(3, 4) + loud + bar, bar, *[quiet + bar] * 6]
    made = score_of_piece(read_musicxml(score(top, names=("Violin I",))), "", 240.0)
    (track,) = made.tracks
    assert track.program == 48
    assert [(bar.numerator, bar.denominator) for bar in made.tempo_map.bars] == [(3, 4)] * 8
    assert made.tempo_map.bars[0].bpm == pytest.approx(90, abs=0.01)
    velocity = [note.velocity for note in track.notes]
    assert min(velocity[:6]) > 100
    assert max(velocity[6:]) < 50


def test_theme_labels_are_no_words_to_sing():
    label = "<lyric><text>a</text></lyric>"
    low = [attributes() + note("C3", 48, label), *[note("C3", 48)] * 7]
    high = [
        attributes() + "".join(note("C5", 12) for _ in range(4)),
        *["".join(note("E5", 12) for _ in range(4))] * 7,
    ]
    data = scores.openscore_score(Work("x", 1, {"score": score(low, high, names=("Viola", "Flute 1"))}))
    made = score_from_bytes(data)
    assert [(track.name, track.role, track.program) for track in made.tracks] == [
        ("Viola", "counter", 48),
        ("Flute 1", "melody", 73),
    ]


def test_long_works_end_with_a_whole_bar():
    piece = read_musicxml(lied(2))
    whole = score_of_piece(piece, "", 1e9)
    part = score_of_piece(piece, "", whole.tempo_map.end_s / 2)
    assert part.tempo_map.bars == whole.tempo_map.bars[:4]
    assert max(n.end_beats for track in part.tracks for n in track.notes) <= part.tempo_map.end_beats
    with pytest.raises(UnusablePiece, match="notes in the first"):
        score_of_piece(read_musicxml(score([attributes() + note("C4", 48)])), "", 240.0)


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("Violin 1", 48), ("Viola", 48), ("Contrabass", 48), ("F Horn 2", 60), ("Tromba 1", 56), ("Alto Trombone", 57),
        ("Bb (basso) Horn 1", 60), ("Oboe d’amore", 68), ("Alto", 53), ("Bass", 53), ("Flauto piccolo", 72),
        ("Corno inglese", 69), ("Harpsichord", 0), ("Timpani", 47), ("Traverso", 73), ("Continuo", 48), ("?", 0),
    ],
)  # fmt: skip
def test_names_become_instruments(name, program):
    bars = [
        attributes() + "".join(note("C4", 12) for _ in range(4)),
        *["".join(note("D4", 12) for _ in range(4))] * 7,
    ]
    made = score_of_piece(read_musicxml(score(bars, names=(name,))), "", 240.0)
    assert made.tracks[0].program == program


def test_more_parts_than_channels_join_their_kind():
    tracks = [
        Track(
            f"P{i}", "melody" if i == 0 else "counter", 10 * (i % 8), (Note(0.0, 1.0, 60 + i, 80),) * (i + 1)
        )
        for i in range(20)
    ]
    made = fitting(tracks)
    assert len(made) == 15
    assert sum(len(track.notes) for track in made) == sum(len(track.notes) for track in tracks)
    assert made[0].role == "melody"
    strings = [Track(f"V{i}", "counter", 48, (Note(0.0, 1.0, 60, 80),) * 9) for i in range(15)]
    timpani = Track("Timpani", "counter", 47, (Note(0.0, 1.0, 40, 80),))
    assert timpani in fitting([*strings, timpani])


def test_moods_follow_what_is_heard():
    quiet = [Note(4.0 * bar, 4.0, pitch, 40) for bar in range(16) for pitch in (57, 60, 64)]
    lively = [Note(64 + i / 4, 0.25, (72, 76, 79, 84)[i % 4], 110) for i in range(256)]
    made = Score("", TempoMap((Bar.at_bpm(100),) * 32), (Track("Piano", "melody", 0, (*quiet, *lively)),))
    moods = heard_moods(made)
    assert moods[0].arousal < 0 < moods[-1].arousal
    assert moods[0].valence < 0 < moods[-1].valence
    doubled = Track("Flute", "counter", 73, tuple(Note(n.onset_beats, 1.0, n.pitch + 12, 60) for n in lively))
    assert heard_moods(Score("", made.tempo_map, (*made.tracks, doubled))) == moods
    assert heard_moods(Score("", made.tempo_map, ())) == ()


def pop909_midi() -> bytes:
    tracks = [mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=600_000)])]
    for name, pitch in (("MELODY", 72), ("BRIDGE", 67), ("PIANO", 48)):
        events = [mido.MetaMessage("track_name", name=name), mido.Message("program_change", program=0)]
        for i in range(40):
            events += [
                mido.Message("note_on", note=pitch + i % 5, velocity=40 + i, time=0),
                mido.Message("note_off", note=pitch + i % 5, time=480),
            ]
        tracks.append(mido.MidiTrack(events))
    buffer = io.BytesIO()
    mido.MidiFile(type=1, ticks_per_beat=480, tracks=tracks).save(file=buffer)
    return buffer.getvalue()


def test_a_pop_song_keeps_its_events_and_gains_roles_and_moods():
    before = score_from_bytes(pop909_midi())
    after = score_from_bytes(scores.pop909_song(Work("001", 1, {"midi": pop909_midi()})))
    assert [track.notes for track in after.tracks] == [track.notes for track in before.tracks]
    assert [track.role for track in after.tracks] == ["melody", "counter", "arpeggio"]
    assert after.tempo_map == before.tempo_map
    assert len(after.moods) > 2


@pytest.mark.parametrize("palette", ["solo-piano", "full-orchestra"])
def test_composed_pieces_vary_and_swell(palette):
    sheets = [scores.composed_cues(palette, number) for number in range(scores.PIECES_A_PALETTE)]
    assert all(38 < sheet.duration_s < 140 for sheet in sheets)
    assert {section.style for sheet in sheets for section in sheet.sections} == {palette}
    dynamics = [sheet.sections[0].dynamics for sheet in sheets[::2]]
    assert dynamics == sorted(dynamics)
    assert sheets[0].sections[0].dynamics_curve != ()
    assert scores.composed_cues(palette, 3) == sheets[3]


def test_the_command_writes_the_folder(tmp_path, monkeypatch, capsys):
    works = {f"scores/A/{i}/lc{i}.mxl": lied(i) for i in range(6)}
    works |= {"scores/B/copy.mxl": lied(3), "scores/B/broken.mxl": lied(3)[:300]}
    works["scores/B/short.mxl"] = mxl(score([attributes() + note("C4", 48)]))
    (tmp_path / "in").mkdir()
    archive(tmp_path / "in" / "openscore_lieder.tar.xz", works)
    out = tmp_path / "out"
    words = ["scores", str(tmp_path / "in"), "-o", str(out), "--only", "pop909", "lieder"]
    monkeypatch.setattr(sys, "argv", words)
    scores.main()
    (told,) = json.loads((out / "sources.json").read_text())["sources"]
    assert (told["licence"], told["files"], told["refused"]) == ("CC0-1.0", 6, 3)
    assert any("the same music as" in line for line in told["refused_works"])
    assert "pop909 left out" in capsys.readouterr().err
    files = sorted(out.glob("lieder-*.mid"))
    assert len(files) == 6
    performance = read_performance(files[0])
    assert [part.role for part in performance.parts] == ["melody", "arpeggio"]
    channels = MoodCurve.of(performance).channels(100)
    assert (channels[2] == 1).all()
    assert np.abs(channels[:2]).max() > 0
    before = {file: file.stat().st_mtime_ns for file in files}
    scores.main()
    assert {file: file.stat().st_mtime_ns for file in files} == before


@pytest.mark.slow
def test_a_composed_piece_has_its_cue_sheets_moods():
    palette = next(iter(PALETTES))
    made = scores.composed_piece(palette, 7)
    sheet = scores.composed_cues(palette, 7)
    assert made.moods[0].valence == pytest.approx(sheet.sections[0].valence, abs=0.006)
    assert len(made.moods) >= 16
    assert len(made.tempo_map.bars) == scores.COMPOSED_BARS

"""Files that people edited and programs saved again: nothing of them is lost, and the composer goes on with them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess

import mido
import numpy as np
import pytest
from edited_files import EDITS, edited
from midi_events import check_the_rest, events

from composer.free import FreeWishes, free_cues
from composer.midi import midi_bytes
from composer.midi_file import midi_file_bytes
from composer.midi_reader import places_of, score_of
from composer.pipeline import compose
from composer.regenerate import Request, regenerate
from composer.sketch import sketch_of
from composer.smf import parse_smf

MUSESCORE = shutil.which("mscore3") or shutil.which("musescore3")


@pytest.fixture(scope="module")
def own() -> bytes:
    """Sixteen bars by the shipped networks: tune, piano, bass and drums."""
    cues = free_cues(16, seed=4, wishes=FreeWishes(style="pop", metre="4/4"))
    return midi_bytes(compose(cues, None, seed=4, candidates=1, by_section=False))


def heard_by_mido(data: bytes) -> list[list[tuple[int, str]]]:
    tracks = []
    for track in mido.MidiFile(file=io.BytesIO(data)).tracks:
        tick, found = 0, []
        for message in track:
            tick += message.time
            found.append((tick, repr(message.copy(time=0))))
        tracks.append(found)
    return tracks


def saved_again(own: bytes, program: str, folder) -> bytes:
    """The file as another program writes it; what that program drops is gone already."""
    source, target = folder / "own.mid", folder / "again.mid"
    source.write_bytes(own)
    if program == "mido":
        mido.MidiFile(source).save(target)
    elif program == "pretty_midi":
        pytest.importorskip("pretty_midi").PrettyMIDI(str(source)).write(str(target))
    elif program == "symusic":
        pytest.importorskip("symusic").Score(str(source)).dump_midi(str(target))
    else:
        if MUSESCORE is None:
            pytest.skip("MuseScore 3 is not installed (Debian package musescore3)")
        environment = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
        }
        subprocess.run(
            [MUSESCORE, "-o", str(target), str(source)], env=environment, capture_output=True, timeout=120
        )
        if not target.is_file():
            pytest.skip("MuseScore 3 wrote nothing here")
    return target.read_bytes()


@pytest.mark.parametrize("name", EDITS)
def test_nothing_of_an_edit_is_lost(own, name):
    data = edited(own, name)
    file = parse_smf(data)
    written = midi_file_bytes(file)
    assert heard_by_mido(written) == heard_by_mido(data)
    assert midi_file_bytes(parse_smf(written)) == written


@pytest.mark.parametrize("program", ["mido", "pretty_midi", "symusic", "MuseScore 3"])
def test_nothing_is_lost_of_what_programs_save(own, program, tmp_path):
    data = saved_again(own, program, tmp_path)
    assert heard_by_mido(midi_file_bytes(parse_smf(data))) == heard_by_mido(data)
    new = regenerate(parse_smf(data), Request(bars="5-6", seed=1, candidates=1))
    check_the_rest(parse_smf(data), new, asked_places(parse_smf(data), {4, 5}), set())


def asked_places(file, bars: set[int]) -> set[tuple[int, int]]:
    return {(index, bar) for index, _ in places_of(file) for bar in bars}


@pytest.mark.parametrize("name", EDITS)
def test_the_composer_goes_on_with_what_was_edited(own, name):
    file = parse_smf(edited(own, name))
    new = regenerate(file, Request(bars="5-6", seed=2, candidates=1))
    check_the_rest(file, new, asked_places(file, {4, 5}), set())
    inside = [
        n for track in score_of(new).tracks for n in track.notes if new_bar(new, n.onset_beats) in (4, 5)
    ]
    assert len(inside) >= 8


def new_bar(file, beat: float) -> int:
    return score_of(file).tempo_map.bar_at(beat + 1e-6)


@pytest.mark.parametrize(
    "name", ["loses_all_names_and_texts", "renames_every_track", "merges_all_into_type_0"]
)
def test_roles_chords_and_tune_are_found_again(own, name):
    before, after = sketch_of(score_of(parse_smf(own))), sketch_of(score_of(parse_smf(edited(own, name))))

    def places(notes):
        return {(round(note.onset_beats * 24), note.pitch) for note in notes}

    tune, found = places(before.lead.melody), places(after.lead.melody)
    assert len(tune & found) >= 0.8 * len(tune)
    beats = np.arange(0, 60, 1.0) + 0.5

    def root_at(sketch, beat):
        spans = [
            s for s in sketch.lead.harmony.chords if s.onset_beats <= beat < s.onset_beats + s.duration_beats
        ]
        return spans[0].chord.root if spans and spans[0].chord else -1

    assert np.mean([root_at(before, beat) == root_at(after, beat) for beat in beats]) >= 0.8


def test_markers_keys_and_moods_come_back(own):
    score, sketch = score_of(parse_smf(own)), sketch_of(score_of(parse_smf(own)))
    sections = [marker.text for marker in score.markers if marker.kind == "section"]
    assert list(dict.fromkeys(section.label for section in sketch.cues.sections)) == list(
        dict.fromkeys(sections)
    )
    assert sketch.cues.sections[0].key == score.keys[0][1]
    assert sketch.cues.sections[0].valence == pytest.approx(
        np.mean([m.valence for m in score.moods[:1]]), abs=0.3
    )
    assert events(parse_smf(own))  # mido reads our files

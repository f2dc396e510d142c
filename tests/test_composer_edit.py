"""A person edits a cue sheet and composes again: only what was edited changes, through the command line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import harness

from composer.midi import read_midi
from composer.spotting.cues_io import read_cues
from composer.video.animatic import draw_animatic

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A film, its cue sheet, and the music of both."""
    place = tmp_path_factory.mktemp("edit")
    draw_animatic(place / "film.mp4", duration_s=40.0)
    for command in (
        ["spot", place / "film.mp4", "-o", place / "cues.yaml", "--offline"],
        ["compose", place / "cues.yaml", "-o", place / "sheet.mid"],
        ["compose", place / "film.mp4", "-o", place / "film.mid", "--offline"],
    ):
        outcome = harness.run(command, limit_s=120)
        assert outcome.exit_code == 0, outcome.errors
    return place


def notes_by_section(midi: Path, sheet: Path) -> list[set]:
    """Track, onset in beats of the section, pitch and length of the notes that begin in each section."""
    score, cues = read_midi(midi), read_cues(sheet)
    found = []
    for section in cues.sections:
        start = cues.tempo_map.beats(section.start_s)
        end = cues.tempo_map.beats(section.end_s)
        found.append(
            {
                (track.name, round(note.onset_beats - start, 3), note.pitch, round(note.duration_beats, 3))
                for track in score.tracks
                if not track.is_drums
                for note in track.notes
                if start - 1e-3 <= note.onset_beats < end - 1e-3
            }
        )
    return found


def edited(folder: Path, pattern: str, replacement: str, occurrence: int = 1) -> list[set]:
    """The music of the sheet with one place of its text replaced."""
    text = (folder / "cues.yaml").read_text(encoding="utf-8")
    place = list(re.finditer(pattern, text))[occurrence]
    (folder / "edited.yaml").write_text(
        text[: place.start()] + replacement + text[place.end() :], encoding="utf-8"
    )
    outcome = harness.run(["compose", folder / "edited.yaml", "-o", folder / "edited.mid"], limit_s=120)
    assert outcome.exit_code == 0, outcome.errors
    return notes_by_section(folder / "edited.mid", folder / "edited.yaml")


def test_the_sheet_gives_the_music_that_the_film_gives(folder):
    assert (folder / "sheet.mid").read_bytes() == (folder / "film.mid").read_bytes()


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"  density: \S+", "  density: 0.95"),
        (r"  valence: \S+", "  valence: -0.9"),
        (r"  key: \S+", '  key: "C#m"'),
    ],
)
def test_other_sections_keep_their_notes(folder, pattern, replacement):
    before = notes_by_section(folder / "sheet.mid", folder / "cues.yaml")
    after = edited(folder, pattern, replacement)
    assert len(before) == len(after) >= 2
    assert before[1] != after[1]
    cues = read_cues(folder / "cues.yaml")
    for index, section in enumerate(cues.sections):
        if index != 1 and section.theme != cues.sections[1].theme:
            assert before[index] == after[index], section.label


def test_a_comment_changes_nothing(folder):
    before = notes_by_section(folder / "sheet.mid", folder / "cues.yaml")
    assert edited(folder, r"sections:", "# mine\nsections:", occurrence=0) == before

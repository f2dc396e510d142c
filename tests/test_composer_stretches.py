"""Music is written section by section: who edits one finds the others as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from score_builders import make_section

from composer.accompaniment import compose_accompaniment
from composer.chords import compose_chords
from composer.form import form_of
from composer.melody import compose_melody
from composer.orchestrate import orchestrate
from composer.spotting.cues import CueSheet, CurvePoint
from composer.stretches import in_waves, stretches_of
from composer.themes import recalled_bars
from composer.timing import Bar, TempoMap

BARS = 4


def film(*changes):
    """Sections of four bars of 2 s each."""
    sections = tuple(
        make_section(
            2.0 * BARS * i,
            2.0 * BARS * (i + 1),
            **{"label": f"S{i}", "style": "chamber", "tempo_bpm": 120.0, **change},
        )
        for i, change in enumerate(changes)
    )
    tempo_map = TempoMap((Bar.at_bpm(120.0),) * (BARS * len(sections)))
    return CueSheet("t", tempo_map.end_s, 25.0, "00:00:00:00", sections, (), tempo_map, 1)


def composed(cues, checkpoints, seed=3):
    how = {"seed": seed, "candidates": 2}
    harmony = compose_chords(cues, None, checkpoint=checkpoints["chords"], **how)
    lead = compose_melody(harmony, cues, checkpoint=checkpoints["melody"], **how)
    accompaniment = compose_accompaniment(lead, cues, checkpoint=checkpoints["accompaniment"], **how)
    return orchestrate(lead, accompaniment, cues)


def notes_of(score, cues, index):
    """Instrument, onset, pitch and length of every note of a section."""
    section = cues.sections[index]
    first, last = (cues.tempo_map.beats(time_s) - 1e-6 for time_s in (section.start_s, section.end_s))
    return {
        (track.name, note.onset_beats, note.pitch, round(note.duration_beats, 6))
        for track in score.tracks
        if not track.is_drums
        for note in track.notes
        if first <= note.onset_beats < last
    }


FOUR = ({"theme": "A"}, {"theme": "B"}, {"theme": "C"}, {"theme": "A"})
EDITS = {
    "mood": {"valence": -0.9, "arousal": 0.9},
    "density": {"density": 0.1},
    "curve": {"density_curve": (CurvePoint(9.0, 0.4), CurvePoint(15.0, -0.4))},
    "key": {"key": "Ebm"},
    "tempo": {"tempo_bpm": 90.0},
    "theme": {"theme": "A"},
    "silence": {"silent": True},
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_one_section_leaves_the_notes_of_the_others(edit, checkpoints):
    before = film(*FOUR)
    sections = list(before.sections)
    sections[1] = replace(sections[1], **EDITS[edit])
    after = replace(before, sections=tuple(sections))
    one, other = composed(before, checkpoints), composed(after, checkpoints)
    assert notes_of(one, before, 1) != notes_of(other, after, 1)
    # Before a silence the music comes to a close, which the theme brings back.
    untouched = (2,) if edit == "silence" else (0, 2, 3)
    for index in untouched:
        assert notes_of(one, before, index) == notes_of(other, after, index)


def test_an_edit_of_a_theme_is_heard_where_it_comes_back(checkpoints):
    before = film(*FOUR)
    sections = list(before.sections)
    sections[0] = replace(sections[0], valence=-0.9, density=0.1)
    after = replace(before, sections=tuple(sections))
    one, other = composed(before, checkpoints), composed(after, checkpoints)
    assert notes_of(one, before, 3) != notes_of(other, after, 3)
    for index in (1, 2):
        assert notes_of(one, before, index) == notes_of(other, after, index)


def test_a_section_put_in_or_left_out_leaves_the_others(checkpoints):
    four = film({"label": "A"}, {"label": "B"}, {"label": "C"}, {"label": "D"})
    three = film({"label": "A"}, {"label": "C"}, {"label": "D"})
    one, other = composed(four, checkpoints), composed(three, checkpoints)

    def from_its_start(score, cues, index):
        start = cues.tempo_map.beats(cues.sections[index].start_s)
        return {(name, round(on - start, 6), *rest) for name, on, *rest in notes_of(score, cues, index)}

    for was, now in ((0, 0), (2, 1), (3, 2)):
        assert from_its_start(one, four, was) == from_its_start(other, three, now)


def test_silencing_a_section_leaves_another_of_its_name(checkpoints):
    before = film({"label": "A"}, {"label": "B"}, {"label": "A"})
    sections = (replace(before.sections[0], silent=True), *before.sections[1:])
    after = replace(before, sections=sections)
    one, other = composed(before, checkpoints), composed(after, checkpoints)
    for index in (1, 2):
        assert notes_of(one, before, index) == notes_of(other, after, index)


def test_louder_music_keeps_the_names_of_its_tracks(checkpoints):
    soft = film({"style": "full-orchestra", "dynamics": 0.5}, {"style": "full-orchestra", "dynamics": 0.5})
    loud = replace(soft, sections=(soft.sections[0], replace(soft.sections[1], dynamics=0.95)))
    names = [{track.name for track in composed(cues, checkpoints).tracks} for cues in (soft, loud)]
    assert names[0] <= names[1]


def test_stretches_know_what_follows():
    cues = film({"label": "A"}, {"label": "B"}, {"label": "S", "silent": True}, {"label": "B"})
    form = form_of(cues)
    found = stretches_of(form, by_section=True)
    assert [list(s.bars) for s in found] == [[0, 1, 2, 3], [4, 5, 6, 7], [12, 13, 14, 15]]
    assert [s.frame.goes_on for s in found] == [True, False, False]  # before a silence music ends
    assert len({s.key for s in found}) == 3  # also of sections of one name
    assert form.last_bars == {7, 15}
    [whole] = stretches_of(form, by_section=False)
    assert (whole.key, len(whole.bars), len(whole.beats)) == ((), 16, 64)


def test_how_far_the_end_is_stays_open_where_music_goes_on():
    form = form_of(film({}, {}))
    first, last = stretches_of(form, by_section=True)
    columns = [3, 6]  # bars_left, progress
    assert not first.frame.conditions[:, columns].any()
    assert last.frame.conditions[:, columns].all()


def test_what_is_brought_back_is_written_before():
    cues = film(*FOUR)
    form = form_of(cues)
    first, second = in_waves(stretches_of(form, by_section=True), recalled_bars(form))
    assert [s.bars.start for s in first] == [0, 4, 8]
    assert [s.bars.start for s in second] == [12]
    assert np.array_equal(second[0].frame.bpm, form.frame.bpm[12:])

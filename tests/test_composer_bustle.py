"""The setting follows the density curve: strokes where the picture bustles, no counter-melody where it calms."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from score_builders import make_cues, make_section

from composer.bustle import Bustle
from composer.cue_spans import cue_spans
from composer.music import Note
from composer.spotting.cues import CurvePoint
from composer.timing import Bar, TempoMap

# Bars of 2 s: as the section, busy, hurried, calm.
CURVE = tuple(CurvePoint(t, c) for t, c in ((1.0, 0.0), (3.0, 0.1), (5.0, 0.3), (7.0, -0.2)))


def bustle(curve, bar=None, end_beats=None):
    tempo_map = TempoMap((bar or Bar.at_bpm(120.0),) * 4)
    section = make_section(0.0, 8.0, "chamber", density=0.5, density_curve=curve)
    cues = replace(make_cues(8.0, [section]), tempo_map=tempo_map)
    return Bustle.of(cue_spans(cues)[0], tempo_map, end_beats or tempo_map.end_beats)


def test_strokes_are_beats_where_it_is_busy_and_their_halves_where_it_is_hurried():
    found = bustle(CURVE)
    assert found.strokes == (4, 5, 6, 7, 8, 8.5, 9, 9.5, 10, 10.5, 11, 11.5)
    assert found.calm == (12, 16)


def test_strokes_are_dotted_quarters_and_eighths_in_six_eight():
    found = bustle(CURVE, Bar.at_bpm(90.0, 6, 8))
    assert found.strokes == (3, 4.5, 6, 6.5, 7, 7.5, 8, 8.5)


def test_a_level_section_is_left_as_it_is():
    found = bustle(())
    notes = (Note(0.0, 16.0, 60, 80),)
    assert found.restruck(notes) == notes
    assert found.without_calm(notes) == notes


def test_the_closing_chord_is_not_struck_again():
    assert max(bustle(CURVE, end_beats=10.0).strokes) < 10


@pytest.mark.parametrize("onset", [0.0, 3.5, 5.25])
def test_divided_notes_sound_as_long_as_the_note(onset):
    note = Note(onset, 9.0, 60, 80)
    divided = bustle(CURVE).restruck([note])
    assert divided[0].onset_beats == onset
    assert divided[-1].end_beats == pytest.approx(note.end_beats)
    assert all(earlier.end_beats == pytest.approx(later.onset_beats) for earlier, later in pairwise(divided))
    assert {piece.pitch for piece in divided} == {60}


def test_the_counter_melody_rests_in_calm_bars():
    notes = [Note(float(beat), 1.0, 60, 80) for beat in range(16)]
    assert [note.onset_beats for note in bustle(CURVE).without_calm(notes)] == list(range(12))

"""What the music does at hits: who strikes, what swells, what stops, and what is louder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from score_builders import make_cues, make_music, make_section

from composer.cue_spans import cue_spans, gesture_of, hit_beats
from composer.dynamics import DynamicsCurve
from composer.gestures import ACCENT, NEAR_BEATS, VISUAL_ACCENT, Gestures, Interval
from composer.music import Note
from composer.orchestrate import orchestrate
from composer.palettes import PALETTES
from composer.percussion import CYMBALS
from composer.spotting.cues import Accent, Hit
from composer.timing import Bar, TempoMap

HIT_S = 9.0  # beat 18 at 120 BPM: the third beat of a bar


def film(style, gesture="auto", *, arousal=0.5, required=True, weight=1.0, accents=()):
    sections = [make_section(0.0, 16.0, style, arousal=arousal, tempo_bpm=120.0)]
    hits = [Hit(HIT_S, "slam", weight, required=required, kind="user", gesture=gesture)]
    cues = make_cues(16.0, sections, hits=hits)
    tempo_map = TempoMap((Bar.at_bpm(120.0),) * 8)
    return replace(cues, tempo_map=tempo_map, accents=tuple(accents))


def gestures(cues):
    return Gestures.of(cue_spans(cues), hit_beats(cues), cues)


@pytest.mark.parametrize(
    ("hit", "arousal", "expected"),
    [
        (Hit(HIT_S, "h", 1.0, required=True), 0.4, "stinger"),
        (Hit(HIT_S, "h", 1.0, required=True), -0.4, "swell"),
        (Hit(HIT_S, "h", 0.8), 0.4, "accent"),
        (Hit(HIT_S, "h", 0.3), 0.4, "none"),
        (Hit(HIT_S, "h", 0.3, gesture="stop"), 0.4, "stop"),
        (Hit(HIT_S, "h", 1.0, required=True, gesture="none"), 0.4, "none"),
    ],
)
def test_what_is_left_to_the_composer_follows_weight_and_mood(hit, arousal, expected):
    cues = film("chamber", arousal=arousal)
    assert gesture_of(hit, cues.sections[0]) == expected


@pytest.mark.parametrize("style", sorted(PALETTES))
@pytest.mark.parametrize("seed", range(3))
def test_at_a_stinger_the_harmony_strikes(style, seed):
    cues = film(style, "stinger")
    score = orchestrate(*make_music(cues, seed, empty_share=0.6), cues)
    beat = cues.tempo_map.beats(HIT_S)
    striking = {
        track.role
        for track in score.tracks
        for note in track.notes
        if abs(note.onset_beats - beat) < NEAR_BEATS and track.role in ("pad", "bass", "arpeggio")
    }
    assert striking


@pytest.mark.parametrize("style", ["solo-piano", "chamber", "full-orchestra", "hybrid-electronic"])
def test_at_a_stop_nothing_sounds(style):
    cues = film(style, "stop")
    score = orchestrate(*make_music(cues, 1), cues)
    [stop] = gestures(cues).stops
    assert (stop.start_beats, stop.end_beats) == (18.0, 20.0)
    for track in score.tracks:
        for note in track.notes:
            assert not stop.start_beats + NEAR_BEATS < note.onset_beats < stop.end_beats - NEAR_BEATS
            if note.onset_beats < stop.end_beats - NEAR_BEATS:
                assert not stop.start_beats + 0.51 < note.end_beats < stop.end_beats
                assert note.end_beats <= stop.start_beats + 0.51
    assert any(note.onset_beats >= 20.0 for track in score.tracks for note in track.notes)


def test_a_swell_rises_over_the_bar_before():
    cues = film("chamber", "swell")
    spans = cue_spans(cues)
    plain = DynamicsCurve.of(spans, cues.tempo_map)
    swelling = DynamicsCurve.of(spans, cues.tempo_map, gestures(cues).swells)
    gain = swelling.levels - plain.levels
    beats = np.arange(len(gain)) * 0.5
    inside = (beats >= 14) & (beats <= 18)
    assert (np.diff(gain[inside]) > 0).all()
    assert gain[beats == 18][0] > 0.2
    assert not gain[~inside].any()


def test_accents_are_louder_by_strength_and_only_there():
    cues = film("chamber", accents=[Accent(3.0, 1.0), Accent(5.0, 0.5)])
    found = gestures(cues)
    assert found.accent_at(6.0) == VISUAL_ACCENT
    assert found.accent_at(10.0) == VISUAL_ACCENT // 2
    assert found.accent_at(18.0) == ACCENT
    assert found.accent_at(7.0) == 0


def test_hits_in_silence_do_nothing():
    cues = film("chamber")
    silent = replace(cues, sections=(replace(cues.sections[0], silent=True),))
    assert gestures(silent) == Gestures({}, (), (), ())


def with_hits(*hits, sections=None):
    """Eight bars of 2 s with hits as (seconds, gesture)."""
    cues = film("full-orchestra")
    made = [Hit(time_s, "h", 1.0, required=True, kind="user", gesture=gesture) for time_s, gesture in hits]
    return replace(cues, hits=tuple(made), sections=tuple(sections or cues.sections))


def test_a_hit_that_does_nothing_or_comes_at_once_ends_no_rest():
    assert gestures(with_hits((4.0, "stop"), (4.5, "none"))).stops == (Interval(8.0, 10.0),)
    assert gestures(with_hits((4.0, "stop"), (4.1, "accent"))).stops == (Interval(8.0, 10.0),)
    assert gestures(with_hits((4.0, "stop"), (4.5, "accent"))).stops == (Interval(8.0, 9.0),)
    assert gestures(with_hits((4.0, "accent"), (4.0, "stop"))).stops == (Interval(8.0, 10.0),)


@pytest.mark.parametrize("time_s", [14.0, 14.5, 15.5])
def test_nothing_stops_the_last_chord(time_s):
    cues = with_hits((time_s, "stop"))
    assert gestures(cues).stops == ()
    score = orchestrate(*make_music(cues, 1), cues)
    end = cues.tempo_map.end_beats
    assert max(note.end_beats for track in score.tracks for note in track.notes) == pytest.approx(end)


def test_a_stop_before_the_last_bar_ends_with_it():
    assert gestures(with_hits((13.5, "stop"))).stops == (Interval(27.0, 28.0),)


def test_a_swell_into_a_section_rises_in_the_one_before():
    whole = film("chamber").sections[0]
    two = (replace(whole, end_s=8.0), replace(whole, start_s=8.0, label="B"))
    assert gestures(with_hits((8.0, "swell"), sections=two)).swells == (Interval(12.0, 16.0),)
    silent = (replace(two[0], silent=True), two[1])
    assert gestures(with_hits((8.0, "swell"), sections=silent)).swells == (Interval(16.0, 16.0),)


def test_stops_are_cut_note_by_note_as_by_hand():
    cues = with_hits((2.0, "stop"), (6.0, "stop"))
    found = gestures(cues)
    notes = [Note(float(beat), length, 60, 80) for beat in range(0, 24) for length in (0.5, 3.0, 14.0)]
    kept = found.with_stops(notes, cues.tempo_map)
    assert {note.onset_beats for note in notes} - {note.onset_beats for note in kept} == {5.0, 13.0}
    for note in kept:
        for stop in found.stops:
            if note.onset_beats < stop.end_beats - NEAR_BEATS:
                assert (
                    note.end_beats <= stop.start_beats + 0.5
                    or note.onset_beats > stop.start_beats + NEAR_BEATS
                )


@pytest.mark.parametrize(("gesture", "struck"), [("none", False), ("accent", True)])
def test_percussion_answers_what_the_gesture_asks_for(gesture, struck):
    cues = with_hits((9.0, gesture))
    score = orchestrate(*make_music(cues, 1), cues)
    crashes = [n for t in score.tracks if t.is_drums for n in t.notes if n.pitch == CYMBALS]
    assert any(abs(note.onset_beats - 18.0) < NEAR_BEATS for note in crashes) == struck

"""What the music does at hits: who strikes, what swells, what stops, and what is louder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from score_builders import make_cues, make_music, make_section

from composer.cue_spans import cue_spans, hit_beats
from composer.dynamics import DynamicsCurve
from composer.gestures import ACCENT, NEAR_BEATS, VISUAL_ACCENT, Gestures, gesture_of
from composer.orchestrate import orchestrate
from composer.palettes import PALETTES
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
    assert gesture_of(hit, cue_spans(cues)[0]) == expected


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

"""The film's mood on the beats: bar by bar, where it changes, with every section from its start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from score_builders import make_cues, make_music, make_section

from composer.cue_spans import cue_spans
from composer.midi import midi_bytes
from composer.midi_reader import score_from_bytes
from composer.moods import changes, film_moods
from composer.music import MoodPoint
from composer.orchestrate import orchestrate
from composer.spotting.cues import CurvePoint


def moods_of(cues):
    return film_moods(cue_spans(cues), cues.tempo_map)


def test_a_level_section_is_said_once_and_the_next_from_its_start():
    cues = make_cues(
        30.0,
        [
            make_section(0.0, 11.3, "solo-piano", valence=0.2, arousal=-0.4),
            make_section(11.3, 20.0, "solo-piano", valence=-0.8, arousal=0.9),
            make_section(20.0, 30.0, "solo-piano", valence=-0.8, arousal=0.9, silent=True),
        ],
    )
    first, second = moods_of(cues)
    assert (first.onset_beats, first.valence, first.arousal) == (0.0, 0.2, -0.4)
    assert (second.valence, second.arousal) == (-0.8, 0.9)
    assert second.onset_beats == cue_spans(cues)[1].start_beats


def test_a_curve_is_followed_bar_by_bar():
    curve = (CurvePoint(0.0, -0.5), CurvePoint(30.0, 0.5))
    cues = make_cues(30.0, [make_section(0.0, 30.0, "solo-piano", valence=0.0, valence_curve=curve)])
    moods = moods_of(cues)
    bars = cues.tempo_map.bars
    assert [mood.onset_beats for mood in moods] == pytest.approx(cues.tempo_map.bar_starts_beats[: len(bars)])
    middles_s = cues.tempo_map.bar_starts_s[:-1] + [bar.length_s / 2 for bar in bars]
    expected = np.interp(middles_s, [0, 30], [-0.5, 0.5])
    np.testing.assert_allclose([mood.valence for mood in moods][:-1], expected[:-1], atol=0.006)
    assert all(abs(mood.valence) <= 1 for mood in moods)


def test_the_score_has_the_moods_and_the_file_gives_them_back():
    cues = make_cues(
        20.0, [make_section(0.0, 20.0, "chamber", arousal_curve=(CurvePoint(0.0, 0.3), CurvePoint(20.0, -1)))]
    )
    score = orchestrate(*make_music(cues, 1), cues)
    assert score.moods == moods_of(cues)
    assert len(score.moods) > 4
    back = score_from_bytes(midi_bytes(score))
    assert [(m.valence, m.arousal) for m in back.moods] == [(m.valence, m.arousal) for m in score.moods]
    without = replace(score, moods=())
    assert replace(back, moods=()) == score_from_bytes(midi_bytes(without))


def test_points_are_rounded_and_zero_has_no_sign():
    points = changes([(0.0, -0.001, 0.5), (4.0, 0.004, 0.499), (8.0, 0.0, 0.49)])
    assert points == (MoodPoint(0.0, 0.0, 0.5), MoodPoint(8.0, 0.0, 0.49))
    assert str(points[0].valence) == "0.0"
    with pytest.raises(ValueError, match="outside"):
        MoodPoint(0.0, float("nan"), 0.0)

"""Visual beats: films that hardly move."""

from __future__ import annotations

import numpy as np

from composer.video.beats import visual_beats


def test_the_one_stop_of_a_still_film_is_its_beat():
    times_s = np.arange(0.0, 600.0, 1 / 15)
    saliency = np.zeros(len(times_s), np.float32)
    saliency[4000] = 0.5
    beats = visual_beats(times_s, saliency, 2.0 * saliency)
    assert beats.times_s.tolist() == [times_s[4000]]
    assert beats.strengths.tolist() == [1.0]


def test_a_film_that_stands_still_has_none():
    assert not len(visual_beats(np.arange(100) / 15, np.zeros(100, np.float32), np.zeros(100)).times_s)

"""The range of tempi: wishes glide from section to section, and the range goes with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.spotting.cues import Section
from composer.spotting.tempo_range import (
    DEFAULT_BPM,
    FASTEST,
    SLOWEST,
    SMALL_CHANGE,
    bar_wishes,
    gliding,
    tempo_range,
    wish_curve,
)


def section(start_s: float, end_s: float, tempo_bpm: float) -> Section:
    return Section(start_s, end_s, "A", 0.0, 0.0, "C", tempo_bpm, 0.5, 0.5, "chamber")


@given(st.lists(st.floats(44, 182), min_size=1, max_size=60))
def test_wishes_glide(wishes):
    glided = gliding(np.array(wishes))
    assert glided.min() >= min(wishes) - 1e-9
    assert glided.max() <= max(wishes) + 1e-9
    assert np.all(np.abs(np.diff(np.log(glided))) <= np.log1p(SMALL_CHANGE) + 1e-9) or len(wishes) == 1
    slowest, fastest = tempo_range(np.array(wishes))
    assert np.all((slowest < glided) & (glided < fastest))


def test_one_wish_is_kept_and_a_step_is_met_half_way():
    assert np.allclose(gliding(np.full(9, 90.0)), 90)
    glided = gliding(np.array([80.0] * 40 + [120.0] * 40))
    assert glided[0] == pytest.approx(80)
    assert glided[-1] == pytest.approx(120)
    assert np.sqrt(glided[39] * glided[40]) == pytest.approx(np.sqrt(80 * 120))
    slowest, fastest = tempo_range(np.full(3, 100.0))
    assert np.allclose(slowest, 100 * SLOWEST)
    assert np.allclose(fastest, 100 * FASTEST)


def test_the_curve_counts_the_wished_eighths():
    curve = wish_curve(60.0, [section(0, 30, 60), section(30, 60, 60)])
    assert curve.between(0, 60) == pytest.approx(120)
    assert curve.between(10, 12.5) == pytest.approx(5)
    assert wish_curve(10.0, []).between(0, 10) == pytest.approx(10 * DEFAULT_BPM / 30)


def test_a_bar_has_the_wish_of_the_section_of_its_middle():
    sections = [section(0, 10, 80), section(10, 20, 100)]
    assert bar_wishes(sections, np.array([0.0, 9.0, 10.9, 20.0])).tolist() == [80, 80, 100]
    assert bar_wishes([], np.array([0.0, 1.0])).tolist() == [DEFAULT_BPM]

"""Metres: what they read, their pulses, and the odd bars among them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.spotting.cues import Section
from composer.spotting.metre import DENOMINATORS, MAX_NUMERATOR, MAX_PULSES, Metre, bar_costs
from composer.timing import Bar

metres = st.builds(Metre, st.integers(1, MAX_NUMERATOR), st.sampled_from(DENOMINATORS)).filter(
    lambda metre: len(metre.pulses_beats()) <= MAX_PULSES
)


@pytest.mark.parametrize("text", ["9/4", "5/2", "12/2"])
def test_bars_of_more_pulses_than_the_networks_know_are_refused(text):
    with pytest.raises(ValueError, match="more than 8 pulses"):
        Metre.parse(text)


@given(metres)
def test_a_metre_reads_back_and_measures_as_its_bar(metre):
    assert Metre.parse(str(metre)) == metre
    bar = Bar.at_bpm(100, metre.numerator, metre.denominator)
    assert metre.bar_eighths == 2 * bar.length_beats
    assert metre.pulse_eighths == 2 * bar.pulse_beats
    pulses = metre.pulses_beats()
    assert pulses[0] == 0
    assert pulses[-1] < bar.length_beats <= pulses[-1] + bar.pulse_beats


@given(metres)
def test_odd_bars_have_the_pulse_of_the_regular_one_and_fill_any_gap(metre):
    costs = bar_costs(metre)
    assert next(iter(costs)) == metre.bar_eighths
    assert [length for length, cost in costs.items() if cost == 0] == [metre.bar_eighths]
    assert metre.step_eighths in costs
    for length in costs:
        odd = metre.with_length(length)
        assert odd.bar_eighths == length
        assert odd.pulse_eighths == metre.pulse_eighths
        assert length % metre.step_eighths == 0
    assert metre.with_length(metre.bar_eighths) == metre


@pytest.mark.parametrize(
    ("text", "pulses"), [("4/4", 4), ("3/4", 3), ("6/8", 2), ("12/8", 4), ("3/2", 6), ("7/8", 4), ("3/8", 1)]
)
def test_pulses_a_bar(text, pulses):
    assert len(Metre.parse(text).pulses_beats()) == pulses


@pytest.mark.parametrize(
    "text", ["", "4", "4/3", "0/4", "13/4", "3/16", "3/4/4", " 3/4", "-3/4", "x" * 99, "٣/4"]
)
def test_what_is_no_metre_is_refused(text):
    with pytest.raises(ValueError, match="over 2, 4 or 8"):
        Metre.parse(text)
    with pytest.raises(ValueError, match="over 2, 4 or 8"):
        Section(0.0, 1.0, "A", 0.0, 0.0, "C", 100.0, 0.5, 0.5, "folk", metre=text)

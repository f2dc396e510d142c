import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.pulse import Pulse
from composer.timing import Bar


@pytest.mark.parametrize(
    ("metre", "beats", "strong"),
    [
        ((4, 4), (0, 1, 2, 3), (0, 2)),
        ((2, 2), (0, 1, 2, 3), (0, 2)),
        ((3, 4), (0, 1, 2), (0,)),
        ((2, 4), (0, 1), (0,)),
        ((5, 4), (0, 1, 2, 3, 4), (0, 3)),
        ((7, 4), (0, 1, 2, 3, 4, 5, 6), (0, 2, 4)),
        ((3, 2), (0, 1, 2, 3, 4, 5), (0, 2, 4)),
        ((6, 4), (0, 1, 2, 3, 4, 5), (0, 3)),
        ((6, 8), (0, 1.5), (0,)),
        ((9, 8), (0, 1.5, 3), (0,)),
        ((12, 8), (0, 1.5, 3, 4.5), (0, 3)),
        ((3, 8), (0,), (0,)),
        ((5, 8), (0, 1), (0,)),
        ((7, 8), (0, 1, 2), (0,)),
        ((6, 16), (0, 0.75), (0,)),
    ],
)
def test_beats_are_pulses_in_groups_of_two_and_three(metre, beats, strong):
    pulse = Pulse.of(Bar.at_bpm(96, *metre))
    assert (pulse.beats, pulse.strong) == (beats, strong)


@given(st.integers(1, 32), st.sampled_from((1, 2, 4, 8, 16, 32)))
def test_any_bar_has_its_first_beat_strong_and_every_beat_within(numerator, denominator):
    bar = Bar.at_bpm(96, numerator, denominator)
    pulse = Pulse.of(bar)
    assert pulse.strong[0] == pulse.beats[0] == 0
    assert set(pulse.strong) <= set(pulse.beats)
    assert set(pulse.strong).isdisjoint(pulse.backbeats)
    assert pulse.beats[-1] < pulse.length == bar.length_beats
    assert all(step < pulse.length for step in pulse.steps(2))
    assert pulse.upbeat < pulse.unit

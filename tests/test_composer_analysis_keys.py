from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from composer.analysis.keys import key_segments, local_keys
from composer.theory import Key

keys = st.builds(Key, st.integers(0, 11), st.sampled_from(["major", "minor"]))
weights = hnp.arrays(
    float, st.tuples(st.integers(0, 30), st.just(12)), elements=st.floats(0, 100, allow_subnormal=False)
)
# I IV V I and i iv V i, one chord a bar, as steps over the tonic
CADENCES = {
    "major": [(0, 4, 7), (5, 9, 0), (7, 11, 2, 5), (0, 4, 7)],
    "minor": [(0, 3, 7), (5, 8, 0), (7, 11, 2, 5), (0, 3, 7)],
}


def bars_in(key, bars):
    """(bars, 12) weights of the key's cadence over and over."""
    out = np.zeros((bars, 12))
    for bar in range(bars):
        for step in CADENCES[key.mode][bar % 4]:
            out[bar, (key.tonic + step) % 12] += 1.0
    return out


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", range(12))
def test_every_key_by_its_cadence(tonic, mode):
    assert local_keys(bars_in(Key(tonic, mode), 8)) == [Key(tonic, mode)] * 8


def test_a_song_in_natural_minor_is_not_its_relative_major():
    bars = np.zeros((8, 12))
    for bar in range(8):
        for pitch_class in [(9, 0, 4), (5, 9, 0), (2, 5, 9), (4, 7, 11)][bar % 4]:
            bars[bar, pitch_class] += 1.0
        bars[bar, 9] += 1.0
    assert set(local_keys(bars)) == {Key(9, "minor")}


def test_a_modulation_is_heard_and_a_passing_tonicisation_is_not():
    home, dominant = Key(0), Key(7)
    long = local_keys(np.concatenate([bars_in(home, 16), bars_in(dominant, 16), bars_in(home, 16)]))
    segments = key_segments(long, 8)
    assert [key for _, _, key in segments] == [home, dominant, home]
    assert abs(segments[0][1] - 16) <= 3
    assert abs(segments[1][1] - 32) <= 3
    short = local_keys(np.concatenate([bars_in(home, 16), bars_in(dominant, 2), bars_in(home, 16)]))
    assert short == [home] * 34


def test_silent_bars_take_the_key_around():
    bars = bars_in(Key(2, "minor"), 12)
    bars[:2] = bars[5:8] = bars[-1:] = 0.0
    assert local_keys(bars) == [Key(2, "minor")] * 12
    assert local_keys(np.zeros((3, 12))) == [Key(0)] * 3
    assert local_keys(np.zeros((0, 12))) == []


@pytest.mark.parametrize(
    "bad", [np.zeros(12), np.zeros((3, 11)), np.full((2, 12), -1.0), np.full((2, 12), np.nan)]
)
def test_refuses_other_weights(bad):
    with pytest.raises(ValueError, match="12"):
        local_keys(bad)


@settings(deadline=None)
@given(weights)
def test_one_key_a_bar_whatever_the_scale(bars):
    found = local_keys(bars)
    assert len(found) == len(bars)
    assert local_keys(bars * 4.0) == found


@pytest.mark.parametrize("semitones", [1, 5, 7, 11])
def test_transposed_music_has_transposed_keys(semitones):
    bars = np.random.default_rng(2).dirichlet(np.full(12, 0.3), 60)
    assert local_keys(np.roll(bars, semitones, 1)) == [key.transposed(semitones) for key in local_keys(bars)]


def test_short_segments_join_the_nearer_key():
    home, dominant, far = Key(0), Key(7), Key(6)
    assert key_segments([home] * 8 + [dominant] * 3 + [far] * 20, 8) == [(0, 11, home), (11, 31, far)]
    assert key_segments([far] * 20 + [dominant] * 3 + [home] * 8, 8) == [(0, 20, far), (20, 31, home)]
    assert key_segments([home] * 8 + [far] * 3 + [home] * 8, 8) == [(0, 19, home)]
    assert key_segments([home] * 3, 8) == [(0, 3, home)]
    assert key_segments([], 8) == []


@given(st.lists(st.tuples(keys, st.integers(1, 12)), max_size=12), st.integers(1, 16))
def test_segments_cover_the_piece_and_are_long_enough(runs, min_bars):
    piece = [key for key, bars in runs for _ in range(bars)]
    segments = key_segments(piece, min_bars)
    assert [bar for first, end, _ in segments for bar in range(first, end)] == list(range(len(piece)))
    assert all(end - first >= min_bars for first, end, _ in segments) or len(segments) == 1
    assert all(one[2] != other[2] for one, other in pairwise(segments))
    assert {key for _, _, key in segments} <= set(piece)

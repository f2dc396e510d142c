"""Tokens: what is encoded comes back, and any ids at all decode to valid notes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from composer.music import QUALITIES, Chord
from composer.tokens import grid, harmony, notes
from composer.tokens.frame import Frame, chord_conditions, mood_bin
from composer.tokens.vocabulary import CHORD_NONE, CHORDS, chord_id, chord_of, transpose_chord


def make_frame(bar_beats=(4, 4, 3, 4)) -> Frame:
    bars = len(bar_beats)
    whole, none = np.zeros(bars, int), np.full(bars, -1)
    return Frame(
        np.array(bar_beats),
        whole,
        np.full(bars, 90.0),
        whole,
        np.zeros(bars),
        np.zeros(bars),
        whole,
        none,
        none,
    )


@st.composite
def grid_notes(draw, beats: int = 15):
    rows = draw(
        st.sets(st.tuples(st.integers(0, beats - 1), st.integers(0, 7), st.integers(21, 108)), max_size=60)
    )
    ordered = np.array(sorted(rows), np.int64).reshape(-1, 3)
    rng = np.random.default_rng(len(rows))
    return notes.GridNotes(
        *ordered.T, rng.integers(0, len(grid.DURATION_TICKS), len(rows)), rng.integers(0, 32, len(rows))
    )


@given(grid_notes())
def test_notes_survive_the_round_trip(found):
    back = notes.decode(notes.encode(found, 15), 15)
    for name in ("beat", "sub", "pitch", "duration", "velocity"):
        assert np.array_equal(getattr(found, name), getattr(back, name)), name


@given(arrays.arrays(np.int64, st.tuples(st.integers(0, 80), st.just(4)), elements=st.integers(-500, 500)))
def test_any_ids_decode_to_valid_notes(steps):
    found = notes.decode(steps, 12)
    assert ((found.beat >= 0) & (found.beat < 12)).all()
    assert ((found.sub >= 0) & (found.sub < len(grid.SUB_TICKS))).all()
    assert ((found.pitch >= grid.LOWEST_PITCH) & (found.pitch <= grid.HIGHEST_PITCH)).all()
    assert ((found.duration >= 0) & (found.duration < len(grid.DURATION_TICKS))).all()
    assert ((found.velocity >= 0) & (found.velocity < grid.VELOCITY_LEVELS)).all()
    places = list(zip(found.beat, found.sub, found.pitch, strict=True))
    assert places == sorted(set(places))


@given(grid_notes())
def test_countdowns_end_at_zero_in_every_bar(found):
    frame = make_frame()
    steps = notes.encode(found, 15)
    beat, left = notes.countdowns(steps, frame.bar_of_beat)
    assert np.array_equal(beat[steps[:, 0] > 0], found.beat)
    counts = np.bincount(frame.bar_of_beat[found.beat], minlength=4)
    for bar in range(4):
        inside = left[frame.bar_of_beat[beat] == bar]
        assert inside[0] == min(counts[bar], notes.MAX_NOTES_A_BAR)
        assert inside[-1] == 0


def test_conditions_are_within_their_vocabularies():
    frame = make_frame()
    plan = notes.NotePlan(*(np.array([-1, 0, 99, 5]) for _ in range(4)))
    plan = notes.NotePlan(plan.notes, np.array([-1, 0, 31, 5]), np.array([-1, 0, 127, 60]), plan.melody_notes)
    rows = notes.conditions(frame, np.full(15, CHORD_NONE), plan)
    sizes = np.array(list(notes.CONDITIONS.values())[:-1])
    assert rows.shape == (15, len(sizes))
    assert (rows >= 0).all()
    assert (rows <= sizes).all()


def test_memory_is_sorted_by_bar_and_within_its_vocabularies():
    frame = make_frame()
    melody = notes.GridNotes(
        *(np.array(x) for x in ([0, 5, 14], [0, 3, 5], [60, 72, 108], [0, 20, 3], [0, 31, 7]))
    )
    rows, bars = notes.memory(frame, np.arange(15), melody)
    assert (np.diff(bars) >= 0).all()
    assert rows.shape == (18, len(notes.MEMORY))
    assert (rows <= np.array(list(notes.MEMORY.values()))).all()


def test_harmony_tokens_interleave_plans_and_chords():
    frame = make_frame((2, 3))
    plan = notes.NotePlan(np.array([9, 0]), np.array([20, -1]), np.array([61, -1]), np.array([3, 0]))
    steps = harmony.encode(frame, plan, np.array([0, 5, 9, 120, 3]))
    assert steps[:, harmony.CHORD].tolist() == [-1, 0, 5, -1, 9, 120, 3]
    assert steps[0, :4].tolist() == [3, 9, 20, 30]
    assert steps[3, :4].tolist() == [0, 0, -1, -1]
    assert (harmony.conditions(frame) <= np.array(list(harmony.CONDITIONS.values()))).all()


@pytest.mark.parametrize("quality", QUALITIES)
def test_chord_ids_round_trip_and_transpose(quality):
    for root in range(12):
        assert chord_of(chord_id(root, quality)) == Chord(root, quality)
        assert chord_of(transpose_chord(chord_id(root, quality), 5)) == Chord((root + 5) % 12, quality)
    assert transpose_chord(CHORD_NONE, 3) == CHORD_NONE
    with pytest.raises(ValueError, match="chord id"):
        chord_of(CHORDS)


def test_the_next_chord_is_the_next_different_one():
    assert chord_conditions(np.array([1, 1, 4, 4, 2]))[:, 1].tolist() == [5, 5, 3, 3, 3]


def test_quantizing_keeps_grid_values_and_carries_to_the_next_beat():
    beat, sub = grid.quantize_onsets(np.array([0.0, 0.25, 1 / 3, 0.97, 2.5]))
    assert beat.tolist() == [0, 0, 0, 1, 2]
    assert sub.tolist() == [0, 2, 3, 0, 4]
    ticks = np.array(grid.DURATION_TICKS) / 12
    assert grid.quantize_durations(ticks).tolist() == list(range(len(ticks)))


@given(st.floats(-3, 3))
def test_mood_bins_cover_everything(value):
    assert 0 <= mood_bin(np.array(value)) < 8

"""Music without a picture: exact bars, tempo and metre, themes that return, wishes obeyed, the rest drawn to suit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.errors import BadInput
from composer.free import DRIVEN_AROUSAL, FreeWishes, free_cues, section_lengths
from composer.options import MAX_BARS
from composer.palettes import PALETTES
from composer.spotting.cues_io import format_cues, read_cues
from composer.spotting.tempo_solver import solve
from composer.spotting.wishes import mode_of, mood_to_wishes, wishes_to_arousal
from composer.theory import Key

UNIT, MOOD = st.floats(0, 1), st.floats(-1, 1)
wishes = st.builds(
    FreeWishes,
    style=st.none() | st.sampled_from(sorted(PALETTES)),
    key=st.none() | st.sampled_from(["C", "F#m", "Bb", "Am"]),
    tempo_bpm=st.none() | st.floats(40, 200),
    metre=st.none() | st.sampled_from(["4/4", "3/4", "6/8", "7/8", "2/2", "12/8"]),
    valence=st.none() | MOOD,
    arousal=st.none() | MOOD,
    density=st.none() | UNIT,
    dynamics=st.none() | UNIT,
)
seeds = st.integers(0, 2**31 - 1)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 300), seeds, wishes)
def test_what_is_asked_for_is_there_and_the_bars_are_exact(bars, seed, asked):
    cues = free_cues(bars, seed=seed, wishes=asked)
    assert cues == free_cues(bars, seed=seed, wishes=asked)
    assert len(cues.tempo_map.bars) == bars
    assert len(set(cues.tempo_map.bars)) == 1
    bar = cues.tempo_map.bars[0]
    assert cues.tempo_map.end_beats == bars * bar.length_beats
    assert cues.sections[-1].end_s == cues.duration_s == pytest.approx(cues.tempo_map.end_s)
    assert not cues.hits
    starts = cues.tempo_map.bar_starts_s.tolist()
    for section in cues.sections:
        assert section.start_s in starts
        assert section.metre == f"{bar.numerator}/{bar.denominator}"
        assert bar.bpm == pytest.approx(section.tempo_bpm, rel=3e-6)
        for name in ("style", "key", "tempo_bpm", "metre", "valence", "arousal", "density", "dynamics"):
            wish, got = getattr(asked, name), getattr(section, name)
            assert section.reasons[name] == ("drawn" if wish is None else "asked for")
            if isinstance(wish, float):
                assert got == pytest.approx(wish, abs=0.00051)
            elif wish is not None:
                assert got == wish
        assert -1 <= section.valence <= 1
        assert -1 <= section.arousal <= 1
        assert 0 <= section.density <= 1
        assert 0 <= section.dynamics <= 1
        if asked.key is None:
            assert Key.parse(section.key).mode == mode_of(section.valence)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, MAX_BARS), seeds)
def test_themes_return_as_they_were(bars, seed):
    cues = free_cues(bars, seed=seed)
    form = cues.provenance["form"]
    assert form == "".join(section.theme for section in cues.sections)
    assert form[0] == form[-1] == "A"
    edges = np.searchsorted(
        cues.tempo_map.bar_starts_s, [s.start_s for s in cues.sections] + [cues.duration_s]
    )
    lengths = np.diff(edges).tolist()
    assert lengths == section_lengths(bars, len(form))
    assert max(lengths) <= 16
    assert bars < 16 or min(lengths) >= 8
    assert all(length % 4 == 0 for length in lengths[:-1])
    if bars >= 24:
        assert len(set(form)) > 1
    for section in cues.sections:
        first = cues.sections[form.index(section.theme)]
        same = ("key", "valence", "arousal", "density", "dynamics")
        assert all(getattr(section, name) == getattr(first, name) for name in same)


def test_the_sheet_is_a_cue_sheet_as_any_other(tmp_path):
    for seed, metre in enumerate(("4/4", "3/4", "6/8", "7/8", "12/8")):
        cues = free_cues(64, seed=seed, wishes=FreeWishes(metre=metre, tempo_bpm=97.3))
        path = tmp_path / "c.yaml"
        path.write_text(format_cues(cues), encoding="utf-8")
        assert read_cues(path) == cues
        solved = solve(cues.duration_s, cues.frame_rate, cues.sections, ()).tempo_map
        assert [(b.numerator, b.denominator) for b in solved.bars] == [
            (b.numerator, b.denominator) for b in cues.tempo_map.bars
        ]
        assert all(abs(bar.bpm / 97.3 - 1) < 1e-4 for bar in solved.bars)


def test_what_is_drawn_suits_what_is_asked_for():
    fast = [free_cues(8, seed=s, wishes=FreeWishes(tempo_bpm=160.0)).sections[0] for s in range(30)]
    calm = [free_cues(8, seed=s, wishes=FreeWishes(dynamics=0.25)).sections[0] for s in range(30)]
    box = [free_cues(8, seed=s, wishes=FreeWishes(style="music-box")).sections[0] for s in range(30)]
    minor = [free_cues(8, seed=s, wishes=FreeWishes(key="Gm")).sections[0] for s in range(30)]
    pop = [free_cues(8, seed=s, wishes=FreeWishes(style="pop")).sections[0] for s in range(30)]
    assert min(s.arousal for s in fast) > DRIVEN_AROUSAL > max(s.arousal for s in calm)
    assert np.mean([s.density for s in fast]) > np.mean([s.density for s in calm]) + 0.2
    assert np.mean([s.arousal for s in box]) < -0.2 < 0.2 < np.mean([s.valence for s in box])
    assert all(s.valence <= 0 for s in minor)
    assert {s.metre for s in (*fast, *pop)} == {"4/4"}


def test_seeds_vary_everything():
    drawn = [free_cues(64, seed=seed).sections for seed in range(60)]
    for name, at_least in (("key", 9), ("tempo_bpm", 25), ("metre", 3), ("style", 6), ("density", 40)):
        assert len({getattr(sections[0], name) for sections in drawn}) >= at_least, name
    assert len({"".join(s.theme for s in sections) for sections in drawn}) > 1
    assert "pop" not in {sections[0].style for sections in drawn}


@given(MOOD, MOOD)
def test_wishes_come_from_moods_and_lead_back(valence, arousal):
    asked = mood_to_wishes(valence, arousal)
    assert asked.mode == ("major" if valence >= 0 else "minor")
    assert 60 <= asked.tempo_bpm <= 140
    assert wishes_to_arousal(density=asked.density, dynamics=asked.dynamics) == pytest.approx(arousal)
    assert wishes_to_arousal() is None
    for lower in (-1.0, arousal - 0.3):
        less = mood_to_wishes(valence, max(lower, -1.0))
        assert (less.tempo_bpm, less.density, less.dynamics) <= (
            asked.tempo_bpm,
            asked.density,
            asked.dynamics,
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "H"},
        {"style": "polka"},
        {"tempo_bpm": 1.0},
        {"metre": "4/3"},
        {"valence": 1.1},
        {"density": -0.1},
    ],
)
def test_impossible_wishes_are_refused(wrong):
    with pytest.raises(BadInput):
        FreeWishes(**wrong)


def test_impossible_lengths_are_refused():
    for bars in (0, -1, MAX_BARS + 1):
        with pytest.raises(BadInput, match="bars"):
            free_cues(bars, seed=1)

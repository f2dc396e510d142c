"""Cutting, stretching, transposing, shaping and joining performances."""

from dataclasses import replace

import numpy as np
from render_performances import part, performance, scale

from render import smf
from render.notes import EXPRESSION, controller, notes_of
from render.train.excerpts import excerpt, joined, random_swell, shaped, stretched, transposed, without_drums


def test_an_excerpt_starts_at_zero_with_what_was_in_force_and_ends_every_note():
    piece = performance(
        part(
            [(0.0, 3.0, 50, 90), (2.0, 5.0, 60, 90), (4.5, 4.8, 62, 90)], program=7, controls=[(1.0, 11, 40)]
        )
    )
    cut = excerpt(piece, 1.5, 2.0)
    notes = notes_of(cut)
    assert notes.onset_s.tolist() == [0.5]
    assert notes.end_s.tolist() == [2.0]
    (only,) = cut.parts
    assert only.data1[only.status == smf.PROGRAM].tolist() == [7]
    assert controller(only, EXPRESSION, 127, np.array([0.1])).tolist() == [40]
    assert cut.end_s == 2.0
    assert excerpt(piece, 8.0, 2.0).parts == ()


def test_a_role_stays():
    lead = performance(scale([60, 62, 64, 65]))
    lead = replace(lead, parts=tuple(replace(p, role="melody") for p in lead.parts))
    cut = shaped(excerpt(lead, 0.4, 1.0), 1.0, 0.0, np.ones(11), np.random.default_rng(0))
    assert [p.role for p in cut.parts] == ["melody"]


def test_stretching_transposing_and_dropping_drums():
    drums = part([(0.0, 0.1, 36, 100)], channel=9)
    piece = performance(scale([60, 126]), drums)
    moved = transposed(stretched(piece, 2.0), 4)
    assert notes_of(moved).pitch.tolist() == [64, 118, 36]
    assert notes_of(moved).onset_s.tolist() == [0.0, 1.0, 0.0]
    assert moved.end_s == 2 * piece.end_s
    assert len(without_drums(piece).parts) == 1


def test_shaping_scales_velocities_and_expression():
    piece = performance(part([(0.0, 1.0, 60, 100)], controls=[(0.0, 11, 100)]))
    rng = np.random.default_rng(0)
    result = shaped(piece, 0.5, 0.0, np.linspace(1, 0.5, 11), rng)
    assert notes_of(result).velocity.tolist() == [50]
    values = controller(result.parts[0], EXPRESSION, 127, np.array([0.05, 0.55, 1.0]))
    assert values.tolist() == [100, 75, 50]
    assert notes_of(shaped(piece, 9.0, 0.1, np.ones(11), rng)).velocity.tolist() == [127]


def test_joining_leaves_gaps():
    both = joined([performance(scale([60])), performance(scale([72]))], 1.0)
    assert notes_of(both).onset_s.tolist() == [0.0, 0.475 + 1.0]
    assert both.end_s == 2 * (0.475 + 1.0)


def test_swells_stay_in_range():
    rng = np.random.default_rng(1)
    for _ in range(50):
        swell = random_swell(12.0, rng)
        assert len(swell) == 121
        assert swell.min() >= 0.35
        assert swell.max() <= 1.0

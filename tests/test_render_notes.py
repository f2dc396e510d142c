"""The table of notes: pedal, retriggered notes, controllers, decay."""

import numpy as np
import pytest
from render_performances import part, performance

from render.notes import DRUM_DECAY_S, level_of, notes_of


def test_notes_are_paired_and_counted_by_part():
    notes = notes_of(
        performance(part([(0.0, 1.0, 60, 100), (0.5, 1.5, 64, 80)]), part([(0.2, 0.4, 36, 127)], channel=9))
    )
    assert notes.onset_s.tolist() == [0.0, 0.5, 0.2]
    assert notes.end_s.tolist() == [1.0, 1.5, 0.4]
    assert notes.velocity.tolist() == [100, 80, 127]
    assert notes.part.tolist() == [0, 0, 1]
    assert notes.decay_s[2] == DRUM_DECAY_S


def test_the_pedal_holds_notes_until_it_is_lifted():
    held = part([(0.0, 0.5, 60, 100), (2.5, 3.0, 62, 100)], controls=[(0.2, 64, 127), (2.0, 64, 0)])
    assert notes_of(performance(held)).end_s.tolist() == [2.0, 3.0]


def test_a_pedal_that_stays_down_and_a_note_that_is_never_released_end_with_the_part():
    stuck = part([(0.0, 0.5, 60, 100)], controls=[(0.2, 64, 127), (4.0, 7, 90)])
    assert notes_of(performance(stuck)).end_s.tolist() == [4.0]


def test_struck_notes_decay_by_themselves_and_bowed_ones_do_not():
    piano, strings = part([(0, 1, 60, 90), (0, 1, 84, 90)]), part([(0, 1, 60, 90)], program=48)
    decays = notes_of(performance(piano, strings)).decay_s
    assert decays[0] == pytest.approx(0.7)
    assert decays[1] == pytest.approx(0.35)
    assert np.isinf(decays[2])


def test_level_follows_volume_and_expression_with_the_fourth_power():
    swelling = part([(0.0, 4.0, 60, 100)], controls=[(0.0, 7, 127), (1.0, 11, 64), (2.0, 11, 127)])
    levels = level_of(swelling, np.array([0.5, 1.5, 2.5]))
    assert levels == pytest.approx([1.0, (64 / 127) ** 4, 1.0])

"""Properties of all figures together, and pieces: bars, pulses, seconds, from scores and from the grid."""

from __future__ import annotations

import metric_cases
import numpy as np
import pytest

from composer.metrics import figures
from composer.metrics.piece import ACCOMPANIMENT, DRUMS, MELODY, Piece, piece_of_grid
from composer.tokens.notes import GridNotes
from composer.tokens.vocabulary import CHORD_NONE, chord_id

SEEDS = range(10)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_figure_is_finite_and_in_its_range(seed: int) -> None:
    found = figures.measure(metric_cases.random_piece(seed))
    assert set(found) == set(figures.NAMES) - {"named_chord_notes", "named_chord_time"}
    for figure in figures.FIGURES:
        if figure.name in found:
            assert np.isfinite(found[figure.name])
            assert 0 <= found[figure.name] <= figure.high + 1e-9, figure.name


@pytest.mark.parametrize("seed", SEEDS)
def test_no_figure_hears_transposition(seed: int) -> None:
    here, there = (figures.measure(metric_cases.random_piece(seed, transposed=by)) for by in (0, 5))
    assert here.keys() == there.keys()
    for name in here:
        # The recogniser may settle a tie between two chords the other way in another key.
        tolerance = 0.05 if name.startswith("chord") else 1e-3 if name.startswith("SI") else 1e-9
        assert there[name] == pytest.approx(here[name], abs=tolerance), name


@pytest.mark.parametrize("seed", SEEDS)
def test_only_seconds_hear_the_tempo_and_pitch_figures_no_drums(seed: int) -> None:
    piece = metric_cases.random_piece(seed)
    found = figures.measure(piece)
    rows = np.stack([piece.onset_beats, piece.duration_beats, piece.pitch, piece.part], 1)
    same = {"bars": piece.bars, "metre": tuple(piece.metre[0]), "bpm": float(piece.bpm[0])}
    faster = figures.measure(metric_cases.make_piece(rows, **{**same, "bpm": 2 * same["bpm"]}))
    assert faster["IOI"] == pytest.approx(found["IOI"] / 2)
    for name in found:
        if name != "IOI" and not name.startswith("SI"):
            assert faster[name] == pytest.approx(found[name])
    undrummed = figures.measure(metric_cases.make_piece(rows[rows[:, 3] != DRUMS], **same))
    for name in ("SC", "PE", "PCE", "H1", "H4", "SI_short", "SI_mid", "SI_long", "chord_notes", "chord_time"):
        assert undrummed[name] == found[name], name


def test_only_what_is_asked_for_is_measured_and_unknown_names_are_refused() -> None:
    piece = metric_cases.random_piece(1)
    assert list(figures.measure(piece, figures.TABLE_4)) == list(figures.TABLE_4)
    assert figures.measure(piece, ["PE"]) == {"PE": figures.measure(piece)["PE"]}
    with pytest.raises(ValueError, match="FAD"):
        figures.measure(piece, ["FAD"])


def test_what_there_is_too_little_music_for_is_left_out() -> None:
    one = metric_cases.make_piece([(0, 1, 60, MELODY)], bars=1)
    assert set(figures.measure(one)) == {
        "SC",
        "PE",
        "PCE",
        "EBR",
        "H1",
        "H4",
        "SI_short",
        "SI_mid",
        "SI_long",
    }
    assert figures.measure(metric_cases.make_piece([], bars=4)) == {}
    drums = metric_cases.make_piece([(b, 0.5, 36, DRUMS) for b in range(8)], bars=2)
    assert set(figures.measure(drums)) == {"EBR", "IOI", "GS"}


def test_chords_that_a_piece_names_are_judged_beside_those_that_are_heard() -> None:
    rows = [(beat, 1, pitch, ACCOMPANIMENT) for beat in range(8) for pitch in (48, 52, 55)]
    f_major = np.full(8, chord_id(5, ""))
    found = figures.measure(metric_cases.make_piece(rows, bars=2, chords=f_major))
    assert found["chord_notes"] == found["chord_time"] == 1.0
    assert found["named_chord_notes"] == found["named_chord_time"] == pytest.approx(1 / 3)  # the C
    silent = metric_cases.make_piece(rows, bars=2, chords=np.full(8, CHORD_NONE))
    assert "named_chord_notes" not in figures.measure(silent)


def test_bars_pulses_and_seconds_of_mixed_metres() -> None:
    piece = Piece(
        onset_beats=np.array([0.0, 4.0, 5.5, 7.0, 9.0, 10.4]),
        duration_beats=np.array([1.0, 1.5, 1.5, 3.0, 1.0, 0.2]),
        pitch=np.full(6, 60),
        velocity=np.full(6, 80.0),
        part=np.zeros(6, np.int64),
        metre=np.array([[4, 4], [6, 8], [7, 8], [3, 2]]),
        bpm=np.array([60.0, 120.0, 60.0, 60.0]),
    )
    assert piece.bar_pulses.tolist() == [4, 2, 4, 6]
    assert piece.bar_starts_beats.tolist() == [0, 4, 7, 10.5, 16.5]
    assert piece.bar_starts_s.tolist() == [0, 4, 5.5, 9, 15]
    assert piece.onset_pulses == pytest.approx([0, 4, 5, 6, 8, 9.4])
    assert piece.duration_pulses == pytest.approx([1, 1, 1, 3, 1, 0.2])
    assert piece.end_pulses == pytest.approx([1, 5, 6, 9, 9, 10.1])
    assert piece.onset_s == pytest.approx([0, 4, 4.75, 5.5, 7.5, 8.9])
    assert piece.bar.tolist() == [0, 1, 1, 2, 2, 2]
    assert piece.pulse_starts_beats[-2:].tolist() == [15.5, 16.5]


def test_the_grid_and_a_score_give_the_same_piece() -> None:
    # A bar of 4/4 at 60 and one of 6/8 whose dotted quarters go at 40.
    melody = GridNotes(*np.array([[0, 0, 72, 7, 20], [4, 4, 74, 4, 25], [5, 2, 76, 7, 20]]).T)
    bass = GridNotes(*np.array([[4, 0, 48, 17, 16]]).T)
    piece = piece_of_grid(melody, bass, np.array([4, 2]), np.array([0, 1]), np.array([60.0, 40.0]))
    assert piece.metre.tolist() == [[4, 4], [6, 8]]
    assert piece.bpm.tolist() == [60.0, 60.0]
    assert piece.onset_beats == pytest.approx([0, 4.75, 5.875, 4])
    assert piece.duration_beats == pytest.approx([1, 0.75, 1.5, 6])
    assert piece.onset_pulses == pytest.approx([0, 4.5, 5.25, 4])
    assert piece.part.tolist() == [MELODY] * 3 + [ACCOMPANIMENT]
    assert piece.velocity.tolist() == [82, 102, 82, 66]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pitch": np.array([60, 61])}, "length"),
        ({"pitch": np.array([128])}, "0-127"),
        ({"duration_beats": np.array([0.0])}, "durations > 0"),
        ({"onset_beats": np.array([-1.0])}, "onsets"),
        ({"bpm": np.zeros(4)}, "above zero"),
        ({"metre": np.zeros((4, 2), int)}, "above zero"),
        ({"bpm": np.zeros(0), "metre": np.zeros((0, 2), int)}, "needs bars"),
        ({"chords": np.zeros(3, int)}, "3 chords"),
    ],
)
def test_a_piece_that_makes_no_sense_is_refused(changes: dict, why: str) -> None:
    from dataclasses import fields

    piece = metric_cases.make_piece([(0, 1, 60, MELODY)])
    values = {field.name: getattr(piece, field.name) for field in fields(piece)}
    with pytest.raises(ValueError, match=why):
        Piece(**{**values, **changes})

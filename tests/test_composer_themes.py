"""Form and themes: pulses of compound metres, phrases, and themes that come back transformed."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
import torch
from score_builders import make_section

from composer.form import form_of
from composer.harmony_stage import unbound, write_harmony
from composer.models.decoder import Decoder, DecoderConfig
from composer.models.sampling import Draw, stream
from composer.music import Chord, Note
from composer.note_stage import Request, Sampling, write_notes
from composer.spotting.cues import CueSheet
from composer.themes import NEW, chord_in_other_mode, recall_chords, recall_melody, recalled_bars
from composer.timing import Bar, TempoMap
from composer.tokens import notes as note_tokens
from composer.tokens.notes import GridNotes, NotePlan
from composer.tokens.vocabulary import chord_id, chord_of


def make_form(sections: list[tuple[int, dict]], metre=(4, 4)):
    """A form of sections of so many bars, a bar lasting two seconds."""
    made, bars, start = [], [], 0.0
    for count, changes in sections:
        numerator, denominator = changes.pop("metre", metre)
        length = numerator * 4 / denominator
        bars += [Bar.at_bpm(30.0 * length, numerator, denominator)] * count
        made.append(make_section(start, start + 2.0 * count, "chamber", **changes))
        start += 2.0 * count
    return form_of(CueSheet("t", start, 25.0, "00:00:00:00", tuple(made), (), TempoMap(tuple(bars)), 1))


@pytest.mark.parametrize(
    ("metre", "pulses", "pulse"),
    [((4, 4), 4, 1.0), ((3, 4), 3, 1.0), ((6, 8), 2, 1.5), ((9, 8), 3, 1.5), ((12, 8), 4, 1.5), ((3, 8), 1, 1.5),
     ((7, 8), 4, 1.0), ((2, 2), 4, 1.0), ((3, 16), 1, 0.75)],
)  # fmt: skip
def test_a_beat_of_the_models_is_a_pulse(metre, pulses, pulse):
    form = make_form([(3, {})], metre)
    assert form.frame.bar_beats.tolist() == [pulses] * 3
    assert form.pulses.tolist() == [pulse] * (3 * pulses)
    assert form.beat_ends[-1] == pytest.approx(3 * metre[0] * 4 / metre[1])
    assert form.frame.compound.tolist() == [int(pulse != 1.0)] * 3


def test_notes_of_a_compound_metre_survive_the_grid():
    form = make_form([(2, {"key": "D"})], (6, 8))
    eighths = [Note(0.5 * i, 0.5, 62 + i, 66) for i in range(12)]
    sixteenths = [Note(6.0 - 0.25 * i, 0.25, 70, 66) for i in range(6, 0, -1)][3:]
    notes = tuple(eighths[:9] + sixteenths)
    assert form.notes(form.grid_notes(notes)) == tuple(
        Note(n.onset_beats, n.duration_beats, n.pitch, 66) for n in notes
    )


def test_phrases_fill_sections_and_the_last_closes():
    form = make_form([(8, {}), (6, {"label": "B", "key": "C"})])
    assert form.frame.phrase_left.tolist() == [3, 2, 1, 0, 3, 2, 1, 0, 5, 4, 3, 2, 1, 0]
    assert np.flatnonzero(form.frame.cadence == 2).tolist() == [7, 13]


def test_a_chord_of_one_mode_becomes_a_chord_of_the_other():
    white = {0, 2, 4, 5, 7, 9, 11}
    for root in range(12):
        for quality in ("", "m", "dim", "7", "maj7", "m7", "m7b5", "sus2", "sus4"):
            chord = Chord(root, quality)
            if not chord.pitch_classes <= white:
                continue
            minor, major = (chord_of(chord_in_other_mode(chord, to_minor)) for to_minor in (True, False))
            leads = (root, quality) in ((7, ""), (7, "7"), (11, "dim"), (11, "m7b5"))  # to the tonic of C
            assert minor.pitch_classes <= white or (leads and 8 in minor.pitch_classes), (chord, minor)
            assert major.pitch_classes <= white, (chord, major)
    assert chord_of(chord_in_other_mode(Chord(4, "7"), to_minor=False)) == Chord(7, "7")
    assert chord_of(chord_in_other_mode(Chord(9, "m7"), to_minor=False)) == Chord(0, "maj7")


def test_the_music_closes_before_a_silent_end_and_with_a_theme_that_returns():
    a, b = {"theme": "A"}, {"theme": "B", "label": "B"}
    form = make_form([(4, dict(a)), (2, dict(b)), (4, dict(a)), (2, {"label": "S", "silent": True})])
    assert form.last_bars == {9}
    assert recalled_bars(form)[6:].tolist() == [0, 1, *[NEW] * 4]
    assert recalled_bars(make_form([(1, dict(a)), (2, dict(b)), (4, dict(a)), (6, dict(a))])).tolist() == [
        *[NEW] * 7, 3, 4, 5, *[NEW] * 3,
    ]  # fmt: skip


def test_a_note_just_before_the_end_stays_there():
    form = make_form([(1, {"key": "C"})])
    [note] = form.notes(form.grid_notes((Note(3.97, 0.02, 60, 66),)))
    assert note.onset_beats == pytest.approx(3 + 10 / 12)


def test_themes_come_back_but_for_what_must_lead_on():
    a, b = {"theme": "A"}, {"theme": "B", "label": "B"}
    assert recalled_bars(make_form([(4, dict(a)), (4, dict(b)), (4, dict(a))])).tolist() == [
        *[NEW] * 8, 0, 1, NEW, NEW,
    ]  # fmt: skip
    assert recalled_bars(make_form([(4, dict(a)), (6, dict(a)), (4, dict(b))])).tolist() == [
        *[NEW] * 4, 0, 1, 2, *[NEW] * 7,
    ]  # fmt: skip
    assert (recalled_bars(make_form([(4, dict(a)), (4, {**a, "silent": True}), (4, dict(b))])) == NEW).all()


def test_a_theme_in_minor_is_the_theme_in_the_parallel_key():
    form = make_form([(2, {"key": "C", "theme": "A"}), (2, {"key": "Am", "theme": "A"}), (1, {})])
    chords = np.array([chord_id(*c) for c in ((0, ""), (5, ""), (7, ""), (9, "m"))]).repeat(2)
    tune = GridNotes(
        *np.array([[0, 0, 72, 7, 15], [1, 0, 76, 7, 15], [2, 3, 69, 4, 15], [3, 0, 71, 7, 15]]).T
    )
    back = recall_chords(form, 2, 0, chords)
    assert [chord_of(int(i)).root for i in back] == [9, 9, 2, 2]
    assert {chord_of(int(i)).quality for i in back} == {"m"}
    whole = np.concatenate([chords, back, recall_chords(form, 3, 1, chords)])
    assert chord_of(int(whole[12])).root == 4  # V stays major
    assert chord_of(int(whole[12])).quality == ""
    found = recall_melody(form, 2, 0, tune, whole)
    assert found.beat.tolist() == [8, 9, 10, 11]
    assert found.pitch.tolist() == [69, 72, 65, 68]  # C E A B -> A C F G#


def test_a_theme_fits_another_metre_and_loudness():
    form = make_form(
        [(2, {"theme": "A", "dynamics": 0.3}), (2, {"theme": "A", "metre": (3, 4), "dynamics": 0.9}), (1, {})]
    )
    tune = GridNotes(*np.array([[0, 0, 60, 7, 12], [2, 0, 64, 7, 12], [3, 4, 67, 4, 12]]).T)
    found = recall_melody(form, 2, 0, tune, np.zeros(form.beats, np.int64))
    assert found.beat.tolist() == [8, 9, 10]
    assert found.pitch.tolist() == [60, 64, 67]
    assert (found.velocity > 12).all()


def test_given_bars_are_kept_and_the_rest_obeys_the_plan():
    config = DecoderConfig(
        tuple(note_tokens.ATTRIBUTES.values()), tuple(note_tokens.CONDITIONS.values()),
        tuple(note_tokens.MEMORY.values()), width=32, layers=2, heads=2, encoder_layers=1,
    )  # fmt: skip
    torch.manual_seed(0)
    form = make_form([(4, {})])
    fixed = GridNotes(*np.array([[4, 0, 60, 7, 12], [4, 0, 64, 7, 12], [6, 7, 67, 4, 12]]).T)
    plan = NotePlan(np.array([5, 3, 0, 8]), *np.full((3, 4), -1))
    request = Request(
        form.frame, np.zeros(16, np.int64), plan, None, {}, lambda bar, written: fixed if bar == 1 else None
    )
    sampling = Sampling(draws=(Draw(0.9, guidance=1.0),) * 4)
    decoder = Decoder(config).eval()
    together = write_notes(decoder, [request] * 3, sampling, [stream(1, i) for i in range(3)])
    for index, found in enumerate(together):
        [alone] = write_notes(decoder, [request], sampling, [stream(1, index)])
        assert all(np.array_equal(a, b) for a, b in zip(astuple(found), astuple(alone), strict=True))
        inside = (found.beat >= 4) & (found.beat < 8)
        for name in ("beat", "sub", "pitch", "duration", "velocity"):
            assert getattr(found, name)[inside].tolist() == getattr(fixed, name).tolist()
        counts = np.bincount(form.frame.bar_of_beat[found.beat], minlength=4)
        assert (counts <= plan.notes).all()
        assert counts[2] == 0


def test_unbound_harmony_is_written_for_every_bar_and_beat():
    from composer.chords import harmony_request
    from composer.tokens import harmony as tokens
    from composer.tokens.picture import COLOR_WIDTH, SEMANTIC_WIDTH, Picture

    config = DecoderConfig(
        tuple(tokens.ATTRIBUTES.values()), tuple(tokens.CONDITIONS.values()),
        features=(COLOR_WIDTH, SEMANTIC_WIDTH), width=32, layers=2, heads=2, encoder_layers=1, window=2,
    )  # fmt: skip
    torch.manual_seed(0)
    form = make_form([(3, {"theme": "A"}), (4, {"theme": "A", "key": "C"})], (9, 8))
    picture = Picture(np.zeros((7, COLOR_WIDTH), np.float32), np.zeros((7, SEMANTIC_WIDTH), np.float32))
    decoder = Decoder(config).eval()
    [found] = write_harmony(decoder, [harmony_request(form, picture)], (Draw(),) * 5, [stream(0)])
    assert len(found.chords) == form.beats == 21
    assert len(found.plan.notes) == 7
    assert (found.chords[-3:] == chord_id(0, "")).all()  # home
    assert unbound().chord.all()


def test_a_key_that_returns_returns_in_its_octave():
    form = make_form([(2, {"key": key}) for key in ("Dm", "Gm", "Dm", "Ebm", "Gm")])
    shift = form.shifts[::2].tolist()
    assert shift[0] == shift[2]
    assert shift[1] == shift[4]

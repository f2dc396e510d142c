"""Where chords would rather change and notes begin: hits and visual beats on the grid of the models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from score_builders import make_cues, make_section

from composer.chords import harmony_request
from composer.form import form_of
from composer.harmony_stage import write_harmony
from composer.leaning import BESIDE, CHANGE, PLACE, leaning_of
from composer.models.decoder import Decoder, DecoderConfig
from composer.models.sampling import Draw, stream
from composer.spotting.cues import Accent, Hit
from composer.timing import Bar, TempoMap
from composer.tokens import harmony as harmony_tokens
from composer.tokens.picture import COLOR_WIDTH, SEMANTIC_WIDTH, picture_of

BAR = Bar.at_bpm(120.0)


def film(hits=(), accents=(), bars=8, bar=BAR):
    tempo_map = TempoMap((bar,) * bars)
    section = make_section(0.0, tempo_map.end_s, "chamber", key="C", tempo_bpm=bar.bpm)
    cues = make_cues(tempo_map.end_s, [section], hits=hits)
    return replace(cues, tempo_map=tempo_map, accents=tuple(accents))


def test_a_hit_on_a_beat_leans_chords_and_notes_to_it():
    cues = film([Hit(3.0, "cut", 0.5)])
    leaning = leaning_of(form_of(cues), cues)
    assert leaning.change[6] == CHANGE * 0.5
    assert leaning.change[5] == leaning.change[7] == -CHANGE * 0.5 * BESIDE
    assert np.count_nonzero(leaning.change) == 3
    assert leaning.place[6, 0] == PLACE * 0.5
    assert np.count_nonzero(leaning.place) == 1


def test_a_hit_between_beats_leans_notes_only():
    cues = film([Hit(3.25, "slam", 0.2, required=True)])
    leaning = leaning_of(form_of(cues), cues)
    assert not leaning.change.any()
    assert leaning.place[6, 4] == PLACE  # sub-position 4 is the half of a beat


def test_an_accent_just_before_a_beat_belongs_to_it_and_in_compound_metres_too():
    cues = film(accents=[Accent(2.97, 1.0)])
    assert leaning_of(form_of(cues), cues).place[6, 0] == PLACE
    six_eight = Bar.at_bpm(90.0, 6, 8)  # a pulse a second
    cues = film(accents=[Accent(3.0, 1.0)], bar=six_eight)
    assert leaning_of(form_of(cues), cues).place[3, 0] == PLACE


@pytest.mark.parametrize("time_s", [15.99, 16.0])
def test_the_very_end_leans_nowhere(time_s):
    cues = film([Hit(time_s, "end", 1.0, required=True)])
    assert not leaning_of(form_of(cues), cues).place.any()


def test_chords_change_where_they_lean_to():
    torch.manual_seed(0)
    config = DecoderConfig(
        tuple(harmony_tokens.ATTRIBUTES.values()), tuple(harmony_tokens.CONDITIONS.values()),
        features=(COLOR_WIDTH, SEMANTIC_WIDTH), width=32, layers=1, heads=2, encoder_layers=1,
    )  # fmt: skip
    decoder = Decoder(config)
    for head in decoder.parameters():
        head.data *= 0.2
    cues = film([Hit(0.5 * beat, "cut", 1.0) for beat in range(5, 24, 4)], bars=8)
    form = form_of(cues)
    request = harmony_request(form, picture_of(None, cues.tempo_map), leaning=leaning_of(form, cues))
    # Ten times as strongly: random weights have no opinion of their own that is worth testing.
    strong = replace(request, change=None if request.change is None else request.change * 10)
    [found] = write_harmony(decoder, [strong], (Draw(),) * 5, [stream(0)])
    changes = set((np.flatnonzero(np.diff(found.chords)) + 1).tolist())
    assert set(range(5, 24, 4)) <= changes
    beside = {beat + side for beat in range(5, 24, 4) for side in (-1, 1)}
    assert not beside & changes

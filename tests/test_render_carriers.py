"""Whether notes die away or are held, and the carrier that follows from it."""

import numpy as np
import pytest
import torch
from render_performances import performance, scale

from render.audio import Audio
from render.carriers import STRUCK_DB_S, carrier_for, fall_db_s
from render.errors import NotInstalled
from render.mel import mel_of
from render.models.style_encoder import EMBEDDING, StyleEncoder, StyleEncoderConfig
from render.soundfont import find_soundfont
from render.styles import STYLES
from render.synth import synthesize


def notes(decay_s: float) -> np.ndarray:
    """Mel of eight seconds of two notes a second that die away by 20 dB in ``decay_s``."""
    t = np.arange(8 * 48_000) / 48_000
    wave = sum(np.sin(2 * np.pi * 220 * k * t) / k for k in range(1, 20)) * 0.1 ** (t % 0.5 / decay_s)
    return mel_of(Audio(0.05 * wave[None].astype(np.float32))).log


def test_the_fall_is_that_of_the_notes():
    assert fall_db_s(notes(1.0)) == pytest.approx(-20, abs=1)
    assert fall_db_s(notes(1e9)) == pytest.approx(0, abs=0.5)
    assert fall_db_s(np.zeros((128, 3), np.float32)) == 0.0
    assert fall_db_s(np.full((128, 100), -11.5, np.float32)) == 0.0


def test_the_carrier_is_the_nearest_whose_notes_end_alike():
    names = ("brass-section", "choir", "mallets", "harp")
    encoder = StyleEncoder(StyleEncoderConfig(width=16, blocks=1, styles=names))
    encoder.styles.copy_(torch.eye(4, EMBEDDING))
    like = torch.nn.functional.normalize(torch.tensor([0.9, 0.5, 0.2, 0.4] + [0.0] * (EMBEDDING - 4)), dim=0)
    assert carrier_for(like, notes(1.0), encoder) == "harp"
    assert carrier_for(like, notes(1e9), encoder) == "brass-section"
    encoder = StyleEncoder(StyleEncoderConfig(width=16, blocks=1, styles=names[:2]))
    encoder.styles.copy_(torch.eye(2, EMBEDDING))
    assert carrier_for(like, notes(1.0), encoder) == "brass-section"


def test_named_styles_know_how_their_notes_end():
    struck = {name for name, style in STYLES.items() if style.is_struck}
    assert {"solo-piano", "harp", "pizzicato-strings", "mallets", "jazz-combo", "pop"} <= struck
    assert not struck & {"pipe-organ", "choir", "string-quartet", "rock-band", "full-orchestra", "synth-pads"}


@pytest.mark.parametrize(("program", "is_struck"), [(0, True), (11, True), (19, False), (40, False)])
def test_instruments_of_a_soundfont_are_told_apart(program, is_struck):
    try:
        font = find_soundfont(None)
    except NotInstalled as error:
        pytest.skip(str(error))
    music = performance(*(scale([at, at + 2, at + 4, at], program=program) for at in (55, 60, 67)))
    assert (fall_db_s(mel_of(synthesize(music, font).audio["mix"]).log) < STRUCK_DB_S) == is_struck

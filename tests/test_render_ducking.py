"""Ducking moves the music's gain without a click."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from render import ducking
from render.audio import Audio


def test_the_gain_moves_slowly_and_before_speech_begins(monkeypatch):
    power = np.full(501, 1e-9)
    power[100:250] = 1e-2  # speech from 2 to 5 s
    monkeypatch.setattr(ducking, "_power_curve", lambda movie, duration_s: power)
    music = Audio(np.ones((2, 480_000), np.float32))
    gain_db = 20 * np.log10(ducking.duck_under(music, SimpleNamespace()).samples[0])  # type: ignore[arg-type]
    assert gain_db[round(2.1 * 48_000) : round(4.9 * 48_000)].max() == pytest.approx(
        -ducking.DEPTH_DB, abs=0.01
    )
    assert gain_db[: round(1.5 * 48_000)].min() == 0.0
    assert gain_db[2 * 48_000] < -4.0
    assert gain_db[6 * 48_000 :].min() == 0.0
    assert np.abs(np.diff(gain_db)).max() * 48 < 0.05  # dB a millisecond

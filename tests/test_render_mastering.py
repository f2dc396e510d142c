"""Loudness, true peak and limiting, against pyloudnorm and known signals."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest

from render.audio import Audio
from render.mastering import PRESETS, integrated_loudness_lufs, limit, master, true_peak_dbtp
from render.sounds import blocks


def music(seconds: float, seed: int = 0, level: float = 0.05) -> Audio:
    """Noise bursts of changing loudness: peaks far above the average, as in music."""
    rng = np.random.default_rng(seed)
    n = round(48_000 * seconds)
    shape = 0.2 + np.abs(np.sin(np.arange(n) / 48_000 * 2.1)) ** 4
    return Audio((level * shape * rng.standard_normal((2, n))).astype(np.float32))


@pytest.mark.parametrize("seconds", [0.4, 0.45, 3.0, 12.3])
def test_loudness_agrees_with_pyloudnorm(seconds):
    audio = music(seconds)
    expected = pyloudnorm.Meter(48_000).integrated_loudness(audio.samples.T.astype(np.float64))
    assert integrated_loudness_lufs(audio) == pytest.approx(expected, abs=0.05)


def test_full_scale_sine_has_the_loudness_of_the_standard():
    wave = np.sin(2 * np.pi * 997 * np.arange(48_000 * 3) / 48_000)
    audio = Audio(np.stack([wave, np.zeros_like(wave)]).astype(np.float32))
    assert integrated_loudness_lufs(audio) == pytest.approx(-3.01, abs=0.1)


def test_true_peak_finds_what_lies_between_the_samples():
    wave = np.sin(2 * np.pi * 12_000 * np.arange(4800) / 48_000 + np.pi / 4)  # samples reach 0.707 only
    audio = Audio(wave[None].astype(np.float32))
    assert audio.peak == pytest.approx(0.707, abs=0.001)
    assert true_peak_dbtp(audio) == pytest.approx(0.0, abs=0.2)


@pytest.mark.parametrize("preset", ["broadcast", "us-tv", "web"])
@pytest.mark.parametrize("seconds", [0.1, 8.0])
def test_presets_are_reached_below_the_ceiling(preset, seconds):
    mastered = master(music(seconds), preset)
    assert mastered.loudness_lufs == pytest.approx(PRESETS[preset], abs=0.5)
    assert mastered.true_peak_dbtp <= -1.0 + 0.01
    assert true_peak_dbtp(mastered.audio) == pytest.approx(mastered.true_peak_dbtp, abs=1e-6)


def test_a_mix_that_would_be_crushed_stays_quieter_and_says_so():
    samples = music(4.0, level=0.0005).samples.copy()
    samples[:, ::24_000] = 0.9
    mastered = master(Audio(samples), "web")
    assert mastered.true_peak_dbtp <= -0.99
    assert any("LUFS" in warning for warning in mastered.warnings)


def test_limiter_leaves_quiet_music_alone_and_moves_without_steps():
    audio = music(2.0, level=0.01)
    untouched, reduction_db = limit(audio)
    assert reduction_db == 0.0
    assert np.array_equal(untouched.samples, audio.samples)
    loud = Audio(np.full((1, 48_000), 0.3, dtype=np.float32))
    loud.samples[0, 24_000] = 2.0
    limited, reduction_db = limit(loud)
    gain = limited.samples[0] / loud.samples[0]
    assert reduction_db > 6
    assert np.abs(np.diff(gain)).max() < 0.01


def test_limiting_in_blocks_leaves_no_seams(monkeypatch):
    audio = music(3.0, level=0.3)
    whole = master(audio, "web")
    monkeypatch.setattr("render.mastering.BLOCK_SAMPLES", 2 * 480 * 32)
    pieces = master(audio, "web")
    assert pieces.gain_db == pytest.approx(whole.gain_db, abs=1e-6)
    assert pieces.loudness_lufs == pytest.approx(whole.loudness_lufs, abs=1e-6)
    read = np.concatenate(list(blocks(pieces.sound, 10_007)), axis=1)
    assert np.abs(whole.audio.samples - read).max() < 1e-6


def test_silence_and_none():
    silence = Audio(np.zeros((2, 48_000), dtype=np.float32))
    assert master(silence, "web").warnings == ("the mix is silent",)
    assert master(music(1.0), "none").gain_db == 0.0
    with pytest.raises(ValueError, match="preset"):
        master(silence, "loud")

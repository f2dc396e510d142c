"""From mels to audio: every method on sounds whose answer is known, and what the blocks must not change."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from render import filtering
from render import mel_to_audio as methods
from render.audio import Audio
from render.controls import dynamics_of_audio
from render.filtering import Gains, filtered, filtered_blocks
from render.mel import SPEC, Mel, mel_of
from render.mel_to_audio import MAX_GAIN_DB, METHODS, filter_gains, mel_to_audio
from render.metrics.spectra import mel_l1
from render.spectral import blocks, in_order

RATE = 48_000
HOP = SPEC.hop(RATE)


def music(tilt: float, pan: float = 0.5, seconds: float = 3.0, seed: int = 0) -> Audio:
    """Plucked chords over a soft noise: partial n has amplitude n ** -tilt, ``pan`` is the share of the right."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    wave = 1e-3 * rng.standard_normal(len(times))
    for number, pitch in enumerate((48, 55, 64, 60, 57, 67)):
        age = times - 0.5 * number
        envelope = np.where(age > 0, np.exp(-2 * np.maximum(age, 0)), 0) * np.minimum(
            1, np.maximum(age, 0) * 200
        )
        hz = 440 * 2 ** ((pitch - 69) / 12)
        for partial in range(1, 20):
            wave += 0.1 * envelope * partial**-tilt * np.sin(2 * np.pi * hz * partial * times)
    return Audio((np.stack([1 - pan, pan])[:, None] * wave).astype(np.float32))


@pytest.fixture(scope="module")
def bright() -> Audio:
    return music(0.7)


@pytest.fixture(scope="module")
def target() -> Mel:
    return mel_of(music(1.8))


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 23 frames wherever mels become audio; returns how many were made."""
    made: list[int] = []

    def small(frames, around, block_frames=None):
        made.append(len(parts := blocks(frames, around, 23)))
        return parts

    for module in (methods, filtering):
        monkeypatch.setattr(module, "blocks", small)
    return made


@pytest.mark.parametrize(("method", "most"), [("filter", 0.06), ("phase", 0.12), ("griffin-lim", 0.12)])
def test_the_mel_comes_back(method, most, bright, target):
    audio = mel_to_audio(target, bright, method)
    assert audio.samples.shape == bright.samples.shape
    assert mel_l1(target, mel_of(bright)) > 0.3
    assert mel_l1(target, mel_of(audio)) < most


def test_a_carrier_with_the_wanted_mel_stays_as_it_is(bright):
    audio = mel_to_audio(mel_of(bright), bright)
    assert np.abs(audio.samples - bright.samples).max() < 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_borders_of_blocks_make_no_difference(method, bright, target, request, monkeypatch):
    monkeypatch.setitem(methods.ROUNDS, "griffin-lim", 6)
    dynamics_db = dynamics_of_audio(bright) + 5
    whole = mel_to_audio(target, bright, method, dynamics_db=dynamics_db)
    made = request.getfixturevalue("small_blocks")
    parts = mel_to_audio(target, bright, method, dynamics_db=dynamics_db)
    assert min(made) > 5
    assert np.abs(whole.samples - parts.samples).max() < 1e-5


def test_painted_stems_sum_to_the_painted_mix(target):
    stems = [music(0.7, pan, seed=i) for i, pan in enumerate((0.2, 0.5, 0.9))]
    mix = Audio(np.sum([stem.samples for stem in stems], axis=0))
    gains = filter_gains(target, mix, dynamics_db=dynamics_of_audio(mix))
    total = np.sum([filtered(stem, gains).samples for stem in stems], axis=0)
    assert np.abs(total - filtered(mix, gains).samples).max() < 1e-6


@pytest.mark.parametrize("method", ["filter", "phase"])
def test_the_stereo_image_stays(method, target):
    carrier = music(0.7, pan=0.2)
    left, right = mel_to_audio(target, carrier, method).samples
    assert np.abs(right - 0.25 * left).max() < 1e-5


def test_gains_are_limited(bright, target):
    faint = Audio(bright.samples * np.float32(1e-3))
    gains = filter_gains(target, faint)
    assert np.abs(gains.log).max() <= MAX_GAIN_DB / 8.68


def test_silence_stays_silence(bright, target):
    silence = Audio(np.zeros_like(bright.samples))
    for method in ("filter", "phase"):
        assert not mel_to_audio(target, silence, method).samples.any()
    quiet = mel_to_audio(mel_of(silence), bright)
    assert quiet.peak < 10 ** (-0.9 * MAX_GAIN_DB / 20) * bright.peak
    assert np.isfinite(mel_to_audio(mel_of(silence), None, "griffin-lim").samples).all()


def test_nothing_sounds_before_the_carrier_begins(target):
    carrier = music(0.7)
    carrier.samples[:, :RATE] = 0
    assert not mel_to_audio(target, carrier).samples[:, : RATE - SPEC.n_fft(RATE)].any()


@pytest.mark.parametrize("method", METHODS)
def test_requested_dynamics_are_reached(method, bright, target):
    plain = mel_to_audio(target, bright, method)
    frames = np.arange(target.frames)
    wanted = dynamics_of_audio(plain) + (6 * np.sin(frames / 20)).astype(np.float32)
    louder = mel_to_audio(target, bright, method, dynamics_db=wanted)
    missed = np.abs(dynamics_of_audio(louder) - wanted)[10:-10]
    assert missed.mean() < 1.0


def test_a_jump_of_dynamics_makes_no_click():
    times = np.arange(4 * RATE) / RATE
    tone = Audio(np.tile(0.1 * np.sin(2 * np.pi * 440 * times), (2, 1)).astype(np.float32))
    wanted = dynamics_of_audio(tone)
    wanted[100:] += 12
    louder = mel_to_audio(mel_of(tone), tone, dynamics_db=wanted).samples[0]
    spectrum = np.abs(np.fft.rfft(louder * np.hanning(len(louder))))
    assert 20 * np.log10(spectrum[4 * 2000 :].max() / spectrum.max()) < -80
    gain_db = 20 * np.log10(np.abs(louder[-RATE:]).max() / 0.1)
    assert gain_db == pytest.approx(12, abs=1)


def test_seeds_decide_random_phases(target):
    first, again = (mel_to_audio(target, None, "griffin-lim", seed=1) for _ in range(2))
    other = mel_to_audio(target, None, "griffin-lim", seed=2)
    assert first.samples.shape == (2, target.frames * HOP)
    assert first.samples.tobytes() == again.samples.tobytes()
    assert np.abs(first.samples - other.samples).max() > 0.01


@pytest.mark.parametrize("length", [0, 1, HOP - 1, HOP + 1, 5 * HOP])
@pytest.mark.parametrize("method", METHODS)
def test_short_sounds(method, length, bright):
    carrier = Audio(bright.samples[:, :length].copy())
    mel = mel_of(carrier)
    audio = mel_to_audio(mel, carrier, method, dynamics_db=dynamics_of_audio(carrier))
    assert audio.length_samples == length
    assert np.isfinite(audio.samples).all()


def test_other_rates_of_the_same_frames(bright):
    carrier = Audio(bright.samples[:, ::3].copy(), 32_000)
    audio = mel_to_audio(Mel(mel_of(carrier).log + np.float32(0.5)), carrier)
    assert audio.sample_rate == 32_000
    assert np.abs(audio.samples - np.exp(0.5) * carrier.samples).max() < 0.01


def test_wrong_requests_are_named(bright, target):
    with pytest.raises(ValueError, match="not one of filter, phase, griffin-lim"):
        mel_to_audio(target, bright, "vocoder")
    with pytest.raises(ValueError, match="needs a carrier"):
        mel_to_audio(target, None)
    with pytest.raises(ValueError, match="carrier has 150 frames, the mel 149"):
        mel_to_audio(Mel(target.log[:, 1:].copy()), bright)
    with pytest.raises(ValueError, match="dynamics has 3 frames"):
        mel_to_audio(target, bright, dynamics_db=np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="sound has 150 frames, the filter 3"):
        filtered(bright, Gains(np.zeros((SPEC.bands, 3), np.float32), SPEC))


@dataclass(frozen=True)
class Hum:
    """A long sound that is not held in memory."""

    length_samples: int
    sample_rate: int = RATE
    channels: int = 1

    def read(self, start: int, stop: int) -> np.ndarray:
        return np.sin(np.arange(start, stop, dtype=np.float32)[None] % 100 * np.float32(np.pi / 50))


def test_memory_is_flat_over_length():
    peaks = []
    for frames in (4_000, 12_000):
        hum = Hum(frames * HOP)
        gains = Gains(np.zeros((SPEC.bands, frames), np.float32), SPEC)
        tracemalloc.start()
        assert sum(part.shape[1] for part in filtered_blocks(hum, gains)) == hum.length_samples
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]  # how many blocks wait for the reader varies


def test_matrices_are_multiplied_on_one_thread_in_each_of_several():
    def threads(_):
        return {found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        assert set().union(*in_order(threads, blocks(100, 0, 10))) <= {1}
        assert threads(None) <= {2}

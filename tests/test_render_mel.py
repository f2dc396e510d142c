"""Mels: where a sinusoid lands, what silence is, and that the sample rate does not matter."""

import numpy as np
import pytest
from scipy.signal import resample_poly

from render.audio import Audio
from render.mel import SPEC, Mel, filterbank, mel_of, power_blocks


def tone(frequency_hz: float, amplitude: float = 0.5, rate: int = 48_000, seconds: float = 1.0) -> Audio:
    times_s = np.arange(int(rate * seconds)) / rate
    samples = amplitude * np.sin(2 * np.pi * frequency_hz * times_s)
    return Audio(samples[None].astype(np.float32), rate)


def test_a_sinusoid_at_a_bin_has_its_amplitude_and_its_place():
    audio = tone(1000.0)
    (power,) = power_blocks(audio)
    assert power.shape == (SPEC.n_fft(48_000) // 2 + 1, 50)
    assert np.sqrt(power[64, 25]) == pytest.approx(0.5, rel=1e-4)  # 1000 Hz is bin 64
    centres_hz = filterbank(SPEC, 48_000).argmax(axis=1) * SPEC.bin_hz
    assert centres_hz[mel_of(audio).log[:, 25].argmax()] == pytest.approx(1000, abs=40)


def test_both_sample_rates_have_one_mel():
    rng = np.random.default_rng(0)
    fine = Audio(rng.standard_normal((2, 48_000)).astype(np.float32) * np.float32(0.1))
    coarse = Audio(resample_poly(fine.samples, 2, 3, axis=1).astype(np.float32), 32_000)
    below = slice(0, 124)  # the resampling filter touches the highest bands
    difference = mel_of(fine).log[below, 2:-2] - mel_of(coarse).log[below, 2:-2]
    assert np.abs(difference).mean() < 0.01


def test_channels_count_by_their_power():
    left = tone(440.0)
    half = Audio(np.concatenate([left.samples, np.zeros_like(left.samples)]))
    loud = mel_of(left).log[:, 25].max()
    assert mel_of(half).log[:, 25].max() == pytest.approx(loud - 0.5 * np.log(2), abs=1e-3)


def test_silence_is_the_floor_and_long_sound_has_no_seams():
    quiet = mel_of(Audio(np.zeros((2, 4801), np.float32)))
    assert quiet.frames == 6
    assert np.all(quiet.log == np.float32(np.log(SPEC.floor)))
    long = mel_of(tone(330.0, seconds=25.0)).log  # more than one block
    assert np.ptp(long[:, 5:-5].max(axis=0)) < 1e-3
    assert mel_of(Audio(np.zeros((1, 0), np.float32))).frames == 0


@pytest.mark.parametrize("rate", [22_050, 44_100, 16_000])
def test_a_rate_that_does_not_fit_is_refused(rate):
    with pytest.raises(ValueError, match="use 48000"):
        mel_of(tone(440.0, rate=rate))


def test_a_mel_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="128"):
        Mel(np.zeros((64, 10), np.float32))
    with pytest.raises(ValueError, match="float32"):
        Mel(np.zeros((128, 10)))

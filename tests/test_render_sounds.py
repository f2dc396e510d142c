"""Sounds read block by block: raw files, sums with gains, and WAV files written from them."""

from __future__ import annotations

import numpy as np
import pytest

from render.audio import Audio, read_wav, write_wav
from render.errors import BadInput
from render.sounds import Mix, SampleFile, SampleWriter, blocks, peak_of


def noise(seed: int, samples: int = 5000) -> Audio:
    return Audio((0.1 * np.random.default_rng(seed).standard_normal((2, samples))).astype(np.float32))


def test_a_sample_file_gives_back_what_was_written(tmp_path):
    audio = noise(0)
    with SampleWriter(tmp_path / "a.f32", 2, 48_000) as writer:
        for block in blocks(audio, 777):
            writer.write(block)
        sound = writer.sound
    assert sound.length_samples == audio.length_samples
    assert np.array_equal(sound.read(1200, 3100), audio.samples[:, 1200:3100])
    assert peak_of(sound) == audio.peak


def test_a_file_that_ends_early_is_named(tmp_path):
    (tmp_path / "short.f32").write_bytes(bytes(80))
    with pytest.raises(BadInput, match=r"short\.f32: ends early"):
        SampleFile(tmp_path / "short.f32", 2, 100, 48_000).read(0, 100)


def test_a_mix_adds_its_parts_with_their_gains(tmp_path):
    one, other = noise(1), noise(2)
    mix = Mix(((one, 0.5), (other, 2.0)))
    expected = 0.5 * one.samples + 2.0 * other.samples
    assert np.allclose(mix.read(100, 900), expected[:, 100:900], atol=1e-7)
    assert np.array_equal(one.samples, noise(1).samples)  # reading changes nothing
    write_wav(mix, tmp_path / "mix.wav")
    assert np.abs(read_wav(tmp_path / "mix.wav").samples - expected).max() < 2**-22
    with pytest.raises(ValueError, match="one shape"):
        Mix(((one, 1.0), (noise(3, 10), 1.0)))

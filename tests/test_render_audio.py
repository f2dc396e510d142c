"""WAV files: 24-bit, exact, and never half written."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from render.audio import Audio, read_wav, write_wav
from render.errors import BadInput


def tone(length: int = 4800, channels: int = 2) -> Audio:
    wave = 0.5 * np.sin(np.arange(length) * 0.05)
    return Audio(np.tile(wave, (channels, 1)).astype(np.float32))


def test_round_trip_is_exact_to_24_bits(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(tone(), path)
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (48_000, 2, "PCM_24", 4800)
    back = read_wav(path)
    assert np.abs(back.samples - tone().samples).max() <= 2**-23
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_full_scale_does_not_wrap(tmp_path):
    write_wav(Audio(np.array([[1.5, -1.5, 1.0]], dtype=np.float32)), tmp_path / "a.wav")
    assert read_wav(tmp_path / "a.wav").samples == pytest.approx(np.array([[1.0, -1.0, 1.0]]), abs=1e-6)


@pytest.mark.parametrize("samples", [np.zeros(4, np.float32), np.zeros((2, 4)), np.zeros((9, 4), np.float32)])
def test_audio_checks_its_shape(samples):
    with pytest.raises(ValueError, match="audio of"):
        Audio(samples)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all" * 100, None])
def test_unreadable_files_give_one_clear_line(tmp_path, content):
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_wav(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="audio of"):
        write_wav(Audio(np.zeros((2, 3))), path)
    assert path.read_bytes() == b"old"
    with pytest.raises(BadInput):
        write_wav(tone(), tmp_path / "missing" / "a.wav")


def test_damaged_sound_files(shared_data):
    refusals = []
    for path in sorted((shared_data / "bad" / "audio").iterdir()):
        try:
            assert np.isfinite(read_wav(path).samples).all()
        except BadInput as error:
            refusals.append(str(error))
    assert refusals
    assert not any("\n" in line for line in refusals)

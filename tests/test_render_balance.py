"""The balance of a sound: what was asked for becomes the strongest, within the limit, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from render import balance, filtering
from render.audio import Audio
from render.balance import LIMIT_DB, balance_gains, balanced, class_spread
from render.controls import NO_CLASS, chroma_power, controls_of_audio
from render.filtering import filtered
from render.mel import SPEC
from render.metrics.adherence import melody_accuracy
from render.spectral import blocks

RATE = 48_000
C, E, G = 0, 4, 7


def chord(c_db: float = 0.0, e_db: float = -40.0, g_db: float = -40.0, seconds: float = 3.0) -> Audio:
    """C4, E4 and G4 with four partials each; the right channel has half of the left one's level."""
    times = np.arange(round(seconds * RATE)) / RATE
    wave = np.zeros(len(times))
    for pitch, level_db in ((60, c_db), (64, e_db), (67, g_db)):
        hz = 440 * 2 ** ((pitch - 69) / 12)
        for partial in range(1, 5):
            wave += 0.1 * 10 ** (level_db / 20) / partial * np.sin(2 * np.pi * hz * partial * times)
    return Audio(np.stack([wave, wave / 2]).astype(np.float32))


def asking(audio: Audio, *classes: int) -> np.ndarray:
    """A melody of equally long classes."""
    frames = SPEC.frames(audio.length_samples, RATE)
    return np.array(classes)[np.arange(frames) * len(classes) // frames].astype(np.int8)


def heard(audio: Audio) -> np.ndarray:
    return controls_of_audio(audio).melody


def test_what_is_asked_for_becomes_the_strongest():
    sound = chord(c_db=0, e_db=-6, g_db=-3)
    for wanted in (C, E, G):
        melody = asking(sound, wanted)
        assert melody_accuracy(melody, heard(balanced(sound, melody))) == 1.0


def test_it_follows_a_melody():
    sound = chord(c_db=0, e_db=-4, g_db=-4)
    melody = asking(sound, E, C, G)
    assert melody_accuracy(melody, heard(sound)) < 0.4
    assert melody_accuracy(melody, heard(balanced(sound, melody))) > 0.9


def test_what_is_balanced_already_stays_as_it_is():
    sound = chord(c_db=0, e_db=-6, g_db=-6)
    assert np.abs(balanced(sound, asking(sound, C)).samples - sound.samples).max() < 1e-5


def test_without_a_request_nothing_changes():
    sound = chord(e_db=0)
    gains = balance_gains(sound, asking(sound, NO_CLASS))
    assert not gains.log.any()
    assert np.abs(filtered(sound, gains).samples - sound.samples).max() < 1e-5


def test_classes_change_by_half_each_and_by_no_more_than_the_limit():
    sound = chord(c_db=0, e_db=-6)
    power = chroma_power(sound)[:, 50:100].mean(1)
    after = chroma_power(balanced(sound, asking(sound, E)))[:, 50:100].mean(1)
    change_db = 10 * np.log10(after / power)
    assert change_db[E] == pytest.approx(3.75, abs=0.5)
    assert change_db[C] == pytest.approx(-3.75, abs=0.5)
    for limit_db in (1.0, LIMIT_DB):
        gains_db = 20 / np.log(10) * balance_gains(chord(e_db=-30), asking(sound, E), limit_db).log
        assert np.abs(gains_db).max() == pytest.approx(limit_db)


def test_stereo_and_stems_stay():
    stems = [chord(c_db=0, seconds=2), chord(c_db=-60, e_db=-5, g_db=-3, seconds=2)]
    mix = Audio(stems[0].samples + stems[1].samples)
    gains = balance_gains(mix, asking(mix, E))
    left, right = filtered(mix, gains).samples
    assert np.abs(right - left / 2).max() < 1e-5
    total = sum(filtered(stem, gains).samples for stem in stems)
    assert np.abs(total - filtered(mix, gains).samples).max() < 1e-6


def test_borders_of_blocks_make_no_difference(monkeypatch):
    sound = chord(c_db=0, e_db=-4, g_db=-4, seconds=4)
    melody = asking(sound, E, C, G, E)
    whole = balanced(sound, melody)
    for module in (balance, filtering):
        monkeypatch.setattr(module, "blocks", lambda frames, around: blocks(frames, around, 17))
    assert np.abs(balanced(sound, melody).samples - whole.samples).max() < 1e-5


@pytest.mark.parametrize("length", [0, 1, 959, 12_289])
def test_short_sounds(length):
    sound = Audio(chord(e_db=0).samples[:, :length].copy())
    after = balanced(sound, asking(sound, E))
    assert after.length_samples == length
    assert np.isfinite(after.samples).all()


def test_silence_stays_silence():
    sound = Audio(np.zeros((2, RATE), np.float32))
    assert not balanced(sound, asking(sound, E)).samples.any()


def test_a_melody_of_another_length_is_named():
    sound = chord(seconds=1)
    with pytest.raises(ValueError, match="melody has 3 frames, the sound 50"):
        balance_gains(sound, np.zeros(3, np.int8))


def test_classes_share_the_range_of_chroma():
    spread = class_spread(balance.WINDOWS, RATE)
    hz = np.arange(spread.shape[1]) * balance.WINDOWS.bin_hz
    inside = (hz >= 180) & (hz <= 4000)
    assert spread[:, inside].sum(axis=0) == pytest.approx(1)
    assert not spread[:, (hz < 150) | (hz > 4500)].any()

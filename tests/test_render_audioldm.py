"""What stands around AudioLDM's UNet: its mel, the way into its latent and to sound, and CLAP."""

from __future__ import annotations

import copy
import dataclasses
import shutil

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("transformers")

from random_audioldm import FEATURES, save_model
from transformers.audio_utils import mel_filter_bank

from render import audioldm
from render.audio import SAMPLE_RATE, Audio
from render.audioldm import OWN_FRAMES, AudioLDM
from render.audioldm_mel import OWN_RATE, OWN_SPEC, mel_from_ours, mel_to_ours, own_filterbank, own_mel
from render.errors import NotInstalled
from render.mel import SPEC, mel_of
from render.models.hub import NETWORKS


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """More only wait for each other in networks this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("audioldm"))


@pytest.fixture(scope="module")
def loaded(folder):
    return AudioLDM.load(str(folder), offline=True)


def stirred(network: nn.Module) -> nn.Module:
    """The network after a training of sorts: no weight is zero."""
    torch.manual_seed(2)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return network


def test_its_bands_are_slaneys():
    reference = mel_filter_bank(513, 64, 0, 8000, OWN_RATE, norm="slaney", mel_scale="slaney").T
    assert np.abs(own_filterbank() - reference).max() < 1e-6


def chords(seconds: float = 2.0) -> Audio:
    """Chords with a little noise, two channels."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    rng = np.random.default_rng(0)
    tones = [(f * k, 0.3 / k) for f in (131, 196, 330, 494) for k in range(1, 16) if f * k < 7900]
    wave = sum(a * np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f, a in tones) * np.exp(-2 * (t % 0.5))
    noise = rng.standard_normal((2, len(t))) * 0.003
    return Audio((0.2 * wave + noise).astype(np.float32), SAMPLE_RATE)


def test_its_mel_comes_from_ours_and_goes_back():
    sound = chords()
    ours, theirs = torch.from_numpy(mel_of(sound).log)[None], torch.from_numpy(own_mel(sound).log)[None]
    assert theirs.shape == (1, 64, 200)
    found = mel_from_ours(ours)
    assert found.shape == theirs.shape
    assert float((found - theirs).abs().mean()) < 0.4
    back = mel_to_ours(found)
    assert back.shape == ours.shape
    low = slice(0, 90)  # below 6 kHz
    assert float((back - ours)[:, low].abs().mean()) < 0.8
    silence = mel_from_ours(torch.full((1, 128, 4), float(np.log(SPEC.floor))))
    assert float(mel_to_ours(silence).max()) < np.log(SPEC.floor) + 2


def test_the_levels_of_a_tone_are_those_of_its_vocoder():
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = Audio((0.5 * np.sin(2 * np.pi * 1000 * t))[None].astype(np.float32), SAMPLE_RATE)
    samples = np.pad(tone.samples[0, ::3], 512, mode="reflect")
    frame = np.abs(np.fft.rfft(samples[8000:9024] * np.hanning(1025)[:-1]))
    expected = np.log(np.maximum(own_filterbank() @ frame, OWN_SPEC.floor))
    assert np.abs(own_mel(tone).log[10:25, 50] - expected[10:25]).max() < 0.05


@torch.no_grad()
def test_latents_become_mels_and_sound_of_their_length(loaded):
    mel = torch.from_numpy(mel_of(chords(1.6)).log)[None]
    latent = loaded.encode(mel)
    assert latent.shape == (1, 256, 20)
    assert loaded.decode(latent).shape == (1, 128, 80)
    sound = loaded.to_audio(latent[0])
    assert sound.samples.shape == (1, round(1.6 * SAMPLE_RATE))
    with pytest.raises(ValueError, match="at least one token"):
        loaded.to_audio(latent[0, :, :0])


@torch.no_grad()
def test_long_latents_are_decoded_in_windows(loaded, monkeypatch):
    torch.manual_seed(0)
    latent = 0.1 * torch.randn(1, 256, 60)
    monkeypatch.setattr(audioldm, "WINDOW_TOKENS", 24)
    monkeypatch.setattr(audioldm, "OVERLAP_TOKENS", 8)
    seen: list[int] = []
    decode = loaded._parts.vae.decode
    monkeypatch.setattr(
        loaded._parts.vae, "decode", lambda x, **given: seen.append(x.shape[2]) or decode(x, **given)
    )
    mel = loaded.own_mel(latent)
    assert mel.shape == (1, 64, 60 * OWN_FRAMES)
    assert max(seen) == 24 * 2
    # The vocoder hears enough beside each stretch for its borders not to be heard.
    louder = stirred(copy.deepcopy(loaded._parts.vocoder))
    model = AudioLDM(dataclasses.replace(loaded._parts, vocoder=louder))
    monkeypatch.setattr(model, "own_mel", lambda _: mel)
    parts = model.to_audio(latent[0]).samples
    monkeypatch.setattr(audioldm, "WINDOW_TOKENS", 100)
    whole = model.to_audio(latent[0]).samples
    assert np.abs(whole).max() > 1e-3
    assert np.abs(parts - whole).max() < 1e-4 * np.abs(whole).max()


def test_text_and_recordings_become_labels(loaded, tmp_path):
    text = loaded.embed_text("full orchestra")
    assert text.shape == (FEATURES,)
    assert float(text.norm()) == pytest.approx(1.0, abs=1e-5)
    assert not torch.allclose(text, loaded.embed_text("a"))
    assert torch.allclose(loaded.predictor.null_label, loaded.embed_text(""))
    with pytest.raises(NotInstalled, match="cannot hear recordings"):
        loaded.embed_audio(chords(0.5))
    music = AudioLDM.load(str(save_model(tmp_path, "musicldm")), offline=True)
    assert float(music.embed_text("full orchestra").norm()) == pytest.approx(1.0, abs=1e-5)
    heard = [music.embed_audio(chords(4.0)) for _ in range(2)]  # longer than it hears at once
    assert heard[0].shape == (FEATURES,)
    assert torch.equal(*heard)


def test_a_model_without_clap_takes_embeddings_only(folder, tmp_path):
    for part in (*NETWORKS, "scheduler"):
        shutil.copytree(folder / part, tmp_path / part)
    mute = AudioLDM.load(str(tmp_path), offline=True)
    assert not mute.predictor.null_label.any()
    with pytest.raises(NotInstalled, match="no text encoder"):
        mute.embed_text("full orchestra")

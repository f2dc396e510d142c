"""The codec: an orthogonal projection with known factors, whatever it was fitted to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from render.models.codec import PATCH, PcaCodec
from render.train.codec import fit, patches_of


@pytest.fixture(scope="module")
def mels() -> list[np.ndarray]:
    """Log-mels whose neighbouring cells are alike."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((3, 128, 403))
    smooth = np.cumsum(noise, axis=1) / 4 + np.cumsum(noise, axis=2) / 8 - 6
    return list(smooth.astype(np.float16))


@pytest.fixture(scope="module")
def codec(mels) -> PcaCodec:
    return fit(mels)


def test_shapes(codec):
    latent = codec.encode(torch.randn(2, 128, 40))
    assert latent.shape == (2, 128, 10)
    assert codec.decode(latent).shape == (2, 128, 40)


def test_a_latent_survives_decoding_and_encoding(codec):
    latent = torch.randn(2, 128, 9)
    torch.testing.assert_close(codec.encode(codec.decode(latent)), latent, atol=1e-4, rtol=1e-4)


def test_decoding_is_the_adjoint_of_encoding_but_for_the_gain(codec):
    mel, latent = torch.randn(1, 128, 12), torch.randn(1, 128, 3)
    zero = codec.decode(torch.zeros(1, 128, 3))
    gain = codec.gain[:, None]
    forth = (codec.encode(mel + zero) * latent).sum()
    back = (mel * (codec.decode(gain**2 * latent) - zero)).sum()
    torch.testing.assert_close(forth, back, atol=1e-3, rtol=1e-3)


def test_the_latent_has_unit_mean_square_and_quieter_last_components(codec, mels):
    latent = torch.cat([codec.encode(torch.from_numpy(m[None, :, :400].astype(np.float32))) for m in mels], 2)
    assert float(latent.square().mean()) == pytest.approx(1.0, abs=0.02)
    assert float(latent[:, 0].std()) > float(latent[:, -1].std()) > 0.01


def test_it_loses_what_the_dropped_components_hold(codec, mels):
    mel = torch.from_numpy(np.stack(mels)[:, :, :400].astype(np.float32))
    lost = (codec.decode(codec.encode(mel)) - mel).square().sum()
    patches = torch.cat([patches_of(m[:, :400]) for m in mels]).double()
    singular = torch.linalg.svdvals(patches - patches.mean(0))
    assert float(lost) == pytest.approx(float(singular[128:].square().sum()), rel=0.05)


def test_all_components_lose_nothing(mels):
    codec = fit(mels, channels=128 * PATCH)
    mel = torch.from_numpy(mels[0][None, :, :400].astype(np.float32))
    torch.testing.assert_close(codec.decode(codec.encode(mel)), mel, atol=1e-3, rtol=1e-3)


def test_autocast_leaves_it_exact(codec):
    mel = torch.randn(1, 128, 16)
    with torch.autocast("cpu", torch.bfloat16):
        latent = codec.encode(mel)
    assert latent.dtype == torch.float32
    assert torch.equal(latent, codec.encode(mel))


@pytest.mark.parametrize("shape", [(1, 128, 41), (1, 64, 40), (128, 40)])
def test_other_shapes_are_refused(codec, shape):
    with pytest.raises(ValueError, match="needs"):
        codec.encode(torch.zeros(shape))


def test_impossible_sizes_are_refused(codec):
    with pytest.raises(ValueError, match="needs 1 to 512"):
        PcaCodec(128, 513)
    with pytest.raises(ValueError, match="no patches"):
        fit([np.zeros((128, 3), np.float16)])
    with pytest.raises(ValueError, match="needs"):
        codec.decode(torch.zeros(1, 64, 4))

import numpy as np
import pytest
import torch

from render.models.style_encoder import (
    EMBEDDING,
    StyleEncoder,
    StyleEncoderConfig,
    embed_windows,
    mean_embedding,
    windows_of,
)

FLOOR = np.log(1e-5)
TINY = StyleEncoderConfig(width=16, blocks=1, styles=("harp", "organ"))


@pytest.fixture
def encoder() -> StyleEncoder:
    torch.manual_seed(0)
    network = StyleEncoder(TINY).eval()
    network.styles.copy_(torch.nn.functional.normalize(torch.randn(2, EMBEDDING), dim=1))
    return network


def music(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(-5, 1, (128, frames)).astype(np.float32)


def test_default_size_is_small():
    weights = sum(parameter.numel() for parameter in StyleEncoder().parameters())
    assert 300_000 <= weights <= 800_000


def test_embeddings_are_unit_vectors_of_any_length(encoder):
    for frames in (50, 123, 400):
        found = encoder(torch.from_numpy(music(frames))[None])
        assert found.shape == (1, EMBEDDING)
        torch.testing.assert_close(found.norm(dim=1), torch.ones(1))


def test_level_does_not_matter(encoder):
    mel = torch.from_numpy(music(100))[None]
    torch.testing.assert_close(encoder(mel), encoder(mel - 3.0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(1, 128, 49), (1, 64, 100), (128, 100)])
def test_other_shapes_are_refused(encoder, shape):
    with pytest.raises(ValueError, match="needs"):
        encoder(torch.zeros(shape))


@pytest.mark.parametrize("frames", [50, 255, 256, 257, 1000])
def test_windows_cover_the_music(frames):
    starts = windows_of(frames)
    heard = np.zeros(frames, bool)
    for start in starts:
        heard[start : start + 256] = True
    assert heard.all()
    assert all(start + min(256, frames) <= frames for start in starts)


def test_windows_are_heard_alone_and_in_batches(encoder):
    mel = music(700)
    found = embed_windows(encoder, mel, batch=2)
    assert found.shape == (3, EMBEDDING)
    alone = encoder(torch.from_numpy(mel[None, :, 256:512])).detach().numpy()
    np.testing.assert_allclose(found[1], alone[0], atol=1e-5)
    np.testing.assert_allclose(embed_windows(encoder, mel.astype(np.float16))[1], alone[0], atol=1e-2)


def test_a_silent_window_takes_after_the_others(encoder):
    mel = music(768)
    mel[:, 256:512] = FLOOR
    found = embed_windows(encoder, mel)
    np.testing.assert_allclose(found[1], mean_embedding(torch.from_numpy(found[[0, 2]])), atol=1e-6)


def test_silence_and_scraps_have_no_style(encoder):
    with pytest.raises(ValueError, match="nothing sounds"):
        embed_windows(encoder, np.full((128, 300), FLOOR, np.float32))
    with pytest.raises(ValueError, match="49 frames"):
        embed_windows(encoder, music(49))


def test_named_styles(encoder):
    harp = encoder.named("harp")
    (first, cosine), _ = encoder.nearest(harp)
    assert first == "harp"
    assert cosine == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(ValueError, match="kazoo"):
        encoder.named("kazoo")

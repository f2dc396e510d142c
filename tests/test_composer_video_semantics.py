"""The semantic path, with a tiny CLIP of random weights and no network."""

from __future__ import annotations

import json

import numpy as np
import pytest
from make_video import textured, write_video

from composer.errors import BadInput, NotInstalled
from composer.video.analyze import analyze
from composer.video.prompts import CATEGORIES, PROMPTS, Prompt
from composer.video.semantics import (
    DEFAULT_MODEL,
    DEFAULT_REPOSITORY,
    PREFERRED_TAGS,
    ClipSource,
    SemanticController,
    load_clip,
    prompt_scores,
)

CONFIG = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> ClipSource:
    """A configuration and weights on disk."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    network = open_clip.CLIP(**CONFIG)
    save_file(
        {name: value.contiguous() for name, value in network.state_dict().items()}, folder / "w.safetensors"
    )
    (folder / "tiny.json").write_text(json.dumps(CONFIG))
    return ClipSource(str(folder / "tiny.json"), folder / "w.safetensors", offline=True)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    pictures = [textured(1, 320, 180)] * 105
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", pictures, np.arange(105) / 10)


def test_prompts_cover_the_categories():
    assert 40 <= len(PROMPTS) <= 60
    assert {prompt.category for prompt in PROMPTS} == set(CATEGORIES)
    assert len({prompt.text for prompt in PROMPTS}) == len(PROMPTS)
    with pytest.raises(ValueError, match="outside"):
        Prompt("x", "mood", 2.0, 0.0, ())
    with pytest.raises(ValueError, match="category"):
        Prompt("x", "weather", 0.0, 0.0, ())


def test_film_is_looked_at_once_a_second(tiny, film):
    features = analyze(film, clip=tiny)
    assert features.semantic_model == "tiny"
    assert features.semantic_times_s == pytest.approx(np.arange(11), abs=0.11)
    assert features.semantic_tokens.shape == (11, 24)
    np.testing.assert_allclose(np.linalg.norm(features.semantic_tokens, axis=1), 1.0, rtol=1e-4)
    for category in CATEGORIES:
        columns = [index for index, prompt in enumerate(PROMPTS) if prompt.category == category]
        np.testing.assert_allclose(features.semantic_scores[:, columns].sum(axis=1), 1.0, rtol=1e-4)
    assert features.warnings == ()


def test_the_likest_prompt_scores_highest():
    prompts = tuple(Prompt(f"p{i}", "mood", 0.0, 0.0, ()) for i in range(4))
    scores = prompt_scores(np.eye(4, dtype=np.float32)[[2]], np.eye(4, dtype=np.float32), prompts)
    assert scores.argmax() == 2
    assert scores.sum() == pytest.approx(1.0)


def test_no_pictures_give_no_samples(tiny):
    semantics = SemanticController(load_clip(tiny)).finish()
    assert semantics.tokens.shape == (0, 24)
    assert semantics.scores.shape == (0, len(PROMPTS))


def test_without_weights_the_film_is_still_seen(film, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    features = analyze(film, clip=ClipSource("ViT-B-32", None, offline=True))
    assert features.semantic_tokens.shape == (0, 0)
    assert features.semantic_model == ""
    assert len(features.warnings) == 1
    assert "--clip-weights" in features.warnings[0]


def test_offline_raises_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(NotInstalled, match="network is forbidden"):
        load_clip(ClipSource("ViT-B-32", None, offline=True))


def test_default_weights_are_where_open_clip_says():
    import open_clip

    facts = open_clip.get_pretrained_cfg(DEFAULT_MODEL, PREFERRED_TAGS[0])
    assert facts["hf_hub"].strip("/") == DEFAULT_REPOSITORY


def test_unusable_sources_are_refused(tiny, tmp_path):
    pickle, wrong, broken = tmp_path / "w.pt", tmp_path / "wrong.safetensors", tmp_path / "broken.json"
    pickle.write_bytes(b"\x80\x04.")
    wrong.write_bytes(b"nothing of the kind")
    broken.write_text("{}")
    for source in (
        ClipSource("ViT-B-32", pickle, True),
        ClipSource("ViT-B-32", tmp_path / "missing.safetensors", True),
        ClipSource("no-such-model", None, True),
        ClipSource(tiny.model, wrong, True),
        ClipSource(tiny.model, None, True),
        ClipSource(str(broken), tiny.weights, True),
        ClipSource(str(tmp_path / "missing.json"), tiny.weights, True),
    ):
        with pytest.raises(BadInput) as caught:
            load_clip(source)
        assert "\n" not in str(caught.value)

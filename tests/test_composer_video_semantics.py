"""The semantic path, with a tiny CLIP of random weights and no network."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from make_video import textured, write_video

from composer.errors import BadInput, NotInstalled
from composer.palettes import PALETTES
from composer.video.analyze import analyze
from composer.video.features import VideoFeatures
from composer.video.likeness import block_scores, blocks_of, joint_shares, prompt_shares
from composer.video.prompts import AESTHETIC_CATEGORIES, BANK, CATEGORIES, PROMPTS, Prompt
from composer.video.semantics import (
    DEFAULT_MODEL,
    DEFAULT_REPOSITORY,
    PREFERRED_TAGS,
    ClipNetwork,
    ClipSource,
    SemanticController,
    load_clip,
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
    assert len(PROMPTS) == 56  # the chord networks know these
    assert BANK[: len(PROMPTS)] == PROMPTS
    assert {prompt.category for prompt in PROMPTS} == set(CATEGORIES)
    assert {prompt.category for prompt in BANK} == {*CATEGORIES, *AESTHETIC_CATEGORIES}
    assert len({prompt.text for prompt in BANK}) == len(BANK)
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
    assert features.semantic_scores.shape == (11, len(BANK))
    for category in CATEGORIES:
        columns = [index for index, prompt in enumerate(PROMPTS) if prompt.category == category]
        np.testing.assert_allclose(features.semantic_scores[:, columns].sum(axis=1), 1.0, rtol=1e-4)
    assert features.warnings == ()


def test_prompts_are_spread_over_the_mood_plane():
    for category in CATEGORIES:
        moods = np.array([(p.valence, p.arousal) for p in BANK if p.category == category])
        quadrants = [
            ((moods * signs) >= 0).all(axis=1).sum() for signs in ((1, 1), (-1, 1), (-1, -1), (1, -1))
        ]
        assert min(quadrants) >= 2, (category, quadrants)
    moods = np.array([(p.valence, p.arousal) for p in BANK if p.category in CATEGORIES])
    assert np.abs(moods.mean(axis=0)).max() < 0.12
    assert moods.std(axis=0).min() > 0.45


def test_instruments_are_named_as_palettes_know_them():
    known = {tag for palette in PALETTES.values() for tag in palette.tags}
    tags = {tag for prompt in BANK for tag in prompt.tags}
    assert tags <= known
    for prompt in BANK:
        assert prompt.category != "instrument" or prompt.tags


def test_the_likest_prompt_scores_highest():
    prompts = tuple(Prompt(f"p{i}", "mood", 0.0, 0.0, ()) for i in range(4))
    scores = block_scores(100 * np.eye(4)[[2]], [prompts])
    assert scores.argmax() == 2
    assert scores.sum() == pytest.approx(1.0)


def test_later_blocks_leave_earlier_columns_as_they_were():
    rng = np.random.default_rng(0)
    mine = (
        Prompt("a lighthouse", "scene", 0.1, 0.2, ("sea",)),
        Prompt("lens flare", "lighting", 0.2, 0.1, ()),
    )
    logits = rng.normal(0, 3, (5, len(BANK) + 2))
    whole = block_scores(logits, blocks_of(mine))
    np.testing.assert_array_equal(whole[:, : len(BANK)], block_scores(logits[:, : len(BANK)], blocks_of()))
    np.testing.assert_array_equal(
        whole[:, : len(PROMPTS)], block_scores(logits[:, : len(PROMPTS)], [PROMPTS])
    )
    every = (*BANK, *mine)
    shares = joint_shares(whole, blocks_of(mine))
    for category in CATEGORIES + AESTHETIC_CATEGORIES:
        columns = [i for i, prompt in enumerate(every) if prompt.category == category]
        softmax = np.exp(logits[:, columns]) / np.exp(logits[:, columns]).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares[:, columns], softmax, rtol=1e-4, atol=1e-7)


def test_a_users_prompts_are_scored_saved_and_read(tiny, film, tmp_path):
    mine = (Prompt("a lighthouse in a storm", "scene", -0.3, 0.4, ("sea", "tension")),)
    plain, features = analyze(film, clip=tiny), analyze(film, clip=replace(tiny, prompts=mine))
    assert features.user_prompts == mine
    np.testing.assert_array_equal(features.semantic_scores[:, :-1], plain.semantic_scores)
    features.save(tmp_path / "features.npz")
    again = VideoFeatures.load(tmp_path / "features.npz")
    assert again.user_prompts == mine
    prompts, shares = prompt_shares(again)
    assert prompts[-1] == mine[0]
    assert {prompt.category for prompt in prompts} == set(CATEGORIES)
    np.testing.assert_allclose(shares.sum(axis=1), len(CATEGORIES), rtol=1e-4)
    assert prompt_shares(again, with_user=False)[1].shape == prompt_shares(plain)[1].shape
    np.testing.assert_allclose(prompt_shares(again, with_user=False)[1], prompt_shares(plain)[1])


def test_scores_without_prompts_are_refused(tiny, film):
    features = analyze(film, clip=tiny)
    with pytest.raises(ValueError, match="semantic scores"):
        prompt_shares(replace(features, semantic_scores=features.semantic_scores[:, :60]))
    first = prompt_shares(replace(features, semantic_scores=features.semantic_scores[:, :56]))
    assert first[0] == PROMPTS


def test_patches_are_what_the_picture_is_pooled_from(tiny):
    clip = load_clip(tiny)
    pictures = [textured(seed, 48, 40) for seed in range(3)]
    patches = clip.embed_patches(pictures)
    assert patches.shape == (3, 4, 32)  # 2 x 2 patches of 16 in 32, of the network's inner width
    import torch

    visual = clip.network.visual
    visual.output_tokens = True
    with torch.inference_mode():
        _, tokens = visual(clip._input(pictures))
    visual.output_tokens = False
    np.testing.assert_allclose(patches, tokens.numpy(), atol=1e-5)


def test_a_change_in_one_corner_changes_its_patch_most():
    import open_clip
    import torch

    torch.manual_seed(0)
    config = open_clip.get_model_config("ViT-B-32")  # the real shapes, with random weights
    clip = ClipNetwork("random", open_clip.CLIP(**config).eval(), open_clip.SimpleTokenizer())
    before = textured(3, 224, 224)
    after = before.copy()
    after[:32, 64:96] = 255 - after[:32, 64:96]
    patches = clip.embed_patches([before, after])
    assert patches.shape == (2, 49, 768)
    away = ((patches[0] - patches[1]) ** 2).sum(axis=1)
    assert away.argmax() == 2
    assert clip.embed_pictures([before]).shape == (1, 512)


def test_no_pictures_give_no_samples(tiny):
    semantics = SemanticController(load_clip(tiny)).finish()
    assert semantics.tokens.shape == (0, 24)
    assert semantics.scores.shape == (0, len(BANK))


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


def test_patches_are_compared_by_clip_where_asked(tiny, film):
    pixels, features = analyze(film, clip=tiny), analyze(film, clip=replace(tiny, patches=True))
    assert (pixels.patch_source, features.patch_source) == ("pixels", "tiny")
    np.testing.assert_array_equal(features.patch_times_s, pixels.patch_times_s)
    assert features.patch_dissimilarity.max() < 1e-3  # one picture all along
    np.testing.assert_allclose(features.semantic_times_s, pixels.semantic_times_s)
    np.testing.assert_allclose(features.semantic_scores, pixels.semantic_scores, atol=1e-5)


@pytest.mark.parametrize("rate", [25, 60])
def test_patches_tell_a_cut_at_no_more_than_25_a_second(tiny, tmp_path, rate):
    pictures = [textured(1 + (i >= rate), 320, 180) for i in range(2 * rate)]
    features = analyze(
        write_video(tmp_path / "cut.mp4", pictures, np.arange(2 * rate) / rate),
        clip=replace(tiny, patches=True),
    )
    assert len(features.patch_times_s) == pytest.approx(49, abs=1)
    assert features.patch_times_s[features.patch_dissimilarity.argmax()] == pytest.approx(1.0, abs=0.04)

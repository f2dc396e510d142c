"""The second family: loading AudioLDM's and MusicLDM's structure, the branch on the frozen UNet, sampling, training."""

from __future__ import annotations

import json
import shutil
import urllib.request

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import nn

pytest.importorskip("transformers")

from random_audioldm import FEATURES, make_schedule, make_unet, save_model

from render.audioldm import AudioLDM
from render.controls import CONTROL_CHANNELS
from render.diffusion import Conditions, Sampling, sample
from render.errors import BadInput, NotInstalled
from render.models.hub import NETWORKS, check_folder, find_folder, load_components
from render.models.predictor import LEVELS
from render.models.style_encoder import EMBEDDING
from render.models.unet import TERMS, UNetPredictor, control_branch
from render.train import loop, unet

TOKENS, BANDS, DEPTH = 5, 16, 8
FIVE = torch.tensor([500.0])


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


@pytest.fixture
def predictor():
    torch.manual_seed(1)
    return UNetPredictor(make_unet((8, 16, 16, 24)), make_schedule().alphas_cumprod, BANDS).eval()


def stirred(network: nn.Module) -> nn.Module:
    """The network after a training of sorts: no weight is zero."""
    torch.manual_seed(2)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return network


def inputs(tokens: int = TOKENS, batch: int = 1):
    torch.manual_seed(3)
    latent = torch.randn(batch, 2 * DEPTH * BANDS, tokens)
    mood = torch.rand(batch, 3, tokens)
    return latent, FIVE.expand(batch), torch.randn(batch, EMBEDDING), mood


def some_controls(tokens: int = TOKENS, batch: int = 1):
    torch.manual_seed(4)
    return torch.rand(batch, CONTROL_CHANNELS, 4 * tokens)


# The structure


def test_tokens_hold_the_latent_and_give_it_back(predictor):
    picture = torch.randn(2, DEPTH, 2 * TOKENS, BANDS)
    tokens = predictor.tokens(picture)
    assert tokens.shape == (2, predictor.channels, TOKENS) == (2, 256, TOKENS)
    assert torch.equal(predictor.picture(tokens), picture)
    changed = picture.clone()
    changed[:, :, 4:6] += 1  # columns 4 and 5 are token 2
    assert (predictor.tokens(changed) != tokens).any((0, 1)).tolist() == [False, False, True, False, False]
    with pytest.raises(ValueError, match="latent of 128 channels"):
        predictor.picture(tokens[:, :128])


def test_diffusers_own_branch_cannot_copy_this_unet():
    with pytest.raises((TypeError, RuntimeError)):
        ControlNetModel.from_unet(make_unet((8, 16, 16, 24)))


def test_copied_blocks_see_what_the_unets_see():
    network = make_unet((8, 16, 16, 24)).eval()
    branch = control_branch(network, BANDS).eval()
    branch.conv_in[1] = nn.Identity()  # the norm of equation 3, which the UNet has not
    for zero in (*branch.controlnet_down_blocks, branch.controlnet_mid_block):
        nn.init.dirac_(zero.weight)
    caught: list[torch.Tensor] = []
    hooks = [
        block.register_forward_hook(lambda _, __, out: caught.extend(out[1])) for block in network.down_blocks
    ]
    hooks.append(network.mid_block.register_forward_hook(lambda _, __, out: caught.append(out)))
    latent, label = torch.randn(2, DEPTH, 2 * TOKENS, BANDS), torch.randn(2, FEATURES)
    rows = torch.rand(2, CONTROL_CHANNELS + 3, 4 * TOKENS)
    with torch.no_grad():
        network(latent, 321, None, class_labels=label)
        down, middle = branch(latent, 321, None, rows, class_labels=label, return_dict=False)
    for hook in hooks:
        hook.remove()
    for found, expected in zip((*down[1:], middle), caught, strict=True):
        assert torch.allclose(found, expected, atol=1e-5)


@torch.no_grad()
def test_the_branch_changes_nothing_before_training_and_obeys_each_term_after(predictor):
    latent, level, style, mood = inputs()
    controls = some_controls()
    plain = predictor.predict(latent, level, style, mood, None)
    assert torch.equal(predictor.predict(latent, level, style, mood, controls), plain)
    stirred(predictor.control)
    plain = predictor.predict(latent, level, style, mood, None)
    found = predictor.predict(latent, level, style, mood, controls)
    assert found.shape == latent.shape
    assert not torch.allclose(found, plain)
    for name, rows in TERMS.items():
        changed_controls, changed_mood = controls.clone(), mood.clone()
        if name == "mood":
            changed_mood += 1
        else:
            changed_controls[:, rows[0]] += 1
        changed = predictor.predict(latent, level, style, changed_mood, changed_controls)
        assert not torch.allclose(changed, found), name


@torch.no_grad()
def test_style_is_our_embedding_claps_or_none(predictor):
    latent, level, style, mood = inputs(batch=2)
    has_style = torch.tensor([True, False])
    styled = predictor.predict(latent, level, style, mood, None, has_style)
    null = predictor.predict(latent, level, torch.zeros(2, 1), mood, None, torch.tensor([False, False]))
    assert torch.allclose(styled[1], null[1], atol=1e-5)
    assert not torch.allclose(styled[0], null[0])
    clap = torch.nn.functional.normalize(predictor.control["label_of_style"](style), dim=1)
    assert torch.allclose(predictor.predict(latent, level, clap, mood, None, has_style), styled, atol=1e-5)
    with pytest.raises(ValueError, match="style of 7 features"):
        predictor.predict(latent, level, style[:, :7], mood, None)


@pytest.mark.parametrize("level", [40, 250, 600, 900, 960])
def test_velocity_follows_from_the_noise_at_a_step_of_equal_noise(predictor, level, monkeypatch):
    clean, noise = torch.randn(2, 256, TOKENS), torch.randn(2, 256, TOKENS)
    alphas = predictor.alphas[level]
    latent = alphas.sqrt() * clean + (1 - alphas).sqrt() * noise
    steps: list[float] = []

    def exact(picture, step, *_, **__):
        steps.append(float(step[0]))
        return (predictor.picture(noise),)

    monkeypatch.setattr(predictor.unet, "forward", exact)
    found = predictor.predict(
        latent, torch.full((2,), float(level)), torch.zeros(2, EMBEDDING), torch.zeros(2, 3, TOKENS), None
    )
    assert torch.allclose(found, alphas.sqrt() * noise - (1 - alphas).sqrt() * clean, atol=2e-3)
    own = make_schedule().alphas_cumprod.double()
    at = np.interp(steps[0], np.arange(LEVELS), torch.logit(own).numpy())
    assert at == pytest.approx(float(torch.logit(alphas.double())), abs=0.02)


def test_noisier_levels_than_the_unet_knows_count_as_its_noisiest(predictor):
    assert float(predictor.own_levels[-1]) == LEVELS - 1
    assert (predictor.own_levels.diff() >= 0).all()
    latent, _, style, mood = inputs()
    with torch.no_grad():
        found = predictor.predict(latent, torch.tensor([LEVELS - 1.0]), style, mood, None)
    assert torch.isfinite(found).all()


def test_only_the_control_learns(predictor):
    latent, level, style, mood = inputs(batch=2)
    trained = {name for name, parameter in predictor.named_parameters() if parameter.requires_grad}
    assert trained
    assert all(name.startswith("control.") for name in trained)
    stirred(predictor.control)
    denoising = loop.Denoising(predictor.train())
    shown = loop.Example(latent, style, mood, some_controls(batch=2), torch.tensor([True, False]))
    denoising(shown, torch.randn_like(latent), level.long()).backward()
    assert all(parameter.grad is None for parameter in predictor.unet.parameters())
    assert all(parameter.grad is not None for parameter in predictor.control.parameters())
    assert not predictor.unet.training


@pytest.mark.parametrize("method", ["dpm", "ddim"])
def test_the_sampler_of_the_first_family_drives_it(loaded, method):
    _, _, style, mood = inputs()
    for style_row in (style[0], loaded.embed_text("music box"), None):
        asked = Conditions(style_row, mood[0], some_controls()[0])
        sampling = Sampling(method, steps=2)
        found = [
            sample(loaded.predictor, asked, loaded.channels, seed=1, sampling=sampling) for _ in range(2)
        ]
        assert found[0].shape == (256, TOKENS)
        assert torch.isfinite(found[0]).all()
        assert torch.equal(*found)


# What is refused


def test_the_network_is_not_used_offline(monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("went to the network"))
    with pytest.raises(NotInstalled, match="the network is forbidden") as refused:
        find_folder("cvssp/no-such-model-anywhere", offline=True)
    assert refused.value.exit_code == 4
    assert "\n" not in str(refused.value)


def test_without_a_network_weights_are_missed_in_one_line(monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    with pytest.raises(NotInstalled, match="cannot be fetched") as refused:
        find_folder("cvssp/no-such-model-anywhere")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["nothing-here", "./nothing/here", "a/b/c", "bad name/..x"])
def test_what_is_no_folder_and_no_repository_is_bad_input(name):
    with pytest.raises(BadInput, match=r"no (such )?folder"):
        find_folder(name, offline=True)


def test_pickles_are_refused_unread(folder, tmp_path):
    for part in NETWORKS:
        shutil.copytree(folder / part, tmp_path / part)
    weights = next((tmp_path / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(BadInput, match="a pickle can run code") as refused:
        check_folder(tmp_path)
    assert refused.value.exit_code == 3
    weights.with_suffix(".bin").unlink()
    with pytest.raises(BadInput, match=r"no \.safetensors"):
        check_folder(tmp_path)
    shutil.rmtree(tmp_path / "unet")
    with pytest.raises(BadInput, match="has no unet/config"):
        check_folder(tmp_path)


def truncated(folder):
    weights = next((folder / "vae").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])


def lacking(folder):
    weights = next((folder / "vocoder").glob("*.safetensors"))
    tensors = load_file(weights)
    tensors.pop("conv_pre.weight")
    save_file(tensors, weights, {"format": "pt"})


def misshapen(folder):
    changed(
        folder, "unet/config.json", block_out_channels=[8, 16, 24, 24], cross_attention_dim=[8, 16, 24, 24]
    )


def velocity(folder):
    changed(folder, "scheduler/scheduler_config.json", prediction_type="v_prediction")


def no_json(folder):
    (folder / "scheduler" / "scheduler_config.json").write_text("{")


def other_rate(folder):
    changed(folder, "vocoder/config.json", sampling_rate=22_050)


def changed(folder, path, **values):
    config = json.loads((folder / path).read_text())
    (folder / path).write_text(json.dumps({**config, **values}))


@pytest.mark.parametrize("damage", [truncated, lacking, misshapen, velocity, no_json, other_rate])
def test_damaged_models_are_bad_input_in_one_line(folder, tmp_path, damage):
    for part in (*NETWORKS, "scheduler"):
        shutil.copytree(folder / part, tmp_path / part)
    damage(tmp_path)
    with pytest.raises(BadInput) as refused:
        AudioLDM.load(str(tmp_path), offline=True)
    assert "\n" not in str(refused.value)


def test_another_kind_of_unet_is_bad_input(folder, tmp_path):
    for part in ("vae", "vocoder", "scheduler"):
        shutil.copytree(folder / part, tmp_path / part)
    UNet2DConditionModel(
        in_channels=8,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        cross_attention_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ).save_pretrained(tmp_path / "unet")
    with pytest.raises(BadInput, match="simple_projection"):
        load_components(str(tmp_path), offline=True)


# Training


class FixedCrops:
    """Stands for `render.train.diffusion.Crops`: always the same two crops."""

    def __init__(self, model: AudioLDM) -> None:
        torch.manual_seed(5)
        latent = model.encode(torch.randn(2, 128, 16) - 5)
        _, _, style, mood = inputs(4, 2)
        self.example = loop.Example(latent, style, mood, some_controls(4, 2), torch.tensor([True, True]))

    def draw(self, _):
        return self.example

    def fixed(self, count):
        return [self.example] * count


@pytest.mark.slow
def test_the_branch_trains_and_comes_back(folder, tmp_path, monkeypatch):
    model = AudioLDM.load(str(folder), offline=True)
    before = model.predictor.unet.conv_out.weight.clone()
    monkeypatch.setattr(unet, "crops_of", lambda data, codec, *_: (FixedCrops(codec), FixedCrops(codec)))
    monkeypatch.setattr(loop, "WARM_UP_STEPS", 1)
    progress = unet.train_control(model, tmp_path, tmp_path / "run", loop.Plan(0.05, 2, 3e-3))
    assert progress.step > 2
    assert torch.equal(model.predictor.unet.conv_out.weight, before)
    latent, level, style, mood = inputs()
    again = AudioLDM.load(str(folder), offline=True, control=tmp_path / "run")
    with torch.no_grad():
        asked = (latent, level, style, mood, some_controls())
        expected, found = (each.predictor.predict(*asked) for each in (model, again))
        assert float((found - expected).abs().max()) < 0.05 * float(expected.abs().max())  # kept as float16
        assert not torch.equal(found, again.predictor.predict(*asked[:4], None))
    other = save_model(tmp_path / "other", "mute", seed=9)
    with pytest.raises(BadInput, match="another UNet"):
        AudioLDM.load(str(other), offline=True, control=tmp_path / "run")

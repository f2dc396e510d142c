"""The latent transformer: attention by distance, no positions, styles and moods; its control branch."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from render.models.controlnet import ConcatTransformer, ControlBranch, ControlledTransformer
from render.models.transformer import LatentTransformer, TransformerConfig, attend, distance_bias

CONFIG = TransformerConfig(channels=8, style=5, width=16, blocks=4, heads=2, reach=6)
CONTROLS = 7


def awake(network: torch.nn.Module) -> torch.nn.Module:
    """The network with random weights in place of those that start at zero."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    return network.eval()


def inputs(tokens: int = 20, batch: int = 2) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    shapes = [(batch, 8, tokens), (batch, 5), (batch, 3, tokens), (batch, CONTROLS, 4 * tokens)]
    latent, style, mood, controls = (torch.randn(shape, generator=generator) for shape in shapes)
    return latent, torch.tensor([10.0, 900.0])[:batch], style, mood, controls


@pytest.mark.parametrize("tokens", [1, 5, 6, 7, 12, 13, 50])
def test_attention_in_blocks_is_attention_within_reach(tokens):
    q, k, v = torch.randn(3, 2, 2, tokens, 8)
    place = torch.arange(tokens)
    distance = (place[:, None] - place).abs()
    bias = -distance * torch.tensor([2.0**-3, 2.0**-6])[:, None, None]
    bias = bias.masked_fill(distance > CONFIG.reach, -math.inf)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=bias[None])
    torch.testing.assert_close(attend(q, k, v, distance_bias(CONFIG, tokens, q.device)), expected)


def test_every_moment_is_treated_alike():
    network = awake(LatentTransformer(CONFIG))
    latent, level, style, mood, _ = inputs(80)
    whole = network(latent, level, style, mood)
    later = network(latent[..., 3:], level, style, mood[..., 3:])
    reach = CONFIG.blocks * (CONFIG.reach + 3) + 3
    torch.testing.assert_close(whole[..., reach:], later[..., reach - 3 :], atol=1e-4, rtol=1e-4)


def test_style_and_mood_count_and_no_style_is_one_style():
    network = awake(LatentTransformer(CONFIG))
    latent, level, style, mood, _ = inputs()
    no_style = torch.zeros(2, dtype=torch.bool)
    plain = network(latent, level, style, mood)
    assert not torch.allclose(plain, network(latent, level, -style, mood))
    assert not torch.allclose(plain, network(latent, level, style, -mood))
    assert not torch.allclose(plain, network(latent, level, style, mood, no_style))
    unstyled = network(latent, level, style, mood, no_style)
    assert torch.equal(unstyled, network(latent, level, -style, mood, no_style))
    assert torch.equal(unstyled, network(latent, level, torch.zeros(2, 1), mood, no_style))
    assert torch.equal(plain, network(latent, level, style, mood, ~no_style))


def test_mood_has_its_effect_where_it_is():
    network = awake(LatentTransformer(replace(CONFIG, blocks=1)))
    latent, level, style, mood, _ = inputs(40)
    other = mood.clone()
    other[..., 30:] += 1
    change = (network(latent, level, style, mood) - network(latent, level, style, other)).abs().amax((0, 1))
    assert (change[:20] == 0).all()
    assert (change[30:] > 0).all()


def test_examples_of_a_batch_are_independent():
    network = awake(LatentTransformer(CONFIG))
    latent, level, style, mood, _ = inputs()
    both = network(latent, level, style, mood)
    alone = network(latent[1:], level[1:], style[1:], mood[1:])
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=1e-5)


def test_a_new_branch_changes_nothing():
    base = awake(LatentTransformer(CONFIG))
    network = ControlledTransformer(base, ControlBranch.copy_of(base, CONTROLS, copied=3))
    latent, level, style, mood, controls = inputs()
    plain = network.predict(latent, level, style, mood, None)
    assert torch.equal(network.predict(latent, level, style, mood, controls), plain)
    assert torch.equal(base.predict(latent, level, style, mood, None), plain)


def test_a_branch_starts_as_a_copy_and_learns_without_its_base():
    base = awake(LatentTransformer(CONFIG)).requires_grad_(False)
    branch = ControlBranch.copy_of(base, CONTROLS, copied=3)
    own = branch.trunk.state_dict()
    assert all(torch.equal(own[name], base.trunk.state_dict()[name]) for name in own)
    network = ControlledTransformer(base, branch)
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1)
    latent, level, style, mood, controls = inputs()
    before = base.state_dict()["trunk.stem.weight"].clone()
    for _ in range(3):
        loss = (network.predict(latent, level, style, mood, controls) - latent).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(base.state_dict()["trunk.stem.weight"], before)
    assert branch.enter.weight.abs().max() > 0
    assert all(leave.weight.abs().max() > 0 for leave in branch.leave)


def test_controls_count_where_they_are():
    config = replace(CONFIG, blocks=1)
    latent, level, style, mood, controls = inputs(60)
    other = controls.clone()
    other[..., 4 * 50 :] += 1
    base = awake(LatentTransformer(config))
    branch = awake(ControlBranch(config, CONTROLS, copied=1))
    for network in (ControlledTransformer(base, branch), awake(ConcatTransformer(config, CONTROLS))):
        one, two = (network.predict(latent, level, style, mood, c) for c in (controls, other))
        change = (one - two).abs().amax((0, 1))
        assert (change[:30] == 0).all()
        assert (change[51:] > 0).all()


def test_no_controls_are_absent_controls_where_they_are_concatenated():
    network = awake(ConcatTransformer(CONFIG, CONTROLS))
    latent, level, style, mood, controls = inputs()
    absent = network.predict(latent, level, style, mood, torch.zeros_like(controls))
    assert torch.equal(network.predict(latent, level, style, mood, None), absent)


@pytest.mark.parametrize("wrong", [{"width": 15}, {"kernel": 4}, {"blocks": 0}, {"reach": 0}])
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match="sizes must be positive"):
        replace(CONFIG, **wrong)


def test_what_does_not_fit_is_refused():
    base = LatentTransformer(CONFIG)
    latent, level, style, mood, controls = inputs()
    with pytest.raises(ValueError, match="takes no controls"):
        base.predict(latent, level, style, mood, controls)
    with pytest.raises(ValueError, match="copied blocks"):
        ControlBranch(CONFIG, CONTROLS, copied=5)
    with pytest.raises(ValueError, match="differ"):
        ControlledTransformer(base, ControlBranch(replace(CONFIG, blocks=3), CONTROLS))
    branch = ControlBranch(CONFIG, CONTROLS)
    for shape in ((2, CONTROLS, 79), (2, CONTROLS + 1, 80)):
        with pytest.raises(ValueError, match="needs"):
            branch(latent, level, style, mood, torch.zeros(shape))

"""Attentional fusion: weights that are convex, parts that are missing, and the loss that draws pairs together."""

from __future__ import annotations

import math

import pytest
import torch

from composer.models.laff import LAFF, TwoSides, contrast

WIDTHS, D, BATCH, STEPS = (3, 1, 5), 8, 4, 6


def make() -> tuple[LAFF, list[torch.Tensor], torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    network = LAFF(WIDTHS, D).eval()
    inputs = [torch.randn(BATCH, STEPS, width) for width in WIDTHS]
    present = torch.tensor(
        [[True, True, True], [True, False, True], [False, True, False], [True, True, False]]
    )
    steps = torch.arange(STEPS)[None] < torch.tensor([6, 4, 1, 5])[:, None]
    return network, inputs, present, steps


@torch.no_grad()
def test_weights_are_convex_and_missing_ones_are_nothing():
    network, inputs, present, steps = make()
    fused = network(inputs, present, steps)
    assert fused.steps.shape == (BATCH, STEPS, D)
    assert fused.whole.shape == (BATCH, D)
    for weights, there in (
        (fused.weights, present[:, None].expand(-1, STEPS, -1)),
        (fused.step_weights, steps),
    ):
        assert (weights >= 0).all()
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
        assert (weights[~there] == 0).all()
        assert (weights[there] > 0).all()


@torch.no_grad()
def test_the_fused_is_the_combination_that_its_weights_say():
    network, inputs, present, steps = make()
    fused = network(inputs, present, steps)
    mapped = torch.stack([torch.tanh(m(x)) for m, x in zip(network.maps, inputs, strict=True)], 2)
    torch.testing.assert_close(fused.steps, (fused.weights[..., None] * mapped).sum(2))
    torch.testing.assert_close(fused.whole, (fused.step_weights[..., None] * fused.steps).sum(1))
    assert fused.steps.abs().max() <= 1


@torch.no_grad()
def test_what_stands_in_missing_places_does_not_matter():
    network, inputs, present, steps = make()
    first = network(inputs, present, steps)
    changed = [x.clone() for x in inputs]
    for feature, x in enumerate(changed):
        x[~present[:, feature]] = 1e3
        x[~steps] = -1e3
    second = network(changed, present, steps)
    torch.testing.assert_close(first.whole, second.whole)
    torch.testing.assert_close(first.steps[steps], second.steps[steps])


@torch.no_grad()
def test_one_feature_alone_passes_through():
    network, inputs, _, steps = make()
    alone = torch.tensor([[False, True, False]]).expand(BATCH, -1)
    fused = network(inputs, alone, steps)
    torch.testing.assert_close(fused.steps, torch.tanh(network.maps[1](inputs[1])))
    with pytest.raises(ValueError, match="missing"):
        network(inputs, torch.zeros(BATCH, 3, dtype=torch.bool), steps)


@torch.no_grad()
def test_padding_and_order_in_the_batch_change_nothing():
    network, inputs, present, steps = make()
    whole = network(inputs, present, steps).whole
    order = torch.tensor([2, 0, 3, 1])
    turned = network([x[order] for x in inputs], present[order], steps[order]).whole
    torch.testing.assert_close(turned, whole[order])
    alone = network([x[1:2, :4] for x in inputs], present[1:2], steps[1:2, :4]).whole
    torch.testing.assert_close(alone, whole[1:2])


@torch.no_grad()
def test_inputs_are_standardized_and_cut_off():
    network, inputs, present, steps = make()
    network.standardize_by([x.flatten(0, 1) * 7 + 3 for x in inputs])
    far = [x * 7 + 3 for x in inputs]
    assert torch.isfinite(network(far, present, steps).whole).all()
    farther, farthest = (
        network([x * 0 + value for x in inputs], present, steps).whole for value in (1e4, 1e6)
    )
    torch.testing.assert_close(farther, farthest)


def test_contrast_is_least_where_pairs_are_alike():
    torch.manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(16, 32), dim=-1)
    temperature = torch.tensor(0.05)
    assert contrast(rows, rows, temperature) < 0.05
    assert contrast(rows, rows.roll(1, 0), temperature) > 5
    assert contrast(torch.ones(16, 4), torch.ones(16, 4), temperature) == pytest.approx(
        math.log(16), abs=1e-4
    )


def test_two_sides_learn_what_belongs_together():
    torch.manual_seed(0)
    sides = TwoSides((2, 3), (4,), 16)
    optimizer = torch.optim.Adam(sides.parameters(), 0.01)
    mix = torch.randn(2, 4)
    steps = torch.ones(32, 5, dtype=torch.bool)
    losses = []
    for _ in range(40):
        hidden = torch.randn(32, 1, 2).expand(-1, 5, -1)
        left = sides.left([hidden, torch.randn(32, 5, 3)], torch.ones(32, 2, dtype=torch.bool), steps)
        right = sides.right([hidden @ mix], torch.ones(32, 1, dtype=torch.bool), steps)
        loss = contrast(left.whole, right.whole, torch.tensor(0.1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    assert left.weights[..., 0].mean() > 0.6  # the noise counts for less

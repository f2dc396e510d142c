import pytest
import torch

from render.models.controlnet import ControlBranch, ControlledTransformer
from render.models.lora import AdapterConfig, adapted, adapter_of, add_adapters, trained_share
from render.models.transformer import LatentTransformer, TransformerConfig

TINY = TransformerConfig(width=32, blocks=2, heads=2)
CONTROLS = 5


def network(seed: int = 0) -> ControlledTransformer:
    torch.manual_seed(seed)
    base = LatentTransformer(TINY)
    branch = ControlBranch.copy_of(base, CONTROLS, copied=1)
    made = ControlledTransformer(base, branch)
    for parameter in made.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    return made.eval()


def predicted(made: ControlledTransformer) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    latent, mood = torch.randn(2, 128, 9, generator=rng), torch.zeros(2, 3, 9)
    controls = torch.randn(2, CONTROLS, 36, generator=rng)
    style = torch.randn(2, 128, generator=rng)
    with torch.no_grad():
        return made.predict(latent, torch.tensor([100.0, 700.0]), style, mood, controls)


def disturb(made: torch.nn.Module) -> None:
    for parameter in made.parameters():
        if parameter.requires_grad:
            parameter.data.add_(
                0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2))
            )


def test_untrained_adapters_change_nothing():
    made = network()
    before = predicted(made)
    add_adapters(made, AdapterConfig(4))
    torch.testing.assert_close(predicted(made), before)


def test_only_adapters_are_trained_and_they_sit_where_style_and_controls_pass():
    made = network()
    add_adapters(made, AdapterConfig(4))
    trained = {name for name, p in made.named_parameters() if p.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    layers = {name.split(".lora_")[0] for name in trained}
    block = {f"branch.trunk.blocks.0.{layer}" for layer in ("qkv", "out", "up", "down")}
    style = {f"{part}.trunk.{layer}" for part in ("base", "branch") for layer in ("style", "modulation.1")}
    assert layers == block | style | {"branch.enter", "branch.leave.0", "branch.leave.1"}


def test_the_default_trains_at_most_a_quarter_of_the_shipped_branch():
    base = LatentTransformer(TransformerConfig())
    made = ControlledTransformer(base, ControlBranch(TransformerConfig(), 119))
    weights = sum(p.numel() for p in made.branch.parameters())
    add_adapters(made, AdapterConfig())
    share = trained_share(made, made.branch)
    assert 0.02 < share <= 0.25
    assert share * weights == pytest.approx(sum(p.numel() for p in made.parameters() if p.requires_grad))


def test_merging_gives_what_was_trained_and_leaves_the_network_alone():
    made, config = network(), AdapterConfig(4, 1.5)
    before = predicted(made)
    add_adapters(made, config)
    disturb(made)
    trained = predicted(made)
    assert not torch.allclose(trained, before, atol=1e-3)
    plain = network()
    merged = adapted(plain, adapter_of(made), config)
    torch.testing.assert_close(predicted(merged), trained, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(predicted(plain), before)
    assert {name for name, _ in merged.named_parameters()} == {name for name, _ in plain.named_parameters()}


def test_seeds_repeat():
    first, second, third = network(), network(), network()
    for made, seed in ((first, 1), (second, 1), (third, 2)):
        add_adapters(made, AdapterConfig(4), seed)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), third.parameters(), strict=True))


def test_adapters_of_other_networks_are_refused():
    made, config = network(), AdapterConfig(4)
    add_adapters(made, config)
    weights = adapter_of(made)
    with pytest.raises(ValueError, match="another network"):
        adapted(network(), weights, AdapterConfig(8))
    weights.popitem()
    with pytest.raises(ValueError, match="another network"):
        adapted(network(), weights, config)
    with pytest.raises(ValueError, match="rank"):
        AdapterConfig(0)

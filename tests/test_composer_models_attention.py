"""Linear attention over whole sequences: every backend computes the definition, with its gradients."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch

from composer.errors import NotInstalled
from composer.models.attention import Attend, GatedLinearAttention
from composer.models.backend import BACKENDS, attend_with, use_backend
from composer.models.decoder import Decoder, DecoderConfig, Memory

NEEDS_PACKAGE = pytest.mark.skipif(
    find_spec("fast_transformers") is None, reason="pytorch-fast-transformers is not installed"
)
EVERY_BACKEND = [
    pytest.param(name, marks=NEEDS_PACKAGE if name == "fast-transformers" else ()) for name in BACKENDS
]


def make_parts(
    steps: int, decay: float, batch: int = 2, heads: int = 3, width: int = 8
) -> list[torch.Tensor]:
    """query, key, value, log_decay of about ``-decay`` a step."""
    generator = torch.Generator().manual_seed(steps)
    parts = [torch.randn(batch, heads, steps, width, generator=generator) for _ in range(3)]
    return [*parts, -decay * 2 * torch.rand(batch, heads, steps, generator=generator)]


def attend_by_definition(query, key, value, log_decay):
    total = log_decay.double().cumsum(-1)
    weights = (total[..., :, None] - total[..., None, :]).exp().tril()
    return ((query.double() @ key.double().transpose(-1, -2)) * weights) @ value.double()


def gradients(attend: Attend, parts: list[torch.Tensor]) -> list[torch.Tensor]:
    leaves = [part.clone().requires_grad_() for part in parts]
    towards = torch.randn(parts[0].shape, generator=torch.Generator().manual_seed(9))
    attended = attend(*leaves)
    return list(torch.autograd.grad((attended * towards.to(attended.dtype)).sum(), leaves))


@pytest.mark.parametrize("backend", EVERY_BACKEND)
@pytest.mark.parametrize("steps", [1, 31, 128, 300])
@pytest.mark.parametrize("decay", [0.0, 0.04, 1.5])
def test_attention_is_the_decayed_causal_sum(backend, steps, decay):
    parts = make_parts(steps, decay)
    assert torch.allclose(attend_with(backend)(*parts).double(), attend_by_definition(*parts), atol=1e-4)


@pytest.mark.parametrize("backend", EVERY_BACKEND)
@pytest.mark.parametrize("decay", [0.04, 1.5])
def test_gradients_are_those_of_the_definition(backend, decay):
    parts = make_parts(150, decay)
    for found, wanted in zip(
        gradients(attend_with(backend), parts), gradients(attend_by_definition, parts), strict=True
    ):
        assert torch.allclose(found, wanted, atol=1e-4 * float(wanted.abs().max()))


@NEEDS_PACKAGE
@pytest.mark.parametrize("decay", [5.0, 40.0])
def test_a_sharp_decay_stays_finite(decay):
    parts = make_parts(200, decay)
    attended = attend_with("fast-transformers")(*parts)
    assert torch.allclose(attended.double(), attend_by_definition(*parts), atol=1e-4)
    assert all(torch.isfinite(part).all() for part in gradients(attend_with("fast-transformers"), parts))


@NEEDS_PACKAGE
@pytest.mark.parametrize("shape", ["expanded", "transposed"])
def test_gradients_of_any_layout(shape):
    query, key, value, log_decay = make_parts(128, 0.04, width=128)
    found = []
    for backend in BACKENDS:
        leaf = value.clone().requires_grad_()
        attended = attend_with(backend)(query, key, leaf, log_decay)
        loss = attended.sum() if shape == "expanded" else (attended.transpose(-1, -2) @ query).square().sum()
        found.append(torch.autograd.grad(loss, leaf)[0])
    assert torch.allclose(*found, rtol=1e-4, atol=1e-4 * float(found[0].abs().max()))


@NEEDS_PACKAGE
def test_the_backends_give_a_decoder_the_same_logits_and_gradients():
    torch.manual_seed(0)
    config = DecoderConfig((9, 40), (8, 12), memory=(20,), width=64, layers=3, heads=4, encoder_layers=1)
    decoder = Decoder(config).eval()
    steps = 333
    previous, conditions = torch.randint(0, 10, (2, steps, 2)), torch.randint(0, 9, (2, steps, 2))
    bars = (torch.arange(steps) // 20).expand(2, -1)
    memory = Memory(torch.randint(0, 21, (2, 80, 1)), (torch.arange(80) // 4).expand(2, -1))
    targets = torch.randint(0, 9, (2 * steps, 2))
    logits, slopes = [], []
    for backend in BACKENDS:
        use_backend(decoder, backend)
        decoder.zero_grad()
        hidden = decoder.hidden(previous, conditions, bars, memory).flatten(0, 1)
        logits.append(decoder.heads.predict(0, decoder.heads.begin(hidden)).detach())
        sum(loss.mean() for loss in decoder.heads.losses(hidden, targets)).backward()
        slopes.append([p.grad.clone() for p in decoder.parameters() if p.grad is not None])
    assert torch.allclose(*logits, atol=1e-4)
    for one, other in zip(*slopes, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


@NEEDS_PACKAGE
def test_half_precision_goes_in_and_comes_out():
    torch.manual_seed(0)
    layer = GatedLinearAttention(32, 4)
    x = torch.randn(2, 70, 32)
    found = []
    for backend in BACKENDS:
        use_backend(layer, backend)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found.append(layer(x))
    assert found[0].dtype == found[1].dtype
    assert torch.allclose(*(part.float() for part in found), atol=0.05)


def test_an_unknown_backend_is_named():
    with pytest.raises(ValueError, match=r"'flash'.*torch, fast-transformers"):
        use_backend(GatedLinearAttention(8, 2), "flash")


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("composer.models.backend.find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match=r"pip install .*pytorch-fast-transformers"):
        attend_with("fast-transformers")


@NEEDS_PACKAGE
def test_another_device_is_refused():
    parts = [part.to("meta") for part in make_parts(10, 0.1)]
    with pytest.raises(ValueError, match="must be on cpu"):
        attend_with("fast-transformers")(*parts)

"""Sampling: exact on a known velocity, guided as the formula says, seamless in windows, the same bytes twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler

from render import diffusion
from render.diffusion import Conditions, Sampling, Windows, noise_of, sample
from render.errors import OutOfResources
from render.models.predictor import SCHEDULE

CHANNELS = 8
ALPHAS = DDPMScheduler(**SCHEDULE).alphas_cumprod.double()


class Known:
    """The exact velocity where all music is one latent: ``plain`` plus what style and controls add to it."""

    def __init__(self, memory: int = 10**9, wobble: float = 0.0) -> None:
        self.memory, self.wobble = memory, wobble
        self.calls: list[tuple[int, int, bool]] = []

    def predict(self, latent, level, style, mood, controls, has_style=None):
        batch, _, tokens = latent.shape
        self.calls.append((batch, tokens, controls is not None))
        if tokens > self.memory:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        clean = mood[:, :1].expand(-1, CHANNELS, -1) + self.wobble * tokens
        if controls is not None:
            clean = clean + controls[:, :1, ::4]
        clean = clean + (style[:, :1] * has_style[:, None])[:, :, None]
        alpha, sigma = ALPHAS[int(level[0])] ** 0.5, (1 - ALPHAS[int(level[0])]) ** 0.5
        return ((alpha * latent - clean) / sigma).float()


def conditions(tokens: int, seed: int = 0) -> Conditions:
    rng = torch.Generator().manual_seed(seed)
    return Conditions(
        torch.full((128,), 0.5),
        torch.randn(3, tokens, generator=rng),
        torch.randn(2, 4 * tokens, generator=rng),
    )


@pytest.mark.parametrize("method", diffusion.METHODS)
@pytest.mark.parametrize("steps", [1, 3, 10])
def test_sampling_and_guidance_are_exact_on_a_known_velocity(method, steps):
    asked = conditions(20)
    sampling = Sampling(method, steps, guidance_style=3.0, guidance_control=1.5, guidance_every=1)
    found = sample(Known(), asked, CHANNELS, seed=1, sampling=sampling)
    expected = asked.mood[0] + 1.5 * asked.controls[0, ::4] + 3.0 * 0.5
    assert torch.allclose(found, expected.expand(CHANNELS, -1), atol=2e-3)


def test_evaluations_that_count_for_nothing_are_not_made():
    network = Known()
    asked = conditions(20)
    sample(network, asked, CHANNELS, seed=1, sampling=Sampling(steps=1))
    assert network.calls == [(2, 20, True), (1, 20, False)]
    network.calls.clear()
    unguided = Sampling(steps=1, guidance_style=1.0, guidance_control=1.0)
    sample(network, asked, CHANNELS, seed=1, sampling=unguided)
    sample(network, Conditions(None, asked.mood, None), CHANNELS, seed=1, sampling=Sampling(steps=1))
    assert network.calls == [(1, 20, True), (1, 20, False)]


def test_guidance_may_be_kept_for_some_steps():
    network, asked = Known(), conditions(20)
    sampling = Sampling(steps=4, guidance_style=3.0, guidance_every=2)
    found = sample(network, asked, CHANNELS, seed=1, sampling=sampling)
    assert [batch for batch, _, _ in network.calls] == [2, 1, 1, 2, 1, 1]
    always = Sampling(steps=4, guidance_style=3.0, guidance_every=1)
    every = sample(Known(), asked, CHANNELS, seed=1, sampling=always)
    assert torch.nn.functional.cosine_similarity(found.flatten(), every.flatten(), dim=0) > 0.95


def test_noise_belongs_to_the_moment():
    assert torch.equal(noise_of(7, CHANNELS, 50), noise_of(7, CHANNELS, 90)[:, :50])
    assert not torch.equal(noise_of(7, CHANNELS, 50), noise_of(8, CHANNELS, 50))


@pytest.mark.parametrize("tokens", [50, 100, 101, 149, 400])
def test_windows_cover_everything_once(tokens):
    windows = Windows(tokens, 100, 25)
    total = torch.zeros(tokens)
    for start, stop in windows:
        total[start:stop] += windows.fade(start, stop)
        assert stop - start <= 100
    assert torch.allclose(total, torch.ones(tokens), atol=1e-6)
    assert len(list(windows)) == (1 if tokens <= 100 else -(-(tokens - 25) // 75))


def test_a_cue_in_windows_is_the_cue_in_one_piece():
    asked = conditions(300)
    whole = sample(Known(), asked, CHANNELS, seed=3)
    network = Known()
    pieces = sample(network, asked, CHANNELS, seed=3, sampling=Sampling(window_s=8.0, overlap_s=2.0))
    assert max(tokens for _, tokens, _ in network.calls) == 100
    assert torch.allclose(whole, pieces, atol=1e-4)


def test_windows_that_disagree_are_crossfaded():
    sampling = Sampling(window_s=8.0, overlap_s=4.0, guidance_style=1.0, guidance_control=1.0)
    flat = Conditions(None, torch.zeros(3, 130), None)
    found = sample(Known(wobble=0.01), flat, CHANNELS, seed=3, sampling=sampling)[0]
    assert found[:50].max() == pytest.approx(1.0, abs=2e-3)
    assert found[100:].max() == pytest.approx(0.8, abs=2e-3)
    assert found.diff().abs().max() < 0.01


def test_memory_running_out_halves_the_windows():
    asked, said = conditions(400), []
    network = Known(memory=110)
    found = sample(network, asked, CHANNELS, seed=3, warn=said.append)
    assert torch.allclose(found, sample(Known(), asked, CHANNELS, seed=3), atol=1e-4)
    assert said == [f"memory ran out; going on with windows of {s} s" for s in (16, 8)]
    with pytest.raises(OutOfResources, match="--device cpu"):
        sample(Known(memory=10), asked, CHANNELS, seed=3)


def test_an_error_that_is_not_about_memory_passes():
    with pytest.raises(RuntimeError, match="size of tensor"):
        sample(Known(), Conditions(None, torch.zeros(3, 20), torch.zeros(2, 7)), CHANNELS, seed=0)


def test_strength_runs_from_the_synthesis_to_pure_generation():
    asked = conditions(20)
    synthesis = torch.full((CHANNELS, 20), 5.0)
    assert sample(Known(), asked, CHANNELS, seed=1, start=synthesis, strength=0.0) is synthesis
    painted = sample(Known(), asked, CHANNELS, seed=1, start=synthesis, strength=1.0)
    assert torch.equal(painted, sample(Known(), asked, CHANNELS, seed=1))
    levels = [int(diffusion.make_scheduler(Sampling(), strength)[1][0]) for strength in (0.01, 0.5, 0.8, 1.0)]
    assert levels == sorted(levels)
    assert 400 < levels[0] < 560
    assert levels[-1] > 980
    network = Known()
    always = Sampling(guidance_every=1)
    sample(network, asked, CHANNELS, seed=1, sampling=always, start=synthesis, strength=0.3)
    assert len(network.calls) == 2 * always.steps
    with pytest.raises(ValueError, match="start"):
        sample(Known(), asked, CHANNELS, seed=1, strength=0.5)


class Memory(dict):
    """A journal."""

    read = dict.get
    write = dict.__setitem__


def test_an_interrupted_run_goes_on_to_the_same_bytes():
    asked = conditions(150)
    sampling = Sampling(steps=10, guidance_every=1, window_s=6.0, overlap_s=1.0)
    journal = Memory()
    whole = sample(Known(), asked, CHANNELS, seed=3, sampling=sampling, journal=journal)
    for step in range(4, 10):
        del journal[step]
    network, shares = Known(), []
    again = sample(
        network, asked, CHANNELS, seed=3, sampling=sampling, journal=journal, progress=shares.append
    )
    assert torch.equal(whole, again)
    assert len(network.calls) == 6 * 2 * 3
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_what_cannot_be_sampled_is_refused():
    for wrong in ({"steps": 0}, {"method": "euler"}, {"guidance_style": -1.0}, {"window_s": 5.0}):
        with pytest.raises(ValueError, match=r"steps|method|guidance|windows"):
            Sampling(**wrong)
    assert np.isfinite(noise_of(0, 1, 1).numpy()).all()


def test_every_strength_begins_at_a_level_of_its_own():
    first = [
        int(diffusion.make_scheduler(Sampling(steps=4), strength)[1][0]) for strength in (0.6, 0.65, 0.7, 1)
    ]
    assert first == sorted(set(first))


@pytest.mark.parametrize("method", ["dpm", "ddim"])
def test_levels_are_as_many_as_steps_and_fall_within_the_schedule(method):
    for steps, strength in ((4, 0.1), (4, 1.0), (50, 0.65), (61, 1.0), (200, 0.65)):
        levels = diffusion.make_scheduler(Sampling(method, steps), strength)[1]
        assert len(levels) == steps
        assert (levels.diff() < 0).all()
        assert 0 <= levels.min() <= levels.max() <= 999

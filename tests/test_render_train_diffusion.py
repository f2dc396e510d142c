"""Training the renderer's networks: the loss, the loop, what is shown of the controls, and the commands in a row."""

from __future__ import annotations

import csv
import json
import math
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from random_takes import write_takes
from torch import nn

from render.checkpoints import load_predictor, read_card
from render.controls import CLASSES, CONTROL_CHANNELS, CONTROLS, ROLL_ROWS
from render.errors import BadInput
from render.models.codec import PcaCodec
from render.models.controlnet import ConcatTransformer, ControlledTransformer
from render.models.predictor import LEVELS
from render.models.transformer import LatentTransformer
from render.train import codec, controlnet, diffusion, export, loop
from render.train.dataset import Takes
from render.train.diffusion import TINY, Crops

pytest.importorskip("accelerate")
TICK_S = 0.05  # of the pretended clock, which moves at every look
FEW = replace(TINY, channels=8)  # noise of 128 channels does not fit through the width of 32


@pytest.fixture
def clock(monkeypatch):
    """Processor time that moves on by `TICK_S` whenever it is read."""
    now = [0.0]

    def read() -> float:
        now[0] += TICK_S
        return now[0]

    monkeypatch.setattr(time, "process_time", read)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("takes")
    write_takes(folder)
    return folder


def minutes(steps: int) -> float:
    """The budget that ends after so many steps of the pretended clock."""
    return (steps - 0.5) * TICK_S / 60


def example(rng: np.random.Generator, count: int = 4) -> loop.Example:
    """One latent for everyone, so that there is something to learn."""
    latent = torch.linspace(-1, 1, FEW.channels)[None, :, None].repeat(count, 1, 8)
    return loop.Example(
        latent,
        torch.zeros(count, FEW.style),
        torch.zeros(count, 3, 8),
        None,
        torch.ones(count, dtype=torch.bool),
    )


class Exact(nn.Module):
    """Knows the latent, so it predicts the velocity without an error but for ``wrong``."""

    def __init__(self, latent: torch.Tensor, wrong: float = 0.0) -> None:
        super().__init__()
        self.latent, self.wrong = latent, wrong

    def predict(self, latent, level, style, mood, controls, has_style=None):
        signal = loop.Denoising(nn.Identity()).signal[level][:, None, None]
        noise = (latent - signal.sqrt() * self.latent) / (1 - signal).sqrt()
        return signal.sqrt() * noise - (1 - signal).sqrt() * self.latent + self.wrong


def test_the_loss_is_that_of_the_velocity_at_every_level():
    rng = np.random.default_rng(0)
    batch = example(rng)
    noise, level = loop.noise_like(batch.latent, rng), torch.tensor([100, 400, 700, 950])
    assert float(loop.Denoising(Exact(batch.latent))(batch, noise, level)) < 1e-6
    wrong = loop.Denoising(Exact(batch.latent, wrong=2.0))
    assert float(wrong(batch, noise, level)) == pytest.approx(4.0, rel=1e-4)


def test_levels_are_spread_over_the_schedule():
    for seed in range(5):
        level = loop.spread_levels(np.random.default_rng(seed), 10)
        assert level.min() >= 0
        assert level.max() < LEVELS
        assert sorted((level // 100).tolist()) == list(range(10))


def test_training_learns_and_goes_on(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(loop, "WARM_UP_STEPS", 1)
    torch.manual_seed(0)
    network = LatentTransformer(FEW)
    tuning = [example(np.random.default_rng(1))]
    before = loop.evaluate(loop.Denoising(network), tuning, torch.device("cpu"))
    loop.describe(tmp_path, {}, loop.Plan(minutes(40), batch=4))
    progress = loop.train(network, loop.Plan(minutes(40), batch=4, rate=1e-2), tmp_path, example, tuning)
    assert progress.step == 40
    best = LatentTransformer(FEW)
    assert loop.load_best(best, tmp_path) == progress
    after = loop.evaluate(loop.Denoising(best), tuning, torch.device("cpu"))
    assert after == pytest.approx(progress.best)
    assert after < 0.3 * before
    again = LatentTransformer(FEW)
    assert loop.train(again, loop.Plan(minutes(45), batch=4), tmp_path, example, tuning).step == 45
    with (tmp_path / "losses.csv").open() as file:
        assert [row[0] for row in csv.reader(file)] == ["40", "45"]


def test_a_killed_run_starts_from_its_weights(tmp_path, clock):
    network = LatentTransformer(FEW)
    tuning = [example(np.random.default_rng(1))]
    loop.train(network, loop.Plan(minutes(3), batch=4), tmp_path, example, tuning)
    other = LatentTransformer(FEW)
    loop.train(other, loop.Plan(minutes(3), batch=4), tmp_path, example, tuning)
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
    with pytest.raises(BadInput, match="another network"):
        loop.train(nn.Linear(2, 2), loop.Plan(minutes(4)), tmp_path, example, tuning)


def test_the_rate_warms_up_and_falls():
    assert loop.schedule(0, 0.0) == pytest.approx(0.01)
    assert loop.schedule(100, 0.0) == pytest.approx(1.0)
    assert loop.schedule(100, 1.0) == pytest.approx(loop.FINAL_RATE)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(BadInput, match="check the path"):
        loop.read_run(tmp_path)
    with pytest.raises(BadInput, match=r"no best\.pt yet"):
        loop.load_best(LatentTransformer(FEW), tmp_path)


def test_crops_leave_out_style_and_mood_now_and_then(data):
    takes = Takes(data, "training")
    crops = Crops(takes, PcaCodec(), 200)
    drawn = crops.of_length(np.random.default_rng(0), 8, 200)
    assert drawn.latent.shape == (200, 128, 2)
    assert drawn.controls is None
    assert 0.8 < drawn.has_style.float().mean() < 0.97
    assert 0.7 < drawn.mood.flatten(1).any(1).float().mean() < 0.9
    crops = Crops(takes, PcaCodec(), 8)
    lengths = {crops.draw(np.random.default_rng(seed)).latent.shape[::2] for seed in range(16)}
    assert lengths == {(8, 64), (4, 128), (2, 256)}
    first, second = crops.fixed(1), crops.fixed(1)
    assert torch.equal(first[0].latent, second[0].latent)


def test_what_is_shown_of_the_controls(data):
    count = 600
    batch = Takes(data, "training").crop(np.random.default_rng(0), 64, count)
    controls = controlnet.shown(batch, np.random.default_rng(0))
    assert controls.shape == (count, CONTROL_CHANNELS, 64)
    rows = {name: np.isin(controlnet.CONTROL_OF_ROW, index) for index, name in enumerate(CONTROLS)}
    flags = controls[:, -len(CONTROLS) - 1 : -1]
    for index, name in enumerate(CONTROLS):
        absent = flags[:, index] == 0
        assert (controls[:, rows[name]].abs().amax(1)[absent] == 0).all()
    given = (controls[:, 25 : -len(CONTROLS) - 1] > 0).all(
        1
    )  # takes of noise: no onset and no pitch is ever 0
    assert torch.equal(given, (flags[:, 3:] > 0).all(1))
    shown = flags.amax(2)
    is_measured = controls[:, -1].amax(1) > 0
    assert (shown[is_measured][:, 3:] == 0).all()
    assert is_measured.float().mean() == pytest.approx(0.9 * 0.4, abs=0.07)
    assert (shown.sum(1) == 5).float().mean() == pytest.approx(0.9 * (0.4 + 0.2 / 2**5), abs=0.07)
    assert (shown.sum(1) == 0).float().mean() == pytest.approx(0.1 + 0.9 * 0.2 / 2**5, abs=0.05)
    in_time = (flags.amax(2) != flags.amin(2)).any(1)
    assert 0.05 < in_time.float().mean() < 0.2


def test_rows_belong_to_their_controls():
    assert len(controlnet.CONTROL_OF_ROW) == CONTROL_CHANNELS
    assert (controlnet.CONTROL_OF_ROW[:CLASSES] == 0).all()
    assert np.isin(controlnet.CONTROL_OF_ROW, CONTROLS.index("roll")).sum() == ROLL_ROWS + 1


def command(module, monkeypatch, *arguments) -> None:
    monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
    module.main()


def test_the_commands_in_a_row(data, tmp_path, clock, monkeypatch, capsys):
    runs = {name: tmp_path / name for name in ("codec", "base", "branch", "concat", "shipped")}
    monkeypatch.setattr(diffusion, "FRAMES", 16)
    budget = ["--minutes", minutes(2), "--batch", 4, "--device", "cpu"]
    command(codec, monkeypatch, data, "-o", runs["codec"])
    command(diffusion, monkeypatch, data, "--codec", runs["codec"], "-o", runs["base"], "--tiny", *budget)
    trained = ["--base", runs["base"], *budget]
    command(controlnet, monkeypatch, data, "-o", runs["branch"], *trained, "--copied", 1)
    command(controlnet, monkeypatch, data, "-o", runs["concat"], *trained, "--concat")
    branched, progress = controlnet.load_controlled_run(runs["branch"])
    assert isinstance(branched, ControlledTransformer)
    assert progress.step == 2
    assert math.isfinite(progress.best)
    assert isinstance(controlnet.load_controlled_run(runs["concat"])[0], ConcatTransformer)
    midi = tmp_path / "midi"
    midi.mkdir()
    source = {"name": "pieces", "licence": "CC0-1.0", "refused_works": ["7"]}
    (midi / "sources.json").write_text(json.dumps({"sources": [source]}))
    shipping = [data, "--midi", midi, "-o", runs["shipped"]]
    command(export, monkeypatch, *shipping, "--branch", runs["branch"])
    assert "branch:" in capsys.readouterr().out
    shipped, kept = load_predictor(runs["shipped"]), branched.state_dict()
    for name, value in shipped.state_dict().items():
        torch.testing.assert_close(value, kept[name], atol=1e-3, rtol=1e-3)
    card = read_card(runs["shipped"], "branch")
    assert card["data"]["scores"] == [{"name": "pieces", "licence": "CC0-1.0"}]
    assert card["data"]["styles"] == ["harp"]
    assert card["training"]["steps"] == 2
    with pytest.raises(BadInput, match="does not ship"):
        command(export, monkeypatch, *shipping, "--branch", runs["concat"])

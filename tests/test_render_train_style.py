import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from render.errors import BadInput
from render.models.style_encoder import StyleEncoderConfig
from render.style_source import load_encoder
from render.synth import Room
from render.train import style
from render.train.data import Recipe
from render.train.loop import Plan
from render.train.style import train
from render.train.style_crops import Crops, Take, takes_of, vary

TINY = StyleEncoderConfig(width=16, blocks=1)
STYLES = ("bright", "dark", "middling")
FLOOR = np.log(1e-5)


def takes(frames: int = 700) -> list[Take]:
    """Random notes through the spectrum of their style."""
    rng = np.random.default_rng(0)
    made = []
    for number, name in enumerate(STYLES):
        spectrum = -7 + 2 * np.cos((number + 1) * np.linspace(0, np.pi, 128))
        for index, split in enumerate(("training", "training", "tuning", "held-out")):
            notes = rng.normal(0, 1, (128, frames)) + rng.normal(0, 2, frames)
            mel = np.maximum(spectrum[:, None] + notes, FLOOR).astype(np.float16)
            made.append(Take(f"{split}-{number:02d}{index:02d}", split, name, f"{name}/font/0", mel))
    return made


def write_takes(folder):
    for take in takes():
        recipe = Recipe(take.split, int(take.name[-4:]), 0, take.style, "font", 0, Room(), ())
        np.savez(folder / f"{take.name}.npz", mel=take.mel, recipe=json.dumps(asdict(recipe)))


def test_crops_are_of_one_length_and_of_every_style():
    crops = Crops(takes()[:2] * 3 + takes()[4:])
    assert crops.counts == (3, 3, 10)
    rng = np.random.default_rng(0)
    counts = np.zeros(3)
    for _ in range(20):
        mel, classes = crops.draw(rng, 16)
        assert mel.shape[:2] == (16, 128)
        assert 100 <= mel.shape[2] <= 400
        assert torch.equal(classes[:, 0], classes[:, 1])
        counts += np.bincount(classes[:, 0].numpy(), minlength=3)
    assert counts.min() > 0.2 * counts.sum()


def test_a_short_take_is_repeated():
    crops = Crops([Take("training-0000", "training", "dark", "dark/f/0", np.zeros((128, 60), np.float16))])
    assert crops.draw(np.random.default_rng(0), 2)[0].shape[2] >= 100


def test_variation_keeps_the_shape_and_the_floor():
    mel = np.full((3, 128, 100), -8.0, np.float32)
    varied = vary(mel, np.random.default_rng(0))
    assert varied.shape == mel.shape
    assert varied.dtype == np.float32
    assert varied.min() >= np.float32(FLOOR)
    assert not np.allclose(varied, mel, atol=0.1)


def test_takes_are_read_from_their_folder(tmp_path):
    with pytest.raises(BadInput, match="no training takes"):
        takes_of(tmp_path)
    write_takes(tmp_path)
    found = takes_of(tmp_path)
    assert {take.line_up for take in found} == {f"{name}/font/0" for name in STYLES}
    assert {(take.split, take.mel.shape) for take in found} == {
        (split, (128, 700)) for split in ("training", "tuning", "held-out")
    }


@pytest.mark.slow
def test_an_interrupted_run_goes_on(tmp_path, capsys):
    pytest.importorskip("accelerate")
    for minutes in (0.01, 0.02):
        train(TINY, Plan(minutes, batch=4), tmp_path, takes())
    assert "goes on from step" in capsys.readouterr().err
    with pytest.raises(BadInput, match="other takes"):
        train(TINY, Plan(0.02, batch=4), tmp_path, takes()[:7])
    assert (tmp_path / "losses.csv").read_text().count("\n") >= 2


@pytest.mark.slow
def test_the_command_learns_styles(tmp_path, monkeypatch, capsys):
    pytest.importorskip("accelerate")
    data, run = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    write_takes(data)
    (data / "fonts.json").write_text("{}")
    arguments = [
        "style",
        str(data),
        "-o",
        str(run),
        "--tiny",
        "--minutes",
        "0.1",
        "--batch",
        "8",
        "--device",
        "cpu",
    ]
    monkeypatch.setattr("sys.argv", arguments)
    style.main()
    encoder = load_encoder(run)
    assert encoder.config.styles == STYLES
    torch.testing.assert_close(encoder.styles.norm(dim=1), torch.ones(3), atol=1e-3, rtol=0)
    with np.load(data / "embeddings.npz") as embeddings:
        assert len(embeddings.files) == len(takes())
        assert embeddings["training-0000"].shape == (3, 128)
    assert "100.0% of takes" in capsys.readouterr().out
    (data / "embeddings.npz").unlink()
    monkeypatch.setattr("sys.argv", ["style", str(data), "-o", str(run), "--embed-only"])
    style.main()
    with np.load(data / "embeddings.npz") as again:
        assert len(again.files) == len(takes())

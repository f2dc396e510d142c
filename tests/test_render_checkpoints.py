"""Checkpoints: what was saved comes back, in small files; anything else is refused in one line."""

from __future__ import annotations

import hashlib
import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from render import checkpoints
from render.checkpoints import (
    load_base,
    load_branch,
    load_codec,
    load_predictor,
    read_card,
    save_base,
    save_branch,
    save_codec,
)
from render.errors import BadInput, NotInstalled, RenderError
from render.models.codec import PcaCodec
from render.models.controlnet import ControlBranch
from render.models.transformer import LatentTransformer, TransformerConfig

CONFIG = TransformerConfig(channels=8, style=5, width=16, blocks=2, heads=2, reach=6)


@pytest.fixture
def folder(tmp_path):
    """A whole set of tiny random checkpoints."""
    torch.manual_seed(0)
    base = LatentTransformer(CONFIG)
    save_codec(PcaCodec(8, 8), tmp_path, {})
    save_base(base, tmp_path, {"seed": 3})
    branch = ControlBranch.copy_of(base, controls=7, copied=1)
    save_branch(branch, tmp_path, {"base": read_card(tmp_path, "base")["files"]})
    return tmp_path


def rewrite(folder, name, content: bytes) -> None:
    """Put ``content`` where a weights file was, with a card that agrees."""
    (folder / f"{name}.safetensors").write_bytes(content)
    card = json.loads((folder / f"{name}.json").read_text())
    card["files"] = {f"{name}.safetensors": hashlib.sha256(content).hexdigest()}
    (folder / f"{name}.json").write_text(json.dumps(card))


def refused(load, folder, kind: type[RenderError], match: str) -> None:
    """`load` raises ``kind`` with one line that matches and ends in the remedy."""
    with pytest.raises(kind, match=match) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(checkpoints.REMEDY)


def test_what_was_saved_comes_back(folder):
    torch.manual_seed(0)
    expected = LatentTransformer(CONFIG).state_dict()
    base = load_base(folder)
    assert base.config == CONFIG
    assert not base.training
    assert not any(parameter.requires_grad for parameter in base.parameters())
    for name, value in base.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, expected[name].half().float())
    assert torch.equal(load_codec(folder).components, PcaCodec(8, 8).components)
    assert len(load_branch(folder).trunk.blocks) == 1


def test_the_card_tells(folder):
    card = read_card(folder, "base")
    assert card["seed"] == 3
    assert card["dtype"] == "float16"
    assert card["parameters"] == sum(p.numel() for p in LatentTransformer(CONFIG).parameters())


def test_a_predictor_is_a_base_and_its_branch(folder):
    predictor = load_predictor(folder)
    latent, mood = torch.randn(1, 8, 4), torch.zeros(1, 3, 4)
    found = predictor.predict(latent, torch.tensor([5.0]), torch.zeros(1, 5), mood, torch.zeros(1, 7, 16))
    assert found.shape == latent.shape


def test_a_branch_of_another_base_is_refused(folder):
    torch.manual_seed(1)
    save_base(LatentTransformer(CONFIG), folder, {})
    refused(load_predictor, folder, BadInput, "another base")


def test_large_checkpoints_come_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SHARD_BYTES", 10_000)
    torch.manual_seed(0)
    base = LatentTransformer(CONFIG)
    save_base(base, tmp_path, {})
    files = sorted(tmp_path.glob("base-*.safetensors"))
    assert sorted(read_card(tmp_path, "base")["files"]) == [file.name for file in files]
    assert len(files) > 1
    assert all(sum(t.nbytes for t in load_file(file).values()) <= 10_000 for file in files)
    assert load_base(tmp_path).state_dict().keys() == base.state_dict().keys()
    files[1].unlink()
    refused(load_base, tmp_path, NotInstalled, "missing")


def test_parts_of_an_older_checkpoint_go(folder, monkeypatch):
    (folder / "base-line.safetensors").write_bytes(b"another")
    monkeypatch.setattr(checkpoints, "SHARD_BYTES", 10_000)
    save_base(LatentTransformer(CONFIG), folder, {})
    assert not (folder / "base.safetensors").exists()
    monkeypatch.undo()
    save_base(LatentTransformer(CONFIG), folder, {})
    assert {path.name for path in folder.glob("base*")} == {
        "base.json", "base.safetensors", "base-line.safetensors",
    }  # fmt: skip


def test_shipped_parts_are_below_16_mb():
    assert checkpoints.SHARD_BYTES + 100_000 < 16e6


def test_nothing_there(tmp_path):
    refused(load_base, tmp_path, NotInstalled, "no such checkpoint")


def test_a_changed_file_is_refused(folder):
    path = folder / "base.safetensors"
    path.write_bytes(path.read_bytes()[:-2] + b"\0\1")
    refused(load_base, folder, BadInput, "sha256")


def test_a_pickle_is_refused(folder):
    rewrite(folder, "base", pickle.dumps({"head.bias": [0.0]}))
    refused(load_base, folder, BadInput, "not safetensors")


def test_a_truncated_file_is_refused(folder):
    rewrite(folder, "base", (folder / "base.safetensors").read_bytes()[:-10])
    refused(load_base, folder, BadInput, "not safetensors")


@pytest.mark.parametrize("change", ["shape", "missing", "stray", "nan"])
def test_other_tensors_are_refused(folder, tmp_path, change):
    tensors = load_file(folder / "base.safetensors")
    if change == "shape":
        tensors["head.bias"] = torch.zeros(9)
    elif change == "missing":
        del tensors["head.bias"]
    elif change == "stray":
        tensors["tail.bias"] = torch.zeros(8)
    else:
        tensors["head.bias"][0] = float("nan")
    save_file(tensors, tmp_path / "other")
    rewrite(folder, "base", (tmp_path / "other").read_bytes())
    refused(load_base, folder, BadInput, "no numbers" if change == "nan" else "do not fit")


@pytest.mark.parametrize(
    "config", [{"depth": 3}, {"width": 10**9}, {"width": "wide"}, {"width": -1}, {"heads": 3}]
)
def test_other_sizes_are_refused(folder, config):
    path = folder / "base.json"
    card = json.loads(path.read_text())
    card["config"] |= config
    path.write_text(json.dumps(card))
    refused(load_base, folder, BadInput, "not the card")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"config": {}, "files": []}', '{"config": 1, "files": {"a": "b"}}']
)
def test_what_is_no_card_is_refused(folder, text):
    (folder / "base.json").write_text(text)
    refused(load_base, folder, BadInput, "not a model card")


def test_a_card_names_no_file_elsewhere(folder):
    card = json.loads((folder / "base.json").read_text())
    card["files"] = {"../" + name: digest for name, digest in card["files"].items()}
    (folder / "base.json").write_text(json.dumps(card))
    inner = folder / "inner"
    inner.mkdir()
    (inner / "base.json").write_text(json.dumps(card))
    refused(load_base, inner, NotInstalled, "missing")

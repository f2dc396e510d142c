import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import normalize

from render.errors import BadInput
from render.style_files import (
    LearnedStyle,
    StyleCard,
    learned_files,
    read_card,
    read_style,
    style_folder,
    write_style,
)

CARD = StyleCard("viola", "string-quartet", 181.5, 2, "ab" * 32, 8, 1.0, 4.5, 7, "CC0")


def learned() -> LearnedStyle:
    torch.manual_seed(0)
    adapter = {"branch.trunk.style.lora_A.weight": torch.randn(8, 4)}
    return LearnedStyle(CARD, normalize(torch.randn(128), dim=0), adapter)


def test_files_round_trip(tmp_path):
    path = tmp_path / "viola.safetensors"
    write_style(learned(), path)
    assert read_card(path) == CARD
    style = read_style(path)
    assert style.card == CARD
    torch.testing.assert_close(style.embedding, learned().embedding)
    torch.testing.assert_close(dict(style.adapter), dict(learned().adapter), atol=1e-2, rtol=1e-2)
    assert learned_files(tmp_path) == {"viola": path}


def test_the_same_style_makes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_style(learned(), tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def card_with(**changes: object) -> dict[str, str]:
    return {"framescore_style": json.dumps({"format": 1, **CARD.__dict__, **changes})}


EMBEDDING = torch.ones(128)


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"embedding": EMBEDDING}, None),
        ({"embedding": EMBEDDING}, {"framescore_style": "{"}),
        ({"embedding": EMBEDDING}, {"framescore_style": "[]"}),
        ({"embedding": EMBEDDING}, card_with(format=2)),
        ({"embedding": EMBEDDING}, card_with(colour="red")),
        ({"embedding": EMBEDDING}, card_with(name="../up")),
        ({"embedding": EMBEDDING}, card_with(name=3)),
        ({"embedding": EMBEDDING}, card_with(minutes="long")),
        ({"embedding": EMBEDDING}, card_with(scale=float("nan"))),
        ({"embedding": EMBEDDING}, card_with(rank=1.5)),
        ({"embedding": EMBEDDING}, card_with(carrier=["harp"])),
        ({"embedding": EMBEDDING}, card_with(licence="CC0\x1b[2J")),
        ({"embedding": EMBEDDING}, {"framescore_style": "[" * 50_000}),
        ({"embedding": torch.ones(64)}, card_with()),
        ({"embedding": torch.zeros(128)}, card_with()),
        ({"embedding": torch.full((128,), float("nan"))}, card_with()),
        ({"embedding": torch.ones(128, dtype=torch.int64)}, card_with()),
        ({"other": EMBEDDING}, card_with()),
        ({"embedding": EMBEDDING, "other": torch.ones(1)}, card_with()),
        ({"embedding": EMBEDDING, "adapter.a": torch.full((1,), float("inf"))}, card_with()),
    ],
)
def test_other_safetensors_are_refused_in_one_line(tmp_path, tensors, metadata):
    path = tmp_path / "a.safetensors"
    save_file(tensors, path, metadata)
    with pytest.raises(BadInput, match="not a learned style") as caught:
        read_style(path)
    assert "\n" not in str(caught.value)


def test_pickles_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    write_style(learned(), path)
    whole = path.read_bytes()
    for content in (b"", whole[:6], whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(content)
        with pytest.raises(BadInput, match="not a whole safetensors"):
            read_style(path)
    torch.save({"embedding": torch.ones(128)}, path)
    with pytest.raises(BadInput, match="not a whole safetensors"):
        read_card(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_card(tmp_path / "none.safetensors")
    with pytest.raises(BadInput):
        read_style(tmp_path)


@pytest.mark.parametrize("name", ["", " a", "a ", "a/b", "..", "a.", "x" * 65, "a\n", "-a"])
def test_names_that_are_no_file_names_are_refused(name):
    with pytest.raises(ValueError, match="style name"):
        StyleCard(name, "harp", 10.0)


def test_the_folder_follows_the_environment(tmp_path):
    assert style_folder({"FRAMESCORE_STYLES": str(tmp_path)}) == tmp_path
    assert style_folder({"XDG_DATA_HOME": "/d"}).parts[-2:] == ("framescore", "styles")
    assert style_folder({}).is_relative_to(Path.home())
    assert learned_files(tmp_path / "none") == {}

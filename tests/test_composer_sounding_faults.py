"""What is missing or damaged ends a painting before any work: one line, the right exit code, nothing left behind."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from random_painter import random_painter, song
from safetensors.torch import load_file, save

from composer import commands
from composer.cli import make_parser, run
from composer.output import sha256_of
from render.audio import Audio, write_wav
from render.checkpoints import read_card, save_base, save_branch, save_codec
from render.errors import NotInstalled
from render.models.style_encoder import EMBEDDING, StyleEncoder, StyleEncoderConfig
from render.soundfont import find_soundfont
from render.style_files import LearnedStyle, StyleCard, write_style
from render.style_source import save_encoder
from render.styles import STYLES

WITHOUT = "import sys; sys.modules[sys.argv.pop(1)] = None; from composer.cli import main; main()"


@pytest.fixture(scope="module")
def sound_networks(tmp_path_factory) -> Path:
    """A whole set of small checkpoints."""
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    encoder = StyleEncoder(StyleEncoderConfig(width=16, blocks=1, styles=tuple(STYLES))).eval()
    encoder.styles.copy_(torch.nn.functional.normalize(torch.randn_like(encoder.styles), dim=1))
    painter = random_painter()
    save_encoder(encoder, folder, {})
    save_codec(painter.codec, folder, {})
    save_base(painter.predictor.base, folder, {})
    save_branch(painter.predictor.branch, folder, {"base": read_card(folder, "base")["files"]})
    return folder


@pytest.fixture
def networks(sound_networks, tmp_path, monkeypatch) -> Path:
    """The networks that the command finds, to be damaged."""
    folder = tmp_path / "networks"
    shutil.copytree(sound_networks, folder)
    monkeypatch.setattr("render.checkpoints.FOLDER", folder)
    monkeypatch.setenv("FRAMESCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FRAMESCORE_STYLES", str(tmp_path / "styles"))
    return folder


@pytest.fixture(autouse=True)
def font() -> Path:
    try:
        return find_soundfont(None)
    except NotInstalled as error:
        pytest.skip(str(error))


@pytest.fixture
def refused(tmp_path, capsys) -> Callable[..., str]:
    """Calls the command with a MIDI file or a film; gives the one line that it says, having left nothing."""

    def call(code: int, command: str, source: Path, *arguments: object) -> str:
        capsys.readouterr()
        digest, before = sha256_of(source), sorted(tmp_path.rglob("*"))
        line = [command, source, "-o", tmp_path / "out", "--engine", "diffusion", "--quiet", *arguments]
        assert run(make_parser().parse_args([str(argument) for argument in line])) == code
        told = capsys.readouterr().err
        assert told.startswith("framescore: ")
        assert told.count("\n") == 1, told
        assert sorted(tmp_path.rglob("*")) == before
        assert sha256_of(source) == digest
        return told

    return call


def agree(folder: Path, content: bytes) -> None:
    """Weights that are not the base's, and a card that names them."""
    (folder / "base.safetensors").write_bytes(content)
    card = json.loads((folder / "base.json").read_text())
    card["files"] = {"base.safetensors": hashlib.sha256(content).hexdigest()}
    (folder / "base.json").write_text(json.dumps(card))
    branch = json.loads((folder / "branch.json").read_text())
    (folder / "branch.json").write_text(json.dumps({**branch, "base": card["files"]}))


def other_shapes(folder: Path) -> bytes:
    tensors = load_file(folder / "base.safetensors")
    return save({name: torch.zeros(2, *tensor.shape) for name, tensor in tensors.items()})


def content_of(folder: Path) -> bytes:
    return (folder / "base.safetensors").read_bytes()


DAMAGES: dict[str, tuple[int, str, Callable[[Path], object]]] = {
    "no networks": (4, "no such checkpoint", shutil.rmtree),
    "no card": (4, "no such checkpoint", lambda folder: (folder / "branch.json").unlink()),
    "no weights": (4, "missing", lambda folder: (folder / "base.safetensors").unlink()),
    "no encoder": (4, "missing", lambda folder: (folder / "style_encoder.safetensors").unlink()),
    "changed": (3, "sha256", lambda folder: (folder / "codec.safetensors").write_bytes(b"x")),
    "pickle": (3, "not safetensors", lambda folder: agree(folder, pickle.dumps({"weight": [0.0]}))),
    "truncated": (3, "not safetensors", lambda folder: agree(folder, content_of(folder)[:-10])),
    "shapes": (3, "do not fit", lambda folder: agree(folder, other_shapes(folder))),
    "card": (3, "not a model card", lambda folder: (folder / "codec.json").write_text("{")),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("command", ["render", "score"])
def test_missing_and_damaged_networks_are_told_before_any_work(
    networks, refused, tmp_path, monkeypatch, command, damage
):
    monkeypatch.setattr(commands, "watch", lambda *_: pytest.fail("the film was watched"))
    monkeypatch.setattr("composer.sounding.make_sound", lambda *_, **__: pytest.fail("sound was made"))
    source = song(tmp_path / "song.mid", 1.0)  # for `score`, no film: nobody should have looked at it
    code, words, harm = DAMAGES[damage]
    harm(networks)
    assert words in refused(code, command, source)


def test_other_bad_input_is_told_before_a_film_is_watched(networks, refused, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "watch", lambda *_: pytest.fail("the film was watched"))
    film, silent, short = (tmp_path / name for name in ("film.mp4", "silent.wav", "short.wav"))
    film.write_bytes(b"film")
    write_wav(Audio(np.zeros((1, 96_000), np.float32)), silent)
    write_wav(Audio(np.ones((1, 1), np.float32)), short)
    for option in ("--sound-style", "--borrow-dynamics", "--borrow-melody"):
        assert "silent" in refused(3, "score", film, option, silent)
        assert "lasts" in refused(3, "score", film, option, short)
    assert "no such SoundFont" in refused(3, "score", film, "--soundfont", tmp_path / "none.sf2")
    assert "the styles are" in refused(2, "score", film, "--sound-style", "no-such")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a MIDI file"),
        (b"no music", "not a MIDI file"),
        (b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0", "holds no notes"),
    ],
)
def test_what_is_no_midi_is_told_before_networks_are_loaded(
    networks, refused, tmp_path, monkeypatch, content, words
):
    monkeypatch.setattr("render.painting.load_painter", lambda *_, **__: pytest.fail("they were loaded"))
    path = tmp_path / "song.mid"
    path.write_bytes(content)
    assert words in refused(3, "render", path)
    path.unlink()
    song(path, 1.0)
    assert "tracks: Piano, Strings, Drums" in refused(3, "render", path, "--strength", "flute=1")
    assert "no such SoundFont" in refused(3, "render", path, "--soundfont", tmp_path / "none.sf2")


@pytest.mark.parametrize("package", ["diffusers", "peft"])
def test_a_package_that_is_missing_is_told_in_one_line(tmp_path, package):
    midi, out, style = song(tmp_path / "song.mid", 1.0), tmp_path / "out.wav", tmp_path / "a.safetensors"
    card = StyleCard("a", "harp", 3.0, network_sha256="0" * 64, rank=2)
    write_style(LearnedStyle(card, torch.ones(EMBEDDING), {"weight": torch.ones(2, 2)}), style)
    arguments = ("render", midi, "-o", out, "--engine", "diffusion", "--style", style, "--quiet")
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT, package, *map(str, arguments)], capture_output=True, text=True
    )
    assert found.returncode == 4
    assert found.stderr.startswith(f"framescore: --engine diffusion needs {package}")
    assert found.stderr.count("\n") == 1
    assert not out.exists()


def test_places_that_cannot_be_written_are_told_before_networks_are_loaded(
    networks, refused, tmp_path, monkeypatch
):
    monkeypatch.setattr("render.painting.load_painter", lambda *_, **__: pytest.fail("they were loaded"))
    midi, file = song(tmp_path / "song.mid", 1.0), tmp_path / "file"
    file.write_bytes(b"a file")
    (tmp_path / "folder.png").mkdir()
    long = tmp_path / ("n" * 300 + ".png")
    assert "this is a folder" in refused(3, "render", midi, "--picture", tmp_path / "folder.png")
    assert "the name is too long" in refused(3, "render", midi, "--picture", long)
    for option, name in (("--picture", "a.png"), ("--stems", "stems"), ("--stems", "."), ("--stems", "a/b")):
        assert "a file, not a folder" in refused(3, "render", midi, option, file / name)
    for stems in (tmp_path / "out", tmp_path / "out" / "stems"):
        assert "-o names that as a file" in refused(2, "render", midi, "--stems", stems)
    assert "a file, not a folder" in refused(3, "score", midi, "--picture", file / "a.png")

    def forbidden(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", forbidden)
    for option, name in (("--picture", "a.png"), ("--stems", "stems")):
        assert f"{name}: no permission" in refused(3, "render", midi, option, tmp_path / name)


def test_a_film_that_is_missing_is_told_before_networks_are_loaded(networks, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("render.painting.load_painter", lambda *_, **__: pytest.fail("they were loaded"))
    line = ("score", tmp_path / "none.mp4", "-o", tmp_path / "out", "--engine", "diffusion")
    assert run(make_parser().parse_args([str(argument) for argument in line])) == 3
    assert capsys.readouterr().err == f"framescore: {tmp_path / 'none.mp4'}: no such file; check the path\n"


def test_a_picture_is_named_as_one(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        make_parser().parse_args(["render", "a.mid", "-o", "b.wav", "--picture", "c.jpeg"])
    assert caught.value.code == 2
    assert "*.png, *.svg, *.pdf" in capsys.readouterr().err

"""``--engine diffusion`` as a user runs it, with the networks that come with FrameScore."""

from __future__ import annotations

import json
from pathlib import Path

import plain_music
import pytest
from random_painter import song

from composer.cli import make_parser, run
from composer.output import sha256_of
from render.checkpoints import FOLDER, read_card
from render.errors import NotInstalled
from render.soundfont import find_soundfont


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory, monkeypatch) -> None:
    try:
        find_soundfont(None)
    except NotInstalled as error:
        pytest.skip(str(error))
    monkeypatch.setenv("FRAMESCORE_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("FRAMESCORE_STYLES", str(tmp_path_factory.mktemp("styles")))


def paint(command: str, source: Path, out: Path, *arguments: object) -> int:
    line = (command, source, "-o", out, "--engine", "diffusion", "--steps", 2, "--device", "cpu", *arguments)
    return run(make_parser().parse_args([str(argument) for argument in line]))


def test_a_seed_gives_its_bytes_and_the_midi_stays_as_it_is(tmp_path, capsys):
    midi = song(tmp_path / "song.mid", 1.0)
    before = midi.read_bytes()
    outputs = [tmp_path / f"{name}.wav" for name in "abc"]
    for out, seed in zip(outputs, (7, 7, 8), strict=True):
        assert paint("render", midi, out, "--seed", seed, "--json") == 0
        told = json.loads(capsys.readouterr().out)["painting"]
        assert midi.read_bytes() == before
    first, again, other = (sha256_of(out) for out in outputs)
    assert first == again
    assert first != other
    networks = ("codec", "base", "branch", "style_encoder")
    assert told["checkpoints"] == {
        file: digest for name in networks for file, digest in read_card(FOLDER, name)["files"].items()
    }


def test_a_film_is_scored_and_painted(tmp_path, capsys, monkeypatch):
    from composer.video.animatic import draw_animatic

    (tmp_path / "networks").mkdir()
    plain_music.install(monkeypatch, tmp_path / "networks")
    film, out = tmp_path / "film.mp4", tmp_path / "out"
    draw_animatic(film, duration_s=2.0)
    picture = out / "painting.png"
    assert paint("score", film, out, "--clip-model", "none", "--picture", picture, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "report.json").read_text(encoding="utf-8"))
    painting = report["sound"]["painting"]
    assert (painting["style_kind"], painting["borrowed"]) == ("named", {})
    assert "networks" in report["timings_s"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {"score.mid", "score.wav", "film.scored.mp4"} <= set(report["files"])

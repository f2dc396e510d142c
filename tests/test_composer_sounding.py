"""``framescore render --engine diffusion`` and ``framescore style``, on untrained networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from random_painter import random_painter, song

from composer import sound_options
from composer.checks import refuse_overwriting
from composer.cli import make_parser, run
from composer.options import WrongUsage
from composer.output import sha256_of
from render import balance, diffusion, mel_to_audio
from render.audio import Audio, read_wav, write_wav
from render.checkpoints import FOLDER, read_card
from render.errors import NotInstalled
from render.mastering import PRESETS
from render.models.style_encoder import StyleEncoder, StyleEncoderConfig
from render.soundfont import find_soundfont
from render.style_source import NAMED_STRENGTH, OTHER_STRENGTH
from render.styles import STYLES


@pytest.fixture(scope="module")
def midi(tmp_path_factory) -> Path:
    return song(tmp_path_factory.mktemp("midi") / "song.mid", 2.0)


@pytest.fixture(autouse=True)
def _untrained(monkeypatch, tmp_path) -> None:
    """Small networks in place of those that come with FrameScore; a cache and styles of our own."""
    torch.manual_seed(0)
    encoder = StyleEncoder(StyleEncoderConfig(width=16, blocks=1, styles=tuple(STYLES))).eval()
    encoder.styles.copy_(torch.nn.functional.normalize(torch.randn_like(encoder.styles), dim=1))
    monkeypatch.setattr("render.painting.load_painter", lambda *_, **__: random_painter())
    monkeypatch.setattr("render.style_source.load_encoder", lambda *_, **__: encoder)
    monkeypatch.setenv("FRAMESCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FRAMESCORE_STYLES", str(tmp_path / "styles"))


@pytest.fixture(scope="module")
def font() -> Path:
    try:
        return find_soundfont(None)
    except NotInstalled as error:
        pytest.skip(str(error))


def call(*arguments: object) -> int:
    return run(make_parser().parse_args([str(argument) for argument in arguments]))


def paint(midi: Path, out: Path, *arguments: object) -> int:
    return call("render", midi, "-o", out, "--engine", "diffusion", "--steps", 2, "--seed", 7, *arguments)


def test_options_name_what_the_renderer_has():
    assert set(sound_options.SAMPLERS) == set(diffusion.METHODS)
    assert tuple(mel_to_audio.METHODS) == sound_options.METHODS
    assert set(sound_options.LOUDNESS_PRESETS) == set(PRESETS)
    assert sound_options.MAX_STEPS == diffusion.MAX_STEPS
    assert sound_options.MAX_GUIDANCE == diffusion.MAX_GUIDANCE
    assert sound_options.MAX_BALANCE_DB == balance.MAX_LIMIT_DB


def test_help_tells_the_defaults_of_the_renderer(capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args(["render", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    sampling = diffusion.DEFAULT_SAMPLING
    assert f"default {NAMED_STRENGTH:g} in a named style, else {OTHER_STRENGTH:g};" in told
    assert f"of the diffusion; default {sampling.steps} " in told
    assert f"pull towards the style; default {sampling.guidance_style:g} " in told
    assert f"pull towards the score; default {sampling.guidance_control:g} " in told
    assert f"0: leave; default {balance.LIMIT_DB:g} " in told


def test_an_output_may_be_called_as_a_style_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = ["score", "film.mp4", "-o", "harp", "--engine", "diffusion", "--sound-style", "harp"]
    refuse_overwriting(make_parser().parse_args(line))
    (tmp_path / "harp").touch()
    with pytest.raises(WrongUsage, match="-o harp: this is the input"):
        refuse_overwriting(make_parser().parse_args(line))


def test_painting_writes_sound_stems_a_picture_and_where_they_come_from(midi, font, tmp_path, capsys):
    before = sha256_of(midi)
    out, stems, picture = tmp_path / "a.wav", tmp_path / "stems", tmp_path / "new" / "a.png"
    style = ("--style", "string-orchestra", "--strength", "0.9", "--strength", "piano=0", "--json")
    assert paint(midi, out, *style, "--stems", stems, "--picture", picture, "--loudness", "broadcast") == 0
    told = json.loads(capsys.readouterr().out)["painting"]
    assert told["strengths"] == {"Piano": 0.0, "Drums": 0.0, "Strings": 0.9}
    assert (told["style"], told["seed"], told["device"]) == ("string-orchestra", 7, "cpu")
    encoder = read_card(FOLDER, "style_encoder")["files"]
    assert told["checkpoints"] == {**random_painter().digests, **encoder}
    assert (told["style_sha256"], told["borrowed"]) == (None, {})
    assert picture.read_bytes().startswith(b"\x89PNG")
    mix = read_wav(out)
    parts = [read_wav(path).samples for path in sorted(stems.iterdir())]
    assert [path.name[3:] for path in sorted(stems.iterdir())] == ["Piano.wav", "Drums.wav", "Strings.wav"]
    assert np.abs(sum(parts) - mix.samples).max() < 1e-5
    assert sha256_of(midi) == before
    assert not any((tmp_path / "cache").iterdir())
    again = tmp_path / "b.wav"
    assert paint(midi, again, *style[:-1], "--loudness", "broadcast", "--quiet") == 0
    assert np.abs(read_wav(again).samples - mix.samples).max() < 1e-4  # stems or not
    assert paint(midi, out, *style[:-1], "--loudness", "broadcast", "--quiet") == 0
    assert sha256_of(out) == sha256_of(again)


def test_no_strength_is_the_plain_synthesis_and_no_picture_is_drawn(midi, font, tmp_path, capsys):
    painted, plain, picture = tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "a.png"
    assert paint(midi, painted, "--strength", "0", "--style", "harp", "--picture", picture) == 0
    assert f"note: {picture}: no picture was written" in capsys.readouterr().err
    assert not picture.exists()
    assert call("render", midi, "-o", plain, "--quiet") == 0
    assert sha256_of(painted) == sha256_of(plain)
    assert paint(midi, painted, "--strength", "0", "--strength", "drums=1", "--style", "harp") == 0
    assert "note: nothing was painted" in capsys.readouterr().err


def test_what_is_wrong_is_told_in_one_line(midi, font, tmp_path, capsys):
    silent, short = tmp_path / "silent.wav", tmp_path / "short.wav"
    write_wav(Audio(np.zeros((1, 96_000), np.float32)), silent)
    write_wav(Audio(np.ones((1, 1), np.float32)), short)
    pickled, torn = tmp_path / "style.pt", tmp_path / "torn.safetensors"
    pickled.write_bytes(b"\x80\x04\x95")
    torn.write_bytes(b"\x40\x00\x00\x00\x00\x00\x00\x00{")
    out = tmp_path / "out.wav"
    cases: list[tuple[int, str, tuple]] = [
        (2, "the styles are", ("--style", "no-such")),
        (2, "the styles are", ("--carrier", "no-such")),
        (3, "tracks: Piano, Strings, Drums", ("--strength", "flute=0.5")),
        (3, "silent", ("--style", silent)),
        (3, "lasts", ("--style", short)),
        (3, "not a readable sound file", ("--style", pickled)),
        (3, "not a learned style", ("--style", torn)),
        (3, "silent", ("--borrow-dynamics", silent)),
        (3, "no such file", ("--borrow-melody", tmp_path / "none.wav")),
        (3, "no such SoundFont", ("--soundfont", tmp_path / "none.sf2")),
    ]
    for code, words, arguments in cases:
        assert paint(midi, out, *arguments) == code, arguments
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith("framescore: ")
        assert words in said
    assert paint(song(tmp_path / "empty.mid", 2.0, ticks=0), out) == 3
    assert "has no length" in capsys.readouterr().err
    assert not out.exists()
    assert call("render", midi, "-o", out, "--strength", "0.5") == 2
    assert "--engine diffusion" in capsys.readouterr().err


def test_a_borrowed_melody_is_told_and_not_filtered_from_the_scores_own(midi, font, tmp_path, capsys):
    tune, out = tmp_path / "tune.wav", tmp_path / "a.wav"
    wave = 0.3 * np.sin(2 * np.pi * 311.0 * np.arange(96_000) / 48_000)
    write_wav(Audio(wave[None].astype(np.float32)), tune)
    assert paint(midi, out, "--borrow-melody", tune, "--style", "harp", "--json") == 0
    assert (
        json.loads(capsys.readouterr().out)["painting"]["strengths"]["Piano"] == 1.0
    )  # its synthesis has another
    assert paint(midi, out, "--borrow-melody", tune, "--style", tune, "--json") == 0
    told = json.loads(capsys.readouterr().out)["painting"]
    assert told["method"] == "phase"
    assert told["strengths"] == {"Piano": 1.0, "Drums": 0.0, "Strings": 1.0}
    assert told["borrowed"] == {"melody": {"file": "tune.wav", "sha256": sha256_of(tune)}}
    assert (told["style_kind"], told["style_sha256"]) == ("recording", sha256_of(tune))


@pytest.mark.parametrize("text", ["1.5", "piano=", "=x", "nan"])
def test_strengths_are_shares(text):
    with pytest.raises(SystemExit) as caught:
        make_parser().parse_args(["render", "a.mid", "-o", "b.wav", "--strength", text])
    assert caught.value.code == 2


def test_styles_are_listed_and_shown(capsys):
    assert call("style", "list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)["styles"]
    assert [style["name"] for style in listed] == list(STYLES)
    assert call("style", "show", "harp") == 0
    assert "harp: Harp (named)" in capsys.readouterr().err
    assert call("style", "show", "no-such") == 2

import numpy as np
import pytest
import torch

from render.audio import Audio, write_wav
from render.controls import CONTROL_CHANNELS
from render.errors import BadInput
from render.models.codec import PcaCodec
from render.models.controlnet import ControlBranch, ControlledTransformer
from render.models.lora import AdapterConfig
from render.models.style_encoder import EMBEDDING, StyleEncoder, StyleEncoderConfig
from render.models.transformer import LatentTransformer, TransformerConfig
from render.painting import Painter
from render.soundfont import sha256_of
from render.style_files import read_style
from render.style_source import painter_in, style_source
from render.styles import STYLES
from render.train import loop
from render.train.adapt import (
    Learning,
    divided,
    example,
    learn_style,
    read_recordings,
    with_some_left_out,
)

NAMES = tuple(STYLES)
SHORT = Learning(0.02, batch=2, adapter=AdapterConfig(4))


@pytest.fixture(scope="module")
def encoder() -> StyleEncoder:
    torch.manual_seed(0)
    network = StyleEncoder(StyleEncoderConfig(width=16, blocks=1, styles=NAMES)).eval().requires_grad_(False)
    network.styles.copy_(torch.nn.functional.normalize(torch.randn(len(NAMES), EMBEDDING), dim=1))
    return network


@pytest.fixture(scope="module")
def painter() -> Painter:
    torch.manual_seed(0)
    base = LatentTransformer(TransformerConfig(width=32, blocks=2, heads=2))
    network = ControlledTransformer(base, ControlBranch.copy_of(base, CONTROL_CHANNELS, copied=1))
    for parameter in network.parameters():
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    network.eval().requires_grad_(False)
    return Painter(network, PcaCodec(), {"base.safetensors": "ab" * 32}, torch.device("cpu"))


def recording(path, seconds: float = 12.0, seed: int = 0):
    t = np.arange(int(seconds * 48_000)) / 48_000
    rng = np.random.default_rng(seed)
    hz = np.repeat(rng.choice([220, 262, 330, 440], int(seconds) + 1), 48_000)[: len(t)]
    wave = 0.2 * np.sign(np.sin(2 * np.pi * np.cumsum(hz) / 48_000)) + rng.normal(0, 0.005, len(t))
    write_wav(Audio(wave[None].astype(np.float32)), path)
    return path


def test_the_ends_are_kept_to_tune_on(encoder, tmp_path):
    (whole,) = read_recordings([recording(tmp_path / "a.wav", 12.0)], encoder)
    assert whole.frames == 600
    assert divided([whole]) == ([whole], [whole])  # too short to be divided
    (beginning,), (end,) = divided([read_recordings([recording(tmp_path / "b.wav", 40.0)], encoder)[0]])
    assert beginning.frames + end.frames == 2000
    assert end.frames == pytest.approx(0.15 * 2000, abs=4)


def test_examples_hold_what_the_network_takes(encoder, painter, tmp_path):
    (whole,) = read_recordings([recording(tmp_path / "a.wav")], encoder)
    made = example(whole, painter.codec, 5, np.random.default_rng(0))
    assert made.latent.shape == (5, 128, 64)
    assert made.controls.shape == (5, CONTROL_CHANNELS, 256)
    assert made.mood.shape == (5, 3, 64)
    assert made.style.shape == (5, EMBEDDING)
    assert made.has_style.dtype == torch.bool


def test_controls_are_left_out_now_and_then(encoder, tmp_path):
    (whole,) = read_recordings([recording(tmp_path / "a.wav")], encoder)
    rng = np.random.default_rng(0)
    seen = {tuple(with_some_left_out(whole.controls, rng).present[:, 0].tolist()) for _ in range(200)}
    assert (True, True, True, False, False) in seen
    assert (False,) * 5 in seen
    assert not any(present[3] or present[4] for present in seen)


@pytest.mark.slow
def test_a_style_is_learnt_kept_and_used(encoder, painter, tmp_path):
    folder, shares = tmp_path / "styles", []
    paths = [recording(tmp_path / "a.wav"), recording(tmp_path / "b.wav", 40.0, 1)]
    path = learn_style(
        paths, "squares", painter, encoder, SHORT, licence="CC0", folder=folder, progress=shares.append
    )
    assert [child.name for child in folder.iterdir() if not child.name.startswith(".")] == [
        "squares.safetensors"
    ]
    assert not list((folder / ".learning").iterdir())
    assert shares == sorted(shares)
    card = read_style(path).card
    assert (card.name, card.recordings, card.licence, card.rank) == ("squares", 2, "CC0", 4)
    assert card.recordings_s == pytest.approx(52)
    source = style_source("squares", encoder, folder=folder)
    assert source.carrier == card.carrier
    assert not STYLES[card.carrier].is_struck  # square waves are held
    painted = painter_in(source, painter)
    assert painted.digests == {**painter.digests, "squares.safetensors": sha256_of(path)}
    before, after = painter.predictor.state_dict(), painted.predictor.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(
        name.startswith(("branch.", "base.trunk.style.", "base.trunk.modulation.")) for name in changed
    )
    assert painter_in(style_source("harp", encoder, folder=folder), painter) is painter
    others = Painter(painter.predictor, painter.codec, {"base.safetensors": "cd" * 32}, painter.device)
    with pytest.raises(BadInput, match="other networks"):
        painter_in(source, others)


@pytest.mark.slow
def test_an_interrupted_run_goes_on(encoder, painter, tmp_path, monkeypatch):
    class Interrupt(Exception):
        pass

    before, after = [], []

    def interrupt(share: float) -> None:
        if len(before) == 3:
            raise Interrupt
        before.append(share)

    path, folder = recording(tmp_path / "a.wav", 40.0), tmp_path / "styles"
    monkeypatch.setattr(loop, "SAVE_EVERY_S", 0.0)
    with pytest.raises(Interrupt):
        learn_style([path], "s", painter, encoder, SHORT, folder=folder, progress=interrupt)
    learn_style([path], "s", painter, encoder, SHORT, folder=folder, progress=after.append)
    assert after[0] > before[-1] > 0


def test_an_embedding_alone_takes_no_training(encoder, painter, tmp_path):
    path = learn_style(
        [recording(tmp_path / "a.wav")], "s", painter, encoder, Learning(0.0), carrier="harp", folder=tmp_path
    )
    style = read_style(path)
    assert not style.adapter
    assert style.card.carrier == "harp"
    source = style_source(str(path), encoder)
    assert painter_in(source, painter) is painter


@pytest.mark.parametrize("name", ["harp", "a/b", ""])
def test_names_that_cannot_be_are_refused(encoder, painter, tmp_path, name):
    with pytest.raises(BadInput, match="style name"):
        learn_style([recording(tmp_path / "a.wav")], name, painter, encoder, SHORT, folder=tmp_path)


def test_recordings_that_cannot_be_are_refused(encoder, painter, tmp_path):
    short, silent = recording(tmp_path / "a.wav", 5.0), tmp_path / "silent.wav"
    write_wav(Audio(np.zeros((1, 960_000), np.float32)), silent)
    for paths, cause in (([short], "5 s of recordings"), ([silent], "silent"), ([tmp_path / "none"], "none")):
        with pytest.raises(BadInput, match=cause):
            learn_style(paths, "s", painter, encoder, SHORT, folder=tmp_path)

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from render.audio import Audio, write_wav
from render.errors import BadInput, NotInstalled
from render.models.style_encoder import EMBEDDING, StyleEncoder, StyleEncoderConfig
from render.soundfont import sha256_of
from render.style_files import LearnedStyle, StyleCard, write_style
from render.style_source import list_styles, load_encoder, save_encoder, show_style, style_source
from render.styles import STYLES

NAMES = tuple(STYLES)


@pytest.fixture(scope="module")
def encoder() -> StyleEncoder:
    torch.manual_seed(0)
    network = StyleEncoder(StyleEncoderConfig(width=16, blocks=1, styles=NAMES)).eval().requires_grad_(False)
    network.styles.copy_(normalize(torch.randn(len(NAMES), EMBEDDING), dim=1))
    return network


@pytest.fixture
def folder(tmp_path, encoder):
    """The user's styles: one that is sound, one that is not."""
    folder = tmp_path / "styles"
    folder.mkdir()
    card = StyleCard("viola", "string-quartet", 180.0)
    write_style(LearnedStyle(card, encoder.named("harp")), folder / "viola.safetensors")
    (folder / "damaged.safetensors").write_bytes(b"x")
    return folder


def noise(path, seconds: float = 3.0):
    samples = np.random.default_rng(0).normal(0, 0.1, (2, int(44_100 * seconds))).astype(np.float32)
    write_wav(Audio(samples, 44_100), path)
    return path


def test_a_named_style(encoder, folder):
    source = style_source("harp", encoder, folder=folder)
    assert (source.kind, source.carrier, source.learned, source.recording) == ("named", "harp", None, None)
    assert 0.0 < source.usual_strength < 1.0
    assert source.usual_method == "filter"
    torch.testing.assert_close(source.embedding, encoder.named("harp"))


def test_a_learned_style_by_name_and_by_path(encoder, folder):
    for wanted in ("viola", str(folder / "viola.safetensors")):
        source = style_source(wanted, encoder, folder=folder)
        assert (source.name, source.kind, source.carrier) == ("viola", "learned", "string-quartet")
        assert source.resembles[0][0] == "harp"
        assert source.sha256 == sha256_of(folder / "viola.safetensors")
        assert (source.usual_strength, source.usual_method) == (1.0, "phase")
    assert style_source("viola", encoder, carrier="pop", folder=folder).carrier == "pop"


def test_a_recording_takes_a_near_style_as_its_carrier(encoder, folder, tmp_path):
    path = noise(tmp_path / "take.wav")
    source = style_source(str(path), encoder, folder=folder)
    assert (source.name, source.kind) == ("take", "recording")
    assert source.carrier in NAMES
    assert not STYLES[source.carrier].is_struck  # noise is held
    assert source.recording is not None
    assert source.recording.sample_rate == 48_000
    assert source.sha256 == sha256_of(path)
    assert (source.usual_strength, source.usual_method) == (1.0, "phase")
    torch.testing.assert_close(source.embedding.norm(), torch.tensor(1.0))
    assert style_source(str(path), encoder, carrier="choir", folder=folder).carrier == "choir"


def test_what_is_no_style_is_refused_with_a_hint(encoder, folder, tmp_path):
    with pytest.raises(BadInput, match="did you mean harp"):
        style_source("harpp", encoder, folder=folder)
    with pytest.raises(BadInput, match="did you mean viola"):
        style_source("violas", encoder, folder=folder)
    with pytest.raises(BadInput, match="neither a style nor a file"):
        style_source(str(tmp_path / "none.wav"), encoder, folder=folder)
    with pytest.raises(BadInput, match="no named style"):
        style_source("harp", encoder, carrier="kazoo", folder=folder)
    with pytest.raises(BadInput, match="not a learned style"):
        style_source("damaged", encoder, folder=folder)
    silent = tmp_path / "silent.wav"
    write_wav(Audio(np.zeros((1, 96_000), np.float32)), silent)
    with pytest.raises(BadInput, match="silent"):
        style_source(str(silent), encoder, folder=folder)


def test_styles_are_listed_and_shown(encoder, folder):
    listed = list_styles(folder)
    assert [info.name for info in listed] == [*NAMES, "damaged", "viola"]
    damaged, viola = listed[-2:]
    assert "not a learned style" in damaged.problem
    assert viola.card is not None
    assert (viola.kind, viola.carrier, viola.problem) == ("learned", "string-quartet", "")
    shown = show_style("viola", encoder, folder)
    assert shown.path == folder / "viola.safetensors"
    assert shown.resembles[0][0] == "harp"
    named = show_style("harp", encoder, folder)
    assert named.title == "Harp"
    assert len(named.resembles) == 3
    assert "harp" not in [name for name, _ in named.resembles]


def test_a_style_whose_carrier_is_gone_asks_for_another(encoder, tmp_path):
    path = tmp_path / "a.safetensors"
    write_style(LearnedStyle(StyleCard("a", "kazoo", 3.0), encoder.named("harp")), path)
    with pytest.raises(BadInput, match="kazoo"):
        style_source(str(path), encoder)


def test_encoders_are_written_and_read(encoder, tmp_path):
    with pytest.raises(NotInstalled):
        load_encoder(tmp_path)
    save_encoder(encoder, tmp_path, {"seed": 0})
    again = load_encoder(tmp_path)
    assert again.config == encoder.config
    mel = torch.randn(1, 128, 60) - 5
    torch.testing.assert_close(again(mel), encoder(mel), atol=0.02, rtol=0)
    card = tmp_path / "style_encoder.json"
    card.write_text(card.read_text().replace('"width": 16', '"width": "16"'))
    load_encoder.cache_clear()
    with pytest.raises(BadInput, match="style_encoder"):
        load_encoder(tmp_path)

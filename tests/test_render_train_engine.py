"""The shipped engine as it is measured: files written, borders, painting, learning a style."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from random_painter import random_painter
from sine_clips import played, take_with, write_piece

from render.controls import controls_of_audio, controls_of_performance
from render.diffusion import Sampling
from render.errors import NotInstalled
from render.events import read_performance
from render.mel import mel_of
from render.models.lora import AdapterConfig
from render.models.style_encoder import StyleEncoder, StyleEncoderConfig
from render.notes import notes_of
from render.soundfont import find_soundfont
from render.train import measure_learning
from render.train.adapt import Learning
from render.train.data import Excerpt
from render.train.engine import ShippedEngine, borders_of, write_performance
from render.train.measure_learning import learning_lines
from render.train.style_classifier import StyleClassifier
from render.train.unseen import UNSEEN


def test_a_performance_is_written_as_midi_and_read_back(tmp_path: Path) -> None:
    given = played("harp", (60, 64, 67, 62, 60)).performance
    write_performance(given, tmp_path / "song.mid")
    found = read_performance(tmp_path / "song.mid")
    assert found.end_s == pytest.approx(given.end_s, abs=1e-3)
    assert [part.stem for part in found.parts] == ["Melody"]
    for name in ("onset_s", "end_s", "pitch", "velocity"):
        assert np.allclose(getattr(notes_of(found), name), getattr(notes_of(given), name), atol=1e-3)


def test_borders_are_where_windows_meet() -> None:
    assert borders_of(50.0, Sampling(window_s=60.0)) == ()
    frames = borders_of(100.0, Sampling(window_s=60.0, overlap_s=6.0))
    assert [frame / 50 for frame in frames] == [pytest.approx(57, abs=0.1)]


def test_the_engine_paints_at_the_level_of_the_score() -> None:
    try:
        font = find_soundfont(None)
    except NotInstalled as reason:
        pytest.skip(str(reason))
    torch.manual_seed(0)
    encoder = StyleEncoder(StyleEncoderConfig(width=16, blocks=1, styles=("harp",))).eval()
    encoder.styles.normal_()
    engine = ShippedEngine(random_painter(), encoder, font, sampling=Sampling(steps=2))
    clip = played("harp", (60, 64, 67, 62, 60))
    synthesis = engine.synthesis(clip.performance, "harp")
    asked = controls_of_performance(clip.performance, mel_of(synthesis).frames)
    painted = engine.paint(synthesis, "harp", asked, 3)
    assert painted.samples.shape == synthesis.samples.shape
    assert np.array_equal(painted.samples, engine.paint(synthesis, "harp", asked, 3).samples)
    assert not np.array_equal(painted.samples, engine.paint(synthesis, "harp", asked, 4).samples)
    sounding = asked.dynamics_db > -30
    levels = controls_of_audio(synthesis).dynamics_db[sounding], asked.dynamics_db[sounding]
    assert abs(np.mean(levels[0] - levels[1])) < 6  # not some 20 dB apart, as fonts and styles are
    mel = mel_of(synthesis)
    assert engine.through_codec(mel).frames == mel.frames
    assert engine.mel_to_audio(mel, synthesis).samples.shape == synthesis.samples.shape
    with pytest.raises(ValueError, match="--concat"):
        engine.paint(synthesis, "harp", asked, 3, concat=True)


@pytest.mark.slow
def test_a_style_is_learned_and_what_that_costs_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        font = find_soundfont(None)
    except NotInstalled as reason:
        pytest.skip(str(reason))
    monkeypatch.setattr(measure_learning, "RECORDINGS_S", 12.0)
    monkeypatch.setattr(measure_learning, "CLIPS_A_STYLE", 1)
    write_piece(tmp_path / "pop909-001.mid")
    take_with(
        tmp_path, (Excerpt("pop909-001.mid", 0.0, 14.0, 1.0, 0, 1.0, 0.0),), "harp", 0, "training", font.stem
    )
    encoder = StyleEncoder(StyleEncoderConfig(width=16, blocks=1, styles=("harp", "choir"))).eval()
    encoder.styles.normal_()
    engine = ShippedEngine(random_painter(), encoder, font, sampling=Sampling(steps=2))
    clip = played("harp", (60, 64, 67, 62, 60))
    clip = replace(clip, recipe=replace(clip.recipe, font=font.stem))
    listener = StyleClassifier(["harp", *UNSEEN], (8, 8, 8, 8)).eval()
    learning = Learning(0.01, batch=2, adapter=AdapterConfig(rank=2))
    fonts = {font.stem: font}
    lines = learning_lines([clip], engine, listener, tmp_path, tmp_path, fonts, tmp_path, learning)
    recognised, share, duration, lost = lines
    assert recognised.figure.clips == len(UNSEEN)
    assert set(recognised.beside) == {"embedding alone", "plain synthesis", "true rendering"}
    assert 0 < share.figure.value < 1
    assert duration.figure.value < 1
    assert -1 <= lost.figure.value <= 1

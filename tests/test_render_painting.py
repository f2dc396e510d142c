"""Painting without a synthesizer: layers, the networks' mel, spectra in blocks, shares of stems, the journal."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import numpy as np
import pytest
import torch
from random_painter import random_painter, random_style, song
from render_performances import performance as made_of
from render_performances import scale

from render import session
from render.audio import Audio
from render.checkpoints import save_base
from render.controls import controls_of_performance, energy_of
from render.diffusion import Sampling
from render.errors import BadInput, NotInstalled
from render.events import read_performance
from render.layers import Strengths, layers_of, track_named
from render.mel import Mel, mel_of
from render.painted_layer import PaintedLayer, Wishes
from render.painting import load_painter, spectrum_of
from render.resume import Journal, journal_of
from render.stems import shared_out
from render.styles import STYLES, first_program


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FRAMESCORE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def performance(tmp_path_factory):
    return read_performance(song(tmp_path_factory.mktemp("midi") / "song.mid", 2.0))


def noise(seconds: float, seed: int = 0) -> Audio:
    samples = 0.1 * np.random.default_rng(seed).standard_normal((2, round(48_000 * seconds)))
    return Audio(samples.astype(np.float32))


def test_tracks_are_painted_as_strongly_as_asked(performance):
    strings, orchestra = STYLES["string-orchestra"], STYLES["full-orchestra"]
    plain, painted = layers_of(performance, strings, Strengths(0.8, {"piano": 0.0}))
    assert (plain.strength, painted.strength) == (0.0, 0.8)
    assert [part.stem for part in plain.performance.parts] == ["Piano", "Drums"]  # strings have no drums
    assert {part.stem for part in painted.performance.parts} == {"Strings"}
    everything = layers_of(performance, orchestra, Strengths(1.0))
    assert [layer.strength for layer in everything] == [1.0]
    usually = layers_of(performance, orchestra, Strengths(None, {"piano": 0.8}), usual=0.6)
    assert [layer.strength for layer in usually] == [0.6, 0.8]
    untouched = layers_of(performance, strings, Strengths(0.0), usual=0.6)
    assert untouched[0].performance.parts == performance.parts
    with pytest.raises(BadInput, match=r"no such track.*tracks: Piano, Strings, Drums"):
        layers_of(performance, strings, Strengths(1.0, {"Flute": 0.5}))
    with pytest.raises(BadInput, match=r"no such track; did you mean Piano\? tracks: Piano, Strings, Drums"):
        layers_of(performance, strings, Strengths(1.0, {"Pianno": 0.5}))


def test_a_track_is_found_by_any_part_of_its_name_that_is_its_alone():
    names = ("Violin I", "Violin II", "Viola")
    assert track_named("viola", names) == "Viola"
    assert track_named("violin i", names) == "Violin I"
    with pytest.raises(BadInput, match="may be Violin I or Violin II"):
        track_named("violin", names)
    assert track_named("Horn", ("horn", "Horn")) == "Horn"


def test_a_part_painted_apart_keeps_the_seat_it_has_among_all():
    pitches = {43: 36, 48: 62, 60: 60, 73: 84}  # program -> pitch: in the orchestra's instruments already
    parts = [scale([pitch], program=program, stem=str(program)) for program, pitch in pitches.items()]
    layers = layers_of(made_of(*parts), STYLES["full-orchestra"], Strengths(1.0, {"60": 0.5}))
    assert [layer.strength for layer in layers] == [0.5, 1.0]
    played = {part.stem: first_program(part) for layer in layers for part in layer.performance.parts}
    assert played == {str(program): program for program in pitches}


def test_a_failure_ends_the_synthesis_and_leaves_nothing(tmp_path, monkeypatch):
    begun, folders, ended = threading.Event(), [], []

    def synthesize(played, font, folder, outputs, progress, **_):
        folders.append(folder)
        begun.set()
        try:
            for _ in range(500):
                progress(0.5)
                time.sleep(0.01)
        except CancelledError:
            ended.append(True)
            raise

    def interrupted(*_):
        begun.wait(5)
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "synthesize_files", synthesize)
    monkeypatch.setattr(session, "find_soundfont", lambda _: tmp_path)
    monkeypatch.setattr(PaintedLayer, "begin", interrupted)
    midi, out = song(tmp_path / "song.mid", 1.0), tmp_path / "song.wav"
    with pytest.raises(KeyboardInterrupt):
        session.paint_midi(midi, out, random_style(), random_painter())
    assert ended
    assert not folders[0].exists()
    assert not out.exists()


def test_the_mel_follows_seed_style_controls_and_start(performance):
    painter, frames = random_painter(), 101
    controls, mood = controls_of_performance(performance, frames), np.zeros((3, frames), np.float32)
    style, other = random_style(seed=1).embedding, random_style(seed=2).embedding
    sampling = Sampling(steps=3)

    def paint(seed=0, style=style, controls=controls, **wishes):
        return painter.paint(controls, style, mood, seed=seed, sampling=sampling, **wishes).log

    first = paint()
    assert first.shape == (128, frames)
    assert np.array_equal(first, paint())
    for changed in (paint(seed=1), paint(style=other), paint(controls=controls.only("dynamics"))):
        assert np.abs(changed - first).max() > 1e-3
    quiet, loud = (Mel(np.full((128, frames), level, np.float32)) for level in (-6.0, -2.0))
    assert np.array_equal(paint(start=quiet), first)  # at full strength nothing is left of it
    assert np.abs(paint(start=quiet, strength=0.5) - paint(start=loud, strength=0.5)).max() > 1e-3
    assert np.array_equal(paint(start=quiet, strength=0.0), quiet.log)


def test_threads_do_not_change_the_bytes(performance):
    painter, frames = random_painter(), 400
    controls, mood = controls_of_performance(performance, frames), np.zeros((3, frames), np.float32)
    style, sampling = random_style().embedding, Sampling(steps=2)
    threads = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(painter.paint(controls, style, mood, seed=0, sampling=sampling).log)
    finally:
        torch.set_num_threads(threads)
    assert all(np.array_equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize("seconds", [0.05, 1.01, 25.003])
def test_a_spectrum_in_blocks_is_that_of_the_whole(seconds):
    audio = noise(seconds)
    seen = spectrum_of(audio)
    assert np.allclose(seen.mel().log, mel_of(audio).log, atol=1e-4)
    assert np.allclose(seen.energy, energy_of(audio), rtol=1e-3)
    louder = mel_of(Audio(audio.samples * np.float32(10 ** (6 / 20))))
    assert np.allclose(seen.mel(6.0).log, louder.log, atol=1e-4)


def test_shares_of_stems_sum_to_the_whole():
    carriers = {"one": noise(0.5, 1), "other": noise(0.5, 2)}
    whole = noise(0.5, 3)
    parts = shared_out(whole, carriers)
    assert np.abs(parts["one"].samples + parts["other"].samples - whole.samples).max() < 1e-5
    assert parts["one"].peak > 0.01


@pytest.mark.parametrize("method", ["filter", "phase"])
def test_painted_stems_sum_to_what_is_painted_on_their_sum(performance, tmp_path, method):
    layer = layers_of(performance, STYLES["string-orchestra"], Strengths(1.0, {"Piano": 0.0}))[-1]
    mood = np.zeros((3, 60), np.float32)
    wishes = Wishes(sampling=Sampling(steps=1), method=method)
    one, other = noise(1.2, 1), noise(1.2, 2)
    found = []
    for name, carriers in (
        ("stems", {"a": one, "b": other}),
        ("mix", {"m": Audio(one.samples + other.samples)}),
    ):
        (tmp_path / name).mkdir()
        coat = PaintedLayer(random_painter(), random_style().embedding, wishes, layer, mood, print)
        coat.begin(lambda share: None)
        painted = coat.laid_on(carriers, tmp_path / name, lambda share: None, lambda share: None)
        found.append(sum(sound.read(0, sound.length_samples) for sound in painted.values()))
        coat.close()
    assert np.abs(found[0] - found[1]).max() < 1e-4 * np.abs(found[1]).max()


def test_a_journal_keeps_what_can_be_read(tmp_path):
    journal = journal_of({"seed": 1})
    assert journal == journal_of({"seed": 1}) != journal_of({"seed": 2})
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    journal.write(3, values)
    assert np.array_equal(journal.read(3), values)
    assert journal.read(4) is None
    (journal.folder / "step-004.npy").write_bytes(b"torn")
    assert journal.read(4) is None
    journal.close()
    assert not journal.folder.exists()
    (tmp_path / "file").touch()
    nowhere = Journal(tmp_path / "file" / "folder")
    nowhere.write(0, values)
    assert nowhere.read(0) is None


def test_missing_checkpoints_are_named(tmp_path):
    with pytest.raises(NotInstalled, match=r"codec\.json: no such checkpoint"):
        load_painter(tmp_path, "cpu")
    save_base(random_painter().predictor.base, tmp_path, {})
    with pytest.raises(NotInstalled, match="no such checkpoint"):
        load_painter(tmp_path, "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(NotInstalled, match="--device cpu"):
            load_painter(tmp_path, "cuda")


def test_what_is_added_to_a_synthesis_is_the_slower_the_weaker_it_is_painted(performance):
    painter, frames = random_painter(), 200
    controls, mood = controls_of_performance(performance, frames), np.zeros((3, frames), np.float32)
    start = Mel(np.random.default_rng(0).normal(-4, 1, (128, frames)).astype(np.float32))

    def quickest(strength):
        painted = painter.paint(
            controls, None, mood, seed=0, sampling=Sampling(steps=2), start=start, strength=strength
        )
        return np.abs(np.diff(painted.log - start.log, axis=1)).mean()

    assert quickest(0.3) < quickest(0.6) < quickest(0.9) < 0.5 * quickest(1.0)

"""The measuring command: figures as text and JSON, clips of held-out takes, the style classifier, and whole reports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sine_clips import STYLE_HARMONICS, played, take_with, tones, write_piece

from render.audio import Audio
from render.controls import RenderControls
from render.errors import BadInput
from render.events import Performance
from render.mel import Mel, mel_of
from render.metrics.spread import Figure
from render.train import measure_clips
from render.train.clips import CLIP_S, held_out_clips, recipes_of, true_rendering
from render.train.data import Excerpt
from render.train.figures import Line, Report, plain, shown
from render.train.measure import main
from render.train.measure_clips import (
    CODEC,
    CONCATENATED,
    FROM_AUDIO,
    FROM_MIDI,
    REFERENCE,
    RESYNTHESIS,
    Judges,
    Measured,
    adherence_lines,
    adherence_table,
    controlnet_lines,
    draw,
    frechet_lines,
    measure,
    mel_to_audio_lines,
    sounds_of,
    style_lines,
    style_table,
)
from render.train.measure_long import Job, Painted, border_line, in_child, long_cue, minute_distances
from render.train.style_classifier import (
    Crops,
    StyleClassifier,
    embedding_of,
    load_classifier,
    save_classifier,
    scores_of,
    train,
)


def test_a_line_says_whether_it_is_what_was_wanted() -> None:
    figure = Figure(0.889, 0.871, 0.904, 135)
    line = Line("melody accuracy", figure, at_least=0.88, beside={"true rendering": plain(0.64)})
    assert line.holds is True
    text = line.as_text()
    assert "88.9 % [87.1, 90.4]" in text
    assert "wanted >= 88 %: yes" in text
    assert "64.0 %" in text.splitlines()[1]
    assert Line("x", figure, at_least=0.9).holds is False
    assert Line("distance", plain(3.4), "dB", at_most=3.3).as_text().endswith("wanted <= 3.3 dB: NO")
    assert Line("x", figure).holds is None
    assert "wanted" not in Line("x", figure).as_text()
    assert shown(plain(1.2), "") == "1.200"


def test_a_report_is_written_over_an_earlier_one_section_by_section(tmp_path: Path) -> None:
    first, second = Report({"seed": 0}), Report({"seed": 1})
    first.add("adherence", Line("melody", plain(0.8)))
    first.add("styles", Line("style", plain(0.7)))
    second.add("styles", Line("style", plain(0.9), at_least=0.85))
    second.tables["by style"] = ["  harp 90 %"]
    for report in (first, second):
        report.write(tmp_path / "figures.json")
    found = json.loads((tmp_path / "figures.json").read_text())
    assert found["seed"] == 1
    assert found["figures"]["adherence"][0]["value"] == 0.8
    assert found["figures"]["styles"][0]["holds"] is True
    assert second.as_text().startswith("styles\n")
    assert second.as_text().endswith("\n\nby style\n  harp 90 %")


def hissing(audio: Audio, amplitude: float, seed: int) -> Audio:
    noise = np.random.default_rng(seed).normal(0, amplitude, audio.samples.shape)
    return Audio(audio.samples + noise.astype(np.float32), audio.sample_rate)


class Sines:
    """An engine that plays true renderings, with a little hiss."""

    def synthesis(self, performance: Performance, style: str) -> Audio:
        return tones(performance, style)

    def paint(
        self,
        synthesis: Audio,
        style: str,
        controls: RenderControls,
        seed: int,
        *,
        concat: bool = False,
    ) -> Audio:
        return hissing(synthesis, 3e-3 if concat else 1e-3, seed)

    def balance(self, painted: Audio, controls: RenderControls) -> Audio:
        return painted

    def through_codec(self, mel: Mel) -> Mel:
        return Mel(np.round(mel.log * 4) / np.float32(4))

    def mel_to_audio(self, mel: Mel, synthesis: Audio) -> Audio:
        return hissing(synthesis, 3e-4, 1)


class Means:
    """A stand-in for an audio classifier."""

    def embed(self, frame: np.ndarray) -> np.ndarray:
        spectrum = np.abs(np.fft.rfft(frame))[:7800]
        return np.log(spectrum.reshape(6, -1).mean(1) + 1e-3).astype(np.float32)


@pytest.fixture(scope="module")
def judge() -> StyleClassifier:
    mels, styles = [], []
    for index, style in enumerate(STYLE_HARMONICS):
        for low in (48, 55, 60, 67):
            log = mel_of(tones(played(style, (low, low + 4, low + 7, low + 2, low)).performance, style)).log
            mels.append(log[:, :256])
            styles.append(index)
    crops = Crops(np.stack(mels).astype(np.float16), np.array(styles))
    return train(crops, list(STYLE_HARMONICS), 40, 0, batch=8, widths=(8, 8, 8, 8))


@pytest.fixture(scope="module")
def measured(judge: StyleClassifier) -> list[Measured]:
    clips = [
        played(style, pitches, number)
        for number, (style, pitches) in enumerate(
            (style, pitches)
            for style in STYLE_HARMONICS
            for pitches in ((60, 64, 67, 62, 60), (57, 60, 64, 69, 57))
        )
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure_clips, "reference_of", lambda clip, _: tones(clip.performance, clip.style))
        names = (FROM_MIDI, FROM_AUDIO, CONCATENATED, RESYNTHESIS, CODEC)
        sounds = [sounds_of(clip, Sines(), {}, names, 0) for clip in clips]
    return [measure(clip, each, Judges(judge, Means())) for clip, each in zip(clips, sounds, strict=True)]


def test_the_judge_tells_styles_apart_and_is_read_back(judge: StyleClassifier, tmp_path: Path) -> None:
    mels = {
        style: mel_of(tones(played(style, (62, 66, 69, 64, 62)).performance, style))
        for style in STYLE_HARMONICS
    }
    for index, mel in enumerate(mels.values()):
        assert scores_of(judge, mel).argmax() == index
        quieter = Mel(mel.log - np.float32(2))
        assert np.allclose(scores_of(judge, quieter), scores_of(judge, mel), atol=0.2)
    save_classifier(judge, tmp_path / "judge.safetensors")
    again = load_classifier(tmp_path / "judge.safetensors")
    assert again.names == judge.names
    mel = mels["choir"]
    assert np.allclose(embedding_of(again, mel), embedding_of(judge, mel), atol=1e-5)
    assert np.linalg.norm(embedding_of(judge, mel)) == pytest.approx(1.0, abs=1e-5)
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="no style classifier"):
        load_classifier(tmp_path / "broken.safetensors")


def test_adherence_of_an_obedient_engine_holds(measured: list[Measured]) -> None:
    for name in (FROM_MIDI, FROM_AUDIO):
        lines = {line.name: line for line in adherence_lines(measured, name, np.random.default_rng(0))}
        assert lines["melody accuracy"].figure.value > 0.9
        assert lines["in-chord accuracy"].figure.value > 0.9
        assert lines["dynamics r, macro"].holds
        assert all(line.figure.clips == 4 for line in lines.values())
        assert (REFERENCE in lines["melody accuracy"].beside) == (name == FROM_MIDI)


def test_the_controlnet_line_is_a_difference_clip_by_clip(measured: list[Measured]) -> None:
    line, before = controlnet_lines(measured, np.random.default_rng(0))
    for each in (line, before):
        lost = each.beside[CONCATENATED].value - each.beside["ControlNet"].value
        assert each.figure.value == pytest.approx(lost)
    assert line.holds
    assert before.holds is None


def test_styles_frechet_and_mel_to_audio(measured: list[Measured], judge: StyleClassifier) -> None:
    rng = np.random.default_rng(0)
    names = list(judge.names)
    assert style_lines(measured, names, rng)[-1].figure.value == 1.0
    assert len(style_table(measured, names, FROM_MIDI)) == len(adherence_table(measured, FROM_MIDI)) == 2
    distance, ratio = frechet_lines(measured, rng)
    assert distance.figure.value > 0
    assert ratio.figure.value == pytest.approx(distance.figure.value / distance.beside[CODEC].value)
    spectral, l1, chroma = mel_to_audio_lines(measured, rng)
    assert 0 < spectral.figure.value < 3.3
    assert l1.figure.value > 0
    assert chroma.figure.value > 0.99


def test_a_clip_is_drawn(tmp_path: Path) -> None:
    clip = played("harp", (60, 64, 67, 62, 60))
    sound = tones(clip.performance, clip.style)
    draw(tmp_path / "harp.png", clip, {REFERENCE: sound, FROM_MIDI: sound}, FROM_MIDI)
    assert (tmp_path / "harp.png").stat().st_size > 10_000


def test_minutes_of_one_timbre_are_near_and_a_change_is_not(judge: StyleClassifier) -> None:
    harp, choir = (mel_of(tones(played(s, (60, 64, 67, 62, 60)).performance, s)).log for s in STYLE_HARMONICS)
    same = Mel(np.tile(harp, (1, 3)))
    changed = Mel(np.concatenate([harp, harp, choir], axis=1))
    ends, neighbours = minute_distances(same, judge, window_s=5.2)
    assert neighbours.shape == ((same.frames - 2 * 260) // 22 + 1,)
    assert ends <= neighbours.max()
    assert ends < 0.1 * minute_distances(changed, judge, window_s=5.2)[0]
    with pytest.raises(ValueError, match="two windows"):
        minute_distances(Mel(harp), judge, window_s=5.2)
    jump = border_line("harp", changed, same, [390, 520])
    assert jump.figure.clips == 2


def paint_nothing(job: Job) -> Painted:
    """Run in a child process."""
    return Painted(0.0, 1.0, (4,))


@pytest.mark.slow
def test_a_child_process_tells_its_peak_memory(tmp_path: Path) -> None:
    clip = played("harp", (60,))
    painted, peak_bytes = in_child(paint_nothing, Job(clip.performance, "harp", 0, tmp_path / "x.wav"))
    assert painted.borders == (4,)
    assert 10e6 < peak_bytes < 20e9


def test_clips_are_stretches_of_held_out_excerpts(tmp_path: Path) -> None:
    write_piece(tmp_path / "pop909-010.mid")
    long = Excerpt("pop909-010.mid", 1.0, 14.0, 1.0, 0, 1.0, 0.0)
    short = Excerpt("pop909-010.mid", 1.0, 6.0, 1.0, 0, 1.0, 0.0)
    take_with(tmp_path, (long, short, long), "harp", 0)
    take_with(tmp_path, (short, long), "choir", 1)
    clips = held_out_clips(tmp_path, tmp_path, 3, 0)
    assert sorted(clip.name for clip in clips) == ["held-out-0000-00", "held-out-0000-02", "held-out-0001-01"]
    again = held_out_clips(tmp_path, tmp_path, 1, 0)
    assert [clip.style for clip in again] == ["harp", "choir"]
    assert all(clip.performance.end_s == CLIP_S for clip in clips)
    assert all(clip.performance.parts[0].time_s.max() <= CLIP_S for clip in clips)
    with pytest.raises(BadInput, match="--font"):
        true_rendering(clips[0].performance, clips[0].recipe, {})
    recipe, cue = long_cue(tmp_path, tmp_path, "harp", 60.0)
    assert recipe.style == "harp"
    assert cue.end_s == 60.0
    assert max(part.time_s.max() for part in cue.parts) > 50
    with pytest.raises(BadInput, match="no training takes"):
        recipes_of(tmp_path, "training")


@pytest.mark.parametrize("arguments", [["fad"], ["concat"], ["everything"]])
def test_the_command_says_what_is_missing(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "data", "pieces", "--font", "f.sf2", "--judge", "j.safetensors"])
    assert caught.value.code == 2
    assert "--" in capsys.readouterr().err

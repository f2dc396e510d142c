import numpy as np
import pytest
import soundfile

from render.audio import Audio, write_wav
from render.controls import CLASSES, CONTROLS, ROLL_ROWS, RenderControls, channels, controls_of_audio
from render.errors import BadInput
from render.recordings import at_mean_level, borrowed, read_recording


def tone(seconds: float, hz: float = 440.0, rate: int = 48_000) -> Audio:
    """A tone that swells once."""
    t = np.arange(round(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * hz * t) * (0.02 + 0.2 * np.sin(np.pi * t / seconds))
    return Audio(wave[None].astype(np.float32), rate)


def score(frames: int) -> RenderControls:
    """C at an even level."""
    chroma = np.zeros((CLASSES, frames), np.float32)
    chroma[0] = 1
    return RenderControls(
        np.zeros(frames, np.int8), chroma, np.full(frames, -20, np.float32), np.full(frames, 0.5, np.float32),
        np.full((ROLL_ROWS, frames), 0.5, np.float32), np.ones((len(CONTROLS), frames), bool),
    )  # fmt: skip


def present(controls: RenderControls, name: str) -> np.ndarray:
    return controls.present[CONTROLS.index(name)]


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
def test_any_recording_is_read_at_48_khz_and_one_level(tmp_path, rate):
    path = tmp_path / "a.wav"
    for gain in (0.01, 1.0):
        audio = tone(2.0, rate=rate)
        write_wav(Audio(audio.samples * np.float32(gain), rate), path)
        read = read_recording(path)
        assert read.sample_rate == 48_000
        assert read.duration_s == pytest.approx(2.0, abs=0.01)
        assert 10 * np.log10(np.square(read.samples).mean()) == pytest.approx(-24, abs=1.0)


def test_pauses_do_not_count_for_the_level():
    audio = tone(4.0)
    with_pause = Audio(np.pad(audio.samples, ((0, 0), (0, 480_000))), 48_000)
    scaled = at_mean_level(with_pause).samples[:, : audio.length_samples]
    np.testing.assert_allclose(scaled, at_mean_level(audio).samples, rtol=1e-3, atol=1e-6)


def test_the_level_is_found_in_the_last_moment_and_at_any_scale():
    last = np.zeros((1, 50_000), np.float32)
    last[:, 49_000:] = 0.5
    huge = tone(1.0).samples * np.float32(1e30)
    for samples in (last, huge):
        scaled = at_mean_level(Audio(samples))
        assert 0.01 < scaled.peak < 1.0


@pytest.mark.parametrize(
    ("samples", "cause"),
    [
        (np.zeros((1, 96_000)), "silent"),
        (np.full((1, 1), 0.5), "lasts"),
        (np.full((2, 96_000), 1e-4), "silent"),
    ],
)
def test_what_holds_no_music_is_refused_in_one_line(tmp_path, samples, cause):
    path = tmp_path / "a.wav"
    write_wav(Audio(samples.astype(np.float32)), path)
    with pytest.raises(BadInput, match=cause) as caught:
        read_recording(path)
    assert "\n" not in str(caught.value)


def test_unreadable_files_are_refused(tmp_path):
    path = tmp_path / "a.wav"
    with pytest.raises(BadInput):
        read_recording(path)
    path.write_bytes(b"RIFF....")
    with pytest.raises(BadInput, match="not a readable"):
        read_recording(path)
    for rate, seconds, cause in ((500, 2, "sample rate"), (8_000, 1801, "lasts 1801 s")):
        soundfile.write(path, np.full(rate * seconds, 0.1), rate)
        with pytest.raises(BadInput, match=cause):
            read_recording(path)


def test_nothing_is_borrowed_unasked():
    controls = score(200)
    assert borrowed(controls, tone(2.0)) is controls


def test_dynamics_cover_the_recording_and_keep_the_mean_level():
    controls = borrowed(score(400), tone(4.0), dynamics=True)
    assert controls.dynamics_db[100] > controls.dynamics_db[10] + 6
    assert controls.dynamics_db[50:150].mean() == pytest.approx(-20, abs=3)
    np.testing.assert_array_equal(controls.dynamics_db[200:], -20)
    np.testing.assert_array_equal(controls.melody, 0)
    assert controls.present.all()
    assert not controls.measured
    assert (np.diff(controls.roll[0, 20:90]) >= 0).all()  # it swells as well
    np.testing.assert_array_equal(controls.roll[:, 200:], 0.5)


def test_a_melody_takes_the_place_of_the_score():
    controls = borrowed(score(400), tone(4.0), melody=True)
    heard = controls_of_audio(tone(4.0))
    np.testing.assert_array_equal(controls.melody[:200], heard.melody)
    np.testing.assert_array_equal(controls.chroma[:, :200], heard.chroma)
    np.testing.assert_array_equal(controls.melody[200:], 0)
    np.testing.assert_array_equal(present(controls, "roll"), np.arange(400) >= 200)
    np.testing.assert_array_equal(present(controls, "onsets"), np.arange(400) >= 200)
    np.testing.assert_array_equal(controls.dynamics_db, -20)
    assert controls.measured
    np.testing.assert_array_equal(channels(controls)[-1], np.arange(400) < 200)  # measured


def test_a_recording_can_be_stretched_repeated_and_longer_than_the_cue():
    stretched = borrowed(score(400), tone(4.0), dynamics=True, fit="stretch").dynamics_db
    assert 150 < stretched.argmax() < 250
    repeated = borrowed(score(400), tone(4.0), dynamics=True, fit="repeat").dynamics_db
    np.testing.assert_allclose(repeated[:200], repeated[200:])
    assert borrowed(score(100), tone(4.0), dynamics=True, melody=True).frames == 100
    with pytest.raises(ValueError, match="squeeze"):
        borrowed(score(100), tone(4.0), dynamics=True, fit="squeeze")

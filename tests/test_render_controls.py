"""Controls from MIDI and from sound: what they say of cases whose answer is known."""

import numpy as np
import pytest
from render_performances import part, performance, scale

from render.audio import Audio
from render.controls import (
    CONTROL_CHANNELS,
    CONTROLS,
    FLOOR_DB,
    LOWEST_PITCH,
    NO_CLASS,
    PITCHES,
    ROLL_ROWS,
    RenderControls,
    calibration_db,
    channels,
    controls_of_audio,
    controls_of_performance,
    dynamics_of_audio,
)

MAJOR = [60, 62, 64, 65, 67, 69, 71, 72]


def tones(pitches: list[int], *, beat_s: float = 0.5, amplitude: float = 0.3, rate: int = 48_000) -> Audio:
    """A sinusoid a pitch, one after the other."""
    times_s = np.arange(int(rate * beat_s)) / rate
    notes = [np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * times_s) for pitch in pitches]
    return Audio((amplitude * np.concatenate(notes))[None].astype(np.float32), rate)


def test_melody_of_midi_and_of_sound_agree_on_a_scale():
    audio = tones(MAJOR)
    heard = controls_of_audio(audio)
    written = controls_of_performance(performance(scale(MAJOR, program=48)), heard.frames)
    middle = np.arange(12, heard.frames, 25)
    expected = [pitch % 12 for pitch in MAJOR]
    assert heard.melody[middle].tolist() == expected
    assert written.melody[middle].tolist() == expected
    assert heard.measured
    assert not written.measured
    assert np.abs(heard.chroma.sum(axis=0) - 1).max() < 1e-5


def test_chroma_of_midi_holds_what_a_window_of_sound_holds():
    pitches = [60, 64] * 10
    heard = controls_of_audio(tones(pitches, beat_s=0.06))
    written = controls_of_performance(performance(scale(pitches, program=48, beat_s=0.06)), heard.frames)
    for controls in (heard, written):
        inside = controls.chroma[:, 10:-10]
        assert inside[[0, 4]].min() > 0.15  # two notes at a time, though one sounds after the other


def test_absent_controls_are_not_asked_for():
    written = controls_of_performance(performance(scale(MAJOR)), 200)
    assert np.array_equal(written.asked_melody, written.melody)
    assert np.array_equal(written.asked_dynamics_db, written.dynamics_db)
    partial = written.during("melody", 1.0, 2.0).during("dynamics", 1.0, 2.0)
    assert set(partial.asked_melody[:50]) == {NO_CLASS}
    assert np.array_equal(partial.asked_melody[50:100], written.melody[50:100])
    assert partial.asked_dynamics_db is None


def test_silence_has_no_melody_and_stands_on_the_floor():
    quiet = controls_of_audio(Audio(np.zeros((2, 48_000), np.float32)))
    assert set(quiet.melody) == {NO_CLASS}
    assert np.all(quiet.chroma == 0)
    assert quiet.dynamics_db == pytest.approx(FLOOR_DB)
    rest = controls_of_performance(performance(scale([60], beat_s=0.2)), 100)
    assert set(rest.melody[50:]) == {NO_CLASS}
    assert rest.dynamics_db[80] == pytest.approx(FLOOR_DB)


def test_loudness_model_gives_known_decibels():
    full = part([(0.0, 4.0, 60, 127)], program=48, controls=[(0.0, 7, 127)])
    half = part([(0.0, 4.0, 60, 64)], program=48, controls=[(0.0, 7, 127)])
    level = controls_of_performance(performance(full), 200).dynamics_db[100]
    assert level == pytest.approx(0.0, abs=0.01)
    softer = controls_of_performance(performance(half), 200).dynamics_db[100]
    assert softer == pytest.approx(40 * np.log10(64 / 127), abs=0.05)


def test_level_of_a_sinusoid_and_calibration():
    level = dynamics_of_audio(tones([69], beat_s=3.0, amplitude=1.0))[75]
    assert level == pytest.approx(12.0, abs=0.1)  # full scale stands 12 dB above a lone note at full velocity
    full = performance(part([(0.0, 3.0, 69, 127)], program=48, controls=[(0.0, 7, 127)]))
    assert calibration_db(tones([69], beat_s=3.0, amplitude=1.0), full) == pytest.approx(-12.0, abs=0.2)
    assert calibration_db(Audio(np.zeros((1, 48_000), np.float32)), full) == 0.0


def test_onsets_and_roll_show_every_note():
    written = controls_of_performance(performance(scale(MAJOR)), 200)
    assert np.flatnonzero(written.onsets).tolist() == list(range(0, 200, 25))
    assert written.roll.shape == (ROLL_ROWS, 200)
    assert written.roll[60 - LOWEST_PITCH, 5] > 0.5
    assert written.roll[60 - LOWEST_PITCH, 40] == 0


def test_drums_have_rows_of_their_own_and_no_chroma():
    kit = part([(0.0, 0.1, 36, 120), (0.5, 0.6, 38, 120), (1.0, 1.1, 42, 120)], channel=9)
    written = controls_of_performance(performance(kit), 100)
    rows = [int(written.roll[:, frame].argmax()) for frame in (1, 26, 51)]
    assert rows == [PITCHES, PITCHES + 1, PITCHES + 3]
    assert set(written.melody) == {NO_CLASS}
    assert np.all(written.chroma == 0)


def test_a_control_counts_only_where_it_is_wanted():
    written = controls_of_performance(performance(scale(MAJOR)), 200)
    kept = written.only("melody", "dynamics").during("dynamics", 1.0, 2.0)
    assert kept.present[CONTROLS.index("melody")].all()
    assert not kept.present[CONTROLS.index("roll")].any()
    assert np.flatnonzero(kept.present[CONTROLS.index("dynamics")]).tolist() == list(range(50, 100))
    rows = channels(kept)
    assert rows.shape == (CONTROL_CHANNELS, 200)
    assert rows.dtype == np.float32
    assert np.all(rows[24, :50] == 0)
    assert np.any(rows[24, 50:100] != 0)
    assert np.all(rows[12:24] == 0)
    assert np.all(channels(written.only()) == 0)
    with pytest.raises(ValueError, match="loudness"):
        written.only("loudness")


def test_cutting_beyond_the_end_leaves_controls_absent():
    written = controls_of_performance(performance(scale(MAJOR)), 200)
    cut = written.cut(190, 220)
    assert cut.frames == 30
    assert cut.present[:, :10].all()
    assert not cut.present[:, 10:].any()


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="chroma"):
        RenderControls(
            np.zeros(5, np.int8), np.zeros((12, 4), np.float32), np.zeros(5, np.float32), np.zeros(5, np.float32),
            np.zeros((ROLL_ROWS, 5), np.float32), np.ones((5, 5), bool),
        )  # fmt: skip

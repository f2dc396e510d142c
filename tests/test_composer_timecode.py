"""Timecode: SMPTE ST 12-1 labels, with and without dropped ones, and back."""

from __future__ import annotations

import io
from fractions import Fraction

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.midi import midi_bytes
from composer.midi_reader import score_from_bytes
from composer.music import Score
from composer.timecode import (
    exact_rate,
    frame_label,
    frame_number,
    is_drop_frame,
    parse_timecode,
    timecode,
    timecode_s,
)
from composer.timing import Bar, TempoMap

NTSC, NTSC_DOUBLE = 30000 / 1001, 60000 / 1001
RATES = [24000 / 1001, 24.0, 25.0, NTSC, 30.0, 50.0, NTSC_DOUBLE]
DAY_S = 24 * 3600


@pytest.mark.parametrize(
    ("number", "rate", "label"),
    [
        (0, NTSC, "00:00:00;00"),
        (1799, NTSC, "00:00:59;29"),
        (1800, NTSC, "00:01:00;02"),
        (3597, NTSC, "00:01:59;29"),
        (3598, NTSC, "00:02:00;02"),
        (17981, NTSC, "00:09:59;29"),
        (17982, NTSC, "00:10:00;00"),
        (107892, NTSC, "01:00:00;00"),
        (2589407, NTSC, "23:59:59;29"),
        (2589408, NTSC, "00:00:00;00"),
        (3599, NTSC_DOUBLE, "00:00:59;59"),
        (3600, NTSC_DOUBLE, "00:01:00;04"),
        (35964, NTSC_DOUBLE, "00:10:00;00"),
        (215784, NTSC_DOUBLE, "01:00:00;00"),
    ],
)
def test_drop_frame_labels_are_those_of_the_standard(number, rate, label):
    assert frame_label(number, rate, drop_frame=True) == label
    assert frame_number(label, rate) == number % round(2589408 * rate / NTSC)


@pytest.mark.parametrize(("rate", "dropped"), [(NTSC, 2), (NTSC_DOUBLE, 4)])
def test_every_minute_but_each_tenth_leaves_labels_out(rate, dropped):
    seen = {frame_label(number, rate, drop_frame=True) for number in range(round(1200 * rate))}
    for minute in range(20):
        missing = [f"00:{minute:02d}:00;{frame:02d}" for frame in range(dropped)]
        assert [label in seen for label in missing] == [minute % 10 == 0] * dropped
        if minute % 10:
            for label in missing:
                with pytest.raises(ValueError, match="does not exist"):
                    frame_number(label, rate)


@given(st.integers(0, 2589407), st.sampled_from([NTSC, NTSC_DOUBLE]))
def test_drop_frame_labels_keep_to_the_clock(number, rate):
    """Within ten minutes the label is at most 1.8 frames off, in a day it gains another 2.6 (at 29.97)."""
    hours, minutes, seconds, frames = parse_timecode(frame_label(number, rate, drop_frame=True))
    label_s = (hours * 60 + minutes) * 60 + seconds + Fraction(frames, round(rate))
    clock_s = number / exact_rate(rate)
    ahead_frames = float((label_s - clock_s) * exact_rate(rate)) * NTSC / rate
    assert -1.8 <= ahead_frames - 2.59 * float(clock_s) / DAY_S <= 1.82
    if clock_s <= 1.75 * 3600:
        assert abs(ahead_frames) <= 2.0


@given(st.integers(0, 60 * DAY_S), st.sampled_from(RATES), st.booleans(), st.integers(0, 10**7))
def test_labels_round_trip(number, rate, drop_frame, start):
    drop_frame = drop_frame and rate in (NTSC, NTSC_DOUBLE)
    label = frame_label(number, rate, drop_frame=drop_frame)
    assert is_drop_frame(label) == drop_frame
    assert frame_label(frame_number(label, rate), rate, drop_frame=drop_frame) == label
    first = frame_label(start, rate, drop_frame=drop_frame)
    film_frame = number % round(11 * 3600 * rate)
    time_s = float(film_frame / exact_rate(rate))
    assert timecode_s(timecode(time_s, rate, first), rate, first) == time_s


@pytest.mark.parametrize("rate", RATES)
def test_no_frame_of_two_hours_is_mislabelled(rate):
    last = round(7200 * rate) - 1
    for number in (*range(last - 50, last + 1), *range(0, last, 997)):
        time_s = round(number / rate, 3)  # as Matroska keeps it
        assert frame_number(timecode(time_s, rate), rate) == number


def test_drop_frame_and_the_clock_agree_after_an_hour():
    assert timecode(3600.0, NTSC, "01:00:00;00") == "02:00:00;00"
    assert timecode(3600.0, NTSC, "01:00:00:00") == "01:59:56:12"
    assert timecode_s("02:00:00;00", NTSC, "01:00:00;00") == pytest.approx(3599.9964)


def test_a_list_may_say_elsewhere_that_it_drops_frames():
    written = timecode_s("00:10:00:00", 29.97, "00:00:00;00", drop_frame=True)
    assert written == timecode_s("00:10:00;00", 29.97) == pytest.approx(17982 * 1001 / 30000)


def test_labels_before_the_start_and_past_midnight():
    assert timecode_s("00:59:58:00", 25.0, "01:00:00:00") == -2.0
    assert timecode_s("00:00:01:00", 25.0, "23:59:59:00") == 2.0


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (24.0, Fraction(24)),
        (29.97, Fraction(30000, 1001)),
        (30.0, Fraction(30)),
        (59.94, Fraction(60000, 1001)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_exact_rate(written, exact):
    assert exact_rate(written) == exact


@pytest.mark.parametrize(
    ("label", "rate", "message"),
    [
        ("00:00:00;00", 25.0, "drop-frame"),
        ("00:00:00;00", 30.0, "drop-frame"),
        ("00:00:00:25", 25.0, "the last is 24"),
        ("00:01:00;01", NTSC, "does not exist"),
        ("24:00:00:00", 25.0, "time of day"),
        ("half past nine", 25.0, "is not like"),
    ],
)
def test_what_is_no_label_is_refused(label, rate, message):
    with pytest.raises(ValueError, match=message):
        frame_number(label, rate)


@pytest.mark.parametrize(
    ("rate", "start", "smpte"),
    [
        (NTSC, "01:02:03;29", (1, 2, 3, 29, 29.97)),
        (NTSC, "01:02:03:29", (1, 2, 3, 29, 30)),
        (NTSC_DOUBLE, "01:02:03;59", (1, 2, 3, 29, 29.97)),
        (24000 / 1001, "00:59:59:23", (0, 59, 59, 23, 24)),
        (25.0, "10:00:00:24", (10, 0, 0, 24, 25)),
        (50.0, "10:00:00:49", (10, 0, 0, 24, 25)),
    ],
)
def test_the_smpte_offset_says_whether_frames_are_dropped(rate, start, smpte):
    score = Score("", TempoMap((Bar(4, 4, 500_000),)), (), frame_rate=rate, start_timecode=start)
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(score)))
    offset = next(message for message in file.tracks[0] if message.type == "smpte_offset")
    assert (offset.hours, offset.minutes, offset.seconds, offset.frames, offset.frame_rate) == smpte
    back = score_from_bytes(midi_bytes(score))
    assert (back.frame_rate, back.start_timecode) == (rate, start)
    file.tracks[0] = mido.MidiTrack(m for m in file.tracks[0] if m.type != "text")  # as from another program
    buffer = io.BytesIO()
    file.save(file=buffer)
    foreign = score_from_bytes(buffer.getvalue())
    assert is_drop_frame(foreign.start_timecode) == is_drop_frame(start)
    assert parse_timecode(foreign.start_timecode) == smpte[:4]
    assert foreign.frame_rate == (NTSC if smpte[4] == 29.97 else smpte[4])

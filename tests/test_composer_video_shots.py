"""Cuts, flashes and fades told apart, on films made here and on real ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from make_video import plain, textured

from composer.video.fades import FadeFinder
from composer.video.reader import VideoReader
from composer.video.shots import DETECTORS, ShotController

RATE_HZ = 25


def watch(pictures, detector="adaptive", rate_hz=RATE_HZ):
    controller = ShotController(detector)
    for number, rgb in enumerate(pictures):
        controller.see(number / rate_hz, rgb)
    return controller.finish(len(pictures) / rate_hz)


def cut_times(shots):
    return [cut.time_s for cut in shots.cuts]


def living(seed, count, first=0):
    """A shot that is not frozen: the picture drifts a little. From its picture ``first`` on."""
    wide = textured(seed, 160, 80)
    return [np.ascontiguousarray(wide[8:72, n // 4 : n // 4 + 96]) for n in range(first, first + count)]


def dimmed(pictures, levels, shade=0):
    return [
        np.rint(shade + (rgb.astype(float) - shade) * level).astype(np.uint8)
        for rgb, level in zip(pictures, levels, strict=True)
    ]


@pytest.mark.parametrize("detector", DETECTORS)
def test_every_detector_finds_hard_cuts(detector):
    dark = [rgb // 2 for rgb in living(2, 40)]
    shots = watch(living(1, 40) + dark + living(3, 40), detector)
    assert cut_times(shots) == pytest.approx([1.6, 3.2])
    assert shots.fades == shots.flash_times_s == ()


def test_the_lean_detector_scores_like_the_one_it_comes_from():
    from scenedetect.detectors import AdaptiveDetector

    lean, whole = DETECTORS["adaptive"](min_scene_len=0), AdaptiveDetector(min_scene_len=0)
    pictures = [rgb for seed in range(6) for rgb in living(seed, 7)]
    for number, rgb in enumerate(pictures):
        assert lean.process_frame(number, rgb) == whole.process_frame(number, rgb)
        assert lean._frame_score == pytest.approx(whole._frame_score)


def test_an_unknown_detector_is_refused():
    with pytest.raises(ValueError, match="threshold"):
        ShotController("threshold")


def test_a_photographic_flash_dies_away():
    pictures = living(4, 100)
    for number, level in enumerate(0.9 * 0.6 ** np.arange(8)):
        pictures[50 + number] = dimmed([pictures[50 + number]], [1 - level], 255)[0]
    shots = watch(pictures)
    assert shots.cuts == shots.fades == ()
    assert shots.flash_times_s == pytest.approx([2.0])


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_white_flash(length):
    pictures = living(5, 100)
    pictures[50 : 50 + length] = [plain((255, 255, 255), 96, 64)] * length
    shots = watch(pictures)
    assert shots.cuts == shots.fades == ()
    assert shots.flash_times_s == pytest.approx([2.0])


def test_every_light_of_a_strobe():
    pictures = living(6, 100)
    lit = range(40, 60, 2)
    for number in lit:
        pictures[number] = dimmed([pictures[number]], [0.3], 255)[0]
    shots = watch(pictures)
    assert shots.cuts == ()
    assert shots.flash_times_s == pytest.approx([number / RATE_HZ for number in lit])


def test_a_black_picture_between_two_of_one_shot_is_neither_flash_nor_cut():
    pictures = living(7, 100)
    pictures[50] = plain((0, 0, 0), 96, 64)
    shots = watch(pictures)
    assert shots.cuts == shots.flash_times_s == shots.fades == ()


@pytest.mark.parametrize("shade", [0, 255])
@pytest.mark.parametrize(("out", "gone", "back"), [(25, 10, 25), (8, 1, 8), (50, 5, 12), (12, 40, 50)])
def test_a_fade_out_and_in(out, gone, back, shade):
    levels = [*np.linspace(1, 0, out + 1)[1:], *[0.0] * gone, *np.linspace(0, 1, back + 1)[1:]]
    before, after = living(8, 50), living(9, 50, gone + back)
    fading = living(8, out, 50) + living(9, gone + back)
    shots = watch(before + dimmed(fading, levels, shade) + after)
    (fade,) = shots.fades
    assert fade.start_s == pytest.approx(49 / RATE_HZ, abs=0.1 + 0.06 * out / RATE_HZ)
    assert fade.end_s == pytest.approx((50 + out + gone + back) / RATE_HZ, abs=0.1 + 0.06 * back / RATE_HZ)
    assert len(fade.ramps_s) == 2
    assert shots.cuts == ()


def test_a_film_that_opens_and_closes_with_a_fade():
    pictures = living(10, 100)
    levels = np.minimum(1, np.minimum(np.arange(100) / 20, (99 - np.arange(100)) / 20))
    opening, closing = watch(dimmed(pictures, levels)).fades
    assert (opening.start_s, closing.end_s) == (0.0, 4.0)
    assert opening.end_s == pytest.approx(0.8, abs=0.1)
    assert closing.start_s == pytest.approx(3.16, abs=0.1)


def test_a_fade_out_that_is_followed_by_a_hard_cut():
    levels = [*np.linspace(1, 0, 25), *[0.0] * 10]
    shots = watch(living(11, 50) + dimmed(living(11, 35, 50), levels) + living(12, 50))
    (fade,) = shots.fades
    assert len(fade.ramps_s) == 1
    assert fade.end_s == pytest.approx(85 / RATE_HZ)
    assert cut_times(shots) == pytest.approx([85 / RATE_HZ])


def test_a_cut_to_black_is_no_fade():
    pictures = living(13, 50) + [plain((0, 0, 0), 96, 64)] * 25 + living(14, 50)
    shots = watch(pictures)
    assert shots.fades == ()
    assert cut_times(shots) == pytest.approx([2.0, 3.0])


def test_a_cross_dissolve_has_no_hard_cut():
    mixed = [
        cv2.addWeighted(new, share, old, 1 - share, 0)
        for old, new, share in zip(living(15, 25, 40), living(16, 25), np.linspace(0, 1, 25), strict=True)
    ]
    shots = watch(living(15, 40) + mixed + living(16, 40, 25))
    assert shots.cuts == shots.fades == shots.flash_times_s == ()


def test_a_whip_pan_is_no_cut():
    wide = np.concatenate([textured(seed, 96, 64) for seed in range(17, 22)], axis=1)
    speed = np.concatenate(
        [np.zeros(40), np.linspace(0, 60, 4), np.full(4, 60.0), np.linspace(60, 0, 4), np.zeros(40)]
    )
    offsets = np.minimum(np.cumsum(speed), wide.shape[1] - 96).astype(int)
    shots = watch([np.ascontiguousarray(wide[:, offset : offset + 96]) for offset in offsets])
    assert shots.cuts == ()


def test_long_black_costs_nothing_and_many_blacks_little():
    """A film that goes black every second picture: each run is looked at within a few seconds around it."""
    finder = FadeFinder()
    for number in range(60_000):
        finder.see(number / 25, 0.0 if number % 2 else 90.0, 0.0 if number % 2 else 30.0)
    assert finder.finish(2400.0) == ()


def watch_file(path, detector="adaptive"):
    controller = ShotController(detector)
    with VideoReader(path) as reader:
        for frame in reader.frames():
            controller.see(frame.time_s, frame.rgb)
        return controller.finish(reader.info.duration_s)


def test_the_fades_of_a_real_file(shared_data):
    """It rises from black and sinks to it three times, by its frames: black at 0, 3.36, 6.66 and the end."""
    shots = watch_file(shared_data / "video" / "PySceneDetect__fades.mp4")
    assert shots.cuts == shots.flash_times_s == ()
    assert len(shots.fades) == 4
    assert shots.fades[0].start_s == 0.0
    assert shots.fades[-1].end_s == pytest.approx(10.0)
    for fade, black_s in zip(shots.fades, (0.0, 3.36, 6.66, 10.0), strict=True):
        assert fade.start_s <= black_s <= fade.end_s
    whites_s = (1.68, 5.04, 8.36)
    for white_s, sinks, rises in zip(whites_s, shots.fades, shots.fades[1:], strict=False):
        assert sinks.end_s == pytest.approx(white_s, abs=0.2)
        assert rises.start_s == pytest.approx(white_s, abs=0.2)


@pytest.mark.parametrize("held_s", [0.6, 1.0, 3.0, 20.0])
def test_a_cut_after_a_held_picture_is_found(held_s):
    controller = ShotController()
    time_s, cuts = 0.0, []
    for seed in range(4):
        for rgb in living(seed, 30):
            controller.see(time_s, rgb if seed % 2 else rgb // 2)
            time_s += 1 / RATE_HZ
        time_s += held_s
        cuts.append(time_s)
    assert cut_times(controller.finish(time_s)) == pytest.approx(cuts[:-1])


def test_a_fade_to_a_long_black_ends_with_the_picture_that_comes():
    finder = FadeFinder()
    for number in range(51):  # two seconds down to black
        finder.see(number / RATE_HZ, 120.0 * (1 - number / 50), 40.0 * (1 - number / 50))
    for number in range(25):
        finder.see(22.0 + number / RATE_HZ, 120.0, 40.0)
    [fade] = finder.finish(23.0)
    assert fade.end_s == pytest.approx(22.0)

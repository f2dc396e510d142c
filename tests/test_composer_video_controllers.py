"""Colour, motion and shots on pictures made here."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from make_video import plain, textured

from composer.video.color import ColorController, color_sample, log_chroma_histogram
from composer.video.motion import MotionController
from composer.video.shots import ShotController


def histogram_by_the_paper(rgb):
    """HistoGAN, equations 1 to 4, one pixel and one bin at a time."""
    bins, sigma, epsilon = 64, 0.02, 1e-6
    centres = [-3.0 + 6.0 * number / (bins - 1) for number in range(bins)]
    planes = [[[0.0] * bins for _ in range(bins)] for _ in range(3)]
    for pixel in rgb.reshape(-1, 3):
        values = [float(value) / 255.0 for value in pixel]
        logs = [math.log(value + epsilon) for value in values]
        intensity = math.sqrt(values[0] ** 2 + values[1] ** 2 + values[2] ** 2 + epsilon)
        for plane, (own, first, second) in enumerate(((0, 1, 2), (1, 0, 2), (2, 0, 1))):
            u, v = logs[own] - logs[first], logs[own] - logs[second]
            for row, centre_u in enumerate(centres):
                near_u = 1.0 / (1.0 + (abs(u - centre_u) / sigma) ** 2)
                for column, centre_v in enumerate(centres):
                    near_v = 1.0 / (1.0 + (abs(v - centre_v) / sigma) ** 2)
                    planes[plane][row][column] += near_u * near_v * intensity
    total = sum(value for plane in planes for row in plane for value in row)
    return np.array(planes) / total


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (9, 8)])
def test_histogram_is_the_published_one(shape):
    rgb = np.random.default_rng(3).integers(0, 256, (*shape, 3)).astype(np.uint8)
    rgb[0, 0] = (0, 255, 7)
    histogram = log_chroma_histogram(rgb)
    assert histogram.shape == (3, 64, 64)
    assert histogram.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(histogram, histogram_by_the_paper(rgb), atol=1e-6)


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (3, 2, 1)])
def test_histogram_of_any_plain_picture_sums_to_one(color):
    histogram = log_chroma_histogram(plain(color, 32, 32))
    assert np.isfinite(histogram).all()
    assert histogram.sum() == pytest.approx(1.0, abs=1e-5)


def test_warmth_brightness_and_saturation():
    orange, azure, gray = (
        color_sample(0.0, plain(c)) for c in ((255, 128, 0), (0, 127, 255), (128, 128, 128))
    )
    assert orange.warmth > 0.99
    assert azure.warmth < -0.99
    assert gray.warmth == 0.0
    assert gray.saturation == 0.0
    assert gray.brightness == pytest.approx(128 / 255, abs=1e-3)
    assert orange.saturation == pytest.approx(1.0)


def test_color_samples_twice_a_second_and_stays_bounded():
    controller = ColorController(max_samples=16)
    for number in range(75):
        controller.see(number / 25, plain((9, 9, 9), 16, 16))
    assert [sample.time_s for sample in controller.samples] == pytest.approx(
        [0, 0.52, 1.0, 1.52, 2.0, 2.52], abs=0.03
    )
    for number in range(75, 25 * 60):
        controller.see(number / 25, plain((9, 9, 9), 16, 16))
    times = [sample.time_s for sample in controller.samples]
    assert len(times) <= 16
    assert times[0] == 0.0
    assert np.diff(times) == pytest.approx(np.full(len(times) - 1, 4.0), abs=0.1)


def moving_square(offset_px: float) -> np.ndarray:
    scene = textured(5, 160, 96)
    return cv2.warpAffine(
        scene, np.array([[1, 0, offset_px], [0, 1, 0]], np.float32), (160, 96), borderMode=2
    )


def watch(pictures, rate_hz):
    controller = MotionController()
    for number, rgb in enumerate(pictures):
        controller.see(number / rate_hz, rgb)
    return controller.finish(len(pictures) / rate_hz, np.array([]))


def watch_motion(offsets, rate_hz):
    return watch([moving_square(offset) for offset in offsets], rate_hz)


def test_stillness_has_no_motion():
    motion = watch_motion([0] * 50, 25)
    assert motion.times_s == pytest.approx(np.arange(10) / 5)
    assert not motion.rgb_difference.any()
    assert not motion.saliency.any()


def test_difference_follows_time_not_frame_rate():
    slow, fast = (watch_motion(np.arange(2 * rate) * (40.0 / rate), rate) for rate in (10, 50))
    assert len(slow.times_s) == len(fast.times_s) == 10
    np.testing.assert_allclose(slow.rgb_difference, fast.rgb_difference, rtol=0.1)
    assert slow.rgb_difference.min() > 1


def test_difference_is_the_mean_absolute_one():
    controller = MotionController()
    for number in range(20):
        controller.see(number / 10, plain((10 * number, 0, 0)))
    motion = controller.finish(2.0, np.array([]))
    np.testing.assert_allclose(motion.rgb_difference, 20 / 3, rtol=1e-5)


def test_a_sudden_stop_is_salient():
    offsets = np.minimum(np.arange(75) * 1.5, 60.0)  # stops at picture 40, 1.6 s
    motion = watch_motion(offsets, 25)
    assert motion.times_s[motion.saliency.argmax()] == pytest.approx(1.6, abs=0.21)
    assert motion.saliency.max() > 3 * np.median(motion.saliency[:7])


@pytest.mark.parametrize("rate_hz", [24, 25, 30, 50])
@pytest.mark.parametrize("pixels_a_second", [5.0, 40.0, 120.0])
def test_speed_is_in_diagonals_a_second(rate_hz, pixels_a_second):
    wide = textured(5, 480, 96)
    pictures = [
        cv2.warpAffine(wide, np.array([[1, 0, -number * pixels_a_second / rate_hz], [0, 1, 0]]), (160, 96))
        for number in range(2 * rate_hz)
    ]
    motion = watch(pictures, rate_hz)
    expected = pixels_a_second / np.hypot(160, 96)
    assert motion.speed[1:].mean() == pytest.approx(expected, rel=0.05)
    assert motion.speed[1:] == pytest.approx(expected, rel=0.2)
    assert not len(motion.beats.times_s)


def test_speed_of_stillness_and_of_a_slide_show_is_none():
    assert not watch([moving_square(0)] * 50, 25).speed.any()
    controller = MotionController()
    for number in range(8):
        controller.see(2.0 * number, textured(number))
    assert not controller.finish(16.0, np.array([])).speed.any()


def bouncing_ball(time_s, period_s):
    rgb = plain((60, 60, 60), 160, 96)
    share = time_s % period_s / period_s
    height_px = 80 - 60 * 4 * share * (1 - share)
    cv2.circle(rgb, (80 * 16, round(height_px * 16)), 12 * 16, (230, 180, 40), -1, cv2.LINE_AA, 4)
    return rgb


@pytest.mark.parametrize("rate_hz", [24, 25, 30, 50])
@pytest.mark.parametrize("period_s", [0.8, 1.0])
def test_a_bouncing_ball_beats_where_it_bounces(rate_hz, period_s):
    motion = watch([bouncing_ball(number / rate_hz, period_s) for number in range(6 * rate_hz)], rate_hz)
    bounces_s = np.arange(period_s, 5.9, period_s)
    assert motion.beats.times_s == pytest.approx(bounces_s, abs=0.1)
    assert motion.beats.strengths.max() == 1.0
    assert motion.beats.strengths.min() > 0.5


def test_a_still_film_has_no_beats():
    assert not len(watch([moving_square(0)] * 100, 25).beats.times_s)


def test_cuts_are_no_motion():
    controller = MotionController()
    for number in range(50):
        controller.see(number / 25, textured(1 if number < 25 else 2))
    assert controller.finish(2.0, np.array([])).saliency.max() > 0
    assert controller.finish(2.0, np.array([1.0])).saliency.max() == 0


@pytest.mark.parametrize(("width", "height"), [(160, 16), (16, 160), (16, 16), (160, 30), (160, 90)])
def test_motion_of_pictures_of_any_shape(width, height):
    controller = MotionController()
    for number in range(20):
        controller.see(number / 10, textured(number, width, height))
    assert np.isfinite(controller.finish(2.0, np.array([])).saliency).all()


def test_motion_of_one_picture():
    motion = watch_motion([0], 25)
    assert len(motion.times_s) == len(motion.saliency) == len(motion.rgb_difference) == 1


def find_cuts(pictures, times):
    controller = ShotController()
    for time_s, rgb in zip(times, pictures, strict=True):
        controller.see(time_s, rgb)
    return controller.finish(times[-1] + 0.04).cuts


def test_cuts_are_found_at_their_first_picture_whatever_the_rate():
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.01, 0.07, 200))
    shots = np.digitize(times, [2.0, 3.1, 5.5])
    cuts = find_cuts([textured(10 + shot) for shot in shots], times)
    expected = [times[np.argmax(shots == shot)] for shot in range(1, 4)]
    assert [cut.time_s for cut in cuts] == pytest.approx(expected)
    assert all(0.3 < cut.strength <= 1 for cut in cuts)


def test_a_flash_is_no_cut():
    for length in (1, 2, 5, 8):
        pictures = [textured(3)] * 80
        pictures[40 : 40 + length] = [plain((255, 255, 255), 96, 64)] * length
        assert find_cuts(pictures, np.arange(80) / 25) == ()


def test_a_cut_into_a_flash_is_one_cut():
    pictures = [textured(3)] * 40 + [plain((255, 255, 255), 96, 64)] * 2 + [textured(4)] * 40
    assert len(find_cuts(pictures, np.arange(82) / 25)) == 1


def test_drawings_that_last_three_pictures_are_no_cuts():
    pictures = [moving_square(9.0 * (number // 3)) for number in range(120)]
    assert find_cuts(pictures, np.arange(120) / 30) == ()


def test_slides_are_cuts():
    pictures = [textured(number // 30) for number in range(150)]
    assert [cut.time_s for cut in find_cuts(pictures, np.arange(150) / 30)] == pytest.approx([1, 2, 3, 4])


def test_fades_and_brightness_are_no_cuts():
    scene = textured(8)
    fade = [(scene * level).astype(np.uint8) for level in np.linspace(0, 1, 60)]
    assert find_cuts(fade, np.arange(60) / 25) == ()


def test_a_dark_film_has_cuts_too():
    pictures = [textured(20 if number < 40 else 21) // 10 for number in range(80)]
    assert len(find_cuts(pictures, np.arange(80) / 25)) == 1


def test_short_films_have_no_cuts():
    for length in range(1, 6):
        assert find_cuts([textured(1)] * length, np.arange(length) / 25) == ()

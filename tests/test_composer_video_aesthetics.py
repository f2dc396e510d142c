"""Palettes and aesthetic measures of pictures whose answers are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from make_video import plain, textured

from composer.video.aesthetics import aesthetics
from composer.video.features import AESTHETICS, PALETTE_COLORS
from composer.video.palette import lab_of, palette


def looks(rgb):
    return dict(zip(AESTHETICS, aesthetics(rgb).tolist(), strict=True))


def spot(x, y, width=160, height=96, ground=0):
    """A small white disc at shares of the picture's sides."""
    rgb = plain((ground,) * 3, width, height)
    return cv2.circle(rgb, (round(x * width), round(y * height)), 5, (255, 255, 255), -1, cv2.LINE_AA)


def test_palette_names_colours_and_shares():
    rgb = plain((0, 0, 255), 32, 32)
    rgb[:16] = (255, 0, 0)
    rgb[:4] = (0, 255, 0)
    colors, shares = palette(rgb)
    np.testing.assert_allclose(colors[:3], [[0, 0, 1], [1, 0, 0], [0, 1, 0]], atol=1e-6)
    np.testing.assert_allclose(shares, [0.5, 0.375, 0.125, 0, 0])
    assert not colors[3:].any()


@pytest.mark.parametrize("seed", range(5))
def test_palette_of_any_picture(seed):
    rgb = (
        np.random.default_rng(seed).integers(0, 256, (24, 32, 3)).astype(np.uint8)
        if seed
        else textured(9, 32, 32)
    )
    colors, shares = palette(rgb)
    assert colors.shape == (PALETTE_COLORS, 3)
    assert shares.sum() == pytest.approx(1.0)
    assert (np.diff(shares) <= 0).all()
    assert ((colors >= 0) & (colors <= 1)).all()
    again = palette(rgb)
    assert np.array_equal(colors, again[0])
    assert np.array_equal(shares, again[1])
    np.testing.assert_allclose(shares @ colors, rgb.reshape(-1, 3).mean(axis=0) / 255, atol=1e-3)


def test_lab_is_that_of_opencv():
    colors = np.random.default_rng(1).random((100, 3))
    expected = cv2.cvtColor(colors[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    np.testing.assert_allclose(lab_of(colors), expected, atol=0.5)


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (128, 128, 128)])
def test_an_empty_picture_has_nothing(color):
    assert aesthetics(plain(color, 160, 90)) == pytest.approx(np.zeros(len(AESTHETICS)), abs=1e-6)


@pytest.mark.parametrize(("width", "height"), [(160, 90), (90, 160), (16, 160), (16, 16), (161, 121)])
def test_any_shape_gives_finite_numbers(width, height):
    values = aesthetics(textured(1, width, height))
    assert values.shape == (len(AESTHETICS),)
    assert np.isfinite(values).all()
    assert (values >= 0).all()


def test_light():
    halves = plain((0, 0, 0), 160, 90)
    halves[:, 80:] = 255
    assert looks(halves)["contrast"] == pytest.approx(1.0, abs=0.01)
    assert looks(halves)["lighting_key"] == pytest.approx(1.0, abs=0.02)
    noir, comedy = (
        looks(np.clip(textured(2) * gain + lift, 0, 255).astype(np.uint8))
        for gain, lift in ((0.2, 0), (0.5, 127))
    )
    assert noir["lighting_key"] < comedy["lighting_key"]


def test_colour():
    """Hasler and Suesstrunk's M3 of halves of red and green: rg is +-255, yb is 127.5 for both."""
    halves = plain((255, 0, 0), 160, 90)
    halves[:, 80:] = (0, 255, 0)
    found = looks(halves)
    assert found["colorfulness"] == pytest.approx((255 + 0.3 * 127.5) / 109, rel=0.01)
    assert found["hue_spread"] == pytest.approx(0.5, abs=0.01)  # two hues 120 degrees apart
    assert looks(plain((200, 100, 50), 160, 90))["hue_spread"] == pytest.approx(0.0, abs=1e-6)
    opposites = plain((255, 0, 0), 160, 90)
    opposites[:, 80:] = (0, 255, 255)
    assert looks(opposites)["hue_spread"] == pytest.approx(1.0, abs=0.01)


def test_detail():
    middle, third, corner = spot(0.5, 0.5), spot(1 / 3, 2 / 3), spot(0.08, 0.1)
    assert looks(middle)["shallow_focus"] == pytest.approx(1.0, abs=0.01)
    assert looks(corner)["shallow_focus"] == pytest.approx(0.0, abs=0.01)
    assert looks(third)["thirds"] == pytest.approx(1.0, abs=0.01)
    assert looks(middle)["thirds"] == looks(corner)["thirds"] == pytest.approx(0.0, abs=0.01)
    noise = looks(np.random.default_rng(0).integers(0, 256, (96, 160, 3)).astype(np.uint8))
    assert noise["shallow_focus"] == pytest.approx(0.25, abs=0.02)
    assert noise["thirds"] == pytest.approx(1 / 9, abs=0.02)
    assert noise["clutter"] > 0.9
    assert looks(third)["clutter"] < 0.05
    sharp = textured(3, 160, 96) // 64 * 64
    assert looks(cv2.GaussianBlur(sharp, (0, 0), 4))["sharpness"] < 0.5 * looks(sharp)["sharpness"]


def test_symmetry():
    left = textured(4, 80, 96)
    assert looks(np.concatenate([left, left[:, ::-1]], axis=1))["symmetry"] == pytest.approx(1.0, abs=1e-3)
    assert looks(np.concatenate([left, 255 - left[:, ::-1]], axis=1))["symmetry"] == 0.0

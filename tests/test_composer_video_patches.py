"""Patch dissimilarity: VidMusician's definition, on any vectors and on pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from make_video import plain, textured

from composer.video.patches import THUMBNAIL_PX, PatchController, patch_dissimilarity, pixel_patches
from composer.video.scaling import shrink


def patches_of(rgb):
    return pixel_patches(shrink(rgb, THUMBNAIL_PX, THUMBNAIL_PX)[None])[0]


def spelled_out(before, after):
    """Equation 4 and 1 - s of algorithm 1."""
    similarity = 0.0
    for one, other in zip(before.tolist(), after.tolist(), strict=True):
        dot = sum(a * b for a, b in zip(one, other, strict=True))
        similarity += dot / (sum(a * a for a in one) * sum(b * b for b in other)) ** 0.5
    return 1.0 - similarity / len(before)


@pytest.mark.parametrize("shape", [(1, 2), (49, 512), (196, 48)])
def test_dissimilarity_is_the_published_one(shape):
    rng = np.random.default_rng(1)
    before, after = rng.normal(size=(2, *shape)).astype(np.float32)
    assert patch_dissimilarity(before, after) == pytest.approx(spelled_out(before, after), abs=1e-5)
    assert patch_dissimilarity(before, after) == pytest.approx(patch_dissimilarity(after, before), abs=1e-6)


def test_many_pictures_at_once():
    vectors = np.random.default_rng(3).normal(size=(5, 9, 4))
    together = patch_dissimilarity(vectors[:-1], vectors[1:])
    one_by_one = [patch_dissimilarity(a, b) for a, b in pairwise(vectors)]
    np.testing.assert_allclose(together, one_by_one)


def test_bounds():
    vectors = np.random.default_rng(2).normal(size=(49, 16)).astype(np.float32)
    assert patch_dissimilarity(vectors, 3 * vectors) == pytest.approx(0.0, abs=1e-6)
    assert patch_dissimilarity(vectors, -vectors) == pytest.approx(2.0, abs=1e-6)
    assert patch_dissimilarity(np.zeros((4, 3)), np.zeros((4, 3))) == 0.0


@pytest.mark.parametrize(("width", "height"), [(160, 90), (90, 160), (16, 16), (160, 16), (161, 121)])
def test_patches_lie_where_they_lay(width, height):
    """A change in one corner changes the patches of that corner only."""
    before = textured(4, width, height)
    after = before.copy()
    after[: height // 4, : width // 4] = 255 - after[: height // 4, : width // 4]
    changed = np.abs(patches_of(after) - patches_of(before)).max(axis=1).reshape(7, 7) > 0
    assert changed[0, 0]
    assert not changed[3:].any()
    assert not changed[:, 3:].any()


def test_noise_in_gray_is_nearly_nothing_beside_a_cut():
    gray = plain((122, 117, 104), 160, 90)
    noisy = np.clip(gray + np.random.default_rng(0).normal(0, 4, gray.shape), 0, 255).astype(np.uint8)
    noise = patch_dissimilarity(patches_of(gray), patches_of(noisy))
    assert noise < 0.02
    assert patch_dissimilarity(patches_of(textured(1)), patches_of(textured(2))) > 30 * noise


@pytest.mark.parametrize(("rate_hz", "expected"), [(24, 47), (25, 49), (60, 49), (5, 9)])
def test_at_most_25_a_second(rate_hz, expected):
    controller = PatchController()
    for number in range(2 * rate_hz):  # 120 pictures at most: two batches
        controller.see(number / rate_hz, textured(number % 3))
    seen = controller.finish()
    assert len(seen.times_s) == len(seen.dissimilarity) == expected
    assert (np.diff(seen.times_s) > 0).all()
    assert seen.source == "pixels"


def test_a_cut_is_its_greatest_value_and_stillness_none():
    controller = PatchController()
    for number in range(50):
        controller.see(number / 25, textured(1 if number < 30 else 2))
    seen = controller.finish()
    assert seen.times_s[seen.dissimilarity.argmax()] == pytest.approx(1.2)
    assert np.count_nonzero(seen.dissimilarity > 1e-6) == 1

"""The real clips of the shared data as seen, and whether one moves enough, and unevenly enough, to be followed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from harness import SHARED_DATA, files_in

from composer.errors import BadInput
from composer.video.analyze import analyze
from composer.video.features import VideoFeatures

FEWEST_BARS = 4
LEAST_SPREAD = 0.3  # standard deviation of bar motion, as a share of its mean
LEAST_MOTION = 0.5  # of 255; below it nothing moves


def watched() -> Iterator[VideoFeatures]:
    """Every clip that can be watched; none where the shared data is not."""
    if (SHARED_DATA / "video").is_dir():
        for path in files_in(SHARED_DATA / "video"):
            try:
                yield analyze(path)
            except BadInput:
                continue


def varies(bar_motion: np.ndarray) -> bool:
    """Whether the motion (bars,) of a clip varies: bars enough, and a spread worth the name."""
    if len(bar_motion) < FEWEST_BARS:
        return False
    mean, spread = float(bar_motion.mean()), float(bar_motion.std())
    return mean >= LEAST_MOTION and spread >= LEAST_SPREAD * mean

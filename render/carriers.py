"""Which named style's instruments play for a style that has none: those nearest in sound whose notes end alike.

The renderer keeps the course of every note, so a plucked style painted over bowed strings stays bowed. Whether notes
die away is heard from how fast the bands of a mel fall: in most frames by 6 dB/s and more for struck and plucked
instruments, hardly at all for those that are blown, bowed or played on organs.
"""

from __future__ import annotations

import numpy as np
import torch

from render.mel import DB_A_NAT, SPEC
from render.models.style_encoder import StyleEncoder
from render.styles import STYLES

STRUCK_DB_S = -5.0  # between the named styles that are struck and those that are held
_APART_FRAMES = 5  # 100 ms
_HEARD_DB = 40.0  # below the loud bands of the recording
_LOUD_PERCENTILE = 95


def carrier_for(embedding: torch.Tensor, log_mel: np.ndarray, encoder: StyleEncoder) -> str:
    """Name of the carrier for recordings with this mean ``embedding`` (128,) and mel (bands, frames)."""
    is_struck = fall_db_s(log_mel) < STRUCK_DB_S
    nearest = [name for name, _ in encoder.nearest(embedding)]
    return next((name for name in nearest if STYLES[name].is_struck == is_struck), nearest[0])


def fall_db_s(log_mel: np.ndarray) -> float:
    """Median change of what sounds in a mel (bands, frames) as a natural logarithm, in dB/s; 0 where nothing does."""
    level_db = np.asarray(log_mel, np.float32) * np.float32(DB_A_NAT)
    if level_db.shape[1] <= _APART_FRAMES:
        return 0.0
    before, after = level_db[:, :-_APART_FRAMES], level_db[:, _APART_FRAMES:]
    heard = np.minimum(before, after) > np.percentile(level_db.max(axis=0), _LOUD_PERCENTILE) - _HEARD_DB
    return float(np.median((after - before)[heard])) * SPEC.frame_hz / _APART_FRAMES if heard.any() else 0.0

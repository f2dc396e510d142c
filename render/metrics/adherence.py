"""Whether sound does what its controls ask: melody accuracy, in-chord accuracy, dynamics correlation.

Conventions: arrays of one entry a frame, requested first, obtained second; shares 0-1. Melody is the strongest pitch
class of a frame, 0-11, or -1 where there is none (`render.controls`); frames in which nothing is requested do not
count, and a silent frame where something is requested is wrong.

Sources: HPM, appendix D.2, after Wu et al., "Music ControlNet" (2023), section IV: melody accuracy over the frames,
dynamics as Pearson's r of each clip (micro, the mean over the clips) and of all frames of all clips (macro).
In-chord accuracy is ours: with several notes at once the strongest class is a matter of chance, so the argmax of MIDI
agrees with a true rendering in .63 of the frames only; a class that sounds is right here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from render.metrics import TooLittleSound

NO_CLASS = -1
_CONSTANT = 1e-9  # a control that moves less than this, in dB, has no correlation


def melody_accuracy(requested: np.ndarray, obtained: np.ndarray) -> float:
    """Share of the frames with a requested pitch class in which the strongest class (frames,) is that one."""
    requested, obtained = _aligned(requested, obtained)
    asked = requested != NO_CLASS
    if not asked.any():
        raise TooLittleSound("melody accuracy needs a frame in which a pitch class is requested")
    return float((requested == obtained)[asked].mean())


def in_chord_accuracy(sounding: np.ndarray, obtained: np.ndarray) -> float:
    """Share of the frames in which the strongest class ``obtained`` (frames,) is one of those that sound.

    ``sounding`` (12, frames): above 0 where the score sounds the class. Frames in which nothing sounds do not count.
    """
    sounding, obtained = np.asarray(sounding) > 0, np.asarray(obtained)
    if sounding.shape != (12, len(obtained)):
        raise ValueError(f"sounding classes of shape {sounding.shape}; needs (12, {len(obtained)})")
    asked = sounding.any(axis=0)
    if not asked.any():
        raise TooLittleSound("in-chord accuracy needs a frame in which a class sounds")
    hit = sounding[obtained, np.arange(len(obtained))] & (obtained != NO_CLASS)
    return float(hit[asked].mean())


def dynamics_correlation(requested_db: np.ndarray, obtained_db: np.ndarray) -> float:
    """Pearson's r of two level curves (frames,) in dB, -1 to 1; 0 where only what was obtained is constant."""
    requested, obtained = _aligned(requested_db, obtained_db)
    requested, obtained = requested.astype(np.float64), obtained.astype(np.float64)
    if len(requested) < 2 or requested.std() < _CONSTANT:
        raise TooLittleSound("a correlation of dynamics needs a requested level that moves")
    if obtained.std() < _CONSTANT:
        return 0.0
    return float(np.corrcoef(requested, obtained)[0, 1])


def micro_correlation(clips_db: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean over the clips of r within each; clips whose requested level never moves do not count."""
    found = [dynamics_correlation(*clip) for clip in clips_db if np.std(clip[0]) >= _CONSTANT]
    if not found:
        raise TooLittleSound("micro correlation needs a clip whose requested level moves")
    return float(np.mean(found))


def macro_correlation(clips_db: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """One r over the frames of all clips: whether loud clips are louder than quiet ones as well."""
    if not clips_db:
        raise TooLittleSound("macro correlation needs a clip or more")
    requested, obtained = (np.concatenate(side) for side in zip(*clips_db, strict=True))
    return dynamics_correlation(requested, obtained)


def _aligned(requested: np.ndarray, obtained: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    requested, obtained = np.asarray(requested), np.asarray(obtained)
    if requested.shape != obtained.shape or requested.ndim != 1:
        raise ValueError(f"requested and obtained frames of shapes {requested.shape} and {obtained.shape}")
    return requested, obtained

"""Whether music does what it was asked to: requested against obtained, bar by bar.

Conventions: arrays of one entry a bar, pooled over pieces by the caller (`numpy.concatenate`); NaN where nothing was
asked, or where a bar is empty and has no loudness or register. r is Pearson's correlation, so units do not matter as
long as the two sides are linear in each other. Shares are 0-1.
"""

from __future__ import annotations

import numpy as np

from composer.metrics import TooLittleMusic
from composer.metrics.piece import Piece
from composer.theory import Key, estimate_key
from composer.tokens.vocabulary import CHORD_NONE, chord_of

TEMPO_TOLERANCE = 1e-3  # of the tempo asked for; MIDI rounds to whole microseconds a quarter


def density_adherence(requested: np.ndarray, obtained: np.ndarray) -> float:
    """r of the notes a bar that were asked for and are there (or notes a second, on both sides)."""
    return _correlation("density", requested, obtained)


def dynamics_adherence(requested: np.ndarray, obtained: np.ndarray) -> float:
    """r of the mean velocity a bar that was asked for and is there."""
    return _correlation("dynamics", requested, obtained)


def register_adherence(requested: np.ndarray, obtained: np.ndarray) -> float:
    """r of the mean pitch a bar that was asked for and is there."""
    return _correlation("register", requested, obtained)


def mode_adherence(requested_minor: np.ndarray, obtained_minor: np.ndarray) -> float:
    """Share of entries (bars, sections or pieces) whose mode, 1 for minor and 0 for major, is the one asked for."""
    return _matching("mode", requested_minor, obtained_minor)


def metre_adherence(requested: np.ndarray, obtained: np.ndarray) -> float:
    """Share of bars whose metre is exactly the one asked for: (bars, 2) numerator and denominator."""
    requested, obtained = np.asarray(requested, float), np.asarray(obtained, float)
    if requested.shape != obtained.shape or requested.ndim != 2 or requested.shape[1] != 2:
        raise ValueError(f"metres of shape {requested.shape} and {obtained.shape}; both must be (bars, 2)")
    asked = np.isfinite(requested).all(1)
    if not asked.any():
        raise TooLittleMusic("metre adherence needs a bar with a metre that was asked for")
    return float((requested == obtained).all(1)[asked].mean())


def tempo_adherence(
    requested_bpm: np.ndarray, obtained_bpm: np.ndarray, tolerance: float = TEMPO_TOLERANCE
) -> float:
    """Share of bars whose tempo is the one asked for, within ``tolerance`` of it."""
    requested, obtained = _pairs("tempo", requested_bpm, obtained_bpm)
    if not len(requested):
        raise TooLittleMusic("tempo adherence needs a bar with a tempo that was asked for")
    return float((np.abs(obtained - requested) <= tolerance * requested).mean())


def ends_on_tonic(chords: np.ndarray, key: Key) -> bool:
    """Whether the last chord of ``chords`` (pulses,) ids is the tonic of ``key``.

    Its root must be the tonic, and its third, where it has one, that of the mode; a major chord may end a piece in
    minor (Picardy third). Raises TooLittleMusic where there is no chord.
    """
    sounding = np.asarray(chords)[np.asarray(chords) != CHORD_NONE]
    chord = chord_of(int(sounding[-1])) if sounding.size else None
    if chord is None:
        raise TooLittleMusic("an ending needs a chord")
    steps = {(pitch_class - chord.root) % 12 for pitch_class in chord.pitch_classes}
    wrong_third = key.mode == "major" and 3 in steps
    return chord.root == key.tonic and not wrong_third and 6 not in steps


def bar_density(piece: Piece) -> np.ndarray:
    """Notes that start in every bar, drums left out: (bars,) float64."""
    return np.bincount(piece.bar[piece.pitched], minlength=piece.bars).astype(float)


def bar_dynamics(piece: Piece) -> np.ndarray:
    """Mean velocity of every bar, drums left out: (bars,) float64, NaN where none starts."""
    return _bar_mean(piece, piece.velocity)


def bar_register(piece: Piece) -> np.ndarray:
    """Mean pitch of every bar, drums left out: (bars,) float64, NaN where none starts."""
    return _bar_mean(piece, piece.pitch.astype(float))


def bar_minor(piece: Piece, span: np.ndarray) -> np.ndarray:
    """1 where the notes are in minor, 0 in major: (bars,) float64, one answer for all bars of the same ``span``
    (bars,), NaN for a span without a key. Krumhansl and Schmuckler's algorithm over durations, all 24 keys."""
    span = np.asarray(span)
    minor = np.full(piece.bars, np.nan)
    for name in np.unique(span):
        inside = piece.pitched & (span[piece.bar] == name)
        lasting = piece.duration_beats[inside]
        weights = np.bincount(piece.pitch[inside] % 12, weights=lasting, minlength=12)
        if weights.max() > weights.min():
            minor[span == name] = float(estimate_key(weights).mode == "minor")
    return minor


def _bar_mean(piece: Piece, values: np.ndarray) -> np.ndarray:
    bar, kept = piece.bar[piece.pitched], values[piece.pitched]
    count = np.bincount(bar, minlength=piece.bars)
    total = np.bincount(bar, weights=kept, minlength=piece.bars)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _correlation(name: str, requested: np.ndarray, obtained: np.ndarray) -> float:
    requested, obtained = _pairs(name, requested, obtained)
    if len(requested) < 2 or np.ptp(requested) < 1e-9:
        raise TooLittleMusic(f"{name} adherence needs two bars of which different things were asked")
    if np.ptp(obtained) < 1e-9:
        return 0.0  # deaf to what was asked
    return float(np.clip(np.corrcoef(requested, obtained)[0, 1], -1.0, 1.0))


def _matching(name: str, requested: np.ndarray, obtained: np.ndarray) -> float:
    requested, obtained = np.asarray(requested, float), np.asarray(obtained, float)
    _check_shapes(name, requested, obtained)
    asked = np.isfinite(requested)
    if not asked.any():
        raise TooLittleMusic(f"{name} adherence needs an entry of which something was asked")
    return float((requested == obtained)[asked].mean())


def _pairs(name: str, requested: np.ndarray, obtained: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    requested, obtained = np.asarray(requested, float), np.asarray(obtained, float)
    _check_shapes(name, requested, obtained)
    known = np.isfinite(requested) & np.isfinite(obtained)
    return requested[known], obtained[known]


def _check_shapes(name: str, requested: np.ndarray, obtained: np.ndarray) -> None:
    if requested.shape != obtained.shape or requested.ndim != 1:
        raise ValueError(
            f"{name}: {requested.shape} requested, {obtained.shape} obtained; both must be (bars,)"
        )

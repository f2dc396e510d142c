"""How far two sounds lie apart in their spectra, and how abruptly one changes.

Conventions: sounds of one length and level; frames and bands are those of `render.mel`, channels are averaged in power.

- Log-spectral distance: Gray & Markel, "Distance measures for speech processing", 1976: the root of the mean over
  the bins of the squared difference in dB, averaged over the frames. Bins from 30 Hz to 16 kHz of a 64 ms window; what
  lies 60 dB and more below the reference's loudest bin counts as 60 dB below, so that inaudible cells do not decide.
- Spectral flux: half-wave rectified change from frame to frame (Dixon, "Onset detection revisited", DAFx 2006), of log
  mels, so it is loud and soft alike; nats, averaged over the bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from render.audio import Audio
from render.controls import controls_of_audio
from render.mel import SPEC, Mel, power_blocks
from render.metrics import TooLittleSound
from render.metrics.adherence import melody_accuracy

RANGE_DB = 60.0
FLUX_PERCENTILE = 95.0
BORDER_REACH_FRAMES = 2


def log_spectral_distance(reference: Audio, estimate: Audio, range_db: float = RANGE_DB) -> float:
    """Log-spectral distance in dB; 0 for equal sounds. Raises TooLittleSound for a silent reference."""
    _comparable(reference, estimate)
    bins = slice(round(SPEC.low_hz / SPEC.bin_hz), round(SPEC.high_hz / SPEC.bin_hz) + 1)
    powers = [
        np.concatenate([power[bins] for power in power_blocks(sound)], axis=1)
        for sound in (reference, estimate)
    ]
    loudest = float(powers[0].max(initial=0.0))
    if loudest <= 0:
        raise TooLittleSound("a log-spectral distance needs a reference that sounds")
    floor = loudest * 10 ** (-range_db / 10)
    first, second = (10 * np.log10(np.maximum(power, floor)) for power in powers)
    return float(np.sqrt(np.square(first - second).mean(axis=0)).mean())


def mel_l1(reference: Mel, estimate: Mel) -> float:
    """Mean absolute difference of two log mels in nats. Raises ValueError for mels of unlike shapes."""
    if reference.spec != estimate.spec or reference.log.shape != estimate.log.shape:
        raise ValueError(f"mels of shapes {reference.log.shape} and {estimate.log.shape} cannot be compared")
    if not reference.frames:
        raise TooLittleSound("a distance of mels needs a frame or more")
    return float(np.abs(reference.log - estimate.log).mean(dtype=np.float64))


def chroma_agreement(reference: Audio, estimate: Audio) -> float:
    """Share of the sounding frames whose strongest pitch class is the same, 0-1."""
    _comparable(reference, estimate)
    return melody_accuracy(controls_of_audio(reference).melody, controls_of_audio(estimate).melody)


def spectral_flux(mel: Mel) -> np.ndarray:
    """How much every frame rises above the one before: (frames,) float64 nats, 0 in the first."""
    rise = np.maximum(np.diff(mel.log.astype(np.float64), axis=1), 0.0).mean(axis=0)
    return np.concatenate([np.zeros(min(mel.frames, 1)), rise])


@dataclass(frozen=True, slots=True)
class BorderFlux:
    """``at_borders`` (borders,) the largest flux within two frames of each border; ``elsewhere`` its 95th percentile
    over as long stretches away from all borders; ``over`` how many borders lie above it."""

    at_borders: np.ndarray
    elsewhere: float

    @property
    def over(self) -> int:
        """How many borders have more flux than 95 % of the places elsewhere."""
        return int((self.at_borders > self.elsewhere).sum())


def border_flux(mel: Mel, borders: Sequence[int], reach: int = BORDER_REACH_FRAMES) -> BorderFlux:
    """Flux at the frames ``borders``, where windows of generation meet, against that of all other places.

    Like is compared with like: a place is a frame with ``reach`` frames to either side, and has their largest flux.
    Raises ValueError for a border outside the mel, TooLittleSound where nothing is left to compare with.
    """
    places = np.asarray(borders, np.int64)
    if places.size and not (places.min() >= 0 and places.max() < mel.frames):
        raise ValueError(f"borders {list(borders)} of a mel of {mel.frames} frames")
    flux = np.pad(spectral_flux(mel), reach)
    largest = np.lib.stride_tricks.sliding_window_view(flux, 2 * reach + 1).max(axis=1)
    away = np.ones(mel.frames, bool)
    for place in places.tolist():
        away[max(0, place - 2 * reach) : place + 2 * reach + 1] = False
    if not away.any():
        raise TooLittleSound("flux at borders needs frames away from them to be compared with")
    return BorderFlux(largest[places], float(np.percentile(largest[away], FLUX_PERCENTILE)))


def _comparable(reference: Audio, estimate: Audio) -> None:
    if reference.sample_rate != estimate.sample_rate or reference.length_samples != estimate.length_samples:
        raise ValueError(
            f"sounds of {reference.length_samples} samples at {reference.sample_rate} Hz and "
            f"{estimate.length_samples} at {estimate.sample_rate} Hz cannot be compared"
        )

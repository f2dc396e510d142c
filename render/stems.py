"""The share of every stem in a sound that was made from their sum, where no linear filter did it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from render.audio import Audio
from render.mel import SPEC
from render.sounds import Sound
from render.spectral import blocks, inverse, reach, samples_of, transform

_TINY = np.float32(1e-12)


def shared_out(whole: Sound, carriers: Mapping[str, Sound]) -> dict[str, Audio]:
    """``whole`` divided among ``carriers``, all of its shape: each cell of its spectrum goes by their shares of power
    (Wiener's masks), so that the parts sum to it."""
    rate, length = whole.sample_rate, whole.length_samples
    parts = {name: np.zeros((whole.channels, length), np.float32) for name in carriers}
    for block in blocks(SPEC.frames(length, rate), reach(SPEC, rate)):
        spectra = transform(samples_of(whole, SPEC, block), SPEC, rate)
        powers = []
        for carrier in carriers.values():
            seen = transform(samples_of(carrier, SPEC, block), SPEC, rate)
            powers.append(np.square(seen.real) + np.square(seen.imag) + _TINY)
        total = sum(powers)
        start, stop = block.start * SPEC.hop(rate), min(block.stop * SPEC.hop(rate), length)
        skipped = (block.start - block.left) * SPEC.hop(rate) + SPEC.n_fft(rate) // 2
        for part, power in zip(parts.values(), powers, strict=True):
            sound = inverse(spectra * (power / total), SPEC, rate)
            part[:, start:stop] = sound[:, skipped : skipped + stop - start]
    return {name: Audio(samples, rate) for name, samples in parts.items()}

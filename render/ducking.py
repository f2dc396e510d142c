"""Ducking: the music makes room while the original sound is loud.

Side-chain compression in its plainest form: the level of the original sound (all tracks, RMS over 20 ms) asks for a
gain that falls from 0 dB at -45 dBFS to -9 dB at -30 dBFS and above; the gain falls within 80 ms, stays while there is
a pause of less than 400 ms, and comes back within 600 ms. The music is turned down before speech begins, because the
curve is known in advance.
"""

from __future__ import annotations

import av
import av.audio.resampler
import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from render.audio import Audio
from render.movie import AV_ERRORS, Movie, all_packets, open_movie

DEPTH_DB = 9.0
_STEP_S = 0.02
_LOW_DBFS, _HIGH_DBFS = -45.0, -30.0
_HOLD_S, _SLOPE_S = 0.4, 0.3
_CURVE_RATE = 8_000
_MAX_CURVE_S = 4 * 3600.0


def duck_under(music: Audio, movie: Movie) -> Audio:
    """``music`` turned down where the original sound of ``movie`` is loud; unchanged where there is none."""
    power = _power_curve(movie, music.duration_s)
    level_db = 10 * np.log10(np.maximum(power, 1e-12))
    depth = np.clip((level_db - _LOW_DBFS) / (_HIGH_DBFS - _LOW_DBFS), 0.0, 1.0)
    gain_db = minimum_filter1d(-DEPTH_DB * depth, 2 * round(_HOLD_S / 2 / _STEP_S) + 1, mode="nearest")
    gain_db = uniform_filter1d(gain_db, 2 * round(_SLOPE_S / 2 / _STEP_S) + 1, mode="nearest")
    step = round(_STEP_S * music.sample_rate)
    out = np.empty_like(music.samples)
    centres = (np.arange(len(gain_db)) + 0.5) * step
    block = 1 << 18
    for start in range(0, music.length_samples, block):
        stop = min(start + block, music.length_samples)
        curve = np.interp(np.arange(start, stop), centres, 10 ** (gain_db / 20))
        out[:, start:stop] = music.samples[:, start:stop] * curve.astype(np.float32)
    return Audio(out, music.sample_rate)


def _power_curve(movie: Movie, duration_s: float) -> np.ndarray:
    """Mean power of the original sound in every 20 ms from the first picture on: (steps,) float64."""
    steps = int(np.ceil(min(duration_s, _MAX_CURVE_S) / _STEP_S)) + 1
    power = np.zeros(steps)
    size = round(_STEP_S * _CURVE_RATE)
    with open_movie(movie.path) as source:
        resamplers = {
            s.index: av.audio.resampler.AudioResampler("flt", "mono", _CURVE_RATE)
            for s in source.streams.audio
            if s.codec_context is not None
        }
        for packet in all_packets(source):
            if packet.stream.index not in resamplers:
                continue
            for frame in _decoded(packet, resamplers[packet.stream.index]):
                start_s = (
                    float(frame.pts * frame.time_base - movie.first_picture_s)
                    if frame.pts is not None
                    else 0.0
                )
                samples = frame.to_ndarray().ravel().astype(np.float64)
                index = (round(start_s * _CURVE_RATE) + np.arange(len(samples))) // size
                inside = (index >= 0) & (index < steps)
                power += np.bincount(index[inside], samples[inside] ** 2, steps) / size
    return power


def _decoded(packet, resampler) -> list:
    try:
        return [piece for frame in packet.decode() for piece in resampler.resample(frame)]
    except AV_ERRORS:
        return []

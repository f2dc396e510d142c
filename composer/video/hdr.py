"""High dynamic range and wide gamut, made SDR BT.709 as the rest of FrameScore expects it.

Convention: linear light is relative, 1.0 being SDR white. The steps, on pictures already small:

- Code values to display light: PQ by its EOTF, HLG by its inverse OETF and the OOTF of a 1000 cd/m² screen (ITU-R
  BT.2100-2, tables 4 and 5), SDR by a power of 2.4 (BT.1886). SDR white is 203 cd/m², the HDR reference white of
  BT.2408-7.
- Primaries to those of BT.709 (as in BT.2087-0); colours outside are clipped.
- ``SOURCE_PEAK_NITS`` to SDR white with the EETF of BT.2390-10 (section 5.4.1) on the largest of R, G and B, which
  keeps hue: what is below about half of reference white stays, reference white itself comes to 0.8.
- Back to code values by the power of 1 / 2.4.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc

SDR_WHITE_NITS = 203.0
SOURCE_PEAK_NITS = 1000.0  # what most films are mastered for; what is brighter is shown as bright as this
SDR_GAMMA = 2.4
HLG_GAMMA = 1.2  # system gamma at 1000 cd/m²
HLG_LUMA = (0.2627, 0.6780, 0.0593)
PQ_TOP_NITS = 10_000.0
CURVE_POINTS = 1024

# x and y of red, green and blue (ITU-T H.273, table 2); the white point of all is D65.
WHITE_XY = (0.3127, 0.3290)
BT709_XY = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
WIDE_XY = {
    int(ColorPrimaries.BT2020): ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    int(ColorPrimaries.SMPTE432): ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
PQ, HLG = int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)


def is_hdr(transfer: int) -> bool:
    """Whether the transfer characteristic (ITU-T H.273) is PQ or HLG."""
    return transfer in (PQ, HLG)


def needs_mapping(transfer: int, primaries: int) -> bool:
    """Whether a picture with these tags (ITU-T H.273) has to go through `to_sdr`."""
    return is_hdr(transfer) or primaries in WIDE_XY


def to_sdr(rgb: np.ndarray, transfer: int, primaries: int) -> np.ndarray:
    """(height, width, 3) uint16 R'G'B' of full range as uint8 R'G'B' of SDR BT.709.

    ``transfer`` and ``primaries``: as tagged (ITU-T H.273); HDR without primaries is taken for BT.2020.
    """
    light = _light_of_codes(transfer)[rgb]
    if transfer == HLG:
        scene = light @ np.array(HLG_LUMA, np.float32)
        light *= (SOURCE_PEAK_NITS / SDR_WHITE_NITS * scene ** (HLG_GAMMA - 1.0))[..., None]
    if is_hdr(transfer) or primaries in WIDE_XY:
        light = light @ _to_bt709(primaries if primaries in WIDE_XY else int(ColorPrimaries.BT2020)).T
    if is_hdr(transfer):
        largest = light.max(axis=2)
        gain = np.interp(largest, *_gain_curve())
        light *= np.minimum(gain, 1.0 / np.maximum(largest, 1.0))[..., None].astype(np.float32)
    return (np.clip(light, 0.0, 1.0) ** (1.0 / SDR_GAMMA) * 255.0 + 0.5).astype(np.uint8)


def pq_to_nits(codes: np.ndarray) -> np.ndarray:
    """Light in cd/m² of PQ code values 0-1 (BT.2100-2, table 4: EOTF)."""
    root = codes ** (1.0 / _M2)
    return PQ_TOP_NITS * (np.maximum(root - _C1, 0.0) / (_C2 - _C3 * root)) ** (1.0 / _M1)


def nits_to_pq(nits: np.ndarray | float) -> np.ndarray:
    """PQ code values 0-1 of light in cd/m² (BT.2100-2, table 4: inverse EOTF)."""
    power = (np.asarray(nits) / PQ_TOP_NITS) ** _M1
    return ((_C1 + _C2 * power) / (1.0 + _C3 * power)) ** _M2


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073


@lru_cache(maxsize=3)
def _light_of_codes(transfer: int) -> np.ndarray:
    """(65536,) float32: light of each 16-bit code value; of HLG the scene's, 0-1, for the OOTF needs all three."""
    codes = np.linspace(0.0, 1.0, 65536)
    if transfer == PQ:
        light = pq_to_nits(codes) / SDR_WHITE_NITS
    elif transfer == HLG:
        light = np.where(codes <= 0.5, codes**2 / 3.0, (np.exp((codes - _HLG_C) / _HLG_A) + _HLG_B) / 12.0)
    else:
        light = codes**SDR_GAMMA
    return light.astype(np.float32)


@lru_cache(maxsize=len(WIDE_XY))
def _to_bt709(primaries: int) -> np.ndarray:
    """(3, 3) float32: linear RGB of ``primaries`` to that of BT.709."""
    return (np.linalg.inv(_rgb_to_xyz(BT709_XY)) @ _rgb_to_xyz(WIDE_XY[primaries])).astype(np.float32)


def _rgb_to_xyz(corners: tuple[tuple[float, float], ...]) -> np.ndarray:
    """(3, 3): SMPTE RP 177, from the chromaticities of the primaries and D65."""
    columns = np.array([(x / y, 1.0, (1.0 - x - y) / y) for x, y in corners]).T
    x, y = WHITE_XY
    return columns * np.linalg.solve(columns, np.array([x / y, 1.0, (1.0 - x - y) / y]))


@lru_cache(maxsize=1)
def _gain_curve() -> tuple[np.ndarray, np.ndarray]:
    """Light before the EETF, ascending, and what to multiply it with. ``CURVE_POINTS`` float64 each."""
    peak, target = nits_to_pq(SOURCE_PEAK_NITS), nits_to_pq(SDR_WHITE_NITS) / nits_to_pq(SOURCE_PEAK_NITS)
    knee = 1.5 * target - 0.5
    before = np.linspace(0.0, 1.0, CURVE_POINTS + 1)[1:]
    t = np.maximum(before - knee, 0.0) / (1.0 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * target
    )
    after = np.where(before < knee, before, spline)
    light = pq_to_nits(before * peak) / SDR_WHITE_NITS
    return light, pq_to_nits(after * peak) / SDR_WHITE_NITS / light

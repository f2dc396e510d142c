"""One tempo for a whole film: a click that never moves, and very short films, which are one bar.

With one tempo a film has a single number to choose. Every tempo that puts a hit (or the end) on an eighth is tried,
and the one kept that meets most of the required hits, then most of the wished ones, near the wished tempo (the search
of a film composer's click book: Knudson, *Project Tempo*, 1965). Bars are still drawn so that section starts and heavy
hits fall on bar lines where a beat is near them; the last bar is cut where the picture ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from composer.spotting.bar_fit import bar_lines
from composer.spotting.beat_path import Anchor, Placed, metre_at, zone_of
from composer.spotting.cues import Hit, Section
from composer.spotting.metre import Metre
from composer.spotting.tempo_range import FASTEST, MAX_BPM, MIN_BPM, SLOWEST, WishCurve
from composer.timing import MAX_TEMPO_US, MIN_TEMPO_US, Bar, TempoMap

TINY_S = 2.4  # up to here the film is one bar
TINY_METRES = ((4, 4), (3, 4), (5, 4), (2, 4), (1, 4), (3, 8), (1, 8), (1, 16), (1, 32))

SOUGHT_HITS = 12  # the heaviest, whose tempi are tried
MAX_TEMPI = 4000
MISS_S = 0.1  # a wished hit this far from a beat is missed
REQUIRED_GAIN, OFF_PULSE_LOSS = (
    100.0,
    0.3,
)  # of meeting a required hit; the share lost where it is on an eighth
WISH_SCALE = 0.10  # of tempo from the wish: as bad as missing a wished hit of weight 1
END_GAIN = 0.3  # of a picture that ends with a pulse


def one_tempo(
    duration_s: float, frame_rate: float, sections: Sequence[Section], hits: Sequence[Hit], wish: WishCurve
) -> TempoMap:
    """The film in one tempo."""
    metre = metre_at(sections, 0.0)
    eighth_s = _best_eighth_s(duration_s, frame_rate, hits, wish.between(0.0, duration_s), metre)
    tempo_us = math.ceil(2e6 * eighth_s)
    eighth_s = tempo_us / 2e6
    placed = {0: Placed(Anchor(0.0, "start", 1.0, 0.0, metre), 0)}
    for section in sections:
        own = metre_at(sections, section.start_s)
        last = max(entry.eighth for entry in placed.values())
        step = metre_at(sections, placed[last].anchor.time_s).step_eighths
        eighth = last + step * round((section.start_s / eighth_s - last) / step)
        if 0 < section.start_s < duration_s and eighth > last and eighth * eighth_s < duration_s:
            placed[eighth] = Placed(Anchor(section.start_s, "section", 1.0, 0.0, own), eighth)
    last = max(entry.eighth for entry in placed.values())
    ruling = placed[last].anchor.metre
    end = last + ruling.step_eighths * max(
        math.ceil((duration_s / eighth_s - last) / ruling.step_eighths - 1e-6), 1
    )
    placed[end] = Placed(Anchor(duration_s, "end", 1.0, 0.0, ruling), end)
    for hit in hits:
        eighth = round(hit.time_s / eighth_s)
        if eighth not in placed and 0 < eighth < end and abs(eighth * eighth_s - hit.time_s) < MISS_S:
            kind = "required" if hit.required else "wished"
            placed[eighth] = Placed(Anchor(hit.time_s, kind, hit.weight, 0.0, ruling), eighth)
    bars = bar_lines([placed[eighth] for eighth in sorted(placed)])
    total = sum(bar.bar_eighths for bar in bars) / 2
    return TempoMap(
        tuple(Bar(bar.numerator, bar.denominator, tempo_us) for bar in bars),
        min(duration_s * 1e6 / tempo_us, total),
    )


def _best_eighth_s(
    duration_s: float, frame_rate: float, hits: Sequence[Hit], wished: float, metre: Metre
) -> float:
    """How long an eighth lasts. ``wished``: how many eighths the wish counts in the film."""
    wish_s = duration_s / wished
    low_s = max(wish_s / FASTEST, 30 / MAX_BPM)
    high_s = min(wish_s / SLOWEST, 30 / MIN_BPM)
    inside = [hit for hit in hits if 0 < hit.time_s < duration_s]
    sought = sorted(inside, key=lambda hit: (not hit.required, -hit.weight))[:SOUGHT_HITS]
    tempi = [np.array([wish_s])]
    for time_s in (duration_s, *(hit.time_s for hit in sought)):
        counts = np.arange(max(math.ceil(time_s / high_s), 1), math.floor(time_s / low_s) + 1)
        nearest = np.argsort(np.abs(counts * wish_s - time_s), kind="stable")[
            : MAX_TEMPI // (len(sought) + 1)
        ]
        tempi.append(time_s / counts[nearest])
    eighths_s = np.concatenate(tempi)
    pulse = metre.step_eighths

    gain = -np.abs(np.log(eighths_s / wish_s)) / WISH_SCALE
    gain += END_GAIN * (_away(duration_s, eighths_s, pulse) < 0.002)
    for hit in inside:
        on_pulse, on_eighth = _away(hit.time_s, eighths_s, pulse), _away(hit.time_s, eighths_s, 1)
        if hit.required:
            zone_s = zone_of(frame_rate)
            met = np.where(on_pulse <= zone_s, 1.0, (1 - OFF_PULSE_LOSS) * (on_eighth <= zone_s))
            gain += REQUIRED_GAIN * (0.5 + hit.weight) * met
        else:
            gain += hit.weight * np.maximum(1 - on_pulse / MISS_S, 0.0)
    return float(eighths_s[int(np.argmax(gain))])


def _away(time_s: float, eighths_s: np.ndarray, step: int) -> np.ndarray:
    """How far ``time_s`` is from the nearest whole number of ``step`` eighths."""
    grid_s = step * eighths_s
    return np.abs(time_s - grid_s * np.round(time_s / grid_s))


def one_bar(duration_s: float, wish_bpm: float, metre: Metre) -> TempoMap:
    """One bar for a very short film: in its own metre where the tempo allows that, else in the plainest that comes
    near the wished tempo.
    """
    own_bpm = 30 * metre.bar_eighths / duration_s
    if MIN_BPM <= own_bpm <= MAX_BPM:
        return TempoMap((Bar.at_bpm(own_bpm, metre.numerator, metre.denominator),))
    best: tuple[float, Bar] | None = None
    for plainness, (numerator, denominator) in enumerate(TINY_METRES):
        tempo_us = round(duration_s * 1e6 * denominator / (4 * numerator))
        if MIN_TEMPO_US <= tempo_us <= MAX_TEMPO_US:
            cost = abs(math.log(60e6 / tempo_us / wish_bpm)) + 0.05 * plainness
            cost += 0.0 if MIN_BPM <= 60e6 / tempo_us <= MAX_BPM else 1.0
            if best is None or cost < best[0]:
                best = (cost, Bar(numerator, denominator, tempo_us))
    if best is not None:
        return TempoMap((best[1],))
    bar = Bar(1, 32, MIN_TEMPO_US)  # shorter than any bar: the picture stops inside it
    return TempoMap((bar,), min(duration_s * 1e6 / MIN_TEMPO_US, bar.length_beats))

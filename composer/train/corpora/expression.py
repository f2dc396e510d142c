"""Dynamics and tempo as a score writes them, as velocities and beats a minute.

Velocities of dynamic marks are those of notation programs (MuseScore's handbook, "Dynamics": pp 33, p 49, mp 64,
mf 80, f 96, ff 112). A hairpin runs to the next mark near its end, or two steps of the scale without one. Tempo words
stand for the middle of the ranges metronomes print. Ritardandi and accelerandi are left to the player.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

LEVELS = {
    "pppppp": 8, "ppppp": 10, "pppp": 14, "ppp": 22, "pp": 36, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112,
    "fff": 122, "ffff": 126, "fffff": 127, "ffffff": 127,
}  # fmt: skip
ACCENTED = ("sf", "sfz", "sff", "sffz", "fz", "rf", "rfz", "sfp", "sfpp")  # this onset only
THEN_SOFT = {"fp": (96, 49), "pf": (49, 96), "sfp": (0, 49), "sfpp": (0, 36)}  # this onset, then
DEFAULT_VELOCITY = 72.0
ACCENT = 14.0
DOWNBEAT, ON_BEAT = 4.0, 1.0
HAIRPIN_STEP = 16.0
HAIRPIN_REACH = 1.5  # quarters after a hairpin's end in which a mark is its goal
UNENDED_HAIRPIN = 12.0  # quarters
LOWEST_BPM, HIGHEST_BPM = 24.0, 280.0
TEMPO_REACH = 8.0  # quarters: a first tempo mark no later holds from the start
LIKELY_BPM, LIKELY_SLOPE = 120.0, -0.6

# Beats a minute, longest words first where one holds another.
TEMPO_WORDS = {
    "larghetto": 63, "largo": 50, "lento": 54, "langsam": 56, "lent": 54, "grave": 44, "adagietto": 70, "adagio": 58,
    "andantino": 84, "andante": 76, "gehend": 76, "moderato": 100, "mässig": 92, "massig": 92, "mäßig": 92,
    "modéré": 92, "allegretto": 112, "allegro": 132, "lebhaft": 126, "bewegt": 108, "vivacissimo": 168,
    "vivace": 152, "vif": 144, "vivo": 148, "rasch": 138, "schnell": 144, "geschwind": 144, "presto": 176,
    "prestissimo": 192,
}  # fmt: skip
SLOWER_WORDS = re.compile(
    r"\b(rit|rall|riten|allarg|meno|slentando|calando|accel|string|più|piu|poco)\b|rit\.|rall\."
)


@dataclass
class Marks:
    """The dynamics of one part while it is read. Times in quarters."""

    levels: list[tuple[float, float]] = field(default_factory=list)  # time, velocity
    accents: list[float] = field(default_factory=list)
    hairpins: list[tuple[float, float, int]] = field(default_factory=list)  # start, end, +1 or -1
    open_hairpins: dict[str, tuple[float, int]] = field(default_factory=dict)

    def mark(self, time: float, name: str) -> None:
        """A dynamic mark such as ``mf`` or ``sfz``."""
        if name in LEVELS:
            self.levels.append((time, float(LEVELS[name])))
        if name in THEN_SOFT:
            now, then = THEN_SOFT[name]
            if now:
                self.levels.append((time, float(now)))
            self.levels.append((time + 0.2, float(then)))
        if name in ACCENTED:
            self.accents.append(time)

    def wedge(self, time: float, kind: str, number: str) -> None:
        """A hairpin that starts or stops."""
        if kind in ("crescendo", "diminuendo"):
            self.open_hairpins[number] = (time, 1 if kind == "crescendo" else -1)
        elif kind == "stop" and number in self.open_hairpins:
            start, direction = self.open_hairpins.pop(number)
            if time > start:
                self.hairpins.append((start, time, direction))

    def words(self, time: float, text: str) -> None:
        """``cresc.`` and ``dim.`` in words: a hairpin of a few beats."""
        lower = text.strip().lower()
        if lower.startswith(("cresc", "cres.", "poco cresc")):
            self.hairpins.append((time, time + UNENDED_HAIRPIN / 2, 1))
        elif lower.startswith(("dim", "decresc", "poco dim")):
            self.hairpins.append((time, time + UNENDED_HAIRPIN / 2, -1))

    def velocities(self, onset: np.ndarray) -> np.ndarray:
        """Velocity in force at each onset, (n,) quarters in rising order -> (n,) float64."""
        times, values = self._curve()
        at = np.interp(onset + 1e-6, times, values)
        if self.accents:
            struck = np.array(sorted(self.accents))
            near = np.minimum(np.searchsorted(struck, onset - 0.06), struck.size - 1)
            at = at + ACCENT * (np.abs(struck[near] - onset) < 0.06)
        return at

    def _curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners of the velocity curve: a mark is a step, a hairpin a slope."""
        levels = sorted(self.levels, key=lambda pair: pair[0])
        starts = [time for time, _ in levels]
        hairpins = sorted(self.hairpins)
        events = sorted(
            [(time, 0, value, 0.0) for time, value in levels]
            + [(start, 1, float(direction), end) for start, end, direction in hairpins]
        )
        corners: list[tuple[float, float]] = [(-1.0, DEFAULT_VELOCITY)]
        now = DEFAULT_VELOCITY
        for time, kind, value, end in events:
            time = max(time, corners[-1][0])
            if kind == 0:
                corners += [(time, now), (time, value)]
                now = value
                continue
            following = int(np.searchsorted(starts, time + 1e-6, side="right"))
            goal = now + value * HAIRPIN_STEP
            if following < len(levels) and starts[following] <= end + HAIRPIN_REACH:
                goal_time, target = levels[following]
                end = min(end, goal_time)
                if (target - now) * value > 0:
                    goal = target
            if end > time:
                goal = float(np.clip(goal, 16, 124))
                corners += [(time, now), (end, goal)]
                now = goal
        # A slope that a later event cuts short keeps its corners in order of time.
        times = np.maximum.accumulate(np.array([time for time, _ in corners]))
        return times + np.arange(times.size) * 1e-9, np.array([value for _, value in corners])


def word_tempo(text: str) -> float | None:
    """Beats a minute that a tempo word stands for; None where it is no tempo word."""
    lower = text.lower()
    if len(lower) > 80:
        return None
    found = [
        (match.start(), bpm)
        for word, bpm in TEMPO_WORDS.items()
        if (match := re.search(rf"\b{word}\b", lower))
    ]
    if not found:
        return None
    slowing = SLOWER_WORDS.search(lower)
    if slowing is not None and slowing.start() < min(found)[0] and "poco" not in slowing.group():
        return None  # "meno allegro" says less than we could guess
    return float(min(found)[1])


def bar_tempi(changes: list[tuple[float, float]], bar_starts: np.ndarray) -> np.ndarray:
    """Mean quarter-note tempo of every bar: (bars,) from ``changes`` (quarters, quarter notes a minute).

    NaN before the first change, unless that stands near the start.
    """
    changes = sorted((time, bpm) for time, bpm in changes if np.isfinite(bpm) and bpm > 0)
    if not changes:
        return np.full(len(bar_starts) - 1, np.nan)
    times = np.array([0.0, *(time for time, _ in changes)])
    bpm = np.clip([changes[0][1], *(value for _, value in changes)], LOWEST_BPM / 2, HIGHEST_BPM * 2)
    minutes = np.concatenate([[0.0], np.cumsum(np.diff(times) / bpm[:-1])])
    index = np.maximum(np.searchsorted(times, bar_starts, side="right") - 1, 0)
    at = minutes[index] + (bar_starts - times[index]) / bpm[index]
    mean = np.diff(bar_starts) / np.maximum(np.diff(at), 1e-9)
    unknown = bar_starts[1:] <= times[1] + 1e-6
    return np.where(unknown & (times[1] > TEMPO_REACH), np.nan, mean)


def likely_bpm(onsets_a_pulse: float) -> float:
    """Pulses a minute for a tune without a tempo mark: the more notes a pulse, the slower the pulse.

    The line through POP909's and the Lieder's melodies in logarithms (r -.76 and -.32).
    """
    return float(np.clip(LIKELY_BPM * max(onsets_a_pulse, 0.5) ** LIKELY_SLOPE, 60.0, 160.0))

"""When beats of a MIDI file sound, by mido's messages, ticks and the tempo map alone.

A reader of its own for the benchmarks: it shares no code with `composer`, so that what the solver says of its beats
is judged by the file it wrote. Convention: Standard MIDI Files 1.0. The pulse is the file's own metronome click (24
MIDI clocks a quarter note); bars follow each other from every time signature on.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np


@dataclass(frozen=True)
class Clock:
    """The metre grid of a file, all in s: bar lines (K + 1,), pulses (the bar lines among them), eighths (all of them).

    ``metres`` (K,) of the bars as (numerator, denominator), ``bpm`` (K,) their tempi in quarter notes a minute;
    ``steady``: whether no tempo changes inside a bar.
    """

    lines_s: np.ndarray
    pulses_s: np.ndarray
    eighths_s: np.ndarray
    metres: tuple[tuple[int, int], ...]
    bpm: np.ndarray
    steady: bool

    @property
    def end_s(self) -> float:
        """Where the file ends."""
        return float(self.lines_s[-1])

    @property
    def largest_change(self) -> float:
        """The largest change of tempo from one bar to the next, as ratio - 1."""
        ratio = self.bpm[1:] / self.bpm[:-1]
        return float(np.max(np.maximum(ratio, 1 / ratio), initial=1.0)) - 1


def read_clock(source: Path | bytes) -> Clock:
    """The clock of a MIDI file. Raises ValueError where it counts SMPTE frames or changes metre inside a bar."""
    file = mido.MidiFile(file=io.BytesIO(source)) if isinstance(source, bytes) else mido.MidiFile(source)
    if not 0 < file.ticks_per_beat < 0x8000:
        raise ValueError("the file does not count ticks a quarter note")
    tempi, metres, end = [(0, 500_000)], [(0, 4, 4, 24)], 0
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                tempi.append((tick, message.tempo))
            elif message.type == "time_signature":
                metres.append((tick, message.numerator, message.denominator, message.clocks_per_click))
        end = max(end, tick)
    tempi.sort(key=lambda event: event[0])
    metres.sort(key=lambda event: event[0])
    seconds = _Seconds(tempi, file.ticks_per_beat)
    lines: list[int] = []
    pulses: list[int] = []
    eighths: list[int] = []
    bars: list[tuple[int, int]] = []
    for (start, numerator, denominator, clocks), (stop, *_) in pairwise([*metres, (end, 4, 4, 24)]):
        bar_ticks = numerator * 4 * file.ticks_per_beat // denominator
        for line in range(start, stop, bar_ticks):
            if line + bar_ticks > stop and stop != end:
                raise ValueError(f"the metre changes inside a bar at tick {stop}")
            bar_end = min(line + bar_ticks, stop)
            lines.append(line)
            bars.append((numerator, denominator))
            pulses += range(line, bar_end, clocks * file.ticks_per_beat // 24)
            eighths += range(line, bar_end, file.ticks_per_beat // 2)
    lines_s = seconds.at([*lines, end])
    beats = np.diff([*lines, end]) / file.ticks_per_beat
    known = set(lines)
    return Clock(
        lines_s,
        seconds.at([*pulses, end]),
        seconds.at([*eighths, end]),
        tuple(bars),
        60 * beats / np.diff(lines_s),
        all(tick in known for tick, _ in tempi),
    )


def nearest_s(grid_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """How far each of ``times_s`` is from the nearest point of an ordered grid: (times,) s."""
    right = np.clip(np.searchsorted(grid_s, times_s), 1, grid_s.size - 1)
    return np.minimum(np.abs(grid_s[right] - times_s), np.abs(times_s - grid_s[right - 1]))


class _Seconds:
    """Ticks to seconds under a tempo map, exactly: whole microseconds are added up before the one division."""

    def __init__(self, tempi: list[tuple[int, int]], ticks_per_beat: int) -> None:
        self._ticks = [tick for tick, _ in tempi]
        self._tempi = [tempo for _, tempo in tempi]
        self._scale = 1e6 * ticks_per_beat
        self._sums = [0]
        for (tick, tempo), (then, _) in pairwise(tempi):
            self._sums.append(self._sums[-1] + (then - tick) * tempo)

    def at(self, ticks: list[int]) -> np.ndarray:
        found = []
        for tick in ticks:
            i = bisect_right(self._ticks, tick) - 1
            found.append((self._sums[i] + (tick - self._ticks[i]) * self._tempi[i]) / self._scale)
        return np.array(found)

"""Musical time: the tempo map, the only place where beats become seconds and back.

Convention: a *beat* is a quarter note whatever the metre; positions are beats from the start of the music, and the
music starts with the picture (beat 0 = first frame). Tempo is constant within a bar and is stored as MIDI stores it,
whole microseconds a quarter note (Standard MIDI File 1.0, meta event 0x51), so that a written file keeps exactly
these times: nothing is rounded later and nothing drifts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

MIN_TEMPO_US = 150_000  # 400 BPM
MAX_TEMPO_US = 3_000_000  # 20 BPM


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: metre (``numerator``/``denominator``) and tempo (microseconds a quarter note)."""

    numerator: int
    denominator: int
    tempo_us: int

    def __post_init__(self) -> None:
        if not 1 <= self.numerator <= 32:
            raise ValueError(f"bar numerator {self.numerator} is outside 1-32")
        if self.denominator not in (1, 2, 4, 8, 16, 32):
            raise ValueError(f"bar denominator {self.denominator} is not a power of two up to 32")
        if not MIN_TEMPO_US <= self.tempo_us <= MAX_TEMPO_US:
            raise ValueError(f"tempo {self.tempo_us} us a beat is outside {MIN_TEMPO_US}-{MAX_TEMPO_US}")

    @classmethod
    def at_bpm(cls, bpm: float, numerator: int = 4, denominator: int = 4) -> Bar:
        """A bar at ``bpm`` quarter notes a minute, rounded to whole microseconds a beat."""
        return cls(numerator, denominator, round(60e6 / bpm))

    @property
    def bpm(self) -> float:
        """Quarter notes a minute."""
        return 60e6 / self.tempo_us

    @property
    def length_beats(self) -> float:
        """Length in quarter notes (exact: a multiple of 1/8)."""
        return self.numerator * 4 / self.denominator

    @property
    def length_s(self) -> float:
        """Length in seconds."""
        return self.length_beats * self.tempo_us / 1e6

    @property
    def is_compound(self) -> bool:
        """Whether the pulse is three eighths (or three of a smaller value): 3/8, 6/8, 9/8, 12/8."""
        return self.denominator >= 8 and self.numerator % 3 == 0

    @property
    def pulse_beats(self) -> float:
        """Length in quarter notes of what a listener taps: a quarter note, or three units of a compound metre."""
        return 12 / self.denominator if self.is_compound else 1.0


@dataclass(frozen=True)
class TempoMap:
    """Bars in order, from the first frame of the picture on.

    ``end_beats`` is where the music must be over. It lies in the last bar and is that bar's end unless the picture
    stops inside the bar. Before beat 0 and after the last bar, time runs on at the nearest bar's tempo.
    """

    bars: tuple[Bar, ...]
    end_beats: float = -1.0

    def __post_init__(self) -> None:
        if not self.bars:
            raise ValueError("a tempo map needs at least one bar")
        total = float(sum(bar.length_beats for bar in self.bars))
        if self.end_beats < 0:
            object.__setattr__(self, "end_beats", total)
        if not total - self.bars[-1].length_beats < self.end_beats <= total:
            raise ValueError(f"end_beats {self.end_beats} is outside the last bar, which ends at {total}")

    @cached_property
    def bar_starts_beats(self) -> np.ndarray:
        """Start of every bar, then the end of the last: (bars + 1,) float64, beats."""
        return np.concatenate([[0.0], np.cumsum([bar.length_beats for bar in self.bars])])

    @cached_property
    def bar_starts_s(self) -> np.ndarray:
        """Start of every bar, then the end of the last: (bars + 1,) float64, seconds."""
        return np.concatenate([[0.0], np.cumsum([bar.length_s for bar in self.bars])])

    @property
    def end_s(self) -> float:
        """Where the music must be over, in seconds."""
        return self.seconds(self.end_beats)

    def bar_at(self, beat: float) -> int:
        """Index of the bar that holds ``beat``; the first or last bar for a beat outside the map."""
        index = int(np.searchsorted(self.bar_starts_beats, beat, side="right")) - 1
        return min(max(index, 0), len(self.bars) - 1)

    def bar_at_s(self, time_s: float) -> int:
        """Index of the bar that sounds at ``time_s``; the first or last bar for a time outside the map."""
        index = int(np.searchsorted(self.bar_starts_s, time_s, side="right")) - 1
        return min(max(index, 0), len(self.bars) - 1)

    def seconds(self, beat: float) -> float:
        """Beats to seconds."""
        i = self.bar_at(beat)
        return float(self.bar_starts_s[i] + (beat - self.bar_starts_beats[i]) * self.bars[i].tempo_us / 1e6)

    def beats(self, time_s: float) -> float:
        """Seconds to beats."""
        i = self.bar_at_s(time_s)
        return float(self.bar_starts_beats[i] + (time_s - self.bar_starts_s[i]) * 1e6 / self.bars[i].tempo_us)

    def to_json(self) -> dict:
        """A JSON form: runs of equal bars as ``[count, numerator, denominator, tempo_us]``, and ``end_beats``."""
        runs: list[list[int]] = []
        for bar in self.bars:
            entry = [bar.numerator, bar.denominator, bar.tempo_us]
            if runs and runs[-1][1:] == entry:
                runs[-1][0] += 1
            else:
                runs.append([1, *entry])
        return {"bars": runs, "end_beats": self.end_beats}

    @classmethod
    def from_json(cls, data: dict) -> TempoMap:
        """The inverse of `to_json`. Raises ValueError on a malformed or absurdly long map."""
        runs = data["bars"]
        if sum(int(run[0]) for run in runs) > 100_000:
            raise ValueError("a tempo map of more than 100,000 bars")
        bars = tuple(Bar(int(n), int(d), int(us)) for count, n, d, us in runs for _ in range(int(count)))
        return cls(bars, float(data["end_beats"]))

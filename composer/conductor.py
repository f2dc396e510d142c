"""What conducts a MIDI file: tempo and metre by tick, whichever track they stand on, and ticks in seconds.

Convention: ticks as in `composer.smf`; of several events at one tick the last holds, and a file that says nothing
starts at 120 BPM in 4/4 (MMA, *Standard MIDI Files 1.0*, RP-001). Unlike `composer.timing.TempoMap`, which has one
tempo a bar, this keeps every change where it stands.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from composer.lint_view import BarGrid, Metre
from composer.midi_reader import DEFAULT_TEMPO_US
from composer.smf import TEMPO, TIME_SIGNATURE, MidiFile


@dataclass(frozen=True)
class Conductor:
    """``tempi`` are (tick, microseconds a quarter note) from tick 0 on, ``metres`` start there as well."""

    ticks_per_beat: int
    tempi: tuple[tuple[int, int], ...]
    metres: tuple[Metre, ...]
    end_tick: int

    @classmethod
    def of(cls, file: MidiFile) -> Conductor:
        """Look through all tracks of ``file``; what is malformed counts as absent."""
        metas = sorted((meta for track in file.tracks for meta in track.metas), key=lambda meta: meta.tick)
        tempi = {0: DEFAULT_TEMPO_US}
        metres = {0: Metre(0, 4, 4)}
        for meta in metas:
            if meta.kind == TEMPO and len(meta.data) == 3 and any(meta.data):
                tempi[meta.tick] = int.from_bytes(meta.data, "big")
            elif meta.kind == TIME_SIGNATURE and (metre := Metre.of(meta)) is not None:
                metres[meta.tick] = metre
        end_tick = max(track.end_tick for track in file.tracks)
        return cls(file.ticks_per_beat, tuple(tempi.items()), tuple(metres.values()), end_tick)

    @cached_property
    def grid(self) -> BarGrid:
        """The bars; a metre that starts inside a bar starts a new one."""
        return BarGrid(list(self.metres), self.ticks_per_beat)

    def seconds(self, tick: int) -> float:
        """Ticks to seconds, rounded once."""
        index = self._tempo_index(tick)
        start, tempo_us = self.tempi[index]
        return (self._elapsed[index] + (tick - start) * tempo_us) / (self.ticks_per_beat * 1_000_000)

    def tempo_us_at(self, tick: int) -> int:
        """Microseconds a quarter note from ``tick`` on."""
        return self.tempi[self._tempo_index(tick)][1]

    def metre_at(self, tick: int) -> Metre:
        """The metre from ``tick`` on."""
        return self.metres[bisect_right(self.metres, tick, key=lambda metre: metre.tick) - 1]

    @cached_property
    def _elapsed(self) -> list[int]:
        """Ticks times microseconds a quarter note, up to each tempo."""
        elapsed = [0]
        for (start, tempo_us), (end, _) in pairwise(self.tempi):
            elapsed.append(elapsed[-1] + (end - start) * tempo_us)
        return elapsed

    def _tempo_index(self, tick: int) -> int:
        return bisect_right(self.tempi, tick, key=lambda change: change[0]) - 1

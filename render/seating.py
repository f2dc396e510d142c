"""Parts shared out to synthesizers, on the channels and buses of each, and their events as a table.

FluidSynth sends channel c to bus c modulo the number of buses; every bus has effects of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from render.errors import BadInput
from render.events import Part
from render.synth_worker import GRID_FRAMES, MAX_BUSES, MAX_CHANNELS

CREWS = 2  # the same on every machine: the sum of what they play is rounded as they share it
_WORTH_A_CREW_S = 60.0  # of notes: starting a process takes about as long as playing them


@dataclass(frozen=True)
class Seating:
    """Which channel every part plays on (by its index), and which buses every output sums."""

    buses: int
    channels: dict[int, int]
    outputs: list[list[int]]


def crews_of(groups: Mapping[str, Sequence[int]], sounding_s: np.ndarray) -> list[dict[str, list[int]]]:
    """The parts of every group shared out to one or two crews that have about as much to play: group -> its parts.

    ``sounding_s``: seconds of notes in every part, (parts,). A group may be in both crews.
    """
    seconds = {part: float(sounding_s[part]) for group in groups.values() for part in group}
    count = int(np.clip(sum(seconds.values()) // _WORTH_A_CREW_S, 1, min(CREWS, max(len(seconds), 1))))
    loads = [0.0] * count
    crew_of = {}
    for part in sorted(seconds, key=lambda part: -seconds[part]):
        crew_of[part] = loads.index(min(loads))
        loads[crew_of[part]] += seconds[part]
    crews: list[dict[str, list[int]]] = [{} for _ in loads]
    for name, group in groups.items():
        for number, crew in enumerate(crews):
            members = [part for part in group if crew_of[part] == number]
            if members or (number == 0 and not group):
                crew[name] = members
    return crews


def seat(groups: Sequence[Sequence[int]]) -> Seating:
    """As few buses as the channels allow; parts of different groups share none. Raises BadInput for too many parts."""
    for members in range(max(1, *map(len, groups)), 0, -1):
        counts = [max(1, -(-len(group) // members)) for group in groups]
        buses = sum(counts)
        if buses <= MAX_BUSES and buses * members <= MAX_CHANNELS:
            break
    else:
        raise BadInput(
            f"stems of {sum(map(len, groups))} parts, more than {MAX_BUSES}; render without stems, or split the file"
        )
    channels: dict[int, int] = {}
    outputs: list[list[int]] = []
    first = 0
    for group, count in zip(groups, counts, strict=True):
        channels |= {part: first + i % count + buses * (i // count) for i, part in enumerate(group)}
        outputs.append(list(range(first, first + count)))
        first += count
    return Seating(buses, channels, outputs)


def event_rows(parts: Sequence[Part], channels: Mapping[int, int], sample_rate: int) -> np.ndarray:
    """All events in order of time: (events, 5) int64 of frame (multiples of 64), channel, status, data1, data2."""
    tables = [
        np.stack(
            [
                _on_grid(parts[i].time_s, sample_rate),
                np.full(len(parts[i].time_s), channel),
                *parts[i].columns,
            ],
            axis=1,
        )
        for i, channel in channels.items()
    ]
    rows = np.concatenate(tables).astype(np.int64)
    return rows[np.argsort(rows[:, 0], kind="stable")]


def _on_grid(time_s: np.ndarray, sample_rate: int) -> np.ndarray:
    """Seconds to samples, rounded to FluidSynth's blocks: (n,) int64."""
    return np.round(time_s * sample_rate / GRID_FRAMES).astype(np.int64) * GRID_FRAMES

"""Which beat meets which moment: a shortest path over the anchors of a film.

An *anchor* is a moment that bars or beats should meet: a section start, a hit, the end. Between two anchors
the music counts a whole number of eighths; each choice costs for straying from the wished tempo, for
changing tempo since the gap before, for the place in the bar where it lands, and for every anchor it passes
over. The path of least cost is found by dynamic programming (Bellman 1957) over states (metre, place in the bar,
tempo); `composer.spotting.bar_fit` then draws the bar lines and fits the tempo of every bar. The metre is that of
the section start the path met last: a section start that is passed over does not change it.

Positions here are eighths from the start of the music; tempo is in quarter notes a minute.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from composer.spotting.cues import Hit, Section
from composer.spotting.metre import DEFAULT_METRE, Metre

MIN_BPM, MAX_BPM = 40.0, 200.0
MIN_WISH_BPM, MAX_WISH_BPM = 44.0, 182.0  # a wish leaves room to bend

MIN_GAP_S = 0.16  # closer anchors cannot both be met: an eighth at MAX_BPM lasts 0.15 s
MIN_WISHED_GAP_S = 0.28  # a beat at MAX_BPM lasts 0.3 s
LOOK_BACK = 6  # anchors that one step may pass over
MAX_STATES = 24
MAX_COUNTS = 25

# Costs. One unit is a deviation of 10 % held for five bars of 4/4, or a change of 3 % a bar over two bars.
LONG_BAR_EIGHTHS = 8
DEVIATION_SCALE, DEVIATION_COST = 0.10, 0.2
CHANGE_SCALE, CHANGE_COST = 0.03, 0.5
STEEP_CHANGE, STEEP_COST = 0.07, 2500.0  # log tempo a bar beyond which a change is all but forbidden
ODD_BAR_COST, ODD_END_COST = 2.5, 1.5
NEEDLESS_ODD_BAR_COST = 30.0  # where no hit asks for it
OFF_PULSE_COST = 6.0
DOWNBEAT_GAIN = 0.4
SKIP_REQUIRED, SKIP_SECTION, SKIP_WISHED = 400.0, 250.0, 4.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment to meet. ``kind``: ``start``, ``section``, ``required``, ``wished`` or ``end``.

    ``skip_cost`` is what passing over it costs; ``wish_bpm`` the wished tempo from here to the next anchor; ``metre``
    that of the section here.
    """

    time_s: float
    kind: str
    weight: float
    skip_cost: float
    wish_bpm: float
    metre: Metre

    @property
    def is_wall(self) -> bool:
        """Whether a bar must start (or the last one end) here."""
        return self.kind in ("start", "section", "end")


@dataclass(frozen=True, slots=True)
class Placed:
    """An anchor and the position, in eighths from the start, that it was given."""

    anchor: Anchor
    eighth: int


def collect_anchors(
    duration_s: float, frame_rate: float, sections: Sequence[Section], hits: Sequence[Hit]
) -> tuple[Anchor, ...]:
    """Anchors in order of time, thinned so that any two neighbours can be met in principle.

    Where two are too close, the more important stays: the ends of the film, then required hits by weight,
    then section starts, then wished hits by weight. A section start within half a frame of a required hit
    is met by that hit.
    """
    ranked: list[tuple[int, float, float, str]] = [(0, -1.0, 0.0, "start"), (0, -1.0, duration_s, "end")]
    ranked += [(2, -1.0, s.start_s, "section") for s in sections if 0 < s.start_s < duration_s]
    for hit in hits:
        if 0 < hit.time_s < duration_s:
            ranked.append(
                (1 if hit.required else 3, -hit.weight, hit.time_s, "required" if hit.required else "wished")
            )
    ranked.sort()
    times: list[float] = []
    chosen: dict[float, tuple[str, float, float]] = {}
    for _, minus_weight, time_s, kind in ranked:
        place = bisect_left(times, time_s)
        near = min(times[max(place - 1, 0) : place + 1], key=lambda t: abs(t - time_s), default=-math.inf)
        gap_s = abs(near - time_s)
        if kind == "section" and gap_s <= 0.5 / frame_rate and chosen[near][0] == "required":
            chosen[near] = ("section", *chosen[near][1:])
        elif gap_s >= (MIN_WISHED_GAP_S if kind == "wished" else MIN_GAP_S) or kind in ("start", "end"):
            insort(times, time_s)
            chosen[time_s] = (kind, -minus_weight, _skip_cost(kind, -minus_weight))
    return tuple(Anchor(t, *chosen[t], wished_bpm(sections, t), metre_at(sections, t)) for t in times)


def best_path(anchors: Sequence[Anchor]) -> tuple[Placed, ...]:
    """The anchors that are met and their positions, the start and the end among them; empty where no path
    exists.
    """
    metres = sorted({anchor.metre for anchor in anchors}, key=str)
    table: list[_States] = [_States.start(metres.index(anchors[0].metre))]
    skip = np.concatenate([[0.0], np.cumsum([a.skip_cost for a in anchors])])
    for j in range(1, len(anchors)):
        arrivals = []
        for i in range(j - 1, max(j - 1 - LOOK_BACK, 0) - 1, -1):
            skip_cost = float(skip[j] - skip[i + 1])
            for number in np.unique(table[i].metre).tolist():
                arrivals.append(_step(table[i], i, number, metres, anchors[i], anchors[j], skip_cost))
        table.append(_States.best([a for a in arrivals if a is not None]))
    if not table[-1].cost.size:
        return ()
    path: list[tuple[int, int]] = []  # (anchor, eighths since the anchor before)
    j, state = len(anchors) - 1, int(np.argmin(table[-1].cost))
    while j > 0:
        path.append((j, int(table[j].count[state])))
        j, state = int(table[j].from_anchor[state]), int(table[j].from_state[state])
    placed = [Placed(anchors[0], 0)]
    for index, count in reversed(path):
        placed.append(Placed(anchors[index], placed[-1].eighth + count))
    return tuple(placed)


@dataclass(frozen=True)
class _States:
    """States at one anchor, all (S,): cost so far, tempo, eighths and bars of the last gap, metre (its number), place
    in the bar (eighths), way back.
    """

    cost: np.ndarray
    log_bpm: np.ndarray
    count: np.ndarray
    bars: np.ndarray
    metre: np.ndarray
    phase: np.ndarray
    from_anchor: np.ndarray
    from_state: np.ndarray

    @classmethod
    def start(cls, metre: int) -> _States:
        zero = np.zeros(1, dtype=np.int64)
        return cls(np.zeros(1), np.full(1, np.nan), zero, np.zeros(1), zero + metre, zero, zero, zero)

    @classmethod
    def best(cls, parts: Sequence[_States]) -> _States:
        """The cheapest state of each (metre, phase, 1 % of tempo), at most `MAX_STATES` of them."""
        if not parts:
            none = np.zeros(0, dtype=np.int64)
            return cls(np.zeros(0), np.zeros(0), none, np.zeros(0), none, none, none, none)
        names = [field.name for field in fields(cls)]
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        cost = joined["cost"]
        key = joined["metre"] * 64 + joined["phase"]
        key = key * 4096 + np.round(joined["log_bpm"] * 100).astype(np.int64)
        order = np.lexsort((cost, key))
        first = np.ones(order.size, dtype=bool)
        first[1:] = key[order][1:] != key[order][:-1]
        pick = order[first]
        pick = pick[np.argsort(cost[pick], kind="stable")[:MAX_STATES]]
        return cls(**{name: joined[name][pick] for name in names})


def _step(
    states: _States,
    index: int,
    number: int,
    metres: Sequence[Metre],
    here: Anchor,
    there: Anchor,
    skip_cost: float,
) -> _States | None:
    """All ways from the ``states`` at anchor ``here``, of those in metre ``number``, to anchor ``there``."""
    metre = metres[number]
    mine = np.nonzero(states.metre == number)[0]
    phases = states.phase[mine]
    counts = _counts(there.time_s - here.time_s, here.wish_bpm, metre, phases, wide=there.kind != "wished")
    if not counts.size:
        return None
    log_bpm = np.log(counts * 30.0 / (there.time_s - here.time_s))
    own = counts / LONG_BAR_EIGHTHS * ((log_bpm - math.log(here.wish_bpm)) / DEVIATION_SCALE) ** 2

    bars = counts / metre.bar_eighths
    spread = (bars[None, :] + states.bars[mine, None]) / 2  # bars over which the tempo can move
    change = np.abs(log_bpm[None, :] - states.log_bpm[mine, None])
    per_bar = np.where(np.isnan(change), 0.0, change / spread)
    cost = states.cost[mine, None] + DEVIATION_COST * own[None, :] + skip_cost
    cost = cost + CHANGE_COST * spread * (per_bar / CHANGE_SCALE) ** 2
    cost = cost + STEEP_COST * np.maximum(per_bar - STEEP_CHANGE, 0.0)

    phase = (phases[:, None] + counts[None, :]) % metre.bar_eighths
    off_pulse = phase % metre.pulse_eighths != 0
    if there.is_wall:
        odd_cost = ODD_BAR_COST if there.kind == "section" else ODD_END_COST
        odd_cost = NEEDLESS_ODD_BAR_COST if here.is_wall and skip_cost == 0 else odd_cost
        cost = cost + np.where(phase == 0, 0.0, odd_cost)
        phase = np.zeros_like(phase)
    else:
        cost = cost - np.where(phase == 0, DOWNBEAT_GAIN * there.weight, 0.0)
        cost = cost + np.where(off_pulse, OFF_PULSE_COST, 0.0)
    allowed = ~off_pulse if there.kind != "required" else np.ones_like(off_pulse)
    start, which = np.nonzero(allowed)
    return _States(
        cost[allowed],
        log_bpm[which],
        counts[which],
        bars[which],
        np.full(which.size, metres.index(there.metre) if there.is_wall else number, dtype=np.int64),
        phase[allowed],
        np.full(which.size, index, dtype=np.int64),
        mine[start].astype(np.int64),
    )


def _counts(gap_s: float, wish_bpm: float, metre: Metre, phases: np.ndarray, wide: bool) -> np.ndarray:
    """Eighths that may fill ``gap_s``: near the wish, or anywhere within the limits where nothing else
    fits. In a long gap, those that lead from one of ``phases`` to a pulse.
    """
    low = max(wish_bpm * 0.78, MIN_BPM) * gap_s / 30
    high = min(wish_bpm * 1.28, MAX_BPM) * gap_s / 30
    counts = _between(low, high)
    if wide and (counts.size < 3 or not (counts % metre.bar_eighths == 0).any()):
        widest = _between(MIN_BPM * gap_s / 30, MAX_BPM * gap_s / 30)
        counts = widest if counts.size < 3 else np.union1d(counts, widest[widest % metre.bar_eighths == 0])
    if counts.size > MAX_COUNTS:
        step = metre.step_eighths
        near = step * (
            round(wish_bpm * gap_s / 30 / step) + np.arange(-(MAX_COUNTS // 2), MAX_COUNTS // 2 + 1)
        )
        counts = np.unique((near[:, None] - phases[None, :] % step).ravel())
        counts = counts[(counts >= low) & (counts <= high)]
    return counts


def _between(low: float, high: float) -> np.ndarray:
    return np.arange(max(math.ceil(low - 1e-9), 1), math.floor(high + 1e-9) + 1, dtype=np.int64)


def _section_at(sections: Sequence[Section], time_s: float) -> Section:
    index = bisect_right(sections, time_s + 1e-9, key=lambda section: section.start_s) - 1
    return sections[max(index, 0)]


def metre_at(sections: Sequence[Section], time_s: float) -> Metre:
    """The metre of the section at ``time_s`` (4/4 where there is none)."""
    return Metre.parse(_section_at(sections, time_s).metre if sections else DEFAULT_METRE)


def wished_bpm(sections: Sequence[Section], time_s: float) -> float:
    """The wished tempo at ``time_s``: that of the section there, within the limits (120 where there is
    none).
    """
    wish = _section_at(sections, time_s).tempo_bpm if sections else 120.0
    return min(max(wish, MIN_WISH_BPM), MAX_WISH_BPM)


def _skip_cost(kind: str, weight: float) -> float:
    if kind == "required":
        return SKIP_REQUIRED * (0.5 + weight)
    return SKIP_SECTION if kind == "section" else SKIP_WISHED * (0.25 + weight)

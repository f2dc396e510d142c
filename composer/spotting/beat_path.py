"""Which beat meets which moment: a shortest path over the anchors of a film.

An *anchor* is a moment that bars or beats should meet: a section start, a hit, the end. Between two anchors
the music counts a whole number of eighths, within the range of tempi; each choice costs for straying from the wished
tempo, for changing tempo since the gap before, for the place in the bar where it lands, and for every anchor it passes
over. The path of least cost is found by dynamic programming (Bellman 1957) over states (metre, place in the bar,
tempo); `composer.spotting.bar_fit` then draws the bar lines and fits the tempo of every bar. The metre is that of
the section start the path met last: a section start that is passed over does not change it.

Positions here are eighths from the start of the music; tempo is in quarter notes a minute.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from composer.spotting.cues import Hit, Section
from composer.spotting.metre import DEFAULT_METRE, Metre
from composer.spotting.tempo_range import (
    DEFAULT_BPM,
    FASTEST,
    MAX_BPM,
    MIN_BPM,
    SLOWEST,
    WishCurve,
    within_limits,
)

MIN_WISHED_GAP_S = 0.28  # a beat at MAX_BPM lasts 0.3 s
ZONE, MAX_ZONE_S = 0.8, 0.02  # of half a frame: so far from its beat a hit may be, and rounding leaves it met
LOOK_BACK = 6  # anchors that one step may pass over
MAX_STATES, MAX_STATES_LONG, LONG_FILM = (
    96,
    24,
    300,
)  # states an anchor, in films of up to so many anchors and longer
MAX_COUNTS = 25
HOPELESS = 250.0  # a way so much dearer than the best to the same anchor is not followed

# Costs. One unit is a deviation of 10 % held for five bars of 4/4, or a change of 3 % a bar over two bars.
LONG_BAR_EIGHTHS = 8
DEVIATION_SCALE, DEVIATION_COST = 0.10, 0.2
CHANGE_SCALE, CHANGE_COST = 0.03, 0.5
STEEP_CHANGE, STEEP_COST = 0.07, 2500.0  # log tempo a bar beyond which a change is all but forbidden
ODD_BAR_COST, ODD_END_COST = 2.5, 1.5
NEEDLESS_ODD_BAR_COST = 30.0  # where no hit asks for it
OFF_PULSE_COST = 60.0
DOWNBEAT_GAIN = 0.4
SKIP_REQUIRED, SKIP_SECTION, SKIP_WISHED = 1500.0, 250.0, 4.0

HEAVY = 0.7  # a required hit of this weight is worth an odd bar


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment to meet. ``kind``: ``start``, ``section``, ``required``, ``wished`` or ``end``.

    ``skip_cost`` is what passing over it costs; ``metre`` that of the section here; ``starts_section``: a required hit
    on which a section starts; ``zone_s``: how far from its beat it may be.
    """

    time_s: float
    kind: str
    weight: float
    skip_cost: float
    metre: Metre
    starts_section: bool = False
    zone_s: float = 0.0

    @property
    def is_wall(self) -> bool:
        """Whether a bar must start (or the last one end) here."""
        return self.starts_section or self.kind in ("start", "section", "end")

    @property
    def is_heavy(self) -> bool:
        """Whether an odd bar may bring a bar line here."""
        return self.kind == "required" and self.weight >= HEAVY


@dataclass(frozen=True, slots=True)
class Placed:
    """An anchor and the position, in eighths from the start, that it was given."""

    anchor: Anchor
    eighth: int


Surcharges = Mapping[
    tuple[float, float, int], float
]  # (from s, to s, eighths) -> what this step costs besides


def collect_anchors(
    duration_s: float, frame_rate: float, sections: Sequence[Section], hits: Sequence[Hit], wish: WishCurve
) -> tuple[Anchor, ...]:
    """Anchors in order of time, thinned so that any two neighbours can be met in principle.

    Where two are closer than an eighth at the fastest tempo, the more important stays: the ends of the film, then
    required hits by weight, then section starts, then wished hits by weight. A section start so close to a required
    hit moves to it.
    """
    zone_s = zone_of(frame_rate)
    ranked: list[tuple[int, float, float]] = [(0, -1.0, 0.0), (0, -1.0, duration_s)]
    ranked += [(2, -1.0, s.start_s) for s in sections if 0 < s.start_s < duration_s]
    ranked += [
        (1 if hit.required else 3, -hit.weight, hit.time_s) for hit in hits if 0 < hit.time_s < duration_s
    ]
    times: list[float] = []
    chosen: dict[float, Anchor] = {}
    for rank, minus_weight, time_s in sorted(ranked):
        kind = ("end" if time_s > 0 else "start", "required", "section", "wished")[rank]
        zones_s = zone_s if kind == "required" else 0.0
        place = bisect_left(times, time_s)
        beside = times[max(place - 1, 0) : place + 1]
        near = min(beside, key=lambda other: abs(other - time_s), default=-math.inf)
        room = [
            chosen[other]
            for other in beside
            if not holds_an_eighth(wish, other, time_s, zones_s + chosen[other].zone_s)
        ]
        metre = metre_at(sections, time_s)
        if kind == "section" and room and chosen[near].kind == "required":
            chosen[near] = replace(chosen[near], starts_section=True, metre=metre)
        elif rank == 0 or not (room or (kind == "wished" and abs(near - time_s) < MIN_WISHED_GAP_S)):
            insort(times, time_s)
            chosen[time_s] = Anchor(
                time_s, kind, -minus_weight, _skip_cost(kind, -minus_weight), metre, zone_s=zones_s
            )
    return tuple(chosen[time_s] for time_s in times)


def zone_of(frame_rate: float) -> float:
    """How far from its beat a hit may be, in s: less than half a frame."""
    return min(ZONE * 0.5 / frame_rate, MAX_ZONE_S)


def holds_an_eighth(wish: WishCurve, one_s: float, other_s: float, zone_s: float = 0.0) -> bool:
    """Whether two moments, each of which may move half of ``zone_s``, can lie an eighth apart."""
    gap_s = abs(other_s - one_s)
    fastest = min(FASTEST * wish.between(*sorted((one_s, other_s))), MAX_BPM * gap_s / 30)
    return gap_s > 0 and fastest * (gap_s + zone_s) / gap_s >= 1 - 1e-9


def best_path(
    anchors: Sequence[Anchor], wish: WishCurve, surcharges: Surcharges | None = None, sudden: bool = False
) -> tuple[Placed, ...]:
    """The anchors that are met and their positions, the start and the end among them; empty where no path
    exists.

    ``sudden``: the tempo changes on anchors only, all at once.
    """
    metres = sorted({anchor.metre for anchor in anchors}, key=str)
    table: list[_States] = [_States.start(metres.index(anchors[0].metre))]
    skip = np.concatenate([[0.0], np.cumsum([a.skip_cost for a in anchors])])
    most = MAX_STATES if len(anchors) <= LONG_FILM else MAX_STATES_LONG
    for j in range(1, len(anchors)):
        arrivals: list[_States | None] = []
        for i in range(j - 1, max(j - 1 - LOOK_BACK, 0) - 1, -1):
            skip_cost = float(skip[j] - skip[i + 1])
            least = min(
                (float(a.cost.min(initial=math.inf)) for a in arrivals if a is not None), default=math.inf
            )
            if table[i].cost.min(initial=math.inf) + skip_cost > least + HOPELESS:
                continue
            for number in np.unique(table[i].metre).tolist():
                step = _Step(i, number, anchors[i], anchors[j], skip_cost, sudden)
                arrivals.append(_arrivals(table[i], step, metres, wish, surcharges or {}))
        table.append(_States.best([a for a in arrivals if a is not None], most))
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


@dataclass(frozen=True, slots=True)
class _Step:
    """From an anchor, where the metre is ``number``, to another that is not before it."""

    index: int
    number: int
    here: Anchor
    there: Anchor
    skip_cost: float
    sudden: bool


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
    def best(cls, parts: Sequence[_States], most: int) -> _States:
        """The cheapest state of each (metre, phase, 1 % of tempo), at most ``most`` of them."""
        if not parts:
            none = np.zeros(0, dtype=np.int64)
            return cls(np.zeros(0), np.zeros(0), none, np.zeros(0), none, none, none, none)
        names = [field.name for field in fields(cls)]
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        near = joined["cost"] <= joined["cost"].min(initial=math.inf) + HOPELESS
        joined = {name: values[near] for name, values in joined.items()}
        cost = joined["cost"]
        key = joined["metre"] * 64 + joined["phase"]
        key = key * 4096 + np.round(joined["log_bpm"] * 100).astype(np.int64)
        order = np.lexsort((cost, key))
        first = np.ones(order.size, dtype=bool)
        first[1:] = key[order][1:] != key[order][:-1]
        pick = order[first]
        pick = pick[np.argsort(cost[pick], kind="stable")[:most]]
        return cls(**{name: joined[name][pick] for name in names})


def _arrivals(
    states: _States, step: _Step, metres: Sequence[Metre], wish: WishCurve, surcharges: Surcharges
) -> _States | None:
    """All ways from those of ``states`` that are in the step's metre to its other anchor."""
    here, there, metre = step.here, step.there, metres[step.number]
    mine = np.nonzero(states.metre == step.number)[0]
    phases = states.phase[mine]
    gap_s = there.time_s - here.time_s
    wished = wish.between(here.time_s, there.time_s)
    alone = here.is_wall and there.is_wall and step.skip_cost == 0
    counts = _counts(gap_s, wished, metre, phases, here.zone_s + there.zone_s, alone)
    if not counts.size:
        return None
    log_bpm = np.log(counts * 30.0 / gap_s)
    own = DEVIATION_COST * counts / LONG_BAR_EIGHTHS * (np.log(counts / wished) / DEVIATION_SCALE) ** 2
    if surcharges:
        own = own + np.array([surcharges.get((here.time_s, there.time_s, n), 0.0) for n in counts.tolist()])

    bars = counts / metre.bar_eighths
    spread = (bars[None, :] + states.bars[mine, None]) / 2  # bars over which the tempo can move
    spread = np.ones_like(spread) if step.sudden else spread
    change = np.abs(log_bpm[None, :] - states.log_bpm[mine, None])
    per_bar = np.where(np.isnan(change), 0.0, change / spread)
    cost = states.cost[mine, None] + own[None, :] + step.skip_cost
    cost = cost + CHANGE_COST * spread * (per_bar / CHANGE_SCALE) ** 2
    cost = cost + STEEP_COST * np.maximum(per_bar - STEEP_CHANGE, 0.0)

    phase = (phases[:, None] + counts[None, :]) % metre.bar_eighths
    off_pulse = phase % metre.pulse_eighths != 0
    if there.is_wall:
        odd_cost = ODD_END_COST if there.kind == "end" else ODD_BAR_COST
        cost = cost + np.where(phase == 0, 0.0, NEEDLESS_ODD_BAR_COST if alone else odd_cost)
        phase = np.zeros_like(phase)
    else:
        cost = cost - np.where(phase == 0, DOWNBEAT_GAIN * there.weight, 0.0)
        cost = cost + np.where(off_pulse, OFF_PULSE_COST, 0.0)
        if there.is_heavy or (step.sudden and there.kind == "required"):
            cost = cost + np.where((phase == 0) | off_pulse, 0.0, ODD_BAR_COST)
            phase = np.where(off_pulse, phase, 0)
    may_lie_off = there.kind == "required" and not there.is_wall
    allowed = np.ones_like(off_pulse) if may_lie_off else ~off_pulse
    start, which = np.nonzero(allowed)
    return _States(
        cost[allowed],
        log_bpm[which],
        counts[which],
        bars[which],
        np.full(which.size, metres.index(there.metre) if there.is_wall else step.number, dtype=np.int64),
        phase[allowed],
        np.full(which.size, step.index, dtype=np.int64),
        mine[start].astype(np.int64),
    )


def _counts(
    gap_s: float, wished: float, metre: Metre, phases: np.ndarray, zone_s: float, alone: bool
) -> np.ndarray:
    """Eighths that may fill ``gap_s``, in which the wish counts ``wished``: those within the range of tempi, or, where
    two bar lines stand ``alone`` and nothing else fits, anywhere within the limits. In a long gap, those that lead
    from one of ``phases`` to a pulse.

    ``zone_s``: how much longer or shorter the gap may be.
    """
    shorter, longer = 1 - min(zone_s / gap_s, 0.9), 1 + zone_s / gap_s
    low = max(wished * SLOWEST, MIN_BPM * gap_s / 30) * shorter
    high = min(wished * FASTEST, MAX_BPM * gap_s / 30) * longer
    counts = _between(low, high)
    if alone and not counts.size:
        counts = _between(MIN_BPM * gap_s / 30, MAX_BPM * gap_s / 30)
    if counts.size > MAX_COUNTS:
        step = metre.step_eighths
        near = step * (round(wished / step) + np.arange(-(MAX_COUNTS // 2), MAX_COUNTS // 2 + 1))
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
    """The wished tempo at ``time_s``: that of the section there, within the limits."""
    return within_limits(_section_at(sections, time_s).tempo_bpm) if sections else DEFAULT_BPM


def _skip_cost(kind: str, weight: float) -> float:
    if kind == "required":
        return SKIP_REQUIRED * (0.5 + weight)
    return SKIP_SECTION if kind == "section" else SKIP_WISHED * (0.25 + weight)

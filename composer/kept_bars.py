"""Which bars of a score stay when its picture is cut anew, where they lie then, and the new bars between them.

A bar stays where its picture is unchanged as a whole, up to half a frame at its edges; it keeps its tempo and lies
exactly where its picture now lies. What is left between such bars is filled (`composer.gap_bars`), against where the
bars really are, so that nothing drifts. Where a gap is too short for music, or the tempo would have to leap, the
nearest bars on either side are given up as well, as few as help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from composer.errors import BadInput
from composer.gap_bars import Filling, Gap, fill, wished_sections
from composer.picture_edit import PictureEdit, joined
from composer.spotting.cues import CueSheet, Hit
from composer.spotting.landing import landings, unmet_hits
from composer.timing import Bar, TempoMap

ABSORBED_S = 1.5e-3  # a gap so short is none: a required hit has more room than that
MOST_GIVEN_UP = 4  # bars beside a gap
GIVEN_UP_COST = 2.0  # of each, in the units of `composer.gap_bars`
POOR_COST = 30.0  # from which a stretch of a few bars beside the gap is given up whole
SHORT_RUN = 4  # bars


@dataclass(frozen=True)
class Layout:
    """The new ``tempo_map`` and, for each of its bars, the old bar that it is; None for a new one."""

    tempo_map: TempoMap
    sources: tuple[int | None, ...]

    @cached_property
    def new_bars(self) -> tuple[int, ...]:
        """Indices of the bars to be written."""
        return tuple(index for index, source in enumerate(self.sources) if source is None)

    @cached_property
    def gaps(self) -> tuple[range, ...]:
        """The new bars, those that follow each other together."""
        return tuple(span for span, source in self._spans if source is None)

    @cached_property
    def runs(self) -> tuple[tuple[range, range], ...]:
        """The kept bars, those that follow each other in both: (where they are, which old bars they are)."""
        return tuple(
            (span, range(source, source + len(span))) for span, source in self._spans if source is not None
        )

    @cached_property
    def _spans(self) -> tuple[tuple[range, int | None], ...]:
        starts = [
            index
            for index, source in enumerate(self.sources)
            if index == 0 or source != _next(self.sources[index - 1])
        ]
        ends = [*starts[1:], len(self.sources)]
        return tuple((range(a, b), self.sources[a]) for a, b in zip(starts, ends, strict=True))


@dataclass(frozen=True)
class _Run:
    """Old bars ``first`` to ``last`` (one past) whose picture is now ``shift_s`` later."""

    first: int
    last: int
    shift_s: float


def lay_out(old: TempoMap, edit: PictureEdit, cues: CueSheet, known_hits: Sequence[Hit] = ()) -> Layout:
    """The bars of the new picture. ``cues``: its sections and hits; ``known_hits``: those of the old picture, so that
    a hit that was missed before does not cost the bar in which it was missed.

    Raises BadInput where no bar of the old picture is left.
    """
    runs = _unchanged(old, edit, 0.5 / cues.frame_rate)
    filler = _Filler(cues)
    while True:
        if not runs:
            raise BadInput(
                "no bar of the score has its whole picture left; compose anew with: framescore compose"
            )
        layout, poor = _laid(old, runs, filler)
        opened = poor if poor is not None else _missing(old, runs, layout, cues, known_hits)
        if opened is None:
            return layout
        runs = opened


def _next(source: int | None) -> int | None:
    return None if source is None else source + 1


def _starts_s(old: TempoMap) -> list[float]:
    """Start of every old bar, and where the music ends."""
    return [*(float(start) for start in old.bar_starts_s[:-1]), old.end_s]


def _unchanged(old: TempoMap, edit: PictureEdit, slack_s: float) -> list[_Run]:
    """The old bars whose picture is unchanged, in the order of the new picture."""
    starts_s = _starts_s(old)
    is_cut = old.end_beats < old.bar_starts_beats[-1]
    runs = []
    for piece in joined(edit.pieces, slack_s):
        if piece.old_start_s is None:
            continue
        ends_here = abs(piece.new_end_s - edit.new_duration_s) <= slack_s
        whole = [
            bar
            for bar in range(len(old.bars))
            if starts_s[bar] >= piece.old_start_s - slack_s
            and starts_s[bar + 1] <= piece.old_end_s + slack_s
            and (ends_here or not (is_cut and bar == len(old.bars) - 1))
        ]
        if whole:
            runs.append(_Run(whole[0], whole[-1] + 1, piece.shift_s))
    return runs


class _Filler:
    """Fills gaps of a picture, each once."""

    def __init__(self, cues: CueSheet) -> None:
        self.cues = cues
        self._known: dict[tuple[float, float, Bar | None, Bar | None], Filling | None] = {}

    def fill(self, start_s: float, end_s: float, before: Bar | None, after: Bar | None) -> Filling | None:
        """The best bars between two moments and the bars there."""
        place = (round(start_s, 6), round(end_s, 6), before, after)
        if place not in self._known:
            gap = Gap(
                end_s - start_s,
                before,
                after,
                wished_sections(start_s, end_s, self.cues.sections, before, after),
                _inside(self.cues, start_s, end_s),
                self.cues.frame_rate,
            )
            self._known[place] = fill(gap)
        return self._known[place]


@dataclass
class _Laying:
    """Bars laid so far, and where they end (microseconds, exact)."""

    bars: list[Bar]
    sources: list[int | None]

    @property
    def end_s(self) -> float:
        return sum(bar.length_beats * bar.tempo_us for bar in self.bars) / 1e6

    def without(self, count: int) -> _Laying:
        """The same without its last ``count`` bars."""
        keep = len(self.bars) - count
        return _Laying(self.bars[:keep], self.sources[:keep])

    def add(self, bars: Sequence[Bar], sources: Sequence[int | None]) -> None:
        self.bars += bars
        self.sources += sources


def _laid(old: TempoMap, runs: Sequence[_Run], filler: _Filler) -> tuple[Layout, list[_Run] | None]:
    """The layout of some runs, or the runs that are left where one of them must be given up."""
    cues = filler.cues
    starts_s = _starts_s(old)
    laid = _Laying([], [])
    run: _Run | None
    own = 0  # bars of the run before that are still there
    for number, run in enumerate([*runs, None]):
        target_s = cues.duration_s if run is None else starts_s[run.first] + run.shift_s
        slack_s = 0.5 / cues.frame_rate if run is None else ABSORBED_S
        now_s = _map_of(old, laid).end_s if laid.bars else 0.0
        taken = 0
        if abs(target_s - now_s) > slack_s:
            found = _filled(old, laid, own, run, starts_s, filler)
            beside = [r for r in (runs[number - 1] if number else None, run) if r is not None]
            short = [r for r in beside if r.last - r.first <= SHORT_RUN]
            if (found is None or found[0].cost >= POOR_COST) and short and len(runs) > 1:
                least = min(short, key=lambda r: r.last - r.first)
                return Layout(old, ()), [r for r in runs if r is not least]
            if found is None:
                raise BadInput("the new picture leaves no room for a bar of music; compose anew for it")
            filling, given_up, taken = found
            laid = laid.without(given_up)
            laid.add(filling.bars, [None] * len(filling.bars))
        if run is not None:
            own = run.last - run.first - taken
            laid.add(old.bars[run.first + taken : run.last], range(run.first + taken, run.last))
    return Layout(_map_of(old, laid), tuple(laid.sources)), None


def _map_of(old: TempoMap, laid: _Laying) -> TempoMap:
    """The map of the bars; where its last is the old last one, it is cut as that was."""
    whole = TempoMap(tuple(laid.bars))
    if laid.sources[-1] == len(old.bars) - 1:
        return replace(whole, end_beats=whole.end_beats - (old.bar_starts_beats[-1] - old.end_beats))
    return whole


def _filled(
    old: TempoMap, laid: _Laying, own: int, run: _Run | None, starts_s: Sequence[float], filler: _Filler
) -> tuple[Filling, int, int] | None:
    """The best filling before ``run`` (or the end), and how many bars are given up for it before and after."""
    best: tuple[Filling, int, int] | None = None
    best_cost = float("inf")
    ahead = 0 if run is None else run.last - run.first
    choices = [(a, b) for a in range(max(own, 1)) for b in range(max(ahead, 1)) if a + b <= MOST_GIVEN_UP]
    for a, b in sorted(choices, key=lambda choice: (sum(choice), choice[1])):
        price = GIVEN_UP_COST * (a + b)
        if price >= best_cost:
            break
        before = laid.without(a)
        start_s = before.end_s
        end_s = filler.cues.duration_s if run is None else starts_s[run.first + b] + run.shift_s
        if end_s - start_s <= ABSORBED_S:
            continue
        edges = (before.bars[-1] if before.bars else None, None if run is None else old.bars[run.first + b])
        filling = filler.fill(start_s, end_s, *edges)
        if filling is not None and filling.cost + price < best_cost:
            best, best_cost = (filling, a, b), filling.cost + price
    return best


def _inside(cues: CueSheet, start_s: float, end_s: float) -> tuple[Hit, ...]:
    """The hits inside a gap, from its start; those on its edges are met by the bars beside it, or not at all."""
    edge_s = 0.5 / cues.frame_rate
    return tuple(
        replace(hit, time_s=hit.time_s - start_s)
        for hit in cues.hits
        if start_s + edge_s < hit.time_s < end_s - edge_s
    )


def _missing(
    old: TempoMap, runs: Sequence[_Run], layout: Layout, cues: CueSheet, known_hits: Sequence[Hit]
) -> list[_Run] | None:
    """The runs without the bars in which a required hit is missed that was not before; None where there is none."""
    starts_s = _starts_s(old)
    for hit in unmet_hits(landings(layout.tempo_map, cues.hits), cues.frame_rate):
        source = layout.sources[layout.tempo_map.bar_at_s(hit.time_s)]
        if source is None:
            continue
        for number, run in enumerate(runs):
            before_s = hit.time_s - run.shift_s
            if not (run.first <= source < run.last and starts_s[run.first] <= before_s < starts_s[run.last]):
                continue
            if any(abs(known.time_s - before_s) <= 0.5 / cues.frame_rate for known in known_hits):
                continue
            parts = [replace(run, last=source), replace(run, first=source + 1)]
            return [*runs[:number], *(p for p in parts if p.last > p.first), *runs[number + 1 :]]
    return None

"""Where a film changes: sections at changes of meaning, light, movement and pace, with hysteresis.

A change at a moment is the distance between what is seen on average before it and after it, over windows of several
lengths (moving sums on scales from fine to coarse: Messer et al., Annals of Applied Statistics 8, 2014; Foote's
checkerboard novelty, ICME 2000, is its nearest relative in music). It makes a boundary where it stands out of what the
shots of both windows vary in themselves: a fast edit is one section, not many. A fine scale is asked first and knows
the place best; a coarse one finds what changes slowly, as a sunset does.

Hysteresis: the new state must last. Where the picture returns to what it left within `RETURN_S`, there was no change
(an insert, a conversation in shot and reverse shot: the overlapping links of Hanjalic, Lagendijk & Biemond, IEEE
Trans. Circuits and Systems for Video Technology 9, 1999); where two neighbours look the same as a whole, they are one
section. Boundaries move to a cut where one is near and are never closer than `MIN_SECTION_S`. All lengths are those of
a film of a minute and grow with the cube root of its length, up to five-fold: a feature film is told in minutes.

A fade through black is how an editor ends a chapter: a lone one is a boundary in its middle, whatever follows; the
next chapter may have the same theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from composer.spotting.affect import AffectCurve, shot_length_at
from composer.spotting.recurrence import themes
from composer.spotting.samples import distance_to_nearest, nearest
from composer.spotting.seen import Seen, look_over
from composer.spotting.silences import Silence
from composer.video.features import VideoFeatures

STEP_S = 0.5
SHORT_FILM_S = 10.0  # up to here a film is one section
MAX_SECTIONS = 200

# Of a film of REACH_FILM_S; multiplied by the film's reach.
REACH_FILM_S, MAX_REACH = 60.0, 5.0
WINDOW_S = 5.0  # seen before and after a moment, on the finest scale
MIN_SECTION_S = 7.0
RETURN_S = 10.0  # a state that gives way to the one before it within this was none

SCALES = (1, 2, 4, 8)  # of the window
COARSE_APART = 0.75  # of a coarse window: a boundary found on a finer scale speaks for what lies closer
CHANGE = 0.9  # that counts as one, where nothing varies within the finest windows
VARIATION = 6.0  # how far a change must stand out of what the shots vary: of their variance over the shots of a window
MIN_SHOT_S, MAX_SHOT_S = 0.5, 3.0  # a shot is one look at a place for so long
CUT_BONUS = 0.25  # for a boundary on a cut
SNAP, MAX_SNAP_S = 0.3, 4.0  # of the window: a boundary moves this far to a cut
SAME_NEIGHBOUR = 0.8  # neighbours closer than this are one section
RETURN_SHARE = 0.5  # of a change: nearer than this to what was before, the picture has returned


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of film: times in s, its theme's letter, how new it was at its start, and what changed most there.

    ``silence``: why it has no music; empty where it has.
    """

    start_s: float
    end_s: float
    theme: str
    novelty: float
    reason: str
    silence: str = ""

    @classmethod
    def whole(cls, duration_s: float) -> Segment:
        """A film of one segment."""
        return cls(0.0, duration_s, "A", 0.0, "the whole film")


@dataclass(frozen=True, slots=True)
class _Boundary:
    """``firm``: stands whatever is seen on both sides."""

    time_s: float
    novelty: float
    reason: str
    firm: bool = False


def segment_film(
    features: VideoFeatures, curve: AffectCurve, silences: Sequence[Silence] = ()
) -> tuple[Segment, ...]:
    """The film as segments without gaps from 0 to its end; ``silences`` (in order, apart) are segments of their own."""
    seen = look_over(features, curve)
    edges: dict[float, _Boundary] = {}
    for silence in silences:
        edges[silence.start_s] = _Boundary(silence.start_s, 0.0, "the music stops here", firm=True)
        edges[silence.end_s] = _Boundary(silence.end_s, 0.0, "the music starts again", firm=True)
    edges[0.0] = _Boundary(0.0, 0.0, "start of the film", firm=True)
    edges.pop(features.duration_s, None)
    if features.duration_s > SHORT_FILM_S:
        for boundary in _real(_boundaries(features, seen, silences), seen, [*edges, features.duration_s]):
            edges[boundary.time_s] = boundary
    ordered = [edges[time_s] for time_s in sorted(edges)]
    spans = list(pairwise([*(boundary.time_s for boundary in ordered), features.duration_s]))
    why = {silence.start_s: silence.reason for silence in silences}
    music = [span for span in spans if span[0] not in why]
    numbers = themes(features, music, [not edges[start_s].firm for start_s, _ in music])
    letters = dict(zip(music, map(theme_letter, numbers), strict=True))
    return tuple(
        Segment(*span, letters.get(span, ""), boundary.novelty, boundary.reason, why.get(span[0], ""))
        for span, boundary in zip(spans, ordered, strict=True)
    )


def film_reach(duration_s: float) -> float:
    """By how much the lengths of this module grow for a film: 1 up to a minute, 5 from two hours on."""
    return float(np.clip(np.cbrt(duration_s / REACH_FILM_S), 1.0, MAX_REACH))


def theme_letter(index: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def section_labels(themes: Sequence[str]) -> list[str]:
    """A, B, A', ...: the theme, with a prime for every time it has been heard (a number from the fourth
    on); a section without a theme is called silence.
    """
    heard: dict[str, int] = {}
    labels = []
    for theme in themes:
        times = heard.get(theme, 0)
        primes = "'" * times if times < 3 else str(times + 1)
        labels.append(theme + primes if theme else "silence")
        heard[theme] = times + 1
    return labels


def _boundaries(features: VideoFeatures, seen: Seen, silences: Sequence[Silence]) -> list[_Boundary]:
    """Boundaries in order of time: lone fades, then what stands out on one scale after the other."""
    duration_s = features.duration_s
    reach = film_reach(duration_s)
    least_s = MIN_SECTION_S * reach
    taken_s = [0.0, duration_s, *(time_s for s in silences for time_s in (s.start_s, s.end_s))]
    chosen: list[_Boundary] = []
    for time_s in _lone_fades(features, RETURN_S * reach):
        if bool(_free(np.array([time_s]), taken_s, least_s, silences)[0]):
            chosen.append(_Boundary(time_s, 1.0, "a fade through black", firm=True))
            taken_s.append(time_s)
    for scale in SCALES:
        window_s = scale * WINDOW_S * reach
        apart_s = max(least_s, COARSE_APART * window_s if scale > 1 else 0.0)
        candidates = _Candidates.of(features, seen, window_s, reach)
        score = np.where(_free(candidates.times_s, taken_s, apart_s, silences), candidates.score, 0.0)
        while len(chosen) < MAX_SECTIONS and score.max(initial=0.0) >= 1.0:
            index = int(np.argmax(score))
            time_s = float(candidates.times_s[index])
            if _returns(seen, time_s, reach):
                score[index] = 0.0
                continue
            chosen.append(_Boundary(time_s, float(score[index]), candidates.why(index)))
            taken_s.append(time_s)
            score[np.abs(candidates.times_s - time_s) < apart_s] = 0.0
    return sorted(chosen, key=lambda boundary: boundary.time_s)


def _free(
    times_s: np.ndarray, taken_s: Sequence[float], apart_s: float, silences: Sequence[Silence]
) -> np.ndarray:
    """Which of ``times_s`` (T,) lie ``apart_s`` from all that are taken, and in no silence: (T,) bool."""
    free = distance_to_nearest(times_s, np.sort(taken_s)) >= apart_s
    for silence in silences:
        free &= (times_s < silence.start_s) | (times_s > silence.end_s)
    return free


@dataclass(frozen=True)
class _Candidates:
    """Moments that may be boundaries on one scale, (P,) each: time, score (1 makes a boundary), whether on a cut; and
    the change of each feature (features, P).
    """

    times_s: np.ndarray
    score: np.ndarray
    on_cut: np.ndarray
    changes: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, features: VideoFeatures, seen: Seen, window_s: float, reach: float) -> _Candidates:
        """Every place between two samples of the grid, moved to the nearest cut where one is near."""
        step_s = seen.step_s
        places = np.arange(1, seen.times_s.size)
        times_s = places * step_s
        width = max(round(window_s / step_s), 1)
        before, after, within = _around(seen, places, width)
        squares = np.stack([((after - before)[:, part] ** 2).sum(axis=1) for _, part in seen.parts])
        before_s, after_s = (
            np.minimum(side, width) * step_s for side in (places, seen.times_s.size - places)
        )
        overlap_s = before_s * after_s / (before_s + after_s)
        shot_s = shot_length_at(features, times_s)
        shots = np.maximum(window_s / shot_s, 1.5)
        # Few shots vary more than they show.
        within *= shots / (shots - 1) * np.clip(shot_s, MIN_SHOT_S, MAX_SHOT_S)
        need = CHANGE**2 * WINDOW_S / 2 * reach + VARIATION * within
        score = np.sqrt(squares.sum(axis=0) * overlap_s / need)
        on_cut = np.zeros(places.size, dtype=bool)
        cuts_s = np.sort(features.cut_times_s)
        if cuts_s.size:
            cut_s = cuts_s[nearest(cuts_s, times_s)]
            snap_s = min(SNAP * window_s, MAX_SNAP_S)
            offset_s = np.abs(cut_s - times_s)
            on_cut = offset_s <= snap_s
            score = score + np.where(on_cut, CUT_BONUS * (1 - offset_s / snap_s), 0.0)
            times_s = np.where(on_cut, cut_s, times_s)
        names = tuple(name for name, _ in seen.parts)
        return cls(times_s, score, on_cut, np.sqrt(squares), names)

    def why(self, index: int) -> str:
        """What changed most, for people."""
        changes = self.changes[:, index]
        most = [k for k in np.argsort(-changes)[:2] if changes[k] > 0.3]
        parts = [f"{self.names[k]} (change {changes[k]:.1f})" for k in most]
        return (" and ".join(parts) or "several small changes") + (", at a cut" if self.on_cut[index] else "")


def _returns(seen: Seen, time_s: float, reach: float) -> bool:
    """Whether the picture comes back, within `RETURN_S`, to what it was before ``time_s``; or what it then shows was
    there as shortly before.
    """
    window_s, return_s = WINDOW_S * reach, (RETURN_S + 2) * reach
    before, after = seen.mean(time_s - window_s, time_s), seen.mean(time_s, time_s + window_s)
    near = RETURN_SHARE**2 * float(((after - before) ** 2).sum())
    width = max(round(reach / seen.step_s), 1)  # a second or more of it must be back
    for start_s, end_s, state in ((time_s, time_s + return_s, before), (time_s - return_s, time_s, after)):
        first, past = np.searchsorted(seen.times_s, (start_s, end_s))
        held = (seen.total[first + width : past + 1] - seen.total[first : past + 1 - width]) / width
        if past - first >= width and bool((((held - state) ** 2).sum(axis=1) < near).any()):
            return True
    return False


def _real(boundaries: Sequence[_Boundary], seen: Seen, edges: Sequence[float]) -> list[_Boundary]:
    """The boundaries without those whose two sides, as a whole, look the same; the least is dropped first.

    Firm ones stay, and so do the ``edges`` (s), to which sections reach at most.
    """
    kept = list(boundaries)
    while True:
        times_s = sorted([*edges, *(boundary.time_s for boundary in kept)])
        apart = []
        for boundary in kept:
            at = times_s.index(boundary.time_s)
            change = seen.mean(boundary.time_s, times_s[at + 1]) - seen.mean(times_s[at - 1], boundary.time_s)
            apart.append(np.inf if boundary.firm else float(np.sqrt((change**2).sum())))
        least = int(np.argmin(apart)) if apart else -1
        if least < 0 or apart[least] >= SAME_NEIGHBOUR:
            return kept
        del kept[least]


def _lone_fades(features: VideoFeatures, apart_s: float) -> list[float]:
    """The middles of the fades that have no other within ``apart_s``: many in a row are a manner of cutting."""
    middles_s = (features.fade_starts_s + features.fade_ends_s) / 2
    return [float(t) for t in middles_s if np.sum(np.abs(middles_s - t) < apart_s) == 1]


def _around(seen: Seen, places: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means over ``width`` samples before and after each place, twice (places, D), and the mean variance within the
    two (places,).
    """
    power = np.concatenate([[0.0], np.cumsum((seen.values**2).sum(axis=1))])
    low, high = np.maximum(places - width, 0), np.minimum(places + width, seen.times_s.size)
    sides, variance = [], np.zeros(places.size)
    for first, past in ((low, places), (places, high)):
        mean = (seen.total[past] - seen.total[first]) / (past - first)[:, None]
        variance += (power[past] - power[first]) / (past - first) - (mean**2).sum(axis=1)
        sides.append(mean)
    return sides[0], sides[1], np.maximum(variance / 2, 0.0)

"""Where a film is left without music: where the user says, where the picture is black, where a long film rests.

- A user's silence is kept to the millisecond. Where less than `LEAST_MUSIC_S` would sound between two silences, they
  are one.
- A black one lasts `BLACK_MIN_S` or longer (two samples of colour), near black and still; its borders are cuts where
  those are, else the samples that show it. Black at the very end is left to the music to end in, and a film that is
  mostly black is not silenced: its picture tells nothing.
- A resting one is a whole section of a film of `LONG_FILM_S` or more: calm, still, with hardly a cut, and calmer than
  the music on both sides, which must be there. At most `REST_SHARE` of a film rests. A shorter film is never left
  without music except in black.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from composer.errors import BadInput
from composer.spotting.affect import AffectCurve, rgb_difference_at
from composer.spotting.cues import TIME_DIGITS
from composer.spotting.samples import nearest
from composer.video.features import VideoFeatures

STEP_S = 0.1
LEAST_MUSIC_S = 0.5
BLACK_MIN_S = 2.0
BLACK = 0.05  # brightness (mean value of HSV) below which a picture is black
STILL = 2.0  # mean absolute RGB difference over 0.2 s; coding noise and grain stay below
MOSTLY = 0.5  # of the film: so much black is not a pause

LONG_FILM_S = 600.0
REST_MIN_S, REST_MAX_S = 20.0, 180.0
REST_AROUSAL = -0.4
REST_CONTRAST = 0.3  # of arousal, to the music on either side
REST_SHOT_S = 15.0  # mean length of the shots of a resting stretch, at least
REST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch without music, in s, and why."""

    start_s: float
    end_s: float
    reason: str


def silences_of(features: VideoFeatures, wished: Sequence[tuple[float, float]]) -> tuple[Silence, ...]:
    """The ``wished`` silences (start and end in s) and the black ones that come near none of them, in order of time.

    Raises BadInput for a wished silence that lies outside the film or does not end after its start.
    """
    asked = [Silence(start_s, end_s, "asked for") for start_s, end_s in _joined(_within(features, wished))]
    black = [
        found
        for found in black_stretches(features)
        if all(
            found.end_s + LEAST_MUSIC_S <= silence.start_s or silence.end_s + LEAST_MUSIC_S <= found.start_s
            for silence in asked
        )
    ]
    return tuple(sorted((*asked, *black), key=lambda silence: silence.start_s))


def black_stretches(features: VideoFeatures) -> list[Silence]:
    """The stretches of at least `BLACK_MIN_S` that are near black and still, in order of time."""
    if not features.color_times_s.size:
        return []
    times_s = np.arange(0.0, features.duration_s, STEP_S)
    dark = features.brightness[nearest(features.color_times_s, times_s)] < BLACK
    movement = rgb_difference_at(features, times_s)
    if dark.mean() >= MOSTLY:
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], dark.astype(int), [0]])))
    spacing_s = float(np.median(np.diff(features.color_times_s))) if features.color_times_s.size > 1 else 0.0
    found: list[tuple[float, float]] = []
    for first, past in edges.reshape(-1, 2):
        start_s = _at_cut(float(times_s[first]), features.cut_times_s, spacing_s) if first else 0.0
        end_s = _at_cut(float(times_s[past - 1]) + STEP_S, features.cut_times_s, spacing_s)
        still = float(np.median(movement[first:past])) < STILL
        if end_s - start_s >= max(BLACK_MIN_S, 1.5 * spacing_s) and past < times_s.size and still:
            found.append((start_s, end_s))
    return [
        Silence(start_s, end_s, f"the picture is black and still for {end_s - start_s:.1f} s")
        for start_s, end_s in _joined(found)
    ]


def rest_reasons(
    features: VideoFeatures,
    curve: AffectCurve,
    stretches: Sequence[tuple[float, float]],
    music: Sequence[bool],
) -> dict[int, str]:
    """Which of ``stretches`` (start and end in s) a long film rests in: index -> why. ``music``: which of them have
    music so far.
    """
    if features.duration_s < LONG_FILM_S:
        return {}
    arousal = [curve.mean(*stretch).arousal for stretch in stretches]
    left_s = REST_SHARE * features.duration_s
    rests: dict[int, str] = {}
    for index in sorted(range(1, len(stretches) - 1), key=lambda i: arousal[i]):
        start_s, end_s = stretches[index]
        around = (index - 1, index + 1)
        if not all(music[i] and i not in rests for i in (index, *around)):
            continue
        contrast = min(arousal[i] for i in around) - arousal[index]
        movement = float(rgb_difference_at(features, np.arange(start_s, end_s, 0.5)).mean())
        cuts = int(((features.cut_times_s > start_s) & (features.cut_times_s < end_s)).sum())
        calm = arousal[index] <= REST_AROUSAL and movement < STILL
        if not (REST_MIN_S <= end_s - start_s <= min(REST_MAX_S, left_s)) or not calm:
            continue
        if contrast >= REST_CONTRAST and (end_s - start_s) / (cuts + 1) >= REST_SHOT_S:
            left_s -= end_s - start_s
            rests[index] = f"calm (arousal {arousal[index]:+.2f}) and still between livelier stretches"
    return rests


def _within(features: VideoFeatures, wished: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The wished silences to the microsecond, each within the film; half a frame past its end is its end."""
    for asked_s in wished:
        start_s, end_s = (round(time_s, TIME_DIGITS) for time_s in asked_s)
        within_s = min(end_s, features.duration_s)
        if not (0 <= start_s < within_s and end_s <= features.duration_s + 0.5 / features.frame_rate):
            raise BadInput(
                f"silence {asked_s[0]:g}-{asked_s[1]:g} s does not lie within the film of {features.duration_s:.2f} s; "
                "give its start and then its end, both within"
            )
        yield start_s, within_s


def _joined(spans_s: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Stretches in order of time, those with less than `LEAST_MUSIC_S` between them joined."""
    joined: list[tuple[float, float]] = []
    for start_s, end_s in sorted(spans_s):
        if joined and start_s - joined[-1][1] < LEAST_MUSIC_S:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_s))
        else:
            joined.append((start_s, end_s))
    return joined


def _at_cut(time_s: float, cuts_s: np.ndarray, near_s: float) -> float:
    cut_s = float(cuts_s[nearest(cuts_s, np.array([time_s]))[0]]) if cuts_s.size else np.inf
    return round(cut_s, TIME_DIGITS) if abs(cut_s - time_s) <= near_s else round(time_s, 3)

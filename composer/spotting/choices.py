"""What each section sounds like: key, tempo, tags and palette, each with the reason for it.

- Mode, tonics and tempo: `composer.spotting.wishes`. A theme that returns brings its key; the tempo is drawn towards
  the film's mean so that neighbouring sections can be joined smoothly.
- One palette for the film, unless a section's meaning calls clearly for another.

All are given segments with music only, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from composer.palettes import choose_palette
from composer.spotting.affect import Affect, AffectCurve
from composer.spotting.samples import inside
from composer.spotting.segments import Segment
from composer.spotting.wishes import (
    FASTEST_BPM,
    SLOWEST_BPM,
    home_key,
    mode_of,
    motion_bpm,
    related_key,
    side_of,
    unbound_tempo_bpm,
)
from composer.theory import Key
from composer.video.features import VideoFeatures
from composer.video.likeness import prompt_shares

OWN_TEMPO = 0.8  # of a section's tempo that is its own; the rest is the film's mean
TOP_PROMPTS = 3
CLEAR_TAG = 1.5  # times the even share of a prompt
OTHER_STYLE_DISTANCE = 0.9  # of mood, from the film's mean, at which a section may change palette
OTHER_STYLE_MIN_S = 20.0


T = TypeVar("T")


@dataclass(frozen=True)
class Choice(Generic[T]):
    """What was chosen for a section, and why, for people."""

    value: T
    reason: str


def choose_keys(
    segments: Sequence[Segment], moods: Sequence[Affect], wish: str | None, rng: np.random.Generator
) -> list[Choice[str]]:
    """A key for each segment: the ``wish``, or one by mood and theme."""
    if wish is not None:
        return [Choice(str(Key.parse(wish)), "asked for")] * len(segments)
    mode = mode_of(moods[0].valence)
    arousal = _film_mood(segments, moods).arousal
    home = home_key(mode, arousal, rng)
    first = f"{mode} for valence {moods[0].valence:+.2f}, "
    first += f"{side_of(arousal)} side for the film's arousal {arousal:+.2f}, tonic by seed"
    by_theme = {segments[0].theme: home}
    before = home
    chosen = [Choice(str(home), first)]
    for segment, mood in zip(segments[1:], moods[1:], strict=True):
        if segment.theme in by_theme:
            why = f"theme {segment.theme} comes back in its key"
        else:
            wanted = mode_of(mood.valence)
            by_theme[segment.theme] = related_key(home, wanted, arousal, before)
            why = f"{wanted} for valence {mood.valence:+.2f}; related to {home}, the key of the first section"
        before = by_theme[segment.theme]
        chosen.append(Choice(str(before), why))
    return chosen


def choose_tempi(
    segments: Sequence[Segment], curve: AffectCurve, moods: Sequence[Affect], wish: float | None
) -> list[Choice[float]]:
    """A tempo in BPM for each segment: the ``wish``, or one by motion and arousal."""
    if wish is not None:
        return [Choice(float(wish), "asked for")] * len(segments)
    motions = [curve.mean_motion(segment.start_s, segment.end_s) for segment in segments]
    own = np.array([unbound_tempo_bpm(mood.arousal, m) for m, mood in zip(motions, moods, strict=True)])
    mean = float(np.average(own, weights=_lengths_s(segments)))
    drawn = f", drawn towards the film's mean of {mean:.0f}" if len(segments) > 1 else ""
    bpm = np.clip(mean + OWN_TEMPO * (own - mean), SLOWEST_BPM, FASTEST_BPM)
    return [
        Choice(
            float(round(value)),
            f"motion {m:.2f} gives {motion_bpm(m):.0f} BPM, arousal {mood.arousal:+.2f} makes it {o:.0f}{drawn}",
        )
        for value, m, mood, o in zip(bpm, motions, moods, own, strict=True)
    ]


def choose_tags(features: VideoFeatures, spans: Sequence[tuple[float, float]]) -> list[tuple[str, ...]]:
    """For each of ``spans`` (start and end in s) the tags of the prompts that describe it best; none where the picture
    was not compared with prompts.
    """
    if features.semantic_scores.size == 0:
        return [()] * len(spans)
    prompts, shares = prompt_shares(features)
    chosen = []
    for start_s, end_s in spans:
        mean = shares[inside(features.semantic_times_s, start_s, end_s)].mean(axis=0)
        best = np.argsort(-mean, kind="stable")[:TOP_PROMPTS]
        clear = [prompts[index].tags for index in best if mean[index] > CLEAR_TAG * mean.mean()]
        chosen.append(tuple(dict.fromkeys(tag for tags in clear for tag in tags)))
    return chosen


def choose_styles(
    segments: Sequence[Segment],
    moods: Sequence[Affect],
    tags: Sequence[tuple[str, ...]],
    film_tags: tuple[str, ...],
    wish: str | None,
) -> list[Choice[str]]:
    """A palette for each segment: the ``wish``, or one by mood, its ``tags`` and those of the whole film."""
    if wish is not None:
        return [Choice(wish, "asked for")] * len(segments)
    film = _film_mood(segments, moods)
    why = f"nearest to the film's mean mood ({film.valence:+.2f}, {film.arousal:+.2f})"
    why += f" and tags {', '.join(film_tags)}" if film_tags else ""
    usual = Choice(choose_palette(film.valence, film.arousal, film_tags), why)
    chosen = []
    for segment, mood, own in zip(segments, moods, tags, strict=True):
        far = float(np.hypot(mood.valence - film.valence, mood.arousal - film.arousal))
        is_long = segment.end_s - segment.start_s >= OTHER_STYLE_MIN_S
        if own and not set(own) & set(film_tags) and far > OTHER_STYLE_DISTANCE and is_long:
            why = f"far from the rest of the film in mood and meaning ({', '.join(own)})"
            chosen.append(Choice(choose_palette(mood.valence, mood.arousal, own), why))
        else:
            chosen.append(usual)
    return chosen


def _film_mood(segments: Sequence[Segment], moods: Sequence[Affect]) -> Affect:
    """The mean mood of all segments, by their length."""
    lengths_s = _lengths_s(segments)
    return Affect(
        float(np.average([mood.valence for mood in moods], weights=lengths_s)),
        float(np.average([mood.arousal for mood in moods], weights=lengths_s)),
    )


def _lengths_s(segments: Sequence[Segment]) -> np.ndarray:
    return np.array([segment.end_s - segment.start_s for segment in segments])

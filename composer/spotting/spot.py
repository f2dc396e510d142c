"""Features to a cue sheet: sections with mood, key, tempo and style, hits, and a tempo map.

Rules, each noted in a section's ``reasons``:

- Mode, tonics, tempo, density and dynamics: `composer.spotting.wishes`. A theme that returns brings its key; the
  tempo is drawn towards the film's mean so that neighbouring sections can be joined smoothly.
- 4/4, unless another metre is asked for.
- One palette for the film, unless a section's meaning calls clearly for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from composer.errors import BadInput
from composer.palettes import PALETTES, choose_palette
from composer.spotting.affect import Affect, AffectCurve, affect_curve
from composer.spotting.cues import CueSheet, Hit, Section
from composer.spotting.metre import DEFAULT_METRE, Metre
from composer.spotting.segments import SHORT_FILM_S, STEP_S, Segment, section_labels, segment_film
from composer.spotting.tempo_solver import MAX_HITS, solve
from composer.spotting.wishes import (
    FASTEST_BPM,
    MOTION_BPM,
    SLOWEST_BPM,
    home_key,
    mode_of,
    mood_to_wishes,
    related_key,
    side_of,
    unbound_tempo_bpm,
)
from composer.theory import Key
from composer.video.features import VideoFeatures
from composer.video.likeness import prompt_shares

NEAR_FACTORS = (1.0, 0.96, 1.04, 0.92, 1.08, 0.88, 1.13, 0.85, 1.18)
FAR_FACTORS = (
    0.8,
    1.24,
    0.75,
    1.3,
    0.7,
    1.37,
)  # for films of one section, where tempo and mood are loosely tied
FACTOR_WORTH = 0.25  # log tempo that one hit of mean weight is worth
FITTED_MAX_S = 300.0
OWN_TEMPO = 0.6  # of a section's tempo that is its own; the rest is the film's mean

TOP_PROMPTS = 3
CLEAR_TAG = 1.5  # times the even share of a prompt
OTHER_STYLE_DISTANCE = 0.9  # of mood, from the film's mean, at which a section may change palette
OTHER_STYLE_MIN_S = 20.0
BOUNDARY_WEIGHT = 0.8  # of a cut on which a section starts
MAX_CUT_HITS = 15_000


def spot(
    features: VideoFeatures,
    *,
    seed: int,
    key: str | None = None,
    style: str | None = None,
    tempo_bpm: float | None = None,
    metre: str | None = None,
    hits: Sequence[Hit] = (),
) -> CueSheet:
    """A cue sheet for the film behind ``features``, with the user's ``key``, ``style``, ``tempo_bpm``, ``metre`` and
    ``hits``.

    Raises BadInput for a key, style, tempo, metre or hit that cannot be used.
    """
    _check(features, key, style, tempo_bpm, metre, hits)
    rng = np.random.default_rng(seed)
    curve = affect_curve(features, STEP_S)
    segments = segment_film(features, curve)
    moods = [curve.mean(segment.start_s, segment.end_s) for segment in segments]
    keys, key_reasons = _keys(segments, moods, key, rng)
    tempi, tempo_reasons = _tempi(segments, curve, moods, tempo_bpm)
    tags = [_tags(features, segment.start_s, segment.end_s) for segment in segments]
    styles, style_reasons = _styles(features, segments, moods, tags, style)
    labels = section_labels([segment.theme for segment in segments])
    sections = []
    for i, (segment, mood) in enumerate(zip(segments, moods, strict=True)):
        motion = curve.mean_motion(segment.start_s, segment.end_s)
        wishes = mood_to_wishes(mood.valence, mood.arousal, motion)
        sections.append(
            Section(
                start_s=segment.start_s,
                end_s=segment.end_s,
                label=labels[i],
                valence=round(mood.valence, 3),
                arousal=round(mood.arousal, 3),
                key=keys[i],
                tempo_bpm=tempi[i],
                density=round(wishes.density, 3),
                dynamics=round(wishes.dynamics, 3),
                style=styles[i],
                tags=tags[i],
                theme=segment.theme,
                metre=metre or DEFAULT_METRE,
                reasons={
                    "start_s": segment.reason,
                    "valence": curve.explain(segment.start_s, segment.end_s, "valence"),
                    "arousal": curve.explain(segment.start_s, segment.end_s, "arousal"),
                    "key": key_reasons[i],
                    "tempo_bpm": tempo_reasons[i],
                    "density": f"arousal {mood.arousal:+.2f} and motion {motion:.2f}",
                    "dynamics": f"arousal {mood.arousal:+.2f}",
                    "style": style_reasons[i],
                    "metre": "the usual one" if metre is None else "asked for",
                },
            )
        )
    all_hits = tuple(sorted((*_cut_hits(features, segments), *hits), key=lambda hit: hit.time_s))
    if tempo_bpm is None:
        sections = fit_wishes(features.duration_s, features.frame_rate, sections, all_hits)
    return CueSheet(
        title=PurePath(features.source).stem or "untitled",
        duration_s=features.duration_s,
        frame_rate=features.frame_rate,
        start_timecode=features.start_timecode,
        sections=tuple(sections),
        hits=all_hits,
        tempo_map=solve(features.duration_s, features.frame_rate, sections, all_hits).tempo_map,
        seed=seed,
        provenance={"input": features.source, "input_sha256": features.sha256},
    )


def fit_wishes(
    duration_s: float, frame_rate: float, sections: Sequence[Section], hits: Sequence[Hit]
) -> list[Section]:
    """The sections, all tempi moved by the one factor at which most of the hits, by weight, meet a beat.

    A mood leaves the tempo some room, the more so in a short film, and one tempo suits a film's cuts better
    than another. Long films are left alone: there the tempo can bend to the cuts.
    """
    if duration_s > FITTED_MAX_S or not hits:
        return list(sections)
    factors = NEAR_FACTORS + (FAR_FACTORS if duration_s <= SHORT_FILM_S else ())
    best: tuple[float, list[Section]] | None = None
    for factor in factors:
        moved = []
        for section in sections:
            bpm = float(min(max(round(section.tempo_bpm * factor), SLOWEST_BPM), FASTEST_BPM))
            why = section.reasons.get("tempo_bpm", "")
            if bpm != section.tempo_bpm:
                why += f"; {bpm / section.tempo_bpm - 1:+.0%} so that the cuts meet beats"
            moved.append(replace(section, tempo_bpm=bpm, reasons={**section.reasons, "tempo_bpm": why}))
        solution = solve(duration_s, frame_rate, moved, hits)
        missed = sum(
            (0.3 + landing.hit.weight) * (2.0 if landing.hit.required else 1.0)
            for landing in solution.landings
            if landing.on not in ("beat", "downbeat")
        )
        wish = (0.3 + sum(hit.weight for hit in hits) / len(hits)) * abs(np.log(factor)) / FACTOR_WORTH
        cost = missed + wish + 5 * max(solution.largest_change - 0.05, 0.0)
        if best is None or cost < best[0] - 1e-9:
            best = (cost, moved)
    return best[1] if best is not None else list(sections)


def _check(
    features: VideoFeatures,
    key: str | None,
    style: str | None,
    tempo_bpm: float | None,
    metre: str | None,
    hits: Sequence[Hit],
) -> None:
    if key is not None:
        try:
            Key.parse(key)
        except ValueError as error:
            raise BadInput(f"{error}; give one such as --key Am") from error
    if style is not None and style not in PALETTES:
        raise BadInput(f"style {style!r} is not known; choose one of {', '.join(PALETTES)}")
    if tempo_bpm is not None and not 40 <= tempo_bpm <= 200:
        raise BadInput(f"tempo {tempo_bpm:g} is outside 40-200 BPM; choose one within")
    if metre is not None:
        try:
            Metre.parse(metre)
        except ValueError as error:
            raise BadInput(str(error)) from error
    if len(hits) > MAX_HITS - MAX_CUT_HITS:
        raise BadInput(f"{len(hits)} hits are too many; give at most {MAX_HITS - MAX_CUT_HITS}")
    for hit in hits:
        if not 0 <= hit.time_s <= features.duration_s:
            raise BadInput(
                f"hit {hit.label!r} at {hit.time_s:g} s is outside the film of {features.duration_s:.2f} s; "
                "move it within"
            )


def _keys(
    segments: Sequence[Segment], moods: Sequence[Affect], wish: str | None, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    if wish is not None:
        return [str(Key.parse(wish))] * len(segments), ["asked for"] * len(segments)
    mode = mode_of(moods[0].valence)
    lengths = np.array([segment.end_s - segment.start_s for segment in segments])
    arousal = float(np.average([mood.arousal for mood in moods], weights=lengths))
    home = home_key(mode, arousal, rng)
    first = f"{mode} for valence {moods[0].valence:+.2f}, "
    first += f"{side_of(arousal)} side for the film's arousal {arousal:+.2f}, tonic by seed"
    by_theme = {segments[0].theme: (home, first)}
    keys: list[Key] = []
    reasons: list[str] = []
    for segment, mood in zip(segments, moods, strict=True):
        if segment.theme in by_theme:
            chosen, why = by_theme[segment.theme]
            if segment.start_s > 0:
                why = f"theme {segment.theme} comes back in its key"
        else:
            wanted = mode_of(mood.valence)
            chosen = related_key(home, wanted, arousal, keys[-1] if keys else None)
            why = f"{wanted} for valence {mood.valence:+.2f}; related to {home}, the key of the first section"
            by_theme[segment.theme] = (chosen, why)
        keys.append(chosen)
        reasons.append(why)
    return [str(k) for k in keys], reasons


def _tempi(
    segments: Sequence[Segment], curve: AffectCurve, moods: Sequence[Affect], wish: float | None
) -> tuple[list[float], list[str]]:
    if wish is not None:
        return [float(wish)] * len(segments), ["asked for"] * len(segments)
    slow, fast = MOTION_BPM
    motions = [curve.mean_motion(segment.start_s, segment.end_s) for segment in segments]
    own = np.array([unbound_tempo_bpm(mood.arousal, m) for m, mood in zip(motions, moods, strict=True)])
    lengths = np.array([segment.end_s - segment.start_s for segment in segments])
    mean = float(np.average(own, weights=lengths))
    bpm = np.clip(mean + OWN_TEMPO * (own - mean), SLOWEST_BPM, FASTEST_BPM)
    reasons = [
        f"motion {m:.2f} gives {slow + (fast - slow) * m:.0f} BPM, "
        f"arousal {mood.arousal:+.2f} makes it {value:.0f}"
        + (f", drawn towards the film's mean of {mean:.0f}" if len(segments) > 1 else "")
        for m, mood, value in zip(motions, moods, own, strict=True)
    ]
    return [float(round(value)) for value in bpm], reasons


def _tags(features: VideoFeatures, start_s: float, end_s: float) -> tuple[str, ...]:
    """Tags of the prompts that describe this stretch best, where the picture was compared with prompts."""
    if features.semantic_scores.size == 0:
        return ()
    inside = (features.semantic_times_s >= start_s) & (features.semantic_times_s < end_s)
    if not inside.any():
        inside[int(np.argmin(np.abs(features.semantic_times_s - (start_s + end_s) / 2)))] = True
    prompts, shares = prompt_shares(features)
    mean = shares[inside].mean(axis=0)
    tags: dict[str, None] = {}
    for index in np.argsort(-mean, kind="stable")[:TOP_PROMPTS]:
        if mean[index] > CLEAR_TAG * mean.mean():
            tags.update(dict.fromkeys(prompts[index].tags))
    return tuple(tags)


def _styles(
    features: VideoFeatures,
    segments: Sequence[Segment],
    moods: Sequence[Affect],
    tags: Sequence[tuple[str, ...]],
    wish: str | None,
) -> tuple[list[str], list[str]]:
    if wish is not None:
        return [wish] * len(segments), ["asked for"] * len(segments)
    lengths = np.array([segment.end_s - segment.start_s for segment in segments])
    valence = float(np.average([mood.valence for mood in moods], weights=lengths))
    arousal = float(np.average([mood.arousal for mood in moods], weights=lengths))
    film_tags = _tags(features, 0.0, features.duration_s)
    film_style = choose_palette(valence, arousal, film_tags)
    film_reason = f"nearest to the film's mean mood ({valence:+.2f}, {arousal:+.2f})"
    film_reason += f" and tags {', '.join(film_tags)}" if film_tags else ""
    styles, reasons = [], []
    for segment, mood, own_tags in zip(segments, moods, tags, strict=True):
        far = float(np.hypot(mood.valence - valence, mood.arousal - arousal))
        long = segment.end_s - segment.start_s >= OTHER_STYLE_MIN_S
        if own_tags and not set(own_tags) & set(film_tags) and far > OTHER_STYLE_DISTANCE and long:
            styles.append(choose_palette(mood.valence, mood.arousal, own_tags))
            reasons.append(f"far from the rest of the film in mood and meaning ({', '.join(own_tags)})")
        else:
            styles.append(film_style)
            reasons.append(film_reason)
    return styles, reasons


def _cut_hits(features: VideoFeatures, segments: Sequence[Segment]) -> list[Hit]:
    """One wished hit a cut, its weight the cut's strength; cuts that start a section weigh more."""
    starts = {segment.start_s for segment in segments}
    order = np.argsort(-features.cut_strengths, kind="stable")[:MAX_CUT_HITS]
    hits = []
    for time_s, strength in zip(features.cut_times_s[order], features.cut_strengths[order], strict=True):
        weight = float(np.clip(strength, 0.0, 1.0))
        hit = Hit(float(time_s), "cut", round(weight, 3))
        if hit.time_s in starts:
            hit = replace(hit, weight=max(hit.weight, BOUNDARY_WEIGHT))
        if 0 < hit.time_s < features.duration_s:
            hits.append(hit)
    return hits

"""Features to a cue sheet: sections with mood, key, tempo and style, silences, hits, accents, and a tempo map.

Each decision has a function or a file of its own, and a section's ``reasons`` say how it fell: mood `affect`, sections
`segments`, silences `silences`, key, tempo, tags and palette `choices`, the curves within a section `curves`, accents
`accents`; density and dynamics follow from mood and motion (`wishes`). The metre is 4/4, unless another is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePath

import numpy as np

from composer.errors import BadInput
from composer.palettes import PALETTES
from composer.spotting.accents import accents_of
from composer.spotting.affect import AffectCurve, affect_curve
from composer.spotting.choices import choose_keys, choose_styles, choose_tags, choose_tempi
from composer.spotting.cues import TEMPO_MODES, TIME_DIGITS, CueSheet, Hit, Section, TempoMode
from composer.spotting.curves import Movement, section_curves
from composer.spotting.fit import fit_wishes
from composer.spotting.given import without_cuts_at
from composer.spotting.metre import DEFAULT_METRE, Metre
from composer.spotting.segments import STEP_S, Segment, section_labels, segment_film
from composer.spotting.silences import Silence, rest_reasons, silences_of
from composer.spotting.tempo_range import MAX_BPM, MIN_BPM
from composer.spotting.tempo_solver import MAX_HITS
from composer.spotting.wishes import mood_to_wishes
from composer.theory import Key
from composer.video.features import VideoFeatures

BOUNDARY_WEIGHT = 0.8  # of a cut on which a section starts
MAX_CUT_HITS = 15_000
SAME_MOMENT_S = 0.16  # a section start this close to a given hit is meant by it: no two bars are so close
SPARSEST, DENSEST = 0.1, 0.9  # of a section's density


def spot(
    features: VideoFeatures,
    *,
    seed: int,
    key: str | None = None,
    style: str | None = None,
    tempo_bpm: float | None = None,
    metre: str | None = None,
    hits: Sequence[Hit] = (),
    silences: Sequence[tuple[float, float]] = (),
    tempo_mode: TempoMode = "smooth",
) -> CueSheet:
    """A cue sheet for the film behind ``features``, with the user's ``key``, ``style``, ``tempo_bpm``, ``metre``,
    ``hits`` (markers among them), ``silences`` (start and end in s) and ``tempo_mode``.

    Raises BadInput for a key, style, tempo, metre, hit, silence or tempo mode that cannot be used.
    """
    _check(features, key, style, tempo_bpm, metre, hits, tempo_mode)
    rng = np.random.default_rng(seed)
    curve = affect_curve(features, STEP_S)
    segments = _segments(features, curve, silences, hits)
    sections = _sections(features, curve, segments, key, style, tempo_bpm, metre, rng)
    all_hits = _all_hits(features, segments, hits)
    fit = fit_wishes(
        features.duration_s, features.frame_rate, sections, all_hits, tempo_mode, is_free=tempo_bpm is None
    )
    return CueSheet(
        title=PurePath(features.source).stem or "untitled",
        duration_s=features.duration_s,
        frame_rate=features.frame_rate,
        start_timecode=features.start_timecode,
        sections=fit.sections,
        hits=all_hits,
        tempo_map=fit.tempo_map,
        seed=seed,
        provenance={"input": features.source, "input_sha256": features.sha256},
        accents=accents_of(features, all_hits, [(s.start_s, s.end_s) for s in segments if s.silence]),
        tempo_mode=tempo_mode,
    )


def _check(
    features: VideoFeatures,
    key: str | None,
    style: str | None,
    tempo_bpm: float | None,
    metre: str | None,
    hits: Sequence[Hit],
    tempo_mode: str,
) -> None:
    if key is not None:
        try:
            Key.parse(key)
        except ValueError as error:
            raise BadInput(f"{error}; give one such as --key Am") from error
    if style is not None and style not in PALETTES:
        raise BadInput(f"style {style!r} is not known; choose one of {', '.join(PALETTES)}")
    if tempo_bpm is not None and not MIN_BPM <= tempo_bpm <= MAX_BPM:
        raise BadInput(f"tempo {tempo_bpm:g} is outside {MIN_BPM:g}-{MAX_BPM:g} BPM; choose one within")
    if metre is not None:
        try:
            Metre.parse(metre)
        except ValueError as error:
            raise BadInput(str(error)) from error
    if tempo_mode not in TEMPO_MODES:
        raise BadInput(f"tempo mode {tempo_mode!r} is not known; choose one of {', '.join(TEMPO_MODES)}")
    if len(hits) > MAX_HITS - MAX_CUT_HITS:
        raise BadInput(f"{len(hits)} hits are too many; give at most {MAX_HITS - MAX_CUT_HITS}")
    for hit in hits:
        if not 0 <= hit.time_s <= features.duration_s:
            raise BadInput(
                f"hit {hit.label!r} at {hit.time_s:g} s is outside the film of {features.duration_s:.2f} s; "
                "move it within"
            )


def _segments(
    features: VideoFeatures,
    curve: AffectCurve,
    wished_silences: Sequence[tuple[float, float]],
    hits: Sequence[Hit],
) -> list[Segment]:
    """The film's segments: with and without music, starting on the user's hits where those are near."""
    silences = silences_of(features, wished_silences)
    segments = _onto_hits(_rounded(segment_film(features, curve, silences)), silences, hits)
    spans = [(segment.start_s, segment.end_s) for segment in segments]
    for index, why in rest_reasons(features, curve, spans, [not s.silence for s in segments]).items():
        segments[index] = replace(segments[index], theme="", silence=why)
    return segments


def _rounded(segments: Sequence[Segment]) -> list[Segment]:
    """The segments, their borders at whole microseconds but for the film's end."""
    starts_s = [round(segment.start_s, TIME_DIGITS) for segment in segments]
    ends_s = [*starts_s[1:], segments[-1].end_s]
    spans = zip(segments, starts_s, ends_s, strict=True)
    return [replace(segment, start_s=start_s, end_s=end_s) for segment, start_s, end_s in spans]


def _onto_hits(
    segments: Sequence[Segment], silences: Sequence[Silence], hits: Sequence[Hit]
) -> list[Segment]:
    """The segments, those near a given hit (`SAME_MOMENT_S`) started on it; silences keep their borders."""
    borders_s = {time_s for silence in silences for time_s in (silence.start_s, silence.end_s)}
    moved = list(segments)
    for index, (before, segment) in enumerate(pairwise(segments), start=1):
        near = [hit for hit in hits if abs(hit.time_s - segment.start_s) <= SAME_MOMENT_S]
        if near and segment.start_s not in borders_s:
            hit = min(near, key=lambda hit: (not hit.required, abs(hit.time_s - segment.start_s)))
            if before.start_s < hit.time_s < segment.end_s:
                moved[index - 1] = replace(moved[index - 1], end_s=hit.time_s)
                moved[index] = replace(
                    moved[index], start_s=hit.time_s, reason=f"{segment.reason}, on the hit {hit.label!r}"
                )
    return moved


def _sections(
    features: VideoFeatures,
    curve: AffectCurve,
    segments: Sequence[Segment],
    key: str | None,
    style: str | None,
    tempo_bpm: float | None,
    metre: str | None,
    rng: np.random.Generator,
) -> list[Section]:
    """The segments as sections. One without music passes on key, tempo and palette of the music before it."""
    music = [segment for segment in segments if not segment.silence] or list(segments)
    moods = [curve.mean(segment.start_s, segment.end_s) for segment in music]
    keys = choose_keys(music, moods, key, rng)
    tempi = choose_tempi(music, curve, moods, tempo_bpm)
    tags = choose_tags(features, [(s.start_s, s.end_s) for s in (*music, Segment.whole(features.duration_s))])
    styles = choose_styles(music, moods, tags[:-1], tags[-1], style)
    movement = Movement.of(features)
    labels = section_labels([segment.theme for segment in segments])
    sections = []
    at = -1  # the music that plays, or played last
    for segment, label in zip(segments, labels, strict=True):
        at += not segment.silence
        chosen = max(at, 0)
        start_s, end_s = segment.start_s, segment.end_s
        mood, motion = curve.mean(start_s, end_s), curve.mean_motion(start_s, end_s)
        wishes = mood_to_wishes(mood.valence, mood.arousal, motion)
        denser = movement.mean(start_s, end_s)
        section = Section(
            start_s=start_s,
            end_s=end_s,
            label=label,
            valence=round(mood.valence, 3),
            arousal=round(mood.arousal, 3),
            key=keys[chosen].value,
            tempo_bpm=tempi[chosen].value,
            density=round(min(max(wishes.density + denser, SPARSEST), DENSEST), 3),
            dynamics=round(wishes.dynamics, 3),
            style=styles[chosen].value,
            metre=metre or DEFAULT_METRE,
            reasons={
                "start_s": segment.reason,
                "valence": curve.explain(start_s, end_s, "valence"),
                "arousal": curve.explain(start_s, end_s, "arousal"),
            },
        )
        if segment.silence:
            passed_on = dict.fromkeys(("key", "tempo_bpm", "style"), "passed on through the silence")
            reasons = {**section.reasons, **passed_on, "silent": segment.silence}
            sections.append(replace(section, silent=True, reasons=reasons))
            continue
        curves = section_curves(curve, movement, start_s, end_s, section.density, section.dynamics)
        sections.append(
            replace(
                section,
                tags=tags[chosen],
                theme=segment.theme,
                valence_curve=curves.valence,
                arousal_curve=curves.arousal,
                density_curve=curves.density,
                dynamics_curve=curves.dynamics,
                reasons={
                    **section.reasons,
                    "key": keys[chosen].reason,
                    "tempo_bpm": tempi[chosen].reason,
                    "density": f"arousal {mood.arousal:+.2f} and motion {motion:.2f}, {denser:+.2f} against the film's",
                    "dynamics": f"arousal {mood.arousal:+.2f}",
                    "style": styles[chosen].reason,
                    "metre": "the usual one" if metre is None else "asked for",
                },
            )
        )
    return sections


def _all_hits(features: VideoFeatures, segments: Sequence[Segment], given: Sequence[Hit]) -> tuple[Hit, ...]:
    """The given hits and the cuts, in order of time. A cut within a frame of a given hit is that hit; one in a silence
    has no music to meet.
    """
    silent = [(segment.start_s, segment.end_s) for segment in segments if segment.silence]
    heard = [
        hit
        for hit in _cut_hits(features, segments)
        if not any(start_s < hit.time_s < end_s for start_s, end_s in silent)
    ]
    cuts = without_cuts_at(heard, given, features.frame_rate)
    return tuple(sorted((*cuts, *given), key=lambda hit: hit.time_s))


def _cut_hits(features: VideoFeatures, segments: Sequence[Segment]) -> list[Hit]:
    """One wished hit a cut, its weight the cut's strength; cuts that start a section weigh more."""
    starts = {segment.start_s for segment in segments}
    order = np.argsort(-features.cut_strengths, kind="stable")[:MAX_CUT_HITS]
    hits = []
    for time_s, strength in zip(features.cut_times_s[order], features.cut_strengths[order], strict=True):
        weight = float(np.clip(strength, 0.0, 1.0))
        hit = Hit(round(float(time_s), TIME_DIGITS), "cut", round(weight, 3))
        if hit.time_s in starts:
            hit = replace(hit, weight=max(hit.weight, BOUNDARY_WEIGHT))
        if 0 < hit.time_s < features.duration_s:
            hits.append(hit)
    return hits

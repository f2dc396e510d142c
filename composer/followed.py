"""What a score knows of its picture, and the same for the picture after an edit, where no cue sheet tells it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from composer.cue_spans import SAME_MOMENT_S
from composer.midi import TICKS_PER_BEAT, midi_bytes
from composer.music import Harmony, LeadSheet, Score
from composer.orchestrate import orchestrate
from composer.picture_edit import PictureEdit
from composer.sketch import sketch_of
from composer.smf import META, MetaEvent, parse_smf
from composer.spotting.cues import REQUIRED_WEIGHT, TIME_DIGITS, WISHED_WEIGHT, CueSheet, Hit, Section

HIT_MARKER = re.compile(r"H\d{3,} (.*) \d\d:\d\d:\d\d[:;]\d\d")  # as `composer.orchestrate` writes them


def sheet_of(score: Score) -> CueSheet:
    """The cue sheet that a score tells of: its sections, and the hits of its markers, cuts as wishes. Raises BadInput
    for a score without music."""
    cues = sketch_of(score).cues
    hits = []
    for marker in score.markers:
        found = HIT_MARKER.fullmatch(marker.text)
        if found is not None and marker.kind != "section":
            is_cut = marker.kind == "cut"
            hits.append(
                Hit(
                    score.tempo_map.seconds(marker.onset_beats),
                    found[1].lower(),
                    WISHED_WEIGHT if is_cut else REQUIRED_WEIGHT,
                    required=not is_cut,
                    kind="cut" if is_cut else "marker",
                )
            )
    return replace(cues, hits=tuple(hits))


def followed(cues: CueSheet, edit: PictureEdit) -> CueSheet:
    """``cues`` after an edit of their picture: every section and hit where its picture is now, those without picture
    left out. New picture goes on with the section before it (at the start: with the one after it)."""
    found: list[Section] = []
    for piece in edit.pieces:
        parts = _sections_of(cues.sections, piece.old_start_s, piece.length_s)
        for section, start_s, end_s in parts:
            shifted = replace(section, start_s=piece.new_start_s + start_s, end_s=piece.new_start_s + end_s)
            if found and _goes_on(found[-1], shifted):
                found[-1] = replace(found[-1], end_s=shifted.end_s)
            else:
                found.append(shifted)
        if not parts and found:
            found[-1] = replace(found[-1], end_s=piece.new_end_s)
    found = found or [replace(cues.sections[0], end_s=edit.new_duration_s)]
    found[0] = replace(found[0], start_s=0.0)
    hits = [
        replace(hit, time_s=round(time_s, TIME_DIGITS))
        for hit in cues.hits
        for time_s in edit.new_times_s(hit.time_s)
        if 0 <= time_s < edit.new_duration_s
    ]
    return replace(
        cues,
        duration_s=edit.new_duration_s,
        sections=tuple(found),
        hits=tuple(sorted(hits, key=lambda hit: hit.time_s)),
    )


def conductor_of(cues: CueSheet, ticks_per_beat: int) -> tuple[MetaEvent, ...]:
    """The conductor track that a score of ``cues`` has: SMPTE offset, frame rate, markers, cue points and moods, in
    ticks of a file with so many a beat."""
    empty = orchestrate(LeadSheet(Harmony((), ()), ()), (), cues)
    track = parse_smf(midi_bytes(replace(empty, tracks=(), provenance={}))).tracks[0]
    return tuple(
        replace(event, tick=round(event.tick * ticks_per_beat / TICKS_PER_BEAT)) for event in track.metas
    )


def wire(event: MetaEvent) -> bytes:
    """A meta event as a message of a track."""
    return bytes((META, event.kind)) + event.data


def _sections_of(
    sections: Sequence[Section], old_start_s: float | None, length_s: float
) -> list[tuple[Section, float, float]]:
    """The old sections in a piece, with where they start and end in it (s); none of new picture."""
    if old_start_s is None:
        return []
    spans = [
        (section, max(section.start_s - old_start_s, 0.0), min(section.end_s - old_start_s, length_s))
        for section in sections
    ]
    return [(section, start_s, end_s) for section, start_s, end_s in spans if end_s - start_s > SAME_MOMENT_S]


def _goes_on(one: Section, other: Section) -> bool:
    """Whether two parts that follow each other are of the same old section."""
    return replace(one, start_s=other.start_s, end_s=other.end_s) == other

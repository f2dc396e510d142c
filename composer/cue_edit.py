"""The edit between two cue sheets: sections matched by label, and inside them moments of the same name.

Sections of one label are the same section, in order; those left over that have the label of another left over were
moved. Inside a section, hits whose label stands equally often in both are the same moments. Between two moments that
are as far apart as before the picture is unchanged. Where they are not, picture came or went: before the first hit at
the section's start, after the last at its end, between two hits in the middle; in a section without hits at its end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from composer.picture_edit import SAME_S, PictureEdit, Piece, Shot
from composer.spotting.cues import CueSheet, Hit, Section

Moments = list[tuple[float, float]]  # the same moment in the old and the new picture, s


def edit_of_sheets(old: CueSheet, new: CueSheet) -> PictureEdit:
    """The edit from the film of one cue sheet to that of another. Lengths that differ by half a frame are equal."""
    slack_s = 0.5 / old.frame_rate
    pairs = dict(_section_pairs(old.sections, new.sections))
    pieces: list[Piece] = []
    for index, section in enumerate(new.sections):
        found = pairs.get(index)
        if found is None:
            pieces.append(Piece(section.start_s, section.end_s, None))
            continue
        moments = _moments(old, new, old.sections[found], section)
        for number, (start, end) in enumerate(pairwise(moments)):
            place = _place(number, len(moments) - 1)
            pieces += _between(start, end, found, place, slack_s)
    shots = tuple(Shot(f"section {s.label}", s.start_s, s.end_s) for s in old.sections)
    return PictureEdit(tuple(piece for piece in pieces if piece.length_s > 1e-9), shots)


def _section_pairs(old: Sequence[Section], new: Sequence[Section]) -> list[tuple[int, int]]:
    """(new, old) indices of sections that are the same."""
    labels = [section.label for section in old], [section.label for section in new]
    blocks = SequenceMatcher(None, *labels, autojunk=False).get_matching_blocks()
    pairs = [(block.b + i, block.a + i) for block in blocks for i in range(block.size)]
    left = [i for i in range(len(old)) if i not in {b for _, b in pairs}]
    for index in sorted(set(range(len(new))) - {a for a, _ in pairs}):
        same = next((i for i in left if labels[0][i] == labels[1][index]), None)
        if same is not None:
            left.remove(same)
            pairs.append((index, same))
    return pairs


def _moments(old: CueSheet, new: CueSheet, old_section: Section, new_section: Section) -> Moments:
    """The start, the hits that both have, and the end of a section in both pictures."""
    named = _by_label(old, old_section), _by_label(new, new_section)
    found = [(old_section.start_s, new_section.start_s)]
    inside = [
        (one.time_s, other.time_s)
        for label, hits in named[0].items()
        if len(hits) == len(named[1].get(label, ()))
        for one, other in zip(hits, named[1][label], strict=True)
    ]
    for one_s, other_s in sorted(inside):
        if one_s > found[-1][0] + SAME_S and other_s > found[-1][1] + SAME_S:
            found.append((one_s, other_s))
    return [*found, (old_section.end_s, new_section.end_s)]


def _by_label(cues: CueSheet, section: Section) -> dict[str, list[Hit]]:
    """The hits inside a section, by label, in order of time."""
    found = defaultdict(list)
    for hit in sorted(cues.hits, key=lambda hit: hit.time_s):
        if section.start_s + SAME_S < hit.time_s < section.end_s - SAME_S:
            found[hit.label].append(hit)
    return found


def _place(number: int, count: int) -> str:
    """Where picture comes or goes in the stretch ``number`` of ``count`` between the moments of a section."""
    if number == count - 1:
        return "end"
    return "start" if number == 0 else "middle"


def _between(
    start: tuple[float, float], end: tuple[float, float], shot: int, place: str, slack_s: float
) -> list[Piece]:
    """The pieces between two moments, which stand at (old, new) times."""
    old_s, new_s = end[0] - start[0], end[1] - start[1]
    if abs(old_s - new_s) <= slack_s:
        return [Piece(start[1], end[1], start[0], shot)]
    common_s = min(old_s, new_s)
    head_s = {"end": common_s, "start": 0.0, "middle": common_s / 2}[place]
    tail_s = common_s - head_s
    pieces = [Piece(start[1], start[1] + head_s, start[0], shot)]
    if new_s > old_s:
        pieces.append(Piece(start[1] + head_s, end[1] - tail_s, None, shot))
    return [*pieces, Piece(end[1] - tail_s, end[1], end[0] - tail_s, shot)]

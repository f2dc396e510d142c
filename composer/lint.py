"""What a DAW, a notation program or a sampler will lose or mangle of a MIDI file, said before it does.

`lint` looks at a file against the contract of `composer.midi` (ANCHORS: what DAWs and film people need); the rules
themselves, who suffers from each and what mends it, are in `composer.lint_rules`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from composer import lint_conductor, lint_parts
from composer.lint_rules import RULES, Finding, Found
from composer.lint_view import Piece
from composer.smf import MidiFile

MAX_ALIKE = 8  # findings of one rule on one track; the last of them counts the rest
CHECKS: tuple[Callable[[Piece], Iterator[Found]], ...] = (
    lint_conductor.check_file,
    lint_conductor.check_first_track,
    lint_conductor.check_tempo,
    lint_conductor.check_metre,
    lint_conductor.check_keys,
    lint_conductor.check_offset,
    lint_conductor.check_markers,
    lint_parts.check_names,
    lint_parts.check_channels,
    lint_parts.check_setup,
    lint_parts.check_drums,
    lint_parts.check_range,
    lint_parts.check_notes,
    lint_parts.check_rest,
)


def lint(file: MidiFile) -> tuple[Finding, ...]:
    """All that is wrong with ``file``: errors first, each by track and place; empty where it keeps the contract."""
    piece = Piece.of(file)
    alike: dict[tuple[str, int | None], list[Found]] = {}
    counts: Counter[tuple[str, int | None]] = Counter()
    for check in CHECKS:
        for found in check(piece):
            kind = (found.rule, found.track)
            counts[kind] += 1
            if counts[kind] <= MAX_ALIKE:
                alike.setdefault(kind, []).append(found)
    told: list[tuple[tuple, Finding]] = []
    for kind, places in alike.items():
        places.sort(key=lambda found: found.tick or 0)
        for number, found in enumerate(places, 1):
            more = counts[kind] - MAX_ALIKE if number == MAX_ALIKE else 0
            order = (
                RULES[found.rule].level != "error",
                -1 if found.track is None else found.track,
                found.tick or 0,
            )
            told.append((order, _finding(found, piece, more)))
    told.sort(key=lambda one: one[0])
    return tuple(finding for _, finding in told)


def _finding(found: Found, piece: Piece, more: int) -> Finding:
    rule = RULES[found.rule]
    bar, beat = (None, None) if found.tick is None else piece.grid.place(found.tick)
    return Finding(
        level=rule.level,
        rule=found.rule,
        track="" if found.track is None else piece.labels[found.track],
        bar=bar,
        beat=None if beat is None else round(beat, 3),
        what=found.what,
        suffers=rule.suffers,
        remedy=rule.remedy,
        more=more,
    )

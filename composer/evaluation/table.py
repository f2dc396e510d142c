"""The table that `framescore evaluate` prints for people."""

from __future__ import annotations

from typing import Any

from composer.evaluation.wishes import CONTROLS
from composer.metrics.figures import FIGURES

_TITLES = {figure.name: figure.title for figure in FIGURES}
_NAME, _TITLE = 18, 32


def format_table(result: dict[str, Any]) -> str:
    """The lines for what `composer.evaluation.command.evaluate_files` found."""
    lines = [_headline(result)]
    summary = result["summary"]
    if summary:
        compared = any("reference" in row for row in summary.values())
        lines += ["", _header(compared)]
        lines += [_row(name, row, compared) for name, row in summary.items()]
        if compared:
            lines.append("distance: from the reference's mean, in its deviations between pieces")
    if result["controls"]:
        lines += ["", "asked for and obtained"]
        lines += [f"  {CONTROLS[name]:{_TITLE}} {value:8.3f}" for name, value in result["controls"].items()]
    if result["novelty"]:
        lines += ["", *_novelty(result["novelty"])]
    return "\n".join(lines)


def _headline(result: dict[str, Any]) -> str:
    count, skipped = len(result["files"]), len(result["skipped"])
    text = f"{count} {'piece' if count == 1 else 'pieces'}"
    if result["reference"]:
        text += f", {result['reference']['count']} for reference"
    if skipped:
        text += f", {skipped} skipped"
    return f"{text}; seed {result['framescore']['seed']}"


def _header(compared: bool) -> str:
    text = f"{'figure':{_NAME}} {'':{_TITLE}} {'mean':>8} {'std':>8}  {'95 % of the mean':>17} {'pieces':>6}"
    return text + (f"  {'reference':>9} {'std':>8} {'distance':>9}" if compared else "")


def _row(name: str, row: dict[str, Any], compared: bool) -> str:
    interval = f"{row['low']:.4f} - {row['high']:.4f}"
    text = f"{name:{_NAME}} {_TITLES.get(name, 'longest run shared, notes'):{_TITLE}} "
    text += f"{row['mean']:8.4f} {row['std']:8.4f}  {interval:>17} {row['count']:6d}"
    if compared and "reference" in row:
        distance = "" if row["distance"] is None else f"{row['distance']:+.2f}"
        text += f"  {row['reference']['mean']:9.4f} {row['reference']['std']:8.4f} {distance:>9}"
    return text


def _novelty(novelty: dict[str, Any]) -> list[str]:
    run = novelty["run_notes"]
    lines = [
        f"{novelty['sharing']:.1%} of the pieces share a run of {run} melody notes with the "
        f"{novelty['training_melodies']} training melodies; longest {novelty['longest']} notes"
    ]
    if "reference_sharing" in novelty:
        lines.append(
            f"{novelty['reference_sharing']:.1%} of the reference pieces do; longest "
            f"{novelty['reference_longest']} notes"
        )
    return lines

"""Figures of a measurement with what was wanted of them, as a table for people and as JSON for model cards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from render.files import replacing
from render.metrics.spread import Figure


@dataclass(frozen=True)
class Line:
    """A figure by name, in ``unit`` ("%" for shares, which are 0-1 here), others ``beside`` it for comparison.

    ``at_least`` or ``at_most`` is what was wanted of it, if anything was.
    """

    name: str
    figure: Figure
    unit: str = "%"
    at_least: float | None = None
    at_most: float | None = None
    beside: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def holds(self) -> bool | None:
        """Whether the figure is what was wanted; None where nothing was."""
        if self.at_least is None and self.at_most is None:
            return None
        low = self.at_least is None or self.figure.value >= self.at_least
        return low and (self.at_most is None or self.figure.value <= self.at_most)

    def as_text(self) -> str:
        """One line, and one more for each figure beside it."""
        found = shown(self.figure, self.unit)
        rows = [f"{self.name:<58} {found:<30} {self._wanted()}".rstrip()]
        rows += [f"    {name:<54} {shown(figure, self.unit)}" for name, figure in self.beside.items()]
        return "\n".join(rows)

    def as_json(self) -> dict[str, Any]:
        """The line as plain values."""
        wanted = {"at_least": self.at_least, "at_most": self.at_most}
        return {
            "name": self.name,
            "unit": self.unit,
            **self.figure.as_json(),
            **{key: value for key, value in wanted.items() if value is not None},
            **({} if self.holds is None else {"holds": self.holds}),
            "beside": {name: figure.as_json() for name, figure in self.beside.items()},
        }

    def _wanted(self) -> str:
        if self.holds is None:
            return ""
        scale, unit = (100.0, " %") if self.unit == "%" else (1.0, f" {self.unit}" if self.unit else "")
        sign, bound = ("<=", self.at_most) if self.at_least is None else (">=", self.at_least)
        return f"wanted {sign} {(bound or 0.0) * scale:g}{unit}: {'yes' if self.holds else 'NO'}"


def shown(figure: Figure, unit: str) -> str:
    """``88.9 % [87.1, 90.4]``: value, unit and interval."""
    scale, digits = (100.0, 1) if unit == "%" else (1.0, 3)
    value, low, high = (f"{number * scale:.{digits}f}" for number in (figure.value, figure.low, figure.high))
    interval = f" [{low}, {high}]" if figure.low < figure.high else ""
    return f"{value}{' ' if unit else ''}{unit}{interval}"


@dataclass
class Report:
    """Lines under headings, in the order they were measured, and tables of plain text; ``notes`` say how."""

    notes: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, list[Line]] = field(default_factory=dict)
    tables: dict[str, list[str]] = field(default_factory=dict)

    def add(self, section: str, *lines: Line) -> None:
        """Append lines to a section."""
        self.sections.setdefault(section, []).extend(lines)

    def as_text(self) -> str:
        """All sections, then the tables."""
        blocks = {name: [line.as_text() for line in lines] for name, lines in self.sections.items()}
        return "\n\n".join("\n".join([name, *rows]) for name, rows in (blocks | self.tables).items())

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        sections = {name: [line.as_json() for line in lines] for name, lines in self.sections.items()}
        return {**self.notes, "figures": sections, **self.tables}

    def write(self, path: Path) -> None:
        """Write the report as JSON; sections of an earlier report at ``path`` that were not measured again stay.

        Raises BadInput or OutOfResources where it cannot be written.
        """
        found = self.as_json()
        if path.is_file():
            earlier = json.loads(path.read_text())
            found = {**earlier, **found, "figures": {**earlier.get("figures", {}), **found["figures"]}}
        with replacing(path) as partial:
            partial.write_text(json.dumps(found, indent=1) + "\n")


def plain(value: float, clips: int = 1) -> Figure:
    """A figure without an interval."""
    return Figure(value, value, value, clips)

"""Which tracks are painted, how strongly, and on which instruments: a performance as layers.

Tracks that are painted with one strength form a layer, which is played on the style's instruments; tracks of strength 0
form one that stays as it was written, and so do drums where the style has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from render.errors import BadInput, did_you_mean
from render.events import Part, Performance
from render.styles import STYLES, Style, restyle, shares_in


@dataclass(frozen=True)
class Layer:
    """``performance`` as it is synthesised, painted with ``strength`` 0-1 (0: not at all)."""

    strength: float
    performance: Performance


@dataclass(frozen=True)
class Strengths:
    """How strongly to paint, 0-1: ``default`` (None: as is usual), and ``tracks`` where one, by name, is to differ."""

    default: float | None = None
    tracks: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for strength in (self.default, *self.tracks.values()):
            if strength is not None and not 0.0 <= strength <= 1.0:
                raise ValueError(f"strength {strength} is outside 0-1")


def layers_of(
    performance: Performance, style: Style, strengths: Strengths, usual: float = 1.0
) -> tuple[Layer, ...]:
    """The layers of ``performance``, the unpainted one first; ``usual`` strength where none is asked for.

    Raises BadInput for a track that the performance does not have.
    """
    default = usual if strengths.default is None else strengths.default
    of_stem = dict.fromkeys(performance.stem_names, default)
    for wanted, strength in strengths.tracks.items():
        of_stem[track_named(wanted, performance.stem_names)] = strength
    kept: list[Part] = []
    painted: list[Part] = []
    for part in performance.parts:
        stays = of_stem[part.stem] == 0.0 or (part.is_drums and style.kit is None)
        (kept if stays else painted).append(part)
    groups = {0.0: kept} if kept else {}
    # Seated together, whatever their strengths: who leads, and whether they play in the style, is seen on all of them.
    for part in restyle(replace(performance, parts=tuple(painted)), style).parts:
        groups.setdefault(of_stem[part.stem], []).append(part)
    return tuple(
        Layer(strength, replace(performance, parts=tuple(parts)))
        for strength, parts in sorted(groups.items())
    )


def nearest_style(performance: Performance) -> str:
    """The named style whose instruments a performance plays already, or plays most of."""
    return max(STYLES.values(), key=lambda style: sum(shares_in(performance, style))).name


def track_named(wanted: str, names: tuple[str, ...]) -> str:
    """The one of ``names`` that is meant: in any case, or the only one that contains it. Raises BadInput."""
    folded = wanted.casefold()
    found = [wanted] if wanted in names else [name for name in names if name.casefold() == folded]
    found = found or [name for name in names if folded in name.casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"--strength {wanted}: may be {' or '.join(found)}; write the whole name")
    hint = f"{did_you_mean(wanted, names, 1)} tracks: {', '.join(names)}".lstrip()
    raise BadInput(f"--strength {wanted}: no such track; {hint}")

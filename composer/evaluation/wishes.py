"""What a piece was asked to be, found beside its MIDI file, and how far it is that.

Beside ``NAME.mid`` lies either a cue sheet, ``NAME.cues.yaml``, ``NAME.yaml``, or ``cues.yaml`` where the folder holds
one MIDI file; or a plan, ``NAME.plan.json``:

    {"key": "Am", "ends_on_tonic": true,
     "bars": [{"metre": [3, 4], "bpm": 84, "notes": 12, "velocity": 70, "register": 62}, ...]}

with one entry a bar, in which everything may be missing: what was not asked for is not judged. ``bpm`` counts quarter
notes, ``notes`` those that start in the bar, ``velocity`` and ``register`` are means. A cue sheet asks for density and
dynamics (0-1, compared by correlation with notes a second and velocity), keys, metres, tempi, and for an end on the
tonic; bars are matched by time, so an edited score may have others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from composer.errors import BadInput
from composer.evaluation.pieces import MIDI_SUFFIXES
from composer.metrics import TooLittleMusic, controls
from composer.metrics.piece import Piece, recognized_chords
from composer.spotting.cues import CueSheet
from composer.theory import Key

MAX_PLAN_BYTES = 32 * 2**20
CONTROLS = {
    "density_r": "density, r",
    "dynamics_r": "dynamics, r",
    "register_r": "register, r",
    "mode": "bars in the mode asked for",
    "metre": "bars in the metre asked for",
    "tempo": "bars at the tempo asked for",
    "tonic_ending": "last chord the tonic",
}


@dataclass(frozen=True)
class Wishes:
    """What was asked of every bar: (bars,) float64, NaN where nothing was; ``metre`` is (bars, 2).

    ``density`` is in notes a second or linear in them; ``minor`` 1 or 0; ``bpm`` quarter notes a minute; ``span``
    (bars,) int64 numbers the stretches that are in one key each; ``ending`` is the key whose tonic should end the
    piece, or None.
    """

    density: np.ndarray
    dynamics: np.ndarray
    register: np.ndarray
    minor: np.ndarray
    metre: np.ndarray
    bpm: np.ndarray
    span: np.ndarray
    ending: Key | None


def wishes_path(midi: Path) -> Path | None:
    """The cue sheet or plan that lies beside a MIDI file, if any."""
    for name in (f"{midi.stem}.plan.json", f"{midi.stem}.cues.yaml", f"{midi.stem}.yaml"):
        if midi.with_name(name).is_file():
            return midi.with_name(name)
    shared = midi.with_name("cues.yaml")
    if shared.is_file():
        music = [entry for entry in midi.parent.iterdir() if entry.suffix.lower() in MIDI_SUFFIXES]
        return shared if len(music) == 1 else None
    return None


def read_wishes(path: Path, piece: Piece) -> Wishes:
    """The wishes in a cue sheet or a plan, for the bars of ``piece``. Raises BadInput."""
    if path.suffix.lower() == ".json":
        return _plan(path, piece)
    from composer.spotting.cues_io import read_cues

    return wishes_of_cues(read_cues(path), piece)


def wishes_of_cues(cues: CueSheet, piece: Piece) -> Wishes:
    """What a cue sheet asks of every bar of ``piece``, by the middle of the bar."""
    middles_s = (piece.bar_starts_s[:-1] + piece.bar_starts_s[1:]) / 2
    ends_s = np.array([section.end_s for section in cues.sections])
    span = np.minimum(np.searchsorted(ends_s, middles_s, side="right"), len(cues.sections) - 1)
    keys = [Key.parse(section.key) for section in cues.sections]
    asked = [cues.tempo_map.bars[cues.tempo_map.bar_at_s(float(middle))] for middle in middles_s]

    def each(values: Sequence[float]) -> np.ndarray:
        loud = [np.nan if s.silent else v for s, v in zip(cues.sections, values, strict=True)]
        return np.array(loud, float)[span]

    whole = piece.bar_starts_s[1:] <= cues.tempo_map.end_s + 1e-3  # the last bar may stop with the picture
    return Wishes(
        density=np.where(whole, each([section.density for section in cues.sections]), np.nan),
        dynamics=each([section.dynamics for section in cues.sections]),
        register=np.full(piece.bars, np.nan),
        minor=each([float(key.mode == "minor") for key in keys]),
        metre=np.array([(bar.numerator, bar.denominator) for bar in asked], float),
        bpm=np.array([bar.bpm for bar in asked]),
        span=span,
        ending=None if cues.sections[-1].silent else keys[-1],
    )


def adherence(wishes: Sequence[Wishes], pieces: Sequence[Piece]) -> dict[str, float]:
    """How far ``pieces`` are what was wished, bars pooled: those of `CONTROLS` of which enough was asked."""
    pairs = list(zip(wishes, pieces, strict=True))
    if not pairs:
        raise TooLittleMusic("adherence needs one piece or more")

    def asked(name: str) -> np.ndarray:
        return np.concatenate([getattr(wish, name) for wish in wishes])

    def there(measure_bars: Callable[[Piece], np.ndarray]) -> np.ndarray:
        return np.concatenate([measure_bars(piece) for piece in pieces])

    found: dict[str, float] = {}
    for name, compute in {
        "density_r": lambda: controls.density_adherence(asked("density"), there(_notes_a_second)),
        "dynamics_r": lambda: controls.dynamics_adherence(asked("dynamics"), there(controls.bar_dynamics)),
        "register_r": lambda: controls.register_adherence(asked("register"), there(controls.bar_register)),
        "mode": lambda: controls.mode_adherence(
            asked("minor"), np.concatenate([controls.bar_minor(piece, wish.span) for wish, piece in pairs])
        ),
        "metre": lambda: controls.metre_adherence(asked("metre"), there(lambda piece: piece.metre)),
        "tempo": lambda: controls.tempo_adherence(asked("bpm"), there(lambda piece: piece.bpm)),
        "tonic_ending": lambda: _tonic_endings(pairs),
    }.items():
        try:
            found[name] = compute()
        except TooLittleMusic:
            continue
    return found


def _notes_a_second(piece: Piece) -> np.ndarray:
    return controls.bar_density(piece) / np.diff(piece.bar_starts_s)


def _tonic_endings(pairs: Sequence[tuple[Wishes, Piece]]) -> float:
    closed = [_closes(piece, wish.ending) for wish, piece in pairs if wish.ending is not None]
    if not closed:
        raise TooLittleMusic("nobody asked for an ending")
    return float(np.mean(closed))


def _closes(piece: Piece, key: Key) -> bool:
    try:
        return controls.ends_on_tonic(recognized_chords(piece), key)
    except TooLittleMusic:  # no chord at all
        return False


def _plan(path: Path, piece: Piece) -> Wishes:
    try:
        if path.stat().st_size > MAX_PLAN_BYTES:
            raise BadInput(f"{path}: larger than {MAX_PLAN_BYTES // 2**20} MiB; give a plan of one piece")
        data = json.loads(path.read_text(encoding="utf-8"))
        bars = list(data["bars"])
        key = Key.parse(data["key"]) if "key" in data else None
        wishes = Wishes(
            density=_column(bars, "notes") / np.diff(piece.bar_starts_s)
            if len(bars) == piece.bars
            else np.zeros(0),
            dynamics=_column(bars, "velocity"),
            register=_column(bars, "register"),
            minor=np.full(len(bars), np.nan if key is None else float(key.mode == "minor")),
            metre=np.array([bar.get("metre", (np.nan, np.nan)) for bar in bars], float).reshape(-1, 2),
            bpm=_column(bars, "bpm"),
            span=np.zeros(len(bars), np.int64),
            ending=key if data.get("ends_on_tonic") else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(
            f'{path}: it is no plan ({error}); give {{"bars": [...]}} with an entry a bar'
        ) from error
    if len(bars) != piece.bars:
        raise BadInput(
            f"{path}: plans {len(bars)} bars, the music has {piece.bars}; give the plan of this music"
        )
    return wishes


def _column(bars: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([np.nan if bar.get(name) is None else float(bar[name]) for bar in bars])

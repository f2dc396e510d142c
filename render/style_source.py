"""What ``--style`` means: a named style, a style learnt from recordings (by name or file), or a recording itself.

Names come first, then learned styles in the user's folder, then files; ``./harp`` is a file whatever styles there are.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from render.audio import Audio
from render.carriers import carrier_for
from render.checkpoints import FOLDER, REMEDY, fill, read_tensors, save_network
from render.errors import BadInput, did_you_mean
from render.mel import mel_of
from render.mel_to_audio import FILTER, PHASE
from render.models.style_encoder import StyleEncoder, StyleEncoderConfig, embed_windows, mean_embedding
from render.recordings import read_recording
from render.soundfont import sha256_of
from render.style_files import SUFFIX, LearnedStyle, StyleCard, learned_files, read_card, read_style
from render.styles import STYLES

if TYPE_CHECKING:
    from render.painting import Painter

# A named style is painted over its own instruments, whose sound keeps its outline; others are painted freely.
NAMED_STRENGTH, OTHER_STRENGTH = 0.65, 1.0
RESEMBLED = 3  # named styles that are told for a style without a name

Kind = Literal["named", "learned", "recording"]


@dataclass(frozen=True, eq=False)
class StyleSource:
    """A style as the diffusion takes it.

    ``embedding`` (128,) float32 of length 1; ``carrier``: the named style whose instruments the synthesis plays;
    ``learned``: the learned style, with its adapter; ``recording``: the sound at 48 kHz, for `render.recordings`;
    ``resembles``: the nearest named styles and their cosines; ``sha256`` of the file of a learned style or a recording.
    """

    name: str
    kind: Kind
    embedding: torch.Tensor
    carrier: str
    learned: LearnedStyle | None = None
    recording: Audio | None = None
    resembles: tuple[tuple[str, float], ...] = ()
    sha256: str = ""

    @property
    def usual_strength(self) -> float:
        """How strongly to paint where nobody says, 0-1."""
        return NAMED_STRENGTH if self.kind == "named" else OTHER_STRENGTH

    @property
    def usual_method(self) -> str:
        """How to make sound where nobody says: a filter cannot give a carrier the partials of another instrument."""
        return FILTER if self.kind == "named" else PHASE


@dataclass(frozen=True)
class StyleInfo:
    """A line of ``framescore style list``: ``card`` and ``path`` of a learned style; ``problem`` says why its file
    cannot be used, "" where it can. ``resembles`` is filled by `show_style`."""

    name: str
    title: str
    kind: Kind
    carrier: str
    path: Path | None = None
    card: StyleCard | None = None
    problem: str = ""
    resembles: tuple[tuple[str, float], ...] = ()


@functools.cache
def load_encoder(folder: Path = FOLDER, name: str = "style_encoder") -> StyleEncoder:
    """The style encoder of a checkpoint, else the one that comes with FrameScore. Raises NotInstalled, BadInput."""
    card, tensors = read_tensors(folder, name)
    try:
        config = StyleEncoderConfig(**{**card["config"], "styles": tuple(card["config"]["styles"])})
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{folder / name}.json: not the card of a style encoder ({error}); {REMEDY}") from None
    return fill(StyleEncoder(config), tensors, folder / name)


def save_encoder(encoder: StyleEncoder, folder: Path, card: dict, name: str = "style_encoder") -> None:
    """Write a style encoder with its table of named styles, half precision."""
    save_network(encoder, folder, name, asdict(encoder.config), card)


def style_source(
    wanted: str, encoder: StyleEncoder, carrier: str | None = None, folder: Path | None = None
) -> StyleSource:
    """The style that ``wanted`` names: a named style, a learned one in ``folder`` (else the user's), the path of a
    learned style's file or of a recording.

    ``carrier`` takes another named style's instruments for the synthesis; as it stands it is the style itself, what a
    learned style says, or the one that `render.carriers` finds for a recording. Raises BadInput.
    """
    if carrier is not None and carrier not in STYLES:
        raise BadInput(f"carrier {carrier!r} is no named style; {_near(carrier, list(STYLES))}")
    if wanted in encoder.config.styles:
        return StyleSource(wanted, "named", encoder.named(wanted), carrier or wanted)
    learned = learned_files(folder)
    path = learned.get(wanted, Path(wanted))
    if not path.is_file():
        names = [*encoder.config.styles, *learned]
        raise BadInput(f"style {wanted!r} is neither a style nor a file; {_near(wanted, names)}")
    if path.suffix.lower() == SUFFIX:
        style = read_style(path)
        nearest = tuple(encoder.nearest(style.embedding)[:RESEMBLED])
        return StyleSource(
            path.stem,
            "learned",
            style.embedding,
            carrier or _carrier(style.card),
            style,
            resembles=nearest,
            sha256=sha256_of(path),
        )
    recording = read_recording(path)
    log_mel = mel_of(recording).log
    embedding = _style_of_mel(log_mel, encoder)
    nearest = tuple(encoder.nearest(embedding)[:RESEMBLED])
    return StyleSource(
        path.stem,
        "recording",
        embedding,
        carrier or carrier_for(embedding, log_mel, encoder),
        recording=recording,
        resembles=nearest,
        sha256=sha256_of(path),
    )


def style_of_recording(recording: Audio, encoder: StyleEncoder) -> torch.Tensor:
    """The embedding (128,) of a recording at 48 kHz, the mean over its windows. Raises BadInput where nothing sounds or
    it is shorter than a second."""
    return _style_of_mel(mel_of(recording).log, encoder)


def _style_of_mel(log_mel: np.ndarray, encoder: StyleEncoder) -> torch.Tensor:
    try:
        windows = embed_windows(encoder, log_mel)
    except ValueError as error:
        raise BadInput(f"the recording has no style: {error}; give one in which music sounds") from None
    return mean_embedding(torch.from_numpy(windows))


def network_digest(digests: Mapping[str, str]) -> str:
    """One sha256 for the networks that a learned style belongs to. ``digests``: file name -> sha256."""
    return hashlib.sha256(json.dumps(dict(digests), sort_keys=True).encode()).hexdigest()


def painter_in(style: StyleSource, painter: Painter) -> Painter:
    """``painter`` with the adapter of a learned style merged into its networks; as it is for other styles. Raises
    BadInput for an adapter that was learnt on other networks."""
    learned = style.learned
    if learned is None or not learned.adapter:
        return painter
    from render.models.lora import AdapterConfig, adapted  # peft takes its time to be imported

    remedy = "learn it again with `framescore style learn`"
    if learned.card.network_sha256 != network_digest(painter.digests):
        raise BadInput(f"style {style.name!r} was learnt on other networks than these; {remedy}")
    try:
        config = AdapterConfig(learned.card.rank, learned.card.scale)
        predictor = adapted(painter.predictor, learned.adapter, config)  # type: ignore[type-var]
    except ValueError as error:
        raise BadInput(f"style {style.name!r} cannot be used: {error}; {remedy}") from None
    digests = {**painter.digests, f"{style.name}{SUFFIX}": style.sha256}
    return replace(painter, predictor=predictor, digests=digests)


def list_styles(folder: Path | None = None) -> list[StyleInfo]:
    """All named styles, then the learned ones in ``folder`` (else the user's); a file that cannot be used is listed
    with its problem."""
    named = [StyleInfo(style.name, style.title, "named", style.name) for style in STYLES.values()]
    return named + [_learned_info(path) for path in learned_files(folder).values()]


def show_style(wanted: str, encoder: StyleEncoder, folder: Path | None = None) -> StyleInfo:
    """All about one style, as `style_source` finds it, with the named styles that it resembles. Raises BadInput."""
    source = style_source(wanted, encoder, folder=folder)
    others = [pair for pair in encoder.nearest(source.embedding) if pair[0] != source.name]
    title = STYLES[wanted].title if wanted in STYLES else source.name
    path = learned_files(folder).get(wanted, Path(wanted)) if source.kind != "named" else None
    card = source.learned.card if source.learned else None
    return StyleInfo(
        source.name, title, source.kind, source.carrier, path, card, resembles=tuple(others[:RESEMBLED])
    )


def _learned_info(path: Path) -> StyleInfo:
    try:
        card = read_card(path)
    except BadInput as error:
        return StyleInfo(path.stem, path.stem, "learned", "", path, problem=str(error))
    return StyleInfo(path.stem, card.name, "learned", card.carrier, path, card)


def _carrier(card: StyleCard) -> str:
    if card.carrier not in STYLES:
        raise BadInput(
            f"style {card.name!r} wants the instruments of {card.carrier!r}; name others with --carrier"
        )
    return card.carrier


def _near(name: str, names: list[str]) -> str:
    return did_you_mean(name, names, 3) or f"styles: {', '.join(names)}"

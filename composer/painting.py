"""The engine ``diffusion`` as the command line drives it: what it needs from disk, the painting, the record of it."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.commands import file_sha256
from composer.errors import NotInstalled
from composer.terminal import Progress

if TYPE_CHECKING:
    from render.audio import Audio
    from render.painting import Painter
    from render.pipeline import Rendering
    from render.session import Painting
    from render.style_source import StyleSource


@dataclass(frozen=True, eq=False)
class Paints:
    """What is read from disk for a painting, all of it before any work: the networks, with the adapter of a learned
    style; the style, None where the score's own is to be taken; the recordings that lend their dynamics and melody.
    ``borrowed``: what is lent -> file name and sha256 of its recording; ``encoder``: file name -> sha256 of the style
    encoder's checkpoint.
    """

    painter: Painter
    style: StyleSource | None
    dynamics_from: Audio | None = None
    melody_from: Audio | None = None
    borrowed: dict[str, dict[str, str]] = field(default_factory=dict)
    encoder: dict[str, str] = field(default_factory=dict)


def load_paints(options: Namespace, progress: Progress) -> Paints | None:
    """All that a painting needs from disk, loaded once and before other work: what is missing or damaged is told at
    once. None for another engine. Raises NotInstalled, BadInput."""
    if options.engine != "diffusion":
        return None
    progress.begin("networks")
    try:
        return _load_paints(options)
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "composer", "render"):
            raise
        raise NotInstalled(
            f"--engine diffusion needs {package} ({error}); {sys.executable} -m pip install {package}, "
            "or take --engine synth"
        ) from error


def paint(
    options: Namespace,
    midi: Path,
    out: Path,
    seed: int,
    progress: Progress,
    paints: Paints,
    stems: Path | None,
    length_s: float | None,
    usual_style: str | None,
) -> Painting:
    """Write ``midi``, painted, to ``out``; the rest as `composer.sounding.make_sound`."""
    from render import checkpoints
    from render.diffusion import Sampling
    from render.layers import Strengths
    from render.mel_to_audio import PHASE
    from render.painted_layer import Wishes
    from render.session import paint_midi
    from render.style_source import load_encoder, style_source

    source = paints.style
    if source is None:
        if usual_style is None:
            raise ValueError("a painting needs a style: one asked for, or the usual one")
        source = style_source(usual_style, load_encoder(checkpoints.FOLDER), options.carrier)
    asked = {
        name: value
        for name in ("steps", "guidance_style", "guidance_control")
        if (value := getattr(options, name)) is not None
    }
    strengths = options.strength or []
    # A filter leaves the score's own tune where another is borrowed.
    usual_method = source.usual_method if options.borrow_melody is None else PHASE
    wishes = Wishes(
        strengths=Strengths(
            next((wish.strength for wish in reversed(strengths) if wish.track is None), None),
            {wish.track: wish.strength for wish in strengths if wish.track is not None},
        ),
        sampling=Sampling(method=options.sampler or "dpm", **asked),
        method=options.method or usual_method,
        **({} if options.balance is None else {"balance_db": options.balance}),
        dynamics_from=paints.dynamics_from,
        melody_from=paints.melody_from,
        seed=seed,
    )
    progress.begin("sound")
    return paint_midi(
        midi,
        out,
        source,
        paints.painter,
        wishes,
        stems=stems,
        picture=options.picture,
        soundfont=options.soundfont,
        loudness=options.loudness,
        length_s=length_s,
        progress=progress,
    )


def told_of(made: Rendering | Painting, paints: Paints | None) -> dict[str, Any] | None:
    """How a painting was made of its ``paints``, JSON-ready; None for a plain rendering."""
    from composer.versions import package_versions
    from render.pipeline import Rendering

    if paints is None or isinstance(made, Rendering):
        return None
    return {
        "style": made.style.name,
        "style_kind": made.style.kind,
        "style_sha256": made.style.sha256 or None,
        "carrier": made.style.carrier,
        "resembles": [name for name, _ in made.style.resembles],
        "borrowed": paints.borrowed,
        "strengths": made.strengths,
        "sampling": asdict(made.wishes.sampling),
        "method": made.wishes.method,
        "balance_db": made.wishes.balance_db,
        "seed": made.wishes.seed,
        "device": made.device,
        "checkpoints": {**made.checkpoints, **paints.encoder},
        "soundfont_sha256": made.soundfont_sha256,
        "packages": package_versions(("diffusers", "numpy", "peft", "pyfluidsynth", "scipy", "torch")),
    }


def _load_paints(options: Namespace) -> Paints:
    from render import checkpoints, session  # noqa: F401  the session is what paints: all it imports must be there
    from render.painting import load_painter
    from render.recordings import read_recording
    from render.style_source import load_encoder, painter_in, style_source

    painter, encoder = load_painter(checkpoints.FOLDER, options.device), load_encoder(checkpoints.FOLDER)
    style = None
    if options.sound_style is not None:
        style = style_source(options.sound_style, encoder, options.carrier)
        painter = painter_in(style, painter)
    paths = {"dynamics": options.borrow_dynamics, "melody": options.borrow_melody}
    lent = {what: path for what, path in paths.items() if path is not None}
    recordings = {what: read_recording(path) for what, path in lent.items()}
    return Paints(
        painter,
        style,
        recordings.get("dynamics"),
        recordings.get("melody"),
        {what: {"file": path.name, "sha256": file_sha256(path)} for what, path in lent.items()},
        checkpoints.read_card(checkpoints.FOLDER, "style_encoder")["files"],
    )

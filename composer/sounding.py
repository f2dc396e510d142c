"""The subcommands that make sound: render, mux, style; and the sound of ``framescore score``.

As in `composer.commands`, each takes the parsed command line and the console and returns the exit code.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.checks import check_places, refuse_overwriting
from composer.commands import choose_seed, file_sha256
from composer.errors import BadInput, NotInstalled
from composer.options import WrongUsage
from composer.output import staged_file
from composer.report import finite
from composer.sound_options import check_engine
from composer.terminal import Console, Progress

if TYPE_CHECKING:
    from render.audio import Audio
    from render.painting import Painter
    from render.pipeline import Rendering
    from render.session import Painting
    from render.style_source import StyleInfo, StyleSource

SYNTHESIS_SHARE = 0.7  # of making sound with FluidSynth; the rest is mastering, which reports nothing
SHARES = {"networks": 2.0, "sound": 10.0}


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


def render(options: Namespace, console: Console) -> int:
    """``framescore render``: a MIDI file to sound."""
    refuse_overwriting(options)
    check_sound(options)
    sha256 = file_sha256(options.midi)
    usual_style = own_style(options) if options.engine == "diffusion" else None
    with Progress(console, SHARES) as progress, staged_file(options.output) as path:
        paints = load_paints(options, progress)
        seed = choose_seed(options, sha256, console)
        made = make_sound(
            options,
            options.midi,
            path,
            seed,
            progress,
            paints,
            stems=options.stems,
            usual_style=usual_style,
        )
    for warning in made.warnings:
        console.say(f"note: {warning}")
    loud = f"{made.loudness_lufs:.1f} LUFS, {made.true_peak_dbtp:.1f} dBTP"
    console.say(f"{options.output}: {loud}, {made.soundfont.name}")
    console.result(
        {
            "output": str(options.output),
            "seed": seed,
            "engine": options.engine,
            "soundfont": made.soundfont.name,
            "loudness_lufs": finite(made.loudness_lufs),
            "true_peak_dbtp": finite(made.true_peak_dbtp),
            "stems": sorted(made.stems),
            "painting": told_of(made, paints),
            "warnings": list(made.warnings),
        }
    )
    return 0


def mux(options: Namespace, console: Console) -> int:
    """``framescore mux``: a video and a WAV to a film whose picture is untouched."""
    from render.mux import mux as join

    refuse_overwriting(options)
    seed = choose_seed(options, file_sha256(options.video), console)
    with Progress(console, {"film": 1.0}) as progress:
        progress.begin("film")
        made = join(options.video, options.music, options.output, duck=options.duck)
    for warning in made.warnings:
        console.say(f"note: {warning}")
    console.say(f"{made.path}: {made.path.stat().st_size / 1e6:.1f} MB")
    console.result({"output": str(made.path), "seed": seed, "warnings": list(made.warnings)})
    return 0


def style(options: Namespace, console: Console) -> int:
    """``framescore style``: list, show or learn styles."""
    works = {"list": style_list, "show": style_show, "learn": style_learn}
    return works[options.style_command](options, console)


def style_list(options: Namespace, console: Console) -> int:
    """``framescore style list``."""
    from render.style_source import list_styles

    styles = list_styles()
    width = max(len(info.name) for info in styles)
    for info in styles:
        what = info.problem or (info.title if info.kind == "named" else f"learned, over {info.carrier}")
        console.say(f"{info.name:{width}}  {what}")
    console.result({"styles": [_style_facts(info) for info in styles]})
    return 0


def style_show(options: Namespace, console: Console) -> int:
    """``framescore style show``."""
    from render.style_source import load_encoder, show_style

    check_style("NAME", options.style)
    info = show_style(options.style, load_encoder())
    console.say(f"{info.name}: {info.title} ({info.kind}), painted over {info.carrier}")
    console.say("resembles " + ", ".join(f"{name} ({cosine:.2f})" for name, cosine in info.resembles))
    if info.card is not None:
        card = info.card
        rank = f", adapters of rank {card.rank}" if card.rank else ""
        console.say(f"learned from {card.recordings_s:.0f} s of {card.recordings} recordings{rank}")
        console.say(f"licence: {card.licence or 'not told'}")
    console.result(_style_facts(info))
    return 0


def style_learn(options: Namespace, console: Console) -> int:
    """``framescore style learn``: adapters from recordings, as one file that can be shared."""
    from composer.options import any_seed
    from render.errors import NotInstalled

    try:
        from render.train.adapt import Learning, learn_style
    except ImportError as error:
        raise NotInstalled(f"style learn needs {error.name}; pip install 'framescore[train]'") from error
    from render.painting import load_painter
    from render.style_source import load_encoder

    seed = any_seed() if options.seed is None else options.seed
    console.say(f"seed {seed}")
    with Progress(console, {"networks": 1.0, "learning": 30.0}) as progress:
        progress.begin("networks")
        painter, encoder = load_painter(device=options.device), load_encoder()
        progress.begin("learning")
        path = learn_style(
            options.recordings,
            options.name,
            painter,
            encoder,
            Learning(minutes=options.minutes, seed=seed),
            carrier=options.carrier,
            licence=options.licence,
            progress=progress,
        )
    console.say(f"{path}: use it with --style {options.name}")
    console.result({"output": str(path), "name": options.name, "seed": seed})
    return 0


def check_sound(options: Namespace) -> None:
    """Before any work is done: WrongUsage for options that do not go together and for a style that there is not,
    BadInput for a missing recording, a SoundFont that cannot be used and a place that cannot be written, NotInstalled
    where there is no SoundFont."""
    from render.soundfont import find_soundfont

    check_engine(options)
    for option, wanted in (("the style", options.sound_style), ("--carrier", options.carrier)):
        if wanted is not None:
            check_style(option, wanted, named_only=option == "--carrier")
    for path in (options.borrow_dynamics, options.borrow_melody):
        if path is not None and not path.is_file():
            raise BadInput(f"{path}: no such file; check the name of the recording")
    check_places(options)
    find_soundfont(options.soundfont)


def check_style(option: str, wanted: str, *, named_only: bool = False) -> None:
    """Raise WrongUsage, which lists the styles, unless ``wanted`` is a style's name or a file."""
    from render.style_files import learned_files
    from render.styles import STYLES

    known = [*STYLES, *([] if named_only else learned_files())]
    if wanted not in known and (named_only or not Path(wanted).is_file()):
        what = "no such style" if named_only else "neither a style nor a file"
        raise WrongUsage(f"{option} {wanted}: {what}; the styles are {', '.join(known)}")


def own_style(options: Namespace) -> str:
    """The named style whose instruments the MIDI file of the command line plays. Raises BadInput for a file that cannot
    be rendered and for a strength of a track that it does not have."""
    from render.events import read_performance
    from render.layers import nearest_style, track_named
    from render.synth import length_samples_of

    performance = read_performance(options.midi)
    length_samples_of(performance, length_s=None, tail_s=0.0)
    for wish in options.strength or ():
        if wish.track is not None:
            track_named(wish.track, performance.stem_names)
    return nearest_style(performance)


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


def make_sound(
    options: Namespace,
    midi: Path,
    out: Path,
    seed: int,
    progress: Progress,
    paints: Paints | None,
    *,
    stems: Path | None,
    length_s: float | None = None,
    usual_style: str | None = None,
) -> Rendering | Painting:
    """Write the sound of ``midi`` to ``out``, painted where there are ``paints`` (`load_paints`).

    ``usual_style``: the named style to paint in where none is asked for; a painting needs one of both.
    """
    if paints is not None:
        return _paint(options, midi, out, seed, progress, paints, stems, length_s, usual_style)
    from render.audio import write_wav
    from render.pipeline import render_midi, write_stems

    progress.begin("sound")
    rendering = render_midi(
        midi,
        soundfont=options.soundfont,
        loudness=options.loudness,
        stems=stems is not None,
        length_s=length_s,
        progress=lambda share: progress(SYNTHESIS_SHARE * share),
    )
    write_wav(rendering.mix, out)
    if stems is not None:
        write_stems(rendering.stems, stems)
    return rendering


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
        "seed": made.wishes.seed,
        "device": made.device,
        "checkpoints": {**made.checkpoints, **paints.encoder},
        "soundfont_sha256": made.soundfont_sha256,
        "packages": package_versions(("diffusers", "numpy", "peft", "pyfluidsynth", "scipy", "torch")),
    }


def _paint(
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
    from render import checkpoints
    from render.diffusion import Sampling
    from render.layers import Strengths
    from render.painted_layer import FILTER, PHASE, Wishes
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
    usual_method = FILTER if options.borrow_melody is None else PHASE
    wishes = Wishes(
        strengths=Strengths(
            next((wish.strength for wish in reversed(strengths) if wish.track is None), 1.0),
            {wish.track: wish.strength for wish in strengths if wish.track is not None},
        ),
        sampling=Sampling(method=options.sampler or "dpm", **asked),
        method=options.method or usual_method,
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


def _style_facts(info: StyleInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "title": info.title,
        "kind": info.kind,
        "carrier": info.carrier,
        "file": info.path.name if info.path is not None else None,
        "problem": info.problem or None,
        "card": asdict(info.card) if info.card is not None else None,
        "resembles": dict(info.resembles),
    }

"""The subcommands that make sound: render, mux, style; and the sound of ``framescore score``.

As in `composer.commands`, each takes the parsed command line and the console and returns the exit code.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.checks import refuse_overwriting
from composer.commands import choose_seed, file_sha256
from composer.errors import BadInput
from composer.options import WrongUsage
from composer.output import staged_file
from composer.report import finite
from composer.sound_options import check_engine
from composer.terminal import Console, Progress

if TYPE_CHECKING:
    from render.pipeline import Rendering
    from render.session import Painting
    from render.style_source import StyleInfo

SYNTHESIS_SHARE = 0.7  # of making sound with FluidSynth; the rest is mastering, which reports nothing
SHARES = {"networks": 2.0, "sound": 10.0}


def render(options: Namespace, console: Console) -> int:
    """``framescore render``: a MIDI file to sound."""
    refuse_overwriting(options)
    check_sound(options)
    seed = choose_seed(options, file_sha256(options.midi), console)
    with Progress(console, SHARES) as progress, staged_file(options.output) as path:
        made = make_sound(options, options.midi, path, seed, progress, stems=options.stems)
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
            "painting": told_of(made),
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
    BadInput for a missing recording."""
    check_engine(options)
    if options.engine != "diffusion":
        return
    for option, wanted in (("the style", options.sound_style), ("--carrier", options.carrier)):
        if wanted is not None:
            check_style(option, wanted, named_only=option == "--carrier")
    for path in (options.borrow_dynamics, options.borrow_melody):
        if path is not None and not path.is_file():
            raise BadInput(f"{path}: no such file; check the name of the recording")


def check_style(option: str, wanted: str, *, named_only: bool = False) -> None:
    """Raise WrongUsage, which lists the styles, unless ``wanted`` is a style's name or a file."""
    from render.style_files import learned_files
    from render.styles import STYLES

    known = [*STYLES, *([] if named_only else learned_files())]
    if wanted not in known and (named_only or not Path(wanted).is_file()):
        what = "no such style" if named_only else "neither a style nor a file"
        raise WrongUsage(f"{option} {wanted}: {what}; the styles are {', '.join(known)}")


def make_sound(
    options: Namespace,
    midi: Path,
    out: Path,
    seed: int,
    progress: Progress,
    *,
    stems: Path | None,
    length_s: float | None = None,
    usual_style: str | None = None,
) -> Rendering | Painting:
    """Write the sound of ``midi`` to ``out`` by the engine that the command line names.

    ``usual_style``: the style to paint in where none is asked for, else that of the instruments in the file.
    """
    if options.engine == "diffusion":
        return _paint(options, midi, out, seed, progress, stems, length_s, usual_style)
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


def told_of(made: Rendering | Painting) -> dict[str, Any] | None:
    """How a painting was made, JSON-ready; None for a plain rendering."""
    from composer.versions import package_versions
    from render.pipeline import Rendering

    if isinstance(made, Rendering):
        return None
    return {
        "style": made.style.name,
        "style_kind": made.style.kind,
        "carrier": made.style.carrier,
        "resembles": [name for name, _ in made.style.resembles],
        "strengths": made.strengths,
        "sampling": asdict(made.wishes.sampling),
        "method": made.wishes.method,
        "seed": made.wishes.seed,
        "device": made.device,
        "checkpoints": made.checkpoints,
        "soundfont_sha256": made.soundfont_sha256,
        "packages": package_versions(("diffusers", "numpy", "peft", "pyfluidsynth", "scipy", "torch")),
    }


def _paint(
    options: Namespace,
    midi: Path,
    out: Path,
    seed: int,
    progress: Progress,
    stems: Path | None,
    length_s: float | None,
    usual_style: str | None,
) -> Painting:
    progress.begin("networks")
    from render.diffusion import Sampling
    from render.events import read_performance
    from render.layers import Strengths, nearest_style
    from render.painted_layer import FILTER, PHASE, Wishes
    from render.painting import load_painter
    from render.recordings import read_recording
    from render.session import paint_midi
    from render.style_source import load_encoder, painter_in, style_source

    wanted = options.sound_style or usual_style or nearest_style(read_performance(midi))
    source = style_source(wanted, load_encoder(), options.carrier)
    painter = painter_in(source, load_painter(device=options.device))
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
        dynamics_from=_read(options.borrow_dynamics, read_recording),
        melody_from=_read(options.borrow_melody, read_recording),
        seed=seed,
    )
    progress.begin("sound")
    return paint_midi(
        midi,
        out,
        source,
        painter,
        wishes,
        stems=stems,
        picture=options.picture,
        soundfont=options.soundfont,
        loudness=options.loudness,
        length_s=length_s,
        progress=progress,
    )


def _read(path: Path | None, read: Callable[[Path], Any]) -> Any:
    return None if path is None else read(path)


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

"""The subcommands that make sound: render, mux; and the sound of ``framescore score``.

As in `composer.commands`, each takes the parsed command line and the console and returns the exit code.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from composer.checks import check_places, refuse_overwriting
from composer.commands import choose_seed, file_sha256
from composer.errors import BadInput
from composer.options import WrongUsage
from composer.output import staged_file
from composer.painting import Paints, load_paints, paint, told_of
from composer.report import finite
from composer.sound_options import check_engine
from composer.terminal import Console, Progress

if TYPE_CHECKING:
    from render.pipeline import Rendering
    from render.session import Painting

SYNTHESIS_SHARE = 0.7  # of making sound with FluidSynth; the rest is mastering, which reports nothing
SHARES = {"networks": 2.0, "sound": 10.0}


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
        return paint(options, midi, out, seed, progress, paints, stems, length_s, usual_style)
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

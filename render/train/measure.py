"""Measure the renderer: ``python -m render.train.measure all DATA PIECES --font A --judge J --classifier YAMNET``.

DATA and PIECES are what `render.train.data` wrote and read, the fonts those it played; the judge comes from
`render.train.style_classifier`. From music held out of training, five clips of ten seconds of every style, with
bootstrap intervals and the true rendering's own figure beside each:

- ``adherence``: melody, in-chord and dynamics, under control from MIDI alone and from the reference audio (HPM's way);
- ``concat``: what the ControlNet form loses against concatenated controls;
- ``styles``: how often an independent classifier names the style right, of generated audio and of references;
- ``fad``: Frechet audio distance to the references, against that of codec and mel to audio alone;
- ``mel2audio``: log-spectral distance and chroma after mel to audio and back;
- ``long``: timbre, borders, memory and speed of a cue of five minutes;
- ``lora``: how often a style learned from three minutes is recognised, and what learning it costs;
- ``all``: everything.

``--json F`` keeps the sections of an earlier report in F that were not measured again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from render.audio import write_wav
from render.checkpoints import FOLDER
from render.errors import RenderError
from render.metrics.classifiers import load_classifier
from render.painting import load_painter
from render.soundfont import find_soundfont
from render.style_source import load_encoder
from render.train.adapt import Learning
from render.train.clips import CLIP_S, Clip, held_out_clips
from render.train.engine import FilePainter, ShippedEngine, painter_of_run
from render.train.figures import Line, Report
from render.train.measure_clips import (
    CODEC,
    CONCATENATED,
    FROM_AUDIO,
    FROM_MIDI,
    REFERENCE,
    RESYNTHESIS,
    Engine,
    Judges,
    Measured,
    adherence_lines,
    adherence_table,
    controlnet_lines,
    draw,
    frechet_lines,
    measure,
    mel_to_audio_lines,
    sounds_of,
    style_lines,
    style_table,
)
from render.train.measure_learning import learning_lines
from render.train.measure_long import STYLES, long_cue, measure_cue
from render.train.style_classifier import load_classifier as load_judge
from render.train.style_classifier import own_figure

SOUNDS = {
    "adherence": (FROM_MIDI, FROM_AUDIO),
    "concat": (FROM_MIDI, CONCATENATED),
    "styles": (FROM_MIDI,),
    "fad": (FROM_MIDI, RESYNTHESIS, CODEC),
    "mel2audio": (RESYNTHESIS, CODEC),
}
WHAT = (*SOUNDS, "long", "lora")
CLIPS_A_STYLE = 5


def clip_sections(
    wanted: Sequence[str], measured: Sequence[Measured], names: Sequence[str], rng: np.random.Generator
) -> Report:
    """The figures of the clips, under the headings that are wanted."""
    report = Report()
    for what in (name for name in wanted if name in SOUNDS):
        if what == "adherence":
            for way in (FROM_AUDIO, FROM_MIDI):
                report.add(f"adherence, {way}", *adherence_lines(measured, way, rng))
            report.tables[f"adherence by style, {FROM_MIDI}"] = adherence_table(measured, FROM_MIDI)
        elif what == "concat":
            report.add(what, *controlnet_lines(measured, rng))
        elif what == "styles":
            report.add(what, *style_lines(measured, names, rng))
            for sound in (FROM_MIDI, REFERENCE):
                report.tables[f"styles of {sound}"] = style_table(measured, names, sound)
        elif what == "fad":
            report.add(what, *frechet_lines(measured, rng))
        else:
            report.add(what, *mel_to_audio_lines(measured, rng))
    return report


def look_at_clips(
    clips: Sequence[Clip], engine: Engine, judges: Judges, args: argparse.Namespace, sounds: Sequence[str]
) -> list[Measured]:
    """Render and measure all clips; the first of each style is drawn and written where that was asked for."""
    fonts = {font.stem: font for font in args.font}
    measured: list[Measured] = []
    started, shown = time.monotonic(), set()
    for number, clip in enumerate(clips, start=1):
        made = sounds_of(clip, engine, fonts, sounds, args.seed + number)
        measured.append(measure(clip, made, judges))
        if clip.style not in shown:
            shown.add(clip.style)
            if args.pictures and FROM_MIDI in made:
                draw(args.pictures / f"{clip.style}.png", clip, made, FROM_MIDI)
            for name, sound in made.items() if args.listen else ():
                write_wav(sound, args.listen / f"{clip.style}, {name}.wav")
        left_s = (time.monotonic() - started) / number * (len(clips) - number)
        print(
            f"\r{number}/{len(clips)} clips, {left_s / 60:.1f} min left ", end="", file=sys.stderr, flush=True
        )
    print(file=sys.stderr)
    return measured


def measure_all(args: argparse.Namespace) -> Report:
    """Everything that was asked for."""
    wanted = [name for name in WHAT if args.what in (name, "all")]
    if args.concat is None:
        wanted = [name for name in wanted if name != "concat"]
    sounds = sorted({sound for name in wanted for sound in SOUNDS.get(name, ())})
    fonts = {font.stem: font for font in args.font}
    judge = load_judge(args.judge)
    engine = ShippedEngine(
        load_painter(args.checkpoints) if args.run is None else painter_of_run(args.run),
        load_encoder(args.encoder),
        find_soundfont(args.soundfont),
        None if args.concat is None else painter_of_run(args.concat),
    )
    clips = held_out_clips(args.data, args.pieces, args.clips, args.seed) if wanted != ["long"] else []
    report = Report()
    if sounds:
        judges = Judges(judge, load_classifier(args.classifier) if "fad" in wanted else None)
        measured = look_at_clips(clips, engine, judges, args, sounds)
        report = clip_sections(wanted, measured, judge.names, np.random.default_rng(args.seed))
        if "styles" in wanted:
            own = own_figure(judge, args.data, args.seed)
            report.add("styles", Line("style of true renderings, all held-out takes", own, at_least=0.95))
        report.notes["clips"] = {
            "count": len(clips), "seconds": CLIP_S, "styles": len({clip.style for clip in clips}), "seed": args.seed,
        }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="framescore-") as name:
        folder = Path(name)
        if "long" in wanted:
            paint = FilePainter(args.checkpoints, args.encoder, engine.font)
            for style in args.styles:
                recipe, cue = long_cue(args.data, args.pieces, style)
                report.add("long", *measure_cue(recipe, cue, paint, fonts, judge, folder, args.seed))
        if "lora" in wanted:
            learning = Learning(args.minutes, seed=args.seed)
            report.add(
                "lora", *learning_lines(clips, engine, judge, args.data, args.pieces, fonts, folder, learning)
            )
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 1 when a figure is not what was wanted."""
    parser = argparse.ArgumentParser(
        prog="render.train.measure", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=(*WHAT, "all"))
    parser.add_argument("data", type=Path, help="takes, from render.train.data")
    parser.add_argument("pieces", type=Path, help="the MIDI files they were made from")
    parser.add_argument(
        "--font", type=Path, action="append", required=True, help="a SoundFont of the takes; give all"
    )
    parser.add_argument("--judge", type=Path, required=True, help="from render.train.style_classifier")
    parser.add_argument("--classifier", type=Path, help="for fad: a .tflite or .onnx file, such as YAMNet")
    parser.add_argument("--checkpoints", type=Path, default=FOLDER, help="folder of codec, base and branch")
    parser.add_argument("--run", type=Path, help="folder of a render.train.controlnet run to measure instead")
    parser.add_argument("--encoder", type=Path, default=FOLDER, help="folder of the style encoder")
    parser.add_argument("--concat", type=Path, help="for concat: folder of a run with concatenated controls")
    parser.add_argument(
        "--soundfont", type=Path, help="the user's, for the synthesis; else as framescore finds it"
    )
    parser.add_argument("--clips", type=int, default=CLIPS_A_STYLE, help="of every style")
    parser.add_argument("--styles", nargs="+", default=STYLES, help="for long")
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="for lora: processor minutes of learning a style"
    )
    parser.add_argument("--pictures", type=Path, help="folder for a spectrogram picture of every style")
    parser.add_argument("--listen", type=Path, help="folder for the sounds of a clip of every style")
    parser.add_argument("--json", type=Path, help="write the report here as well")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    if args.classifier is None and args.what in ("fad", "all"):
        parser.error(f"{args.what} needs --classifier")
    if args.concat is None and args.what == "concat":
        parser.error("concat needs --concat")
    for folder in (args.pictures, args.listen):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    try:
        report = measure_all(args)
        print(report.as_text())
        if args.json:
            report.write(args.json)
    except RenderError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    lines = [line for section in report.sections.values() for line in section]
    return int(any(line.holds is False for line in lines))


if __name__ == "__main__":
    sys.exit(main())

"""How sound is made: the options of ``render``, ``score`` and ``style``. Light: nothing of `render` is imported.

The names of methods and the ranges are those of `render.diffusion`, `render.mel_to_audio` and `render.balance`.
"""

from __future__ import annotations

import argparse
import math
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import dataclass
from pathlib import Path

from composer.options import WrongUsage, parse_plot

ENGINES = ("synth", "diffusion")  # the default first
METHODS = ("filter", "phase", "griffin-lim")
SAMPLERS = ("dpm", "ddim")
LOUDNESS_PRESETS = ("broadcast", "us-tv", "web", "none")
MAX_STEPS, MAX_GUIDANCE, MAX_MINUTES, MAX_BALANCE_DB = 200, 20.0, 1000.0, 24.0
# What only the engine ``diffusion`` reads, as argparse names it; all are None where not given.
OF_DIFFUSION = (
    "sound_style",
    "carrier",
    "strength",
    "borrow_dynamics",
    "borrow_melody",
    "steps",
    "guidance_style",
    "guidance_control",
    "sampler",
    "method",
    "balance",
    "picture",
)


@dataclass(frozen=True)
class StrengthWish:
    """How strongly to paint, 0-1: one track by its name, or all (None)."""

    strength: float
    track: str | None = None


def sound_options() -> ArgumentParser:
    """SoundFont and loudness, of every engine."""
    parser = ArgumentParser(add_help=False)
    group = parser.add_argument_group("sound")
    group.add_argument(
        "--soundfont", type=Path, metavar="SF2", help="default: the first General MIDI one found"
    )
    group.add_argument(
        "--loudness", choices=LOUDNESS_PRESETS, default="web", help="-23, -24, -14 LUFS or untouched"
    )
    return parser


def painting_options(style_option: str) -> ArgumentParser:
    """The engine, and what the diffusion is told; ``style_option`` is the name of the option for its style."""
    parser = ArgumentParser(add_help=False)
    group = parser.add_argument_group("engine")
    group.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="synth: FluidSynth and a SoundFont; diffusion: painted over it in a style",
    )
    group = parser.add_argument_group("with --engine diffusion")
    group.add_argument(
        style_option,
        dest="sound_style",
        metavar="NAME|REC.wav",
        help="a named style, a learned one, or a recording; an unknown name lists them; default: the score's own",
    )
    group.add_argument("--carrier", metavar="NAME", help="the named style whose instruments are painted over")
    group.add_argument(
        "--strength",
        type=parse_strength,
        action="append",
        metavar="[TRACK=]0-1",
        help="0: as synthesised, 1: painted freely; default 0.65 in a named style, else 1; TRACK=0 leaves one as it is",
    )
    group.add_argument(
        "--borrow-dynamics", type=Path, metavar="REC.wav", help="swell and fade as this recording does"
    )
    group.add_argument("--borrow-melody", type=Path, metavar="REC.wav", help="melody and harmony of this one")
    group.add_argument("--steps", type=parse_steps, metavar="N", help="of the diffusion; default 5")
    for name, what in (("style", "the style"), ("control", "the score")):
        group.add_argument(
            f"--guidance-{name}",
            type=parse_guidance,
            metavar="G",
            help=f"pull towards {what}; default 2",
        )
    group.add_argument("--sampler", choices=SAMPLERS, help="DPM-Solver++ (default) or DDIM")
    group.add_argument(
        "--method",
        choices=METHODS,
        help="from the painted spectrogram to sound; default filter; phase for a borrowed melody or recordings",
    )
    group.add_argument(
        "--balance",
        type=parse_balance,
        metavar="DB",
        help="raise what the score has strongest by at most so much, lower what covers it; 0: leave; default 6",
    )
    group.add_argument("--picture", type=parse_plot, metavar="FILE", help="draw controls and spectrograms")
    return parser


def style_commands(parser: ArgumentParser, *everywhere: ArgumentParser) -> None:
    """``style list``, ``style show`` and ``style learn`` below ``parser``."""
    commands = parser.add_subparsers(dest="style_command", required=True, metavar="list|show|learn")

    def add(name: str, summary: str) -> ArgumentParser:
        return commands.add_parser(name, help=summary, description=summary, parents=[*everywhere])

    add("list", "all named and learned styles")
    command = add("show", "one style: its instruments, and what it resembles")
    command.add_argument("style", metavar="NAME|FILE", help="a style, a learned style's file or a recording")
    command = add("learn", "a style of your own from a few minutes of recordings")
    command.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING")
    command.add_argument("--name", required=True, help="what it will be called")
    command.add_argument(
        "--carrier", metavar="NAME", help="the named style whose instruments it is painted over"
    )
    command.add_argument("--licence", default="", help="what the file says about its use")
    command.add_argument(
        "--minutes",
        type=parse_minutes,
        default=5.0,
        metavar="M",
        help="processor minutes of learning, default 5; 0: only how it sounds on average",
    )


def check_engine(options: Namespace) -> None:
    """Raise WrongUsage where something is told to the diffusion that is not asked to play."""
    for name in OF_DIFFUSION:
        if options.engine != "diffusion" and getattr(options, name) is not None:
            option = "the style" if name == "sound_style" else f"--{name.replace('_', '-')}"
            raise WrongUsage(f"{option} goes with --engine diffusion; add it")


def parse_strength(text: str) -> StrengthWish:
    """``0.8`` or ``piano=0``. Raises ArgumentTypeError."""
    track, _, value = text.rpartition("=")
    return StrengthWish(
        _between(value, 0.0, 1.0, "a strength is 0 to 1, or TRACK=0 to TRACK=1"), track.strip() or None
    )


def parse_steps(text: str) -> int:
    """A number of steps. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:20]) <= MAX_STEPS:
        raise argparse.ArgumentTypeError(f"the diffusion takes 1 to {MAX_STEPS} steps, not {text!r}")
    return int(text)


def parse_guidance(text: str) -> float:
    """A guidance scale. Raises ArgumentTypeError."""
    return _between(text, 0.0, MAX_GUIDANCE, f"guidance is 0 to {MAX_GUIDANCE:g}, 1 for none")


def parse_balance(text: str) -> float:
    """By how much a pitch class may change. Raises ArgumentTypeError."""
    return _between(text, 0.0, MAX_BALANCE_DB, f"the balance changes by 0 to {MAX_BALANCE_DB:g} dB")


def parse_minutes(text: str) -> float:
    """Minutes of learning. Raises ArgumentTypeError."""
    return _between(text, 0.0, MAX_MINUTES, f"learning takes 0 to {MAX_MINUTES:g} minutes")


def _between(text: str, low: float, high: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise ArgumentTypeError(f"{what}, not {text!r}")
    return value

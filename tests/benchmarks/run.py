"""``make bench``: measures what the README promises, prints a table, and fails where a promise is not kept.

python tests/benchmarks/run.py [--only speed,seeds,picture] [--verbose]

The real and damaged files are looked for in ``../shared/data`` beside the checkout; lines that need them are
left out, and said to be, where they are absent.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import inputs
import promises
from harness import SHARED_DATA, Line, run

from composer.video.animatic import draw_animatic

FILM_S = 8.0
# Lines with a module of their own, which has a function lines(work).
MODULES = (
    "decoding",
    "picture",
    "film_time",
    "spotting",
    "analysis_cost",
    "hits",
    "cuts",
    "mel_to_audio",
    "audioldm",
)
NEEDS_DATA = ("videos", "midi", "soundfonts", "speed", "picture", "analysis_cost", "cuts")


def main() -> int:
    """Run the chosen lines; 0 when all hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = ",".join(("speed", "seeds", "kills", "soundfonts", "midi", "videos", *MODULES))
    parser.add_argument("--only", default=default, help="lines, with commas")
    parser.add_argument("--verbose", action="store_true", help="a line a file")
    options = parser.parse_args()

    def tell(text: str) -> None:
        if options.verbose or "NOT CLEAN" in text:
            print(text, flush=True)

    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="framescore-bench-") as name:
        work = Path(name)
        film = work / "film.mp4"
        draw_animatic(film, duration_s=FILM_S)
        midi = work / "good.mid"
        outcome = run(["compose", film, "-o", midi, "--offline"], 120)
        lines.append(Line("compose an animatic", f"exit {outcome.exit_code}", outcome.exit_code == 0))
        works: dict[str, Callable[[], list[Line]]] = {
            "videos": lambda: inputs.videos(work, tell),
            "midi": lambda: inputs.midi_files(work, tell),
            "soundfonts": lambda: inputs.soundfonts(work, midi, tell),
            "seeds": lambda: promises.seeds(work, film),
            "speed": lambda: promises.speed(work),
            "kills": lambda: promises.kills(work, film),
        }
        for wanted in options.only.split(","):
            if wanted in NEEDS_DATA and not SHARED_DATA.is_dir():
                print(f"left out, no {SHARED_DATA.name} folder beside the checkout: {wanted}", flush=True)
                continue
            measured = import_module(wanted).lines(work) if wanted in MODULES else works[wanted]()
            lines += measured
            for line in measured:
                print(show(line), flush=True)
    print("\n" + "\n".join(show(line) for line in lines))
    broken = sum(not line.holds for line in lines)
    print(f"{len(lines) - broken} of {len(lines)} promises hold")
    return 1 if broken else 0


def show(line: Line) -> str:
    """One row of the table."""
    return f"{'holds' if line.holds else 'BROKEN':6}  {line.promise:58}  {line.measured}"


if __name__ == "__main__":
    sys.exit(main())

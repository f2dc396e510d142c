"""Make the checkpoints that ship: ``python -m render.train.export DATA --midi MIDI_FOLDER --branch RUN``.

Codec, base and branch become safetensors in float16, each with a model card: what it was trained on and under which
licences, seed, time, steps, and the loss on the tuning takes. ``--figures`` adds what `render.train.measure` printed,
``--heard`` what pictures and ears found wrong.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from render.checkpoints import FOLDER, load_codec, read_card, save_base, save_branch, save_codec
from render.errors import BadInput
from render.models.controlnet import ControlledTransformer
from render.train import loop
from render.train.controlnet import load_controlled_run
from render.train.data import SPLITS
from render.train.dataset import Takes

LICENCE = "Apache-2.0"
SOURCE_FACTS = ("name", "title", "licence", "source", "sha256", "files", "splits")


def data_of(data: Path, midi: Path) -> dict[str, Any]:
    """What the takes in ``data`` were made of: hours by split, styles, SoundFonts, and the collections of ``midi``."""
    takes = {split: Takes(data, split).takes for split in SPLITS}
    hours = {split: round(sum(take.frames for take in some) / 50 / 3600, 2) for split, some in takes.items()}
    styles = sorted({take.recipe.style for some in takes.values() for take in some})
    sources = _read_json(midi / "sources.json")["sources"]
    kept = [{fact: source[fact] for fact in SOURCE_FACTS if fact in source} for source in sources]
    return {"hours": hours, "styles": styles, "soundfonts": _read_json(data / "fonts.json"), "scores": kept}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); make it with render.train.data") from None


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder that render.train.data wrote")
    parser.add_argument("--midi", type=Path, required=True, help="the folder that the takes were made from")
    parser.add_argument("--branch", type=Path, required=True, help="run folder of render.train.controlnet")
    parser.add_argument("--figures", type=Path, help="JSON file that render.train.measure wrote")
    parser.add_argument("--heard", type=Path, help="text file: what is audibly wrong still, a line each")
    parser.add_argument("-o", "--output", type=Path, default=FOLDER)
    args = parser.parse_args()
    predictor, progress = load_controlled_run(args.branch)
    if not isinstance(predictor, ControlledTransformer):
        raise BadInput(f"{args.branch}: a run of --concat, which does not ship; give that of a branch")
    told = {"licence": LICENCE, "data": data_of(args.data, args.midi)}
    if args.figures:
        told["figures"] = _read_json(args.figures)
    if args.heard:
        told["audibly_wrong"] = args.heard.read_text(encoding="utf-8").splitlines()
    save_codec(load_codec(args.branch), args.output, told)
    save_base(predictor.base, args.output, {**told, "training": read_card(args.branch, "base")["training"]})
    card = {
        "base": read_card(args.output, "base")["files"],
        "training": loop.training_of(args.branch, progress),
    }
    save_branch(predictor.branch, args.output, {**told, **card})
    for name in ("codec", "base", "branch"):
        card = read_card(args.output, name)
        size_mb = sum((args.output / file).stat().st_size for file in card["files"]) / 1e6
        print(f"{name}: {card['parameters']:,} parameters, {size_mb:.1f} MB in {len(card['files'])} files")


if __name__ == "__main__":
    main()

"""``framescore style``: list, show and learn styles.

As in `composer.commands`, each takes the parsed command line and the console and returns the exit code.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from composer.sounding import check_style
from composer.terminal import Console, Progress

if TYPE_CHECKING:
    from render.style_source import StyleInfo


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

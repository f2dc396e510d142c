"""What LoRA costs and what it gives: ``python -m render.train.compare_lora DATA --judge J --styles harp choir``.

For each style, three minutes of music that no network was trained on (takes of split tuning and held-out) are learnt as
a user's recordings are (`render.train.adapt`): by adapters, and for comparison by the whole control branch in twice the
time. Then other held-out takes of the style are painted from their MIDI controls with either, and with the embedding
alone, and made audible by Griffin and Lim's method, which knows nothing of the style. Printed: parameters, processor
time, adherence (`render.metrics.adherence`) and how often an independent classifier names the style.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from render.audio import Audio
from render.checkpoints import FOLDER
from render.controls import RenderControls, controls_of_audio
from render.errors import RenderError
from render.mel import SPEC, Mel, mel_of
from render.mel_to_audio import mel_to_audio
from render.metrics.adherence import macro_correlation, melody_accuracy, micro_correlation
from render.metrics.spread import Figure, figure_of, mean_figure
from render.models.codec import PATCH
from render.models.lora import add_adapters
from render.models.style_encoder import mean_embedding
from render.painting import Painter, load_painter
from render.train.adapt import Learning, Recording, copy_of, fit
from render.train.dataset import Take, Takes
from render.train.figures import Line, Report, plain
from render.train.style_classifier import StyleClassifier, load_classifier, scores_of

LEARNT_S = 180.0
CLIP_FRAMES = 500
CLIPS_A_STYLE = 8
STYLES = ("harp", "string-quartet", "brass-section", "electric-piano")
WHOLE_RATE = 2e-4  # of the branch; adapters bear ten times as much
EMBEDDED, ADAPTED, WHOLE, TRUE = "embedding alone", "LoRA", "whole branch", "true rendering"


@dataclass(frozen=True, eq=False)
class Clip:
    """Ten seconds of a held-out take: what its MIDI asks for, and its true mel."""

    style: str
    controls: RenderControls
    mel: Mel


@dataclass(frozen=True, eq=False)
class Heard:
    """What was measured on a sound that should be a clip's: its controls, and the index of the style it was named."""

    clip: Clip
    controls: RenderControls
    named: int


@dataclass(frozen=True)
class Cost:
    """Trained parameters, as a number and as a share of the branch's, and processor minutes."""

    parameters: int
    share: float
    minutes: float


def music_of(style: str, takes: Sequence[Take], clips: int) -> tuple[list[Recording], list[Clip]]:
    """Three minutes to be learnt, and ``clips`` clips of the takes that were not touched. ``takes`` need embeddings."""
    own = [take for take in takes if take.recipe.style == style and take.styles is not None]
    learnt, left = [], LEARNT_S * SPEC.frame_hz
    while own and left >= CLIP_FRAMES:
        take = own.pop(0)
        frames = min(take.frames, int(left)) // PATCH * PATCH
        learnt.append(Recording(take.log_mel(0, frames), take.heard(0, frames), np.asarray(take.styles)))
        left -= frames
    if not own or not learnt:
        raise ValueError(
            f"style {style}: too few takes with embeddings to learn from some and to test on others"
        )
    places = [(take, start) for take in own for start in range(0, take.frames - CLIP_FRAMES + 1, CLIP_FRAMES)]
    chosen = np.linspace(0, len(places) - 1, min(clips, len(places))).round().astype(int)
    return learnt, [_clip(*places[i]) for i in chosen]


def _clip(take: Take, start: int) -> Clip:
    stop = start + CLIP_FRAMES
    return Clip(take.recipe.style, take.written(start, stop), Mel(take.log_mel(start, stop)))


def learnt_ways(
    painter: Painter, recordings: Sequence[Recording], learning: Learning, run: Path
) -> dict[str, tuple[Painter, Cost]]:
    """The painter as it is, with adapters learnt in ``learning.minutes``, and with the whole branch learnt in twice
    that time."""
    network = copy_of(painter)
    branch = sum(p.numel() for p in network.branch.parameters())
    ways = {EMBEDDED: (painter, Cost(0, 0.0, 0.0))}
    for name in (ADAPTED, WHOLE):
        network, how = copy_of(painter), learning
        if name == ADAPTED:
            add_adapters(network, learning.adapter, learning.seed)
        else:
            network.requires_grad_(False)
            network.branch.requires_grad_(True)
            how = replace(learning, minutes=2 * learning.minutes, rate=WHOLE_RATE)
        trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
        spent = fit(network, painter.codec, recordings, how, run / name, painter.device.type, say=_to_stderr)
        made = replace(painter, predictor=network.to(painter.device).eval())
        ways[name] = (made, Cost(trained, trained / branch, spent.seconds / 60))
    return ways


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def painted(painter: Painter, clip: Clip, style: torch.Tensor, seed: int) -> Audio:
    """A clip in the style of an embedding (128,), made audible without a synthesis."""
    mood = np.zeros((3, clip.controls.frames), np.float32)
    return mel_to_audio(painter.paint(clip.controls, style, mood, seed=seed), None, "griffin-lim", seed=seed)


def heard(clip: Clip, audio: Audio, judge: StyleClassifier) -> Heard:
    """Measure a sound."""
    return Heard(
        clip, controls_of_audio(audio).cut(0, CLIP_FRAMES), int(scores_of(judge, mel_of(audio)).argmax())
    )


def lines(
    sounds: dict[str, list[Heard]], costs: dict[str, Cost], names: Sequence[str], rng: np.random.Generator
) -> list[Line]:
    """The comparison. ``names`` of the judge's styles."""

    def melody(way: str) -> np.ndarray:
        return np.array([melody_accuracy(h.clip.controls.melody, h.controls.melody) for h in sounds[way]])

    def dynamics(way: str, macro: bool) -> Figure:
        curves = [(h.clip.controls.dynamics_db, h.controls.dynamics_db) for h in sounds[way]]
        statistic = macro_correlation if macro else micro_correlation
        return figure_of(lambda chosen: statistic([curves[i] for i in chosen]), len(curves), rng, draws=200)

    def recognised(way: str) -> Figure:
        right = [names[h.named] == h.clip.style for h in sounds[way]]
        return mean_figure(np.array(right, float), rng)

    ratio = costs[ADAPTED].minutes / costs[WHOLE].minutes
    lost = mean_figure(melody(WHOLE) - melody(ADAPTED), rng)
    others = (EMBEDDED, WHOLE, TRUE)
    found = [
        Line("parameters that LoRA trains, of the branch's", plain(costs[ADAPTED].share), at_most=0.25),
        Line(
            "processor time of LoRA, of the whole branch's", plain(round(ratio, 2)), at_most=0.5,
            beside={f"{way}, minutes": plain(cost.minutes) for way, cost in costs.items()},
        ),
        Line(
            "melody accuracy that LoRA loses to the whole branch", lost, at_most=0.01,
            beside={way: mean_figure(melody(way), rng) for way in (ADAPTED, *others)},
        ),
    ]  # fmt: skip
    for name, macro in (("micro", False), ("macro", True)):
        figures = {way: dynamics(way, macro) for way in (ADAPTED, *others)}
        difference = plain(figures[WHOLE].value - figures[ADAPTED].value, len(sounds[ADAPTED]))
        found.append(
            Line(f"dynamics r, {name}, that LoRA loses to it", difference, at_most=0.01, beside=figures)
        )
    figures = {way: recognised(way) for way in others}
    found.append(Line("style named right, of LoRA's", recognised(ADAPTED), beside=figures))
    return found


def compare_lora(
    data: Path,
    painter: Painter,
    judge: StyleClassifier,
    styles: Sequence[str],
    learning: Learning,
    clips: int,
) -> Report:
    """Learn every one of ``styles`` in every way, and compare."""
    takes = [*Takes(data, "tuning").takes, *Takes(data, "held-out").takes]
    sounds: dict[str, list[Heard]] = {}
    costs: dict[str, Cost] = {}
    for number, style in enumerate(styles, 1):
        recordings, tests = music_of(style, takes, clips)
        embedding = mean_embedding(torch.from_numpy(np.concatenate([each.styles for each in recordings])))
        with tempfile.TemporaryDirectory(prefix="framescore-") as run:
            ways = learnt_ways(painter, recordings, learning, Path(run))
        for way, (made, cost) in ways.items():
            costs[way] = cost
            some = [heard(clip, painted(made, clip, embedding, learning.seed), judge) for clip in tests]
            sounds.setdefault(way, []).extend(some)
        true = [mel_to_audio(clip.mel, None, "griffin-lim", seed=learning.seed) for clip in tests]
        sounds.setdefault(TRUE, []).extend(
            heard(clip, audio, judge) for clip, audio in zip(tests, true, strict=True)
        )
        _to_stderr(f"{number}/{len(styles)} styles")
    report = Report({"styles": list(styles), "clips": len(sounds[ADAPTED]), "seed": learning.seed})
    report.add("lora", *lines(sounds, costs, judge.names, np.random.default_rng(learning.seed)))
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 1 when a figure is not what was wanted."""
    parser = argparse.ArgumentParser(
        prog="render.train.compare_lora",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "data", type=Path, help="takes, from render.train.data, embedded by render.train.style"
    )
    parser.add_argument("--judge", type=Path, required=True, help="from render.train.style_classifier")
    parser.add_argument("--checkpoints", type=Path, default=FOLDER, help="folder of codec, base and branch")
    parser.add_argument("--styles", nargs="+", default=STYLES)
    parser.add_argument(
        "--minutes", type=float, default=Learning().minutes, help="of processor time for LoRA"
    )
    parser.add_argument("--clips", type=int, default=CLIPS_A_STYLE, help="of every style")
    parser.add_argument("--json", type=Path, help="write the report here as well")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    try:
        learning = replace(Learning(), minutes=args.minutes, seed=args.seed)
        painter, judge = load_painter(args.checkpoints), load_classifier(args.judge)
        report = compare_lora(args.data, painter, judge, args.styles, learning, args.clips)
    except RenderError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(report.as_text())
    if args.json:
        report.write(args.json)
    return int(any(line.holds is False for line in report.sections["lora"]))


if __name__ == "__main__":
    sys.exit(main())

"""A judge of styles: ``python -m render.train.style_classifier DATA PIECES --font A -o runs/render/judge``.

It names the style of a sound and is no part of the renderer: its network, training and crops are its own, so that it
can tell what the renderer's style encoder does not hear. A plain convolutional network on log mels (Hershey et al.,
"CNN architectures for large-scale audio classification", ICASSP 2017), mean and deviation over time; it learns from
the true renderings of the training takes alone, and those of ensembles that the renderer does not know
(`render.train.unseen`). Printed: how many ten-second clips of held-out takes it names right.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from render.errors import BadInput
from render.files import replacing
from render.mel import SPEC, Mel
from render.metrics.recognition import confusions, recognised
from render.metrics.spread import Figure, mean_figure
from render.models.style_encoder import without_level
from render.train.clips import recipes_of
from render.train.data import recipe_in, take_files
from render.train.unseen import make_unseen

WIDTHS = (24, 48, 96, 160)
EMBEDDING = 128
CROP_FRAMES, HOP_FRAMES = 256, 122  # three windows in ten seconds
CLIP_FRAMES = 500
CROPS_A_TAKE = 40  # kept in memory, 65 kB each
CLIPS_A_TAKE = 10  # of those held out, to see how often it is right
RATE, SMOOTHING = 3e-3, 0.05
TILT_NATS, NOISE_NATS = 0.3, 0.1


@dataclass(frozen=True, eq=False)
class Crops:
    """``mel`` (n, 128, frames) float16, natural log of amplitude, and the index of its style (n,)."""

    mel: np.ndarray
    style: np.ndarray


class StyleClassifier(nn.Module):
    """Log mels to scores of the styles ``names``."""

    def __init__(self, names: Sequence[str], widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.names, self.widths = tuple(names), tuple(widths)
        layers: list[nn.Module] = []
        for before, after in zip((1, *widths), widths, strict=False):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.embed = nn.Linear(2 * widths[-1] * (SPEC.bands >> len(widths)), EMBEDDING)
        self.score = nn.Linear(EMBEDDING, len(self.names))

    def embedding(self, mel: torch.Tensor) -> torch.Tensor:
        """(batch, EMBEDDING) of ``mel`` (batch, 128, frames) at any level."""
        hidden = self.layers(without_level(mel)[:, None]).flatten(1, 2)
        deviation = (hidden.var(2, unbiased=False) + 1e-5).sqrt()
        return self.embed(torch.cat([hidden.mean(2), deviation], 1))

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Scores (batch, styles) of ``mel`` (batch, 128, frames)."""
        return self.score(torch.relu(self.embedding(mel)))


@torch.inference_mode()
def scores_of(classifier: StyleClassifier, mel: Mel) -> np.ndarray:
    """Log probabilities (styles,) float32 of the styles of a sound, the mean over windows of five seconds."""
    return classifier(_windows(mel)).log_softmax(1).mean(0).numpy()


@torch.inference_mode()
def embedding_of(classifier: StyleClassifier, mel: Mel) -> np.ndarray:
    """Unit vector (EMBEDDING,) float32 of a sound, the mean over windows of five seconds."""
    return normalize(normalize(classifier.embedding(_windows(mel)), dim=1).mean(0), dim=0).numpy()


def _windows(mel: Mel) -> torch.Tensor:
    starts = range(0, max(mel.frames - CROP_FRAMES, 0) + 1, HOP_FRAMES)
    return torch.from_numpy(np.stack([mel.log[:, start : start + CROP_FRAMES] for start in starts]))


def crops_of(data: Path, split: str, names: Sequence[str], frames: int, a_take: int, seed: int) -> Crops:
    """``a_take`` crops of every take of a split, spread evenly over it. Raises BadInput where no take is that long
    and of a style in ``names``."""
    mels, styles = [], []
    rng = np.random.default_rng(seed)
    for path in take_files(data, split):
        with np.load(path, allow_pickle=False) as file:
            mel, style = file["mel"], recipe_in(file).style
        last = mel.shape[1] - frames
        if last < 0 or style not in names:
            continue
        starts = (np.arange(a_take) + rng.random(a_take)) / a_take * last
        mels += [mel[:, int(start) : int(start) + frames] for start in starts]
        styles += [names.index(style)] * a_take
    if not mels:
        raise BadInput(f"{data}: holds no {split} takes of {frames} frames; make them with render.train.data")
    return Crops(np.stack(mels), np.array(styles))


def joined(parts: Sequence[Crops]) -> Crops:
    """All crops as one."""
    return Crops(np.concatenate([part.mel for part in parts]), np.concatenate([part.style for part in parts]))


def train(
    crops: Crops,
    names: Sequence[str],
    steps: int,
    seed: int,
    batch: int = 32,
    widths: Sequence[int] = WIDTHS,
) -> StyleClassifier:
    """A classifier after ``steps`` steps, every style as often as any other; the same for the same seed."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = StyleClassifier(names, widths).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    of_style = [np.flatnonzero(crops.style == index) for index in range(len(names))]
    of_style = [members for members in of_style if len(members)]
    started, curve = time.monotonic(), []
    for step in range(1, steps + 1):
        chosen = [int(rng.choice(of_style[i])) for i in rng.integers(len(of_style), size=batch)]
        mel = _varied(torch.from_numpy(crops.mel[chosen].astype(np.float32)), rng)
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(mel)
        loss = cross_entropy(scores.float(), torch.from_numpy(crops.style[chosen]), label_smoothing=SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        curve.append(loss.item())
        if step % 100 == 0:
            left = (time.monotonic() - started) / step * (steps - step) / 60
            print(
                f"step {step} loss {np.mean(curve[-100:]):.3f}, {left:.1f} min left",
                file=sys.stderr,
                flush=True,
            )
    return network.eval()


def _varied(mel: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Crops under a smooth change of their spectrum, another microphone, and a little noise."""
    count, bands, frames = mel.shape
    phase = torch.linspace(0, math.pi, bands)
    waves = torch.stack([torch.cos(phase), torch.cos(2 * phase), torch.cos(3 * phase)])
    tilt = torch.from_numpy(rng.normal(0, TILT_NATS, (count, 3)).astype(np.float32)) @ waves
    noise = torch.from_numpy(rng.standard_normal((count, bands, frames), dtype=np.float32))
    return mel + tilt[:, :, None] + NOISE_NATS * noise


def save_classifier(classifier: StyleClassifier, path: Path) -> None:
    """Write a classifier as one safetensors file."""
    sizes = {"names": json.dumps(classifier.names), "widths": json.dumps(classifier.widths)}
    with replacing(path) as partial:
        save_file({k: v.contiguous() for k, v in classifier.state_dict().items()}, partial, sizes)


def load_classifier(path: Path) -> StyleClassifier:
    """Read what `save_classifier` wrote. Raises BadInput where it is something else."""
    try:
        with safe_open(path, "pt") as file:
            sizes = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
        network = StyleClassifier(sizes["names"], sizes["widths"])
        network.load_state_dict(tensors)
    except (SafetensorError, KeyError, ValueError, RuntimeError, OSError) as error:
        cause = str(error).splitlines()[0]
        raise BadInput(
            f"{path}: no style classifier ({cause}); train one with render.train.style_classifier"
        ) from None
    return network.eval()


def named(classifier: StyleClassifier, crops: Crops) -> np.ndarray:
    """Index of the style named for each crop (n,), as `scores_of` names it."""
    return np.array([scores_of(classifier, Mel(mel.astype(np.float32))).argmax() for mel in crops.mel])


def own_figure(classifier: StyleClassifier, data: Path, seed: int) -> Figure:
    """How often the classifier is right on ten-second clips of the held-out takes in ``data``. Raises BadInput."""
    clips = crops_of(data, "held-out", classifier.names, CLIP_FRAMES, CLIPS_A_TAKE, seed)
    hits = named(classifier, clips) == clips.style
    return mean_figure(hits.astype(float), np.random.default_rng(seed))


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="render.train.style_classifier", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data", type=Path, help="the folder that render.train.data wrote")
    parser.add_argument("pieces", type=Path, help="the MIDI files they were made from")
    parser.add_argument(
        "--font", type=Path, action="append", required=True, help="a SoundFont of the takes; give all"
    )
    parser.add_argument("-o", "--run", type=Path, required=True)
    parser.add_argument(
        "--steps", type=int, default=1500, help="of 32 crops; an eighth of a second each on one core"
    )
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    args.run.mkdir(parents=True, exist_ok=True)
    unseen = args.run / "unseen"
    make_unseen(args.data, args.pieces, {font.stem: font for font in args.font}, unseen)
    folders = (args.data, unseen)
    names = sorted(set().union(*map(styles_in, folders)))
    training = joined([crops_of(f, "training", names, CROP_FRAMES, CROPS_A_TAKE, args.seed) for f in folders])
    classifier = train(training, names, args.steps, args.seed)
    save_classifier(classifier, args.run / "style_classifier.safetensors")
    held_out = joined(
        [crops_of(folder, "held-out", names, CLIP_FRAMES, CLIPS_A_TAKE, args.seed) for folder in folders]
    )
    found = named(classifier, held_out)
    print(f"{len(found)} held-out clips: {recognised(held_out.style, found):.1%} of styles named right")
    print("\n".join(confusion_lines(names, confusions(held_out.style, found, len(names)))))
    return 0


def styles_in(data: Path) -> set[str]:
    """Names of the styles of the training takes."""
    return {recipe.style for recipe in recipes_of(data, "training")}


def confusion_lines(names: Sequence[str], counts: np.ndarray) -> list[str]:
    """A line for each style: the share of its clips named right, and what the others were taken for."""
    lines = []
    for index, (name, row) in enumerate(zip(names, counts, strict=True)):
        if row.sum():
            wrong = [f"{names[i]} {row[i]}" for i in np.argsort(-row) if row[i] and i != index]
            lines.append(
                f"  {name:20} {row[index] / row.sum():6.1%} of {row.sum()}  {', '.join(wrong)}".rstrip()
            )
    return lines


if __name__ == "__main__":
    sys.exit(main())

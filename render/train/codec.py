"""Fit the codec: ``python -m render.train.codec DATA -o runs/render/codec`` (`render.models.codec`; half a minute).

Mean and covariance of all patches of the training takes give it in closed form. Printed and kept in its card: what it
loses of the takes for tuning, in nats of amplitude.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from render.checkpoints import save_codec
from render.mel import SPEC
from render.models.codec import PATCH, PcaCodec
from render.train.dataset import Take, Takes


def fit(mels: Iterable[np.ndarray], channels: int = 128) -> PcaCodec:
    """The codec of log-mels (bands, frames), each of any length. Raises ValueError where there are no patches."""
    size = SPEC.bands * PATCH
    total, products, count = (
        torch.zeros(size, dtype=torch.double),
        torch.zeros(size, size, dtype=torch.double),
        0,
    )
    for mel in mels:
        patches = patches_of(mel)
        total += patches.sum(0).double()
        products += (patches.T @ patches).double()
        count += len(patches)
    if not count:
        raise ValueError(f"no patches of {PATCH} frames to fit a codec to")
    mean = total / count
    covariance = products / count - torch.outer(mean, mean)
    return PcaCodec.of_moments(mean.view(SPEC.bands, PATCH).float(), covariance, channels)


def patches_of(mel: np.ndarray) -> torch.Tensor:
    """(patches, bands * PATCH) float32 of ``mel`` (bands, frames)."""
    frames = mel.shape[1] // PATCH * PATCH
    whole = torch.from_numpy(mel[:, :frames].astype(np.float32))
    return whole.unflatten(1, (-1, PATCH)).permute(1, 0, 2).flatten(1)


def error(codec: PcaCodec, takes: list[Take]) -> tuple[float, float]:
    """Mean absolute and root mean square difference, in nats, between mels and their way through the codec."""
    absolute, square = [], []
    for take in takes:
        mel = torch.from_numpy(take.log_mel(0, take.frames))[None]
        difference = codec.decode(codec.encode(mel)) - mel
        absolute.append(float(difference.abs().mean()))
        square.append(float(difference.square().mean()))
    return float(np.mean(absolute)), float(np.mean(square)) ** 0.5


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder that render.train.data wrote")
    parser.add_argument(
        "-o", "--run", type=Path, required=True, help="folder for codec.safetensors and its card"
    )
    parser.add_argument("--channels", type=int, default=128, help="components that are kept")
    args = parser.parse_args()
    training = Takes(args.data, "training").takes
    codec = fit((take.mel for take in training), args.channels)
    absolute, rms = error(codec, Takes(args.data, "tuning").takes)
    figures = {"takes": len(training), "tuning error, nats": {"mean absolute": absolute, "rms": rms}}
    save_codec(codec, args.run, figures)
    print(
        f"{len(training)} takes; tuning error {absolute:.3f} nat ({rms:.3f} rms); wrote {args.run / 'codec'}.*"
    )


if __name__ == "__main__":
    main()

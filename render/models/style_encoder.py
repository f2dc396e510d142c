"""The style encoder: the instruments, fonts and room that sound in a log-mel spectrogram, as a unit vector.

It hears sound, not music: the level is taken out before anything else, and attentive statistics pooling (mean and
deviation over time, Desplanques 2020, doi:10.21437/Interspeech.2020-2650) leaves nothing of the order of the notes.
Blocks are ConvNeXt's (Liu 2022, arXiv:2201.03545) over time, all mel bands as channels. The embeddings of the named
styles, each the mean over its training takes, are kept with the weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

EMBEDDING = 128
MIN_FRAMES = 50  # one second
WINDOW_FRAMES = 256  # of `embed_windows`: 5.12 s
RANGE_NATS = 6.0  # what lies further below the mean amplitude is not heard
SILENT_NATS = (
    -10.5
)  # log of the mean amplitude of a window in which nothing sounds: 1 nat above the floor of 1e-5


@dataclass(frozen=True)
class StyleEncoderConfig:
    """Sizes of a `StyleEncoder`, and the names of the styles whose embeddings it keeps."""

    bands: int = 128
    width: int = 192
    blocks: int = 3
    styles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.bands, self.width, self.blocks) < 1:
            raise ValueError(
                f"bands {self.bands}, width {self.width}, blocks {self.blocks}: all must be >= 1"
            )
        if len(set(self.styles)) != len(self.styles):
            raise ValueError("a style is named twice")


class StyleEncoder(nn.Module):
    """Log-mel spectrograms to unit vectors. ``styles`` (styles, EMBEDDING) float32: a unit vector for each name in
    ``config.styles``."""

    styles: torch.Tensor

    def __init__(self, config: StyleEncoderConfig = StyleEncoderConfig()) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.stem = nn.Conv1d(config.bands, width, kernel_size=4, stride=2)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(config.blocks))
        self.attention = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width // 2), nn.Tanh(), nn.Linear(width // 2, width)
        )
        self.out = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, EMBEDDING))
        self.register_buffer("styles", torch.zeros(len(config.styles), EMBEDDING))

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Unit vectors (batch, EMBEDDING) of ``mel`` (batch, bands, frames >= MIN_FRAMES), natural log of amplitude,
        at any level. Raises ValueError for other shapes."""
        if mel.ndim != 3 or mel.shape[1] != self.config.bands or mel.shape[2] < MIN_FRAMES:
            raise ValueError(
                f"mel of shape {tuple(mel.shape)}: needs (batch, {self.config.bands}, frames >= {MIN_FRAMES})"
            )
        hidden = self.stem(without_level(mel))
        for block in self.blocks:
            hidden = block(hidden)
        hidden = hidden.transpose(1, 2)
        weights = self.attention(hidden).float().softmax(1)
        hidden = hidden.float()
        mean = (weights * hidden).sum(1)
        variance = (weights * (hidden - mean[:, None]).square()).sum(1)
        return normalize(self.out(torch.cat([mean, (variance + 1e-5).sqrt()], 1)).float(), dim=1)

    def named(self, name: str) -> torch.Tensor:
        """The unit vector (EMBEDDING,) of a named style. Raises ValueError for an unknown name."""
        if name not in self.config.styles:
            raise ValueError(f"style {name!r} is none of {', '.join(self.config.styles)}")
        return self.styles[self.config.styles.index(name)]

    def nearest(self, embedding: torch.Tensor) -> list[tuple[str, float]]:
        """Every named style with its cosine to ``embedding`` (EMBEDDING,), the nearest first."""
        cosines = (self.styles @ embedding.to(self.styles)).tolist()
        return sorted(zip(self.config.styles, cosines, strict=True), key=lambda pair: -pair[1])


class _Block(nn.Module):
    """A ConvNeXt block over (batch, width, frames)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix_time = nn.Conv1d(width, width, kernel_size=7, padding=3, groups=width)
        self.mix_channels = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden + self.mix_channels(self.mix_time(hidden).transpose(1, 2)).transpose(1, 2)


def without_level(mel: torch.Tensor) -> torch.Tensor:
    """``mel`` (batch, bands, frames) relative to its mean amplitude, from -RANGE_NATS up, scaled to about unit
    deviation."""
    level = mel.float().exp().mean((1, 2), keepdim=True).clamp_min(1e-12).log()
    return ((mel.float() - level).clamp_min(-RANGE_NATS) + 3.0) / 3.0


def windows_of(frames: int, window: int = WINDOW_FRAMES) -> list[int]:
    """First frames of the windows that `embed_windows` hears: one every ``window`` frames, the last one moved back so
    that it ends with the music."""
    return [min(start, max(frames - window, 0)) for start in range(0, max(frames, 1), window)]


@torch.inference_mode()
def embed_windows(
    encoder: StyleEncoder, mel: np.ndarray, window: int = WINDOW_FRAMES, batch: int = 64
) -> np.ndarray:
    """Unit vectors (windows, EMBEDDING) float32 of ``mel`` (bands, frames), natural log of amplitude, one for each of
    `windows_of`; a memory map is read a batch at a time.

    A window in which nothing sounds gets the mean of the others. Raises ValueError when nothing sounds at all or there
    are fewer than MIN_FRAMES frames.
    """
    if mel.shape[1] < MIN_FRAMES:
        raise ValueError(f"{mel.shape[1]} frames: a style needs at least {MIN_FRAMES}")
    device = next(encoder.parameters()).device
    starts = windows_of(mel.shape[1], window)
    found, sounds = [], []
    for some in _batches(starts, batch):
        crops = torch.from_numpy(np.stack([mel[:, i : i + window] for i in some]).astype(np.float32))
        sounds.append(crops.exp().mean((1, 2)).log() > SILENT_NATS)
        found.append(encoder(crops.to(device)).float().cpu())
    embeddings, is_sounding = torch.cat(found), torch.cat(sounds)
    if not is_sounding.any():
        raise ValueError("nothing sounds")
    embeddings[~is_sounding] = mean_embedding(embeddings[is_sounding])
    return embeddings.numpy()


def mean_embedding(embeddings: torch.Tensor) -> torch.Tensor:
    """The unit vector (EMBEDDING,) in the middle of ``embeddings`` (n >= 1, EMBEDDING)."""
    return normalize(embeddings.mean(0), dim=0)


def _batches(items: list[int], size: int) -> Iterator[list[int]]:
    return (items[i : i + size] for i in range(0, len(items), size))

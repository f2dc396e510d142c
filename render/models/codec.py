"""The codec: log-mel spectrograms to a latent of a quarter of their frames and back, by principal components.

Patches of all mel bands by `PATCH` frames are projected onto their principal components, each divided by the square
root of its deviation (halfway between leaving their scale and whitening them), and all by one number that gives the
latent unit mean square. Decoding is the exact adjoint of encoding up to these factors, so decoding what was encoded is
an orthogonal projection. In closed form: `render.train.codec` fits it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 4  # frames of a token


class PcaCodec(nn.Module):
    """``components`` (latent, bands, PATCH) orthonormal, ``mean`` (bands, PATCH), ``gain`` (latent,), all float32 and
    kept at that under autocast. Holds buffers only."""

    components: Tensor
    mean: Tensor
    gain: Tensor

    def __init__(self, bands: int = 128, channels: int = 128) -> None:
        super().__init__()
        if not 1 <= channels <= bands * PATCH:
            raise ValueError(f"{channels} components of {bands * PATCH} values: needs 1 to {bands * PATCH}")
        self.register_buffer("components", torch.eye(channels, bands * PATCH).view(channels, bands, PATCH))
        self.register_buffer("mean", torch.zeros(bands, PATCH))
        self.register_buffer("gain", torch.ones(channels))

    @classmethod
    def of_moments(cls, mean: Tensor, covariance: Tensor, channels: int = 128) -> PcaCodec:
        """Fitted to patches of ``mean`` (bands, PATCH) and ``covariance`` (bands * PATCH, bands * PATCH)."""
        codec = cls(mean.shape[0], channels)
        variance, vectors = torch.linalg.eigh(covariance.double())
        variance, vectors = variance.flip(0)[:channels].clamp_min(1e-9), vectors.flip(1)[:, :channels]
        gain = variance**-0.25
        gain = gain / (gain.square() * variance).mean().sqrt()
        codec.components.copy_(vectors.T.reshape(channels, *mean.shape))
        codec.mean.copy_(mean)
        codec.gain.copy_(gain)
        return codec

    @property
    def bands(self) -> int:
        """Mel bands."""
        return int(self.components.shape[1])

    @property
    def channels(self) -> int:
        """Channels of the latent."""
        return int(self.components.shape[0])

    def encode(self, mel: Tensor) -> Tensor:
        """Latent (batch, channels, frames / PATCH) float32 of ``mel`` (batch, bands, frames), natural log of amplitude.

        Raises ValueError for other bands, or frames that are no multiple of PATCH.
        """
        if mel.ndim != 3 or mel.shape[1] != self.bands or mel.shape[2] % PATCH:
            raise ValueError(
                f"mel of shape {tuple(mel.shape)}: needs (batch, {self.bands}, frames), frames a multiple of {PATCH}"
            )
        with torch.autocast(mel.device.type, enabled=False):
            centred = mel.float() - self.mean.repeat(1, mel.shape[2] // PATCH)
            return F.conv1d(centred, self.components, stride=PATCH) * self.gain[:, None]

    def decode(self, latent: Tensor) -> Tensor:
        """Mel (batch, bands, frames) float32 of ``latent`` (batch, channels, frames / PATCH).

        Raises ValueError for other channels.
        """
        if latent.ndim != 3 or latent.shape[1] != self.channels:
            raise ValueError(f"latent of shape {tuple(latent.shape)}: needs (batch, {self.channels}, tokens)")
        with torch.autocast(latent.device.type, enabled=False):
            centred = F.conv_transpose1d(latent.float() / self.gain[:, None], self.components, stride=PATCH)
            return centred + self.mean.repeat(1, latent.shape[2])

"""AudioLDM and MusicLDM as one object: a UNet with its control branch, and what stands around it.

Their mel: 16 kHz, 64 of Slaney's bands below 8 kHz, a frame each 10 ms, natural log of the bands' summed magnitudes
(Hann windows of 64 ms, not scaled), as AudioLDM (Liu 2023, arXiv:2301.12503) was trained on and its HiFi-GAN
(Kong 2020, arXiv:2010.05646) speaks. `mel_from_ours` makes it from `render.mel`'s, whose windows are as long. Sound
comes out mono at 16 kHz and is resampled to 48 kHz.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import prod

import numpy as np
import torch
from scipy.signal import resample_poly
from torch.nn import functional

from render.audio import SAMPLE_RATE, Audio
from render.errors import BadInput, NotInstalled
from render.mel import SPEC, Mel, MelSpec, filterbank, power_blocks
from render.models.hub import Components, load_components
from render.models.unet import COLUMNS_PER_TOKEN, UNetPredictor

OWN_RATE = 16_000
OWN_SPEC = MelSpec(frame_hz=100, bands=64, low_hz=0.0, high_hz=8_000.0)
FRAMES_PER_TOKEN = 8  # of its mel
BLOCK_TOKENS, CONTEXT_TOKENS = 128, 8  # decoded at once, and beside them on each side: 10.24 and .64 s
CLAP_RATE = 48_000
_PEAK = OWN_SPEC.n_fft(OWN_RATE) / 4  # of a sinusoid of amplitude 1 under a Hann window that is not scaled
_GATHERED = 0.25  # nats, measured on renderings of orchestras
_LOWEST_POWER = 1e-20


class AudioLDM:
    """A model of `render.models.hub`, ready to sample: ``predictor`` for `render.diffusion.sample`, with
    ``predictor.channels`` channels and 12.5 tokens a second, and ways into its latent and out."""

    def __init__(self, parts: Components) -> None:
        self._parts = parts
        self._factor = 2 ** (len(parts.vae.config.block_out_channels) - 1)
        vocoder = parts.vocoder.config
        found = (vocoder.sampling_rate, prod(vocoder.upsample_rates), vocoder.model_in_dim, self._factor)
        wanted = (
            OWN_RATE,
            OWN_RATE // OWN_SPEC.frame_hz,
            OWN_SPEC.bands,
            FRAMES_PER_TOKEN // COLUMNS_PER_TOKEN,
        )
        if found != wanted:
            raise BadInput(
                f"{parts.name}: its rate, hop, bands and codec factor are {found}, not {wanted}; "
                "name an AudioLDM or MusicLDM model"
            )
        null = None if parts.text_encoder is None else self.embed_text("")
        self.predictor = UNetPredictor(
            parts.unet, parts.alphas_cumprod, OWN_SPEC.bands // self._factor, null
        ).eval()

    @classmethod
    def load(cls, name: str, *, offline: bool = False) -> AudioLDM:
        """The model ``name``, as `render.models.hub.load_components` finds it and with its errors."""
        return cls(load_components(name, offline=offline))

    def to(self, device: torch.device | str) -> AudioLDM:
        """Everything on ``device``."""
        for network in (self.predictor, self._parts.vae, self._parts.vocoder, self._parts.text_encoder):
            if network is not None:
                network.to(device)
        return self

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.predictor.null_label.device

    @torch.inference_mode()
    def embed_text(self, text: str) -> torch.Tensor:
        """CLAP's unit vector (features,) for a style in words. Raises NotInstalled where the model has no CLAP."""
        encoder, tokenizer = self._parts.text_encoder, self._parts.tokenizer
        if encoder is None:
            raise NotInstalled(
                f"{self._parts.name} has no text encoder; give the style as an embedding or a recording"
            )
        ids = tokenizer([text], padding="max_length", truncation=True, return_tensors="pt")
        mask = ids.attention_mask.to(encoder.device)
        # Through the two parts, for `get_text_features` returns other types in other versions of transformers.
        pooled = encoder.text_model(ids.input_ids.to(encoder.device), attention_mask=mask).pooler_output
        return functional.normalize(encoder.text_projection(pooled), dim=-1)[0].clone()

    @torch.inference_mode()
    def embed_audio(self, audio: Audio) -> torch.Tensor:
        """CLAP's unit vector (features,) for a style as a recording. Raises NotInstalled where the model has no such
        encoder (AudioLDM has none, MusicLDM has)."""
        encoder, extractor = self._parts.text_encoder, self._parts.feature_extractor
        if extractor is None:
            raise NotInstalled(
                f"{self._parts.name} cannot hear recordings; describe the style in words, or use ucsd-reach/musicldm"
            )
        samples = resampled(audio.samples, audio.sample_rate, CLAP_RATE)
        heard = extractor(samples.mean(axis=0), sampling_rate=CLAP_RATE, return_tensors="pt").to(
            encoder.device
        )
        pooled = encoder.audio_model(heard.input_features, is_longer=heard.is_longer).pooler_output
        return functional.normalize(encoder.audio_projection(pooled), dim=-1)[0].clone()

    @torch.inference_mode()
    def encode(self, mel: torch.Tensor) -> torch.Tensor:
        """Latent (batch, channels, tokens) of its mel ``mel`` (batch, 64, 8 tokens)."""
        found = self._parts.vae.encode(mel.transpose(1, 2)[:, None], return_dict=False)[0].mode()
        return self.predictor.tokens(found * self._parts.vae.config.scaling_factor)

    @torch.inference_mode()
    def decode(self, latent: torch.Tensor) -> Mel:
        """Its mel, 8 frames a token, of a latent (channels, tokens). Memory does not grow with the length."""
        blocks = []
        for (start, stop), kept in _blocks(latent.shape[1]):
            picture = self.predictor.picture(latent[None, :, start:stop])
            found = self._parts.vae.decode(
                picture / self._parts.vae.config.scaling_factor, return_dict=False
            )[0]
            blocks.append(found[0, 0, _scaled(kept, FRAMES_PER_TOKEN)].T.float().cpu().numpy())
        return Mel(np.concatenate(blocks, axis=1), OWN_SPEC)

    @torch.inference_mode()
    def to_audio(self, mel: Mel) -> Audio:
        """Sound of a mel of `decode`: one channel at 48 kHz. Raises ValueError for a mel of another kind, or an empty
        one."""
        if mel.spec != OWN_SPEC or not mel.frames:
            raise ValueError(f"mel of {mel.frames} frames and {mel.spec}: needs at least one and {OWN_SPEC}")
        hop = OWN_RATE // OWN_SPEC.frame_hz
        blocks = []
        for (start, stop), kept in _blocks(-(-mel.frames // FRAMES_PER_TOKEN)):
            part = torch.from_numpy(mel.log[:, _scaled(slice(start, stop), FRAMES_PER_TOKEN)].T)
            found = self._parts.vocoder(part.to(self.device))
            blocks.append(found[_scaled(kept, hop * FRAMES_PER_TOKEN)].float().cpu().numpy())
        return Audio(resampled(np.concatenate(blocks)[None], OWN_RATE, SAMPLE_RATE), SAMPLE_RATE)


def own_mel(audio: Audio) -> Mel:
    """AudioLDM's mel of ``audio``, power averaged over its channels: frame i is centred at i / 100 s."""
    sound = Audio(resampled(audio.samples, audio.sample_rate, OWN_RATE), OWN_RATE)
    columns = [own_filterbank() @ (_PEAK * np.sqrt(power)) for power in power_blocks(sound, OWN_SPEC)]
    bands = np.concatenate(columns, axis=1) if columns else np.zeros((OWN_SPEC.bands, 0), np.float32)
    return Mel(np.log(np.maximum(bands, OWN_SPEC.floor)).astype(np.float32), OWN_SPEC)


def mel_from_ours(mel: torch.Tensor) -> torch.Tensor:
    """AudioLDM's mel (batch, 64, 2 frames) of mels (batch, 128, frames) of `render.mel`, as near as the bands allow.

    The power of each of our bands is spread evenly over the bins it covers, of which music fills fewer (`_GATHERED`);
    frames between ours are their mean in log.
    """
    spread, bank = (torch.from_numpy(matrix).to(mel) for matrix in _bridge())
    magnitudes = (spread @ (2 * mel).exp()).clamp_min(_LOWEST_POWER).sqrt()
    bands = ((bank @ magnitudes).log() - _GATHERED).clamp_min(float(np.log(OWN_SPEC.floor)))
    following = torch.cat([bands[..., 1:], bands[..., -1:]], -1)
    return torch.stack([bands, (bands + following) / 2], -1).flatten(2)


@cache
def own_filterbank() -> np.ndarray:
    """Slaney's triangles of equal area (Auditory Toolbox, 1998): (64, bins) float32 over 0-8000 Hz."""
    edges = _slaney_hz(np.linspace(0.0, _slaney_mel(OWN_SPEC.high_hz), OWN_SPEC.bands + 2))
    bins_hz = np.arange(OWN_SPEC.n_fft(OWN_RATE) // 2 + 1) * OWN_SPEC.bin_hz
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)
    return (np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)).astype(np.float32)


@cache
def _bridge() -> tuple[np.ndarray, np.ndarray]:
    """Our bands' power to AudioLDM's power of each bin (bins, 128), and its bank (64, bins), float32."""
    bank = own_filterbank()
    ours = filterbank(SPEC, SAMPLE_RATE)[:, : bank.shape[1]]
    weights = ours.T / np.maximum(ours.sum(axis=0), 1e-3)[:, None]
    spread = weights / np.maximum(filterbank(SPEC, SAMPLE_RATE).sum(axis=1), 1e-3)
    return (spread * _PEAK**2).astype(np.float32), bank


def _slaney_mel(frequency_hz: float) -> float:
    """Slaney's scale: linear to 1000 Hz, logarithmic above."""
    return 15.0 + 27.0 * np.log(frequency_hz / 1000) / np.log(6.4)


def _slaney_hz(mels: np.ndarray) -> np.ndarray:
    return np.where(mels < 15.0, mels * 200 / 3, 1000 * np.exp((mels - 15.0) * np.log(6.4) / 27.0))


def resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Samples (channels, n) at ``rate`` Hz as (channels, m) float32 at ``wanted`` Hz."""
    common = int(np.gcd(rate, wanted))
    return resample_poly(samples, wanted // common, rate // common, axis=-1).astype(np.float32)


def _blocks(tokens: int) -> Iterator[tuple[tuple[int, int], slice]]:
    """Stretches of tokens with their context, and what of each is kept."""
    for first in range(0, tokens, BLOCK_TOKENS):
        start, stop = max(0, first - CONTEXT_TOKENS), min(tokens, first + BLOCK_TOKENS + CONTEXT_TOKENS)
        yield (start, stop), slice(first - start, min(first + BLOCK_TOKENS, tokens) - start)


def _scaled(part: slice, factor: int) -> slice:
    return slice(part.start * factor, part.stop * factor)

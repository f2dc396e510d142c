"""AudioLDM and MusicLDM as one object: the UNet with its control branch, and what stands around it.

To the sampler it is what the 1-D family is: `AudioLDM.predictor` has its protocol, `AudioLDM.encode` and
`AudioLDM.decode` stand for the codec, from and to mels of `render.mel`, at 12.5 tokens a second. Its own way to sound
is `AudioLDM.to_audio`: a HiFi-GAN (Kong et al. 2020, arXiv:2010.05646), mono at 16 kHz, resampled to 48 kHz.
"""

from __future__ import annotations

import hashlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from render.audio import SAMPLE_RATE, Audio
from render.audioldm_mel import OWN_RATE, OWN_SPEC, mel_from_ours, mel_to_ours, resampled
from render.checkpoints import fill, read_tensors, save_network
from render.diffusion import Windows
from render.errors import BadInput, NotInstalled
from render.mel import SPEC
from render.models.codec import PATCH
from render.models.hub import Components, load_components
from render.models.unet import COLUMNS_PER_TOKEN, UNetPredictor

OWN_FRAMES = OWN_SPEC.frame_hz * PATCH // SPEC.frame_hz  # of its mel, a token
WINDOW_TOKENS, OVERLAP_TOKENS = 128, 16  # of mels: 10.24 and 1.28 s
CONTEXT_TOKENS = 8  # that the vocoder hears on each side
CLAP_RATE = 48_000
CONTROL_NAME = "control"


class AudioLDM:
    """A model of `render.models.hub`, ready to sample from: ``predictor`` for `render.diffusion.sample`."""

    def __init__(self, parts: Components) -> None:
        self._parts = parts
        self._factor = 2 ** (len(parts.vae.config.block_out_channels) - 1)
        vocoder = parts.vocoder.config
        found = (vocoder.sampling_rate, prod(vocoder.upsample_rates), vocoder.model_in_dim, self._factor)
        wanted = (
            OWN_RATE,
            OWN_RATE // OWN_SPEC.frame_hz,
            OWN_SPEC.bands,
            OWN_FRAMES // COLUMNS_PER_TOKEN,
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
    def load(cls, name: str, *, offline: bool = False, control: Path | None = None) -> AudioLDM:
        """The model ``name``, as `render.models.hub.load_components` finds it and with its errors.

        ``control``: the folder of a control branch that `save_control` wrote. Raises as
        `render.checkpoints.read_tensors`, and BadInput for a branch of another UNet.
        """
        model = cls(load_components(name, offline=offline))
        if control is not None:
            card, tensors = read_tensors(control, CONTROL_NAME)
            if card["config"].get("unet") != model.fingerprint:
                raise BadInput(
                    f"{control}: was trained on another UNet ({card['config'].get('model')}), not on {name}; name it"
                )
            fill(model.predictor.control, tensors, control / CONTROL_NAME)
        return model

    def save_control(self, folder: Path, card: dict[str, Any]) -> None:
        """Write the control branch, with what `load` needs to know and ``card`` beside it."""
        config = {"model": self._parts.name, "unet": self.fingerprint}
        save_network(self.predictor.control, folder, CONTROL_NAME, config, card)

    @property
    def fingerprint(self) -> str:
        """What tells this UNet from another: sha256 of its first weights."""
        weights = self.predictor.unet.conv_in.weight.detach().cpu()
        return hashlib.sha256(weights.numpy().tobytes()).hexdigest()

    def to(self, device: torch.device | str) -> AudioLDM:
        """Everything on ``device``."""
        for network in (self.predictor, self._parts.vae, self._parts.vocoder, self._parts.text_encoder):
            if network is not None:
                network.to(device)
        return self

    @property
    def name(self) -> str:
        """The folder or repository it came from."""
        return self._parts.name

    @property
    def channels(self) -> int:
        """Channels of the latent."""
        return self.predictor.channels

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.predictor.null_label.device

    @torch.no_grad()
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
        return functional.normalize(encoder.text_projection(pooled), dim=-1)[0]

    @torch.no_grad()
    def embed_audio(self, audio: Audio) -> torch.Tensor:
        """CLAP's unit vector (features,) for a style as a recording, of which the middle is heard.

        Raises NotInstalled where the model has no such encoder (AudioLDM has none, MusicLDM has).
        """
        encoder, extractor = self._parts.text_encoder, self._parts.feature_extractor
        if extractor is None:
            raise NotInstalled(
                f"{self._parts.name} cannot hear recordings; describe the style in words, or use ucsd-reach/musicldm"
            )
        samples = resampled(audio.samples, audio.sample_rate, CLAP_RATE).mean(axis=0)
        # Cut here, for the extractor's own choice of a part would be random.
        first = max(0, len(samples) - extractor.nb_max_samples) // 2
        samples = samples[first : first + extractor.nb_max_samples]
        heard = extractor(samples, sampling_rate=CLAP_RATE, return_tensors="pt").to(encoder.device)
        pooled = encoder.audio_model(heard.input_features, is_longer=heard.is_longer).pooler_output
        return functional.normalize(encoder.audio_projection(pooled), dim=-1)[0]

    @torch.no_grad()
    def encode(self, mel: torch.Tensor) -> torch.Tensor:
        """Latent (batch, channels, tokens) of mels (batch, 128, 4 tokens) of `render.mel`."""
        picture = mel_from_ours(mel.to(self.device)).transpose(1, 2)[:, None]
        found = self._parts.vae.encode(picture, return_dict=False)[0].mode()
        return self.predictor.tokens(found * self._parts.vae.config.scaling_factor)

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """Mels (batch, 128, 4 tokens) of `render.mel`, of a latent (batch, channels, tokens)."""
        return mel_to_ours(self.own_mel(latent))

    @torch.inference_mode()
    def own_mel(self, latent: torch.Tensor) -> torch.Tensor:
        """AudioLDM's mel (batch, 64, 8 tokens) of a latent (batch, channels, tokens), in overlapping windows, so that
        memory grows only as the mel."""
        windows = Windows(latent.shape[2], WINDOW_TOKENS, OVERLAP_TOKENS)
        mel = latent.new_zeros(len(latent), OWN_SPEC.bands, OWN_FRAMES * latent.shape[2])
        for start, stop in windows:
            picture = self.predictor.picture(latent[..., start:stop]) / self._parts.vae.config.scaling_factor
            found = self._parts.vae.decode(picture, return_dict=False)[0][:, 0].transpose(1, 2)
            fade = windows.fade(start, stop).to(mel).repeat_interleave(OWN_FRAMES)
            mel[..., OWN_FRAMES * start : OWN_FRAMES * stop] += fade * found
        return mel

    @torch.inference_mode()
    def to_audio(self, latent: torch.Tensor) -> Audio:
        """The sound of a latent (channels, tokens), one channel at 48 kHz. Raises ValueError for an empty one."""
        if latent.ndim != 2 or not latent.shape[1]:
            raise ValueError(f"latent of shape {tuple(latent.shape)}: needs (channels, at least one token)")
        frames = self.own_mel(latent[None])[0].T
        samples = OWN_FRAMES * OWN_RATE // OWN_SPEC.frame_hz
        blocks = []
        for first in range(0, latent.shape[1], WINDOW_TOKENS):
            start, stop = max(0, first - CONTEXT_TOKENS), min(first + WINDOW_TOKENS, latent.shape[1])
            # A HiFi-GAN of these sizes gives some samples more than it should, at the end.
            found = self._parts.vocoder(frames[OWN_FRAMES * start : OWN_FRAMES * (stop + CONTEXT_TOKENS)])
            blocks.append(found[samples * (first - start) : samples * (stop - start)].float().cpu().numpy())
        return Audio(resampled(np.concatenate(blocks)[None], OWN_RATE, SAMPLE_RATE), SAMPLE_RATE)

"""AudioLDM and MusicLDM in miniature: random weights, configurations of exactly their structure.

Widths are what differs from cvssp/audioldm-s-full-v2 and ucsd-reach/musicldm (UNet 128-256-384-640, codec
128-256-512, HiFi-GAN of 1024 channels, CLAP of 512 features): blocks, attention, joined time and class, schedule, mel
and rate are theirs.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapTextConfig,
    ClapTextModelWithProjection,
    RobertaTokenizer,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
)

FEATURES = 24
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
TEXT = {
    "vocab_size": 261, "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1,
    "projection_dim": FEATURES, "max_position_embeddings": 40, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
}  # fmt: skip
HEARING = {
    "hidden_size": 32, "patch_embeds_hidden_size": 16, "depths": [1, 1], "num_attention_heads": [2, 2],
    "num_hidden_layers": 2, "spec_size": 64, "num_mel_bins": 16, "window_size": 4, "projection_dim": FEATURES,
}  # fmt: skip


def make_unet(widths: tuple[int, ...], features: int = FEATURES, groups: int = 8) -> UNet2DConditionModel:
    """Their UNet with blocks of ``widths``, conditioned on CLAP embeddings (batch, features)."""
    return UNet2DConditionModel(
        sample_size=128,
        in_channels=8,
        out_channels=8,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * 3),
        up_block_types=(*["CrossAttnUpBlock2D"] * 3, "UpBlock2D"),
        block_out_channels=widths,
        cross_attention_dim=widths,
        layers_per_block=2,
        norm_num_groups=groups,
        class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=features,
        class_embeddings_concat=True,
    )


def make_codec(widths: tuple[int, ...], groups: int = 8) -> AutoencoderKL:
    """Their codec: a quarter of the frames and of the bands, 8 channels."""
    return AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=["DownEncoderBlock2D"] * 3,
        up_block_types=["UpDecoderBlock2D"] * 3,
        block_out_channels=widths,
        layers_per_block=2,
        latent_channels=8,
        norm_num_groups=groups,
        sample_size=1024,
        scaling_factor=0.9227,
    )


def make_vocoder(channels: int) -> SpeechT5HifiGan:
    """Their HiFi-GAN: 64 bands, 160 samples a frame at 16 kHz."""
    return SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=64,
            sampling_rate=16_000,
            upsample_initial_channel=channels,
            upsample_rates=[5, 4, 2, 2, 2],
            upsample_kernel_sizes=[16, 16, 8, 4, 4],
            resblock_kernel_sizes=[3, 7, 11],
            resblock_dilation_sizes=[[1, 3, 5]] * 3,
            normalize_before=False,
        )
    )


def make_schedule() -> DDIMScheduler:
    """Their noise schedule."""
    return DDIMScheduler(
        beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    )  # fmt: skip


def make_text_encoder() -> ClapTextModelWithProjection:
    """CLAP's text half, as AudioLDM has it."""
    return ClapTextModelWithProjection(ClapTextConfig(**TEXT))


def save_model(folder: Path, kind: str = "audioldm", seed: int = 0) -> Path:
    """A small model of ``kind`` "audioldm", "musicldm" or "mute" (without CLAP) in the layout of the hub."""
    torch.manual_seed(seed)
    make_unet((8, 16, 16, 24)).save_pretrained(folder / "unet", safe_serialization=True)
    make_codec((8, 8, 16)).save_pretrained(folder / "vae", safe_serialization=True)
    make_vocoder(32).save_pretrained(folder / "vocoder", safe_serialization=True)
    make_schedule().save_pretrained(folder / "scheduler")
    if kind != "mute":
        vocabulary = {token: index for index, token in enumerate((*SPECIAL, *sorted(ByteLevel.alphabet())))}
        tokenizer = RobertaTokenizer(vocab=vocabulary, merges=[], model_max_length=32)
        tokenizer.save_pretrained(folder / "tokenizer")
    if kind == "audioldm":
        make_text_encoder().save_pretrained(folder / "text_encoder")
    if kind == "musicldm":
        config = ClapConfig(text_config=TEXT, audio_config=HEARING, projection_dim=FEATURES)
        ClapModel(config).save_pretrained(folder / "text_encoder")
        extractor = ClapFeatureExtractor(
            feature_size=16,
            n_fft=1024,
            fft_window_size=1024,
            hop_length=480,
            max_length_s=2,
            truncation="rand_trunc",
        )
        extractor.save_pretrained(folder / "feature_extractor")
    classes = {"audioldm": "AudioLDMPipeline", "musicldm": "MusicLDMPipeline"}
    (folder / "model_index.json").write_text(json.dumps({"_class_name": classes.get(kind, "")}))
    return folder

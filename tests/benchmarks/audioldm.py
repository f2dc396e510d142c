"""Speed of the diffusion: our transformer and its branch beside diffusers' AudioLDM pipeline of equal size.

Both have random weights, which cost as much as trained ones, and go the same number of steps over the same seconds of
music, on one thread, in turns, in one process; times are processor time. Ours are the shipped sizes under the shipped
guidance (three evaluations at every fourth step, two of them with the branch; one at the others), from controls to
sound: sampling, codec, and filtering a synthesis, which is at hand. AudioLDM has its own structure, narrowed to as many
parameters in UNet, codec and HiFi-GAN together, and its own guidance (two evaluations a step); its text is embedded
beforehand. Both compute in the type that ours chooses for this processor. One evaluation of each network is timed as
well.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import torch
from harness import Line

from render.audio import SAMPLE_RATE, Audio
from render.controls import CONTROL_CHANNELS
from render.diffusion import Conditions, Sampling, guided, precision_of, sample
from render.mel import SPEC, Mel
from render.mel_to_audio import mel_to_audio
from render.models.codec import PATCH, PcaCodec
from render.models.controlnet import ControlBranch, ControlledTransformer
from render.models.transformer import MOOD_CHANNELS, LatentTransformer

sys.path.append(str(Path(__file__).resolve().parents[1]))

MUSIC_S = 10.24
STEPS = 10
ROUNDS = 5
FEATURES = 512
WIDTHS, CODEC_WIDTHS, VOCODER_WIDTH = (40, 80, 120, 176), (16, 32, 64), 128
MOST_APART = 0.05  # of the numbers of parameters


def lines(work: Path) -> list[Line]:
    """The promise on speed."""
    if find_spec("transformers") is None:
        print("left out, transformers is not installed: AudioLDM", flush=True)
        return []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [race()]
    finally:
        torch.set_num_threads(threads)


def race() -> Line:
    """Both pipelines, in turns."""
    dtype = precision_of(torch.device("cpu"))
    ours, our_network, our_size = our_pipeline()
    theirs, their_network, their_size = audioldm_pipeline(dtype)
    runs = (ours, theirs, our_network, their_network)
    spent: list[list[float]] = [[] for _ in runs]
    for turn in range(1 + ROUNDS):  # the first warms up
        for run, times in zip(runs, spent, strict=True):
            begun_s = time.process_time()
            run()
            if turn:
                times.append(time.process_time() - begun_s)
    ours_s, theirs_s, our_network_s, their_network_s = map(median, spent)
    alike = abs(our_size / their_size - 1) <= MOST_APART
    return Line(
        "diffusion faster than AudioLDM's pipeline of equal size and steps",
        f"{theirs_s / ours_s:.1f} times ({ours_s:.2f} and {theirs_s:.2f} s for {MUSIC_S} s of music, {STEPS} steps, "
        f"{our_size / 1e6:.1f}M and {their_size / 1e6:.1f}M parameters, {str(dtype)[6:]}, median of {ROUNDS}); one "
        f"evaluation {their_network_s / our_network_s:.1f} times ({our_network_s:.3f} and {their_network_s:.3f} s)",
        theirs_s > ours_s and alike,
    )


def our_pipeline() -> tuple[Callable[[], object], Callable[[], object], int]:
    """Ours: from controls to sound, one evaluation of the network, and how many parameters it has."""
    torch.manual_seed(0)
    base, codec = LatentTransformer(), PcaCodec()
    network = ControlledTransformer(base, ControlBranch.copy_of(base, CONTROL_CHANNELS)).eval()
    tokens = round(MUSIC_S * SPEC.frame_hz / PATCH)
    conditions = Conditions(
        torch.randn(base.config.style),
        torch.zeros(MOOD_CHANNELS, tokens),
        torch.rand(CONTROL_CHANNELS, PATCH * tokens),
    )
    noise = np.random.default_rng(0).standard_normal((2, round(MUSIC_S * SAMPLE_RATE)), np.float32)
    carrier = Audio(0.1 * noise, SAMPLE_RATE)

    def whole() -> object:
        latent = sample(network, conditions, codec.channels, seed=0, sampling=Sampling(steps=STEPS))
        return mel_to_audio(Mel(codec.decode(latent[None])[0].numpy()), carrier)

    def once() -> object:
        latent = torch.zeros(codec.channels, tokens)
        sampling = Sampling(guidance_style=1.0, guidance_control=1.0)
        return guided(network, latent, 500.0, conditions, sampling)

    return whole, once, _count(network)


def audioldm_pipeline(dtype: torch.dtype) -> tuple[Callable[[], object], Callable[[], object], int]:
    """The same of diffusers' pipeline."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import AudioLDMPipeline
        from diffusers.utils import logging
        from random_audioldm import make_codec, make_schedule, make_text_encoder, make_unet, make_vocoder

    logging.set_verbosity_error()
    torch.manual_seed(0)
    unet, codec, vocoder = make_unet(WIDTHS, FEATURES), make_codec(CODEC_WIDTHS), make_vocoder(VOCODER_WIDTH)
    pipeline = AudioLDMPipeline(
        vae=codec,
        text_encoder=make_text_encoder(),  # only asked for its type
        tokenizer=None,
        unet=unet,
        scheduler=make_schedule(),
        vocoder=vocoder,
    ).to(dtype)
    pipeline.set_progress_bar_config(disable=True)
    text, nothing = torch.randn(2, 1, FEATURES, dtype=dtype).unbind()

    def whole() -> object:
        return pipeline(
            prompt_embeds=text,
            negative_prompt_embeds=nothing,
            audio_length_in_s=MUSIC_S,
            num_inference_steps=STEPS,
            generator=torch.Generator().manual_seed(0),
            output_type="pt",
        )

    def once() -> object:
        latent = torch.zeros(1, 8, round(MUSIC_S * 25), 16, dtype=dtype)
        with torch.inference_mode():
            return unet(latent, 500, None, class_labels=text)

    return whole, once, sum(_count(network) for network in (unet, codec, vocoder))


def _count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())

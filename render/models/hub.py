"""Weights in the layout of diffusers' AudioLDM and MusicLDM pipelines: found, checked and loaded.

A model is a folder, or a repository of the Hugging Face hub such as ``cvssp/audioldm-s-full-v2`` or
``ucsd-reach/musicldm``, with one folder a component: ``unet``, ``vae``, ``vocoder``, ``scheduler`` and, where style is
to be given as text, ``text_encoder`` and ``tokenizer`` (for recordings, ``feature_extractor``). Weights are safetensors
only: a pickle is refused unread, and none is fetched. The pipelines themselves are deprecated in diffusers and
MusicLDM's fails on text with transformers 5, so the components are loaded one by one.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from render.errors import BadInput, NotInstalled

NETWORKS = ("unet", "vae", "vocoder")
TEXT_ENCODERS = ("ClapTextModelWithProjection", "ClapModel")
_PATTERNS = ["*.json", "*.txt", "*.safetensors"]
_OTHER_PRECISIONS = ["*.fp16.*", "*.non_ema.*"]
_PATIENCE_S = 5.0
_UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError)


@dataclass(frozen=True, eq=False)
class Components:
    """The parts of a latent diffusion model of sound, in float32 on the processor, ready for inference.

    ``unet`` UNet2DConditionModel, ``vae`` AutoencoderKL, ``vocoder`` SpeechT5HifiGan; ``alphas_cumprod`` (steps,)
    float32, the noise schedule that the UNet was trained on; ``text_encoder`` one of `TEXT_ENCODERS`, ``tokenizer`` and
    ``feature_extractor`` (of `ClapModel`) as in transformers, None where the folder has none.
    """

    name: str
    unet: Any
    vae: Any
    vocoder: Any
    alphas_cumprod: torch.Tensor
    text_encoder: Any = None
    tokenizer: Any = None
    feature_extractor: Any = None


def load_components(name: str, *, offline: bool = False) -> Components:
    """Load the model ``name``: a folder, or "owner/name" on the hub, fetched once unless ``offline``.

    Raises NotInstalled (transformers is missing; the weights are not here and may not or cannot be fetched) and
    BadInput (no such layout, a pickle, damaged or unfitting weights).
    """
    folder = find_folder(name, offline=offline)
    check_folder(folder)
    try:
        import transformers
        from diffusers import AutoencoderKL, UNet2DConditionModel
    except ImportError as error:
        raise NotInstalled(f"{name} needs transformers ({error}); pip install transformers") from error
    with _quiet():
        unet = _load(UNet2DConditionModel, folder / "unet")
        vae = _load(AutoencoderKL, folder / "vae")
        vocoder = _load(transformers.SpeechT5HifiGan, folder / "vocoder")
        encoder, tokenizer, extractor = _load_text(folder, transformers)
    parts = Components(name, unet, vae, vocoder, _schedule(folder), encoder, tokenizer, extractor)
    _check_fit(parts, folder)
    return parts


def find_folder(name: str, *, offline: bool = False) -> Path:
    """The folder of ``name``: itself, or the hub's own folder on this machine, fetched into it where it is allowed.

    Raises NotInstalled, or BadInput for what is neither a folder nor the name of a repository.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise BadInput(f"{name}: no such folder; name one, or a repository such as cvssp/audioldm-s-full-v2")
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    def fetch(*, here_only: bool) -> Path:
        return Path(
            huggingface_hub.snapshot_download(
                name, allow_patterns=_PATTERNS, ignore_patterns=_OTHER_PRECISIONS, local_files_only=here_only
            )
        )

    try:
        found = fetch(here_only=True)
        if all(_weights_in(found / part) for part in NETWORKS):
            return found
    except HFValidationError as error:
        raise BadInput(
            f"{name}: no folder and no name of a repository; try cvssp/audioldm-s-full-v2"
        ) from error
    except (LocalEntryNotFoundError, OSError):
        pass
    remedy = "fetch them once with the network on, or name a folder"
    if offline:
        raise NotInstalled(f"weights of {name} are not here and the network is forbidden; {remedy}")
    # A look of a few seconds first: the hub's own client tries half a minute where there is no network.
    address = huggingface_hub.hf_hub_url(name, "model_index.json")
    transport = tuple(
        sys.modules[client].HTTPError for client in ("httpx", "httpx2") if client in sys.modules
    )
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=_PATIENCE_S):
            pass
        return fetch(here_only=False)
    except (HfHubHTTPError, LocalEntryNotFoundError, HTTPException, OSError, ValueError, *transport) as error:
        raise NotInstalled(f"weights of {name} are not here and cannot be fetched; {remedy}") from error


def check_folder(folder: Path) -> None:
    """Raise BadInput where ``folder`` lacks a network, or has one as a pickle only."""
    for part in NETWORKS:
        if not (folder / part / "config.json").is_file():
            raise BadInput(
                f"{folder}: has no {part}/config.json; name a folder that diffusers saved from AudioLDM or MusicLDM"
            )
        _check_weights(folder / part)


def _weights_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _check_weights(folder: Path) -> None:
    if _weights_in(folder):
        return
    pickles = [
        path.name for path in sorted(folder.glob("*")) if path.suffix in (".bin", ".pt", ".pth", ".ckpt")
    ]
    if pickles:
        raise BadInput(
            f"{folder / pickles[0]}: weights must be safetensors (a pickle can run code); "
            "save the model again with safe_serialization=True"
        )
    raise BadInput(f"{folder}: holds no .safetensors file; fetch the weights again")


def _load(network: Any, folder: Path) -> Any:
    """A network of diffusers or transformers. Missing or misshapen weights are an error, never random numbers."""
    try:
        loaded, report = network.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            torch_dtype=torch.float32,
            output_loading_info=True,
        )
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:120]
        raise BadInput(
            f"{folder}: not the weights of a {network.__name__} ({reason}); fetch them again"
        ) from error
    lacking = [*report["missing_keys"], *report["mismatched_keys"]]
    if lacking:
        raise BadInput(
            f"{folder}: {len(lacking)} weights are missing or of another shape, such as {lacking[0]}; "
            "fetch them again"
        )
    return loaded.eval().requires_grad_(False)


def _load_text(folder: Path, transformers: Any) -> tuple[Any, Any, Any]:
    """CLAP, its tokenizer and its feature extractor, each None where the folder has none."""
    if not (folder / "text_encoder" / "config.json").is_file() or not (folder / "tokenizer").is_dir():
        return None, None, None
    _check_weights(folder / "text_encoder")
    config = _read_json(folder / "text_encoder" / "config.json")
    name = "ClapModel" if config.get("model_type") == "clap" else TEXT_ENCODERS[0]
    encoder = _load(getattr(transformers, name), folder / "text_encoder")
    extractor = None
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        if name == "ClapModel" and (folder / "feature_extractor").is_dir():
            extractor = transformers.ClapFeatureExtractor.from_pretrained(
                folder / "feature_extractor", local_files_only=True
            )
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:120]
        raise BadInput(
            f"{folder}: its tokenizer or feature extractor cannot be read ({reason}); fetch it again"
        ) from error
    return encoder, tokenizer, extractor


def _schedule(folder: Path) -> torch.Tensor:
    """The products of alphas (steps,) float32 that the scheduler's configuration stands for."""
    from diffusers import DDIMScheduler

    path = folder / "scheduler" / "scheduler_config.json"
    try:
        config = _read_json(path)
        if config.get("prediction_type", "epsilon") != "epsilon":
            raise BadInput(
                f"{path}: predicts {config['prediction_type']}; AudioLDM and MusicLDM predict the noise"
            )
        return DDIMScheduler.from_config(config).alphas_cumprod.float()
    except _UNREADABLE as error:
        raise BadInput(f"{path}: not the configuration of a scheduler; fetch it again") from error


def _check_fit(parts: Components, folder: Path) -> None:
    """Raise BadInput where the parts are not those of AudioLDM or MusicLDM."""
    unet, vae = parts.unet.config, parts.vae.config
    label = unet.projection_class_embeddings_input_dim
    problem = ""
    if unet.class_embed_type != "simple_projection":
        problem = f"the UNet takes its condition by {unet.class_embed_type}, not by simple_projection"
    elif unet.in_channels != vae.latent_channels or vae.in_channels != 1:
        problem = f"a UNet of {unet.in_channels} channels does not fit a codec of {vae.latent_channels}"
    elif parts.text_encoder is not None and parts.text_encoder.config.projection_dim != label:
        problem = f"texts have {parts.text_encoder.config.projection_dim} features, the UNet takes {label}"
    if problem:
        raise BadInput(f"{folder}: {problem}; name an AudioLDM or MusicLDM model")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not readable as JSON; fetch it again") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path}: not a configuration; fetch it again")
    return content


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' bars and notes on standard error."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    shown = os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS")
    levels = [(module, module.get_verbosity()) for module in (of_diffusers, of_transformers)]
    for module, _ in levels:
        module.set_verbosity_error()
        module.disable_progress_bar()
    try:
        yield
    finally:
        for module, level in levels:
            module.set_verbosity(level)
            if shown is None:
                module.enable_progress_bar()

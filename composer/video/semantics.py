"""What is in the picture: CLIP embeddings at 1 fps and their likeness to the prompt bank.

Scores are softmax(100 * cosine) over the prompts of each category (Radford et al., 2021), in the blocks of
`composer.video.likeness`. They do not depend on the width of the model and need no paired training. Weights are
safetensors only: from a local file, or once from the hub; ``offline`` forbids the network.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np

from composer.errors import BadInput, NotInstalled
from composer.video.likeness import block_scores, blocks_of
from composer.video.patches import CLIP_MEAN, CLIP_STD, PATCHES_HZ, PatchMotion, patch_dissimilarity
from composer.video.prompts import PROMPTS, Prompt

INTERVAL_S = 1.0
PATCH_INTERVAL_S = (
    1.0 / PATCHES_HZ - 1e-4
)  # a little less, so that no picture of a 25-fps film is passed over
BATCH = 8
TEXTS_A_BATCH = 64
SCORE_SCALE = 100.0
HUB_FILE = "open_clip_model.safetensors"
HUB_PATIENCE_S = 5.0
DEFAULT_MODEL = "ViT-B-32"
DEFAULT_REPOSITORY = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"  # as open_clip names it for the first tag below
PREFERRED_TAGS = ("laion2b_s34b_b79k", "laion2b_s32b_b79k", "laion2b_s34b_b88k", "datacomp_xl_s13b_b90k")


@dataclass(frozen=True)
class ClipSource:
    """Which CLIP to use.

    ``model``: an open_clip name ("ViT-B-32", or "ViT-B-32/laion2b_s34b_b79k" to choose the weights), or the
    path of an open_clip configuration (.json; needs ``weights``). ``weights``: a safetensors file; None: the
    hub. ``prompts``: the user's own, which are scored beside the bank. ``patches``: compare the patch tokens of
    25 pictures a second as well, which a network on the processor does slower than the film runs.
    """

    model: str = DEFAULT_MODEL
    weights: Path | None = None
    offline: bool = False
    prompts: tuple[Prompt, ...] = ()
    patches: bool = False


@dataclass(frozen=True)
class Semantics:
    """``times_s`` (T,) float64, ``tokens`` (T, D) unit length, ``scores`` (T, P) over the bank and
    ``user_prompts``, float32."""

    times_s: np.ndarray
    tokens: np.ndarray
    scores: np.ndarray
    model: str
    user_prompts: tuple[Prompt, ...] = ()

    @classmethod
    def none(cls) -> Semantics:
        """No samples: what a film has where no CLIP is at hand."""
        return cls(np.zeros(0), np.zeros((0, 0), np.float32), np.zeros((0, len(PROMPTS)), np.float32), "")


@dataclass(frozen=True)
class ClipNetwork:
    """A CLIP ready for use. ``network``, ``tokenizer`` as in open_clip; ``mean``, ``std`` of its pictures."""

    name: str
    network: Any
    tokenizer: Any
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        """(texts, D) float32, unit length."""
        import torch

        found = []
        with torch.inference_mode():
            for first in range(0, len(texts), TEXTS_A_BATCH):
                tokens = self.tokenizer(texts[first : first + TEXTS_A_BATCH])
                found.append(self.network.encode_text(tokens).float().numpy())
        return _unit(np.concatenate(found))

    def embed_pictures(self, pictures: list[np.ndarray]) -> np.ndarray:
        """Pictures (height, width, 3) uint8 of any one size: (pictures, D) float32, unit length."""
        import torch

        with torch.inference_mode():
            return _unit(self.network.encode_image(self._input(pictures)).float().numpy())

    def embed_patches(self, pictures: list[np.ndarray]) -> np.ndarray:
        """The patches of pictures as `embed_pictures` takes them, row by row: (pictures, patches, D) float32.

        These are the tokens that the picture's own embedding is pooled from: the last layer's, normalised as the
        network does before it pools. ``D`` is the network's inner width. Raises `NotInstalled` where the
        installed open_clip (or timm) does not give them.
        """
        import torch

        visual = self.network.visual
        if not hasattr(visual, "forward_intermediates") or not hasattr(
            getattr(visual, "trunk", visual), "forward_intermediates"
        ):
            raise NotInstalled(
                f"patches of {self.name} need a newer library; pip install -U open_clip_torch timm"
            )
        pooled_by_attention = getattr(visual, "attn_pool", None) is not None  # its norm comes after the pool
        with torch.inference_mode():
            found = visual.forward_intermediates(
                self._input(pictures),
                indices=1,
                normalize_intermediates=not pooled_by_attention,
                intermediates_only=True,
            )
            return found["image_intermediates"][-1].flatten(2).transpose(1, 2).float().numpy()

    def _input(self, pictures: list[np.ndarray]) -> Any:
        """Pictures scaled, cut to the middle square and normalised as the network was taught: (pictures, 3, s, s)."""
        import torch
        from torch.nn.functional import interpolate

        size = self.network.visual.image_size
        side = int(size[0] if isinstance(size, tuple | list) else size)
        batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255.0
        scale = side / min(batch.shape[2:])
        scaled = [max(side, round(length * scale)) for length in batch.shape[2:]]
        batch = interpolate(batch, scaled, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
        top, left = (scaled[0] - side) // 2, (scaled[1] - side) // 2
        batch = batch[:, :, top : top + side, left : left + side]
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (self.mean, self.std))
        return (batch - mean) / std


class SemanticController:
    """Collects embeddings from a stream of pictures, a few at a time."""

    def __init__(self, clip: ClipNetwork, user_prompts: tuple[Prompt, ...] = ()) -> None:
        self._clip = clip
        self._user_prompts = user_prompts
        self._blocks = blocks_of(user_prompts)
        self._prompt_tokens = clip.embed_texts([prompt.text for block in self._blocks for prompt in block])
        self._times_s: list[float] = []
        self._next_s = 0.0
        self._waiting: list[np.ndarray] = []
        self._tokens: list[np.ndarray] = []

    def see(self, time_s: float, rgb: np.ndarray) -> None:
        """Take the picture (height, width, 3) uint8, the same size each time, if one is due at ``time_s``."""
        if time_s < self._next_s:
            return
        self._next_s = (int(time_s / INTERVAL_S) + 1) * INTERVAL_S
        self._times_s.append(time_s)
        self._waiting.append(rgb)
        if len(self._waiting) >= BATCH:
            self._embed()

    def finish(self) -> Semantics:
        """All embeddings and their scores."""
        if self._waiting:
            self._embed()
        empty = np.zeros((0, self._prompt_tokens.shape[1]), np.float32)
        tokens = np.concatenate([empty, *self._tokens])
        logits = SCORE_SCALE * (tokens.astype(np.float64) @ self._prompt_tokens.astype(np.float64).T)
        scores = block_scores(logits, self._blocks)
        return Semantics(np.array(self._times_s), tokens, scores, self._clip.name, self._user_prompts)

    def _embed(self) -> None:
        self._tokens.append(self._clip.embed_pictures(self._waiting))
        self._waiting = []


class PatchTokenController:
    """Collects the dissimilarity of neighbouring pictures by their patch tokens, as VidMusician does."""

    def __init__(self, clip: ClipNetwork) -> None:
        self._clip = clip
        self._times_s: list[float] = []
        self._waiting: list[np.ndarray] = []
        self._last: np.ndarray | None = None  # patches (1, patches, D) of the last picture compared
        self._dissimilarity: list[np.ndarray] = []

    def see(self, time_s: float, rgb: np.ndarray) -> None:
        """Take a picture (height, width, 3) uint8, the same size each time, one every `PATCH_INTERVAL_S`."""
        self._times_s.append(time_s)
        self._waiting.append(rgb)
        if len(self._waiting) >= BATCH:
            self._compare()

    def finish(self) -> PatchMotion:
        """All that was seen."""
        if self._waiting:
            self._compare()
        dissimilarity = np.concatenate([np.zeros(0), *self._dissimilarity]).astype(np.float32)
        return PatchMotion(np.array(self._times_s[1:]), dissimilarity, self._clip.name)

    def _compare(self) -> None:
        patches = self._clip.embed_patches(self._waiting)
        if self._last is not None:
            patches = np.concatenate([self._last, patches])
        self._dissimilarity.append(patch_dissimilarity(patches[:-1], patches[1:]))
        self._last = patches[-1:]
        self._waiting = []


def load_clip(source: ClipSource) -> ClipNetwork:
    """Build the network and read its weights.

    Raises `NotInstalled` where open_clip or the weights are not at hand (and may not or cannot be fetched),
    `BadInput` where the model is unknown or the named weights cannot be used.
    """
    weights = source.weights
    if weights is not None:
        check_weights_file(weights)
    elif source.model == DEFAULT_MODEL:  # looked for before the slow imports, for often it is not there
        weights = _from_hub(source, DEFAULT_REPOSITORY)
    try:
        import open_clip
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise NotInstalled(f"open_clip is not installed ({error}); pip install open_clip_torch") from error

    if source.model.endswith(".json"):
        name = source.model
        if weights is None:
            raise BadInput(f"{name}: a configuration has no weights; name them as well")
        network, context = _network_from_file(Path(name))
        label, mean, std = Path(name).stem, CLIP_MEAN, CLIP_STD
    else:
        name, _, tag = source.model.partition("/")
        config = open_clip.get_model_config(name)
        if config is None:
            raise BadInput(f"{source.model}: no such open_clip model; try {DEFAULT_MODEL}")
        if "hf_model_name" in config.get("text_cfg", {}) or "multimodal_cfg" in config:
            raise BadInput(f"{source.model}: its text part is not open_clip's own; try {DEFAULT_MODEL}")
        tag = tag or _default_tag(open_clip.list_pretrained_tags_by_model(name))
        facts = open_clip.get_pretrained_cfg(name, tag) or {}
        label = f"{name}/{tag}" if source.weights is None else f"{name}/{source.weights.name}"
        mean, std = facts.get("mean", CLIP_MEAN), facts.get("std", CLIP_STD)
        weights = weights or _from_hub(source, facts.get("hf_hub", ""))
        custom = config.pop("custom_text", False)
        build = open_clip.CustomTextCLIP if custom else open_clip.CLIP
        network = build(**{**config, "quick_gelu": bool(facts.get("quick_gelu", config.get("quick_gelu")))})
        context = int(config.get("text_cfg", {}).get("context_length", 77))
    try:
        network.load_state_dict(load_file(str(weights)))
    except (SafetensorError, OSError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise BadInput(
            f"{weights}: not the weights of {source.model} ({reason}); name the right file"
        ) from error
    network.eval()
    return ClipNetwork(
        label, network, open_clip.SimpleTokenizer(context_length=context), tuple(mean), tuple(std)
    )


def check_weights_file(path: Path) -> None:
    """Raise `BadInput` where ``path`` is no safetensors file; a pickle is refused unread."""
    if not path.is_file():
        raise BadInput(f"{path}: no such file; name a safetensors file of CLIP weights")
    if path.suffix != ".safetensors":
        raise BadInput(
            f"{path}: weights must be safetensors (a pickle can run code); convert them with safetensors"
        )


def _network_from_file(path: Path) -> tuple[Any, int]:
    import open_clip

    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        config = config.get("model_cfg", config)
        network = open_clip.CLIP(**config)
        return network, int(network.context_length)
    except (OSError, AttributeError, KeyError, RuntimeError, TypeError, ValueError, AssertionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise BadInput(f"{path}: not an open_clip configuration ({reason}); see its model_configs") from error


def _default_tag(tags: list[str]) -> str:
    return next((tag for tag in PREFERRED_TAGS if tag in tags), tags[0] if tags else "")


def _from_hub(source: ClipSource, repository: str) -> Path:
    """Path of the weights in the hub's folder; fetched only where they are not there and it is allowed."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    remedy = "fetch them once with the network on, or name a safetensors file with --clip-weights"
    repository = repository.strip("/")
    if not repository:
        raise NotInstalled(f"no weights of CLIP {source.model} on the hub; name a file with --clip-weights")
    try:
        return Path(huggingface_hub.hf_hub_download(repository, HUB_FILE, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError) as error:
        if source.offline:
            raise NotInstalled(
                f"weights of CLIP {source.model} are not here and the network is forbidden; {remedy}"
            ) from error
    # A look of a few seconds first: the hub's own client tries half a minute where there is no network.
    address = huggingface_hub.hf_hub_url(repository, HUB_FILE)
    transport = tuple(sys.modules[name].HTTPError for name in ("httpx", "httpx2") if name in sys.modules)
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=HUB_PATIENCE_S):
            pass
        return Path(huggingface_hub.hf_hub_download(repository, HUB_FILE))
    except (HfHubHTTPError, LocalEntryNotFoundError, HTTPException, OSError, ValueError, *transport) as error:
        raise NotInstalled(
            f"weights of CLIP {source.model} are not here and cannot be fetched; {remedy}"
        ) from error


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)

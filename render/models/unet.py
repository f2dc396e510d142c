"""The second family of networks: AudioLDM's or MusicLDM's UNet, and a control branch trained on top of it.

The UNet (diffusers' `UNet2DConditionModel`) stays frozen. The branch is a `ControlNetModel` with copies of its down and
middle blocks, zero convolutions after each, and at its input HPM's equation 3 (`ControlInput`)

    C = norm(z) + Zin(conv(melody)) + Zin(conv(dynamics))

with two further terms of the same form, the pitch roll and the film's mood over time: AudioLDM's UNet attends to no
context, its second attention is self-attention. The style is the class label, a CLAP embedding of a text or a
recording, or an embedding of `render.models.style_encoder`, which a trained layer brings there.

`UNetPredictor` speaks the language of the 1-D family: a token is 80 ms, four frames of controls, eight of AudioLDM's
mel, two columns of its latent; levels are steps of the squared cosine, predictions are velocities. The UNet predicts
noise on a schedule of its own, so each level is translated into the step there at which as much noise is in the latent.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from diffusers import ControlNetModel, DDIMScheduler
from diffusers.models.controlnets.controlnet import zero_module
from torch import nn
from torch.nn import functional

from render.controls import CLASSES, CONTROL_CHANNELS, ROLL_ROWS
from render.models.codec import PATCH
from render.models.predictor import SCHEDULE
from render.models.style_encoder import EMBEDDING
from render.models.transformer import MOOD_CHANNELS

COLUMNS_PER_TOKEN = 2
_DYNAMICS, _ROLL = 2 * CLASSES, 2 * CLASSES + 2
_FLAGS = tuple(range(_ROLL + ROLL_ROWS, CONTROL_CHANNELS))
# Rows of the controls, and of the mood after them, that make up each term of equation 3.
TERMS: dict[str, tuple[int, ...]] = {
    "melody": (*range(_DYNAMICS), *_FLAGS),
    "dynamics": (*range(_DYNAMICS, _ROLL), *_FLAGS),
    "roll": (*range(_ROLL, _ROLL + ROLL_ROWS), *_FLAGS),
    "mood": tuple(range(CONTROL_CHANNELS, CONTROL_CHANNELS + MOOD_CHANNELS)),
}
TERM_WIDTH = 128


class ControlInput(nn.Module):
    """Zin(conv(melody)) + Zin(conv(dynamics)) + ... of HPM's equation 3.

    Two convolutions over time bring each term to the latent's rate; Zin, zero at first, spreads it over the bands.
    """

    def __init__(self, width: int, bands: int) -> None:
        super().__init__()
        self.width, self.bands = width, bands
        self.terms = nn.ModuleDict()
        for name, rows in TERMS.items():
            zero = zero_module(nn.Conv1d(TERM_WIDTH, width * bands, 1))
            self.terms[name] = nn.Sequential(
                nn.Conv1d(len(rows), TERM_WIDTH, 5, padding=2), nn.SiLU(),
                nn.Conv1d(TERM_WIDTH, TERM_WIDTH, 4, stride=2, padding=1), nn.SiLU(), zero,
            )  # fmt: skip

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Controls and mood (batch, CONTROL_CHANNELS + MOOD_CHANNELS, frames): (batch, width, frames / 2, bands)."""
        total = sum(term(rows[:, TERMS[name]]) for name, term in self.terms.items())
        return total.unflatten(1, (self.width, self.bands)).transpose(2, 3)


class Placed(nn.Module):
    """A network's output between ``before`` and ``after`` zeros: the sum of two such outputs is their concatenation,
    which is how AudioLDM joins time and class where `ControlNetModel` adds them."""

    def __init__(self, network: nn.Module, before: int, after: int) -> None:
        super().__init__()
        self.network, self.padding = network, (before, after)

    def forward(self, *inputs: Any) -> torch.Tensor:
        """(batch, before + features + after)."""
        return functional.pad(self.network(*inputs), self.padding)


def control_branch(unet: Any, bands: int) -> ControlNetModel:
    """The branch for ``unet``: its down and middle blocks, copied, between zero convolutions.

    `ControlNetModel.from_unet` knows no "simple_projection" and no cross-attention width of its own for each block, so
    the blocks are put into an empty branch here. ``bands``: height of the latent.
    """
    config = unet.config
    widths = tuple(config.block_out_channels)
    branch = ControlNetModel(
        in_channels=config.in_channels,
        down_block_types=config.down_block_types,
        mid_block_type=config.mid_block_type,
        block_out_channels=widths,
        layers_per_block=config.layers_per_block,
        attention_head_dim=config.attention_head_dim,
        cross_attention_dim=widths[0],
        norm_num_groups=config.norm_num_groups,
        flip_sin_to_cos=config.flip_sin_to_cos,
        freq_shift=config.freq_shift,
    )
    time, label = copy.deepcopy(unet.time_embedding), copy.deepcopy(unet.class_embedding)
    size = time.linear_2.out_features if config.class_embeddings_concat else 0
    branch.time_embedding, branch.class_embedding = Placed(time, 0, size), Placed(label, size, 0)
    branch.conv_in = nn.Sequential(
        copy.deepcopy(unet.conv_in), nn.GroupNorm(config.norm_num_groups, widths[0])
    )
    branch.controlnet_cond_embedding = ControlInput(widths[0], bands)
    branch.down_blocks = copy.deepcopy(unet.down_blocks)
    branch.mid_block = copy.deepcopy(unet.mid_block)
    return branch.requires_grad_(True)


class UNetPredictor(nn.Module):
    """`render.models.predictor.Predictor` of the second family.

    ``unet``: frozen; ``alphas_cumprod`` (steps,): the schedule it was trained on; ``bands``: height of its latent;
    ``null_label`` (features,): the label that stands for no style, CLAP's of the empty text. ``control`` is all that is
    trained; its branch adds nothing until then.
    """

    own_levels: torch.Tensor
    alphas: torch.Tensor
    own_alphas: torch.Tensor
    null_label: torch.Tensor

    def __init__(
        self, unet: Any, alphas_cumprod: torch.Tensor, bands: int, null_label: torch.Tensor | None = None
    ) -> None:
        super().__init__()
        self.unet = unet.requires_grad_(False)
        self.bands, self.depth = bands, int(unet.config.in_channels)
        features = int(unet.config.projection_class_embeddings_input_dim)
        self.control = nn.ModuleDict(
            {"branch": control_branch(unet, bands), "label_of_style": nn.Linear(EMBEDDING, features)}
        )
        self.register_buffer(
            "null_label", torch.zeros(features) if null_label is None else null_label.clone()
        )
        schedule = DDIMScheduler(**SCHEDULE).alphas_cumprod
        own, alphas = same_noise(schedule, alphas_cumprod)
        self.register_buffer("own_levels", own, persistent=False)
        self.register_buffer("alphas", schedule, persistent=False)
        self.register_buffer("own_alphas", alphas, persistent=False)

    @property
    def channels(self) -> int:
        """Features of a token."""
        return COLUMNS_PER_TOKEN * self.depth * self.bands

    def train(self, mode: bool = True) -> UNetPredictor:
        """As in torch; the frozen UNet stays as it is at inference."""
        super().train(mode)
        self.unet.eval()
        return self

    def tokens(self, latent: torch.Tensor) -> torch.Tensor:
        """AudioLDM's latent (batch, depth, 2 tokens, bands) as tokens: (batch, channels, tokens)."""
        return latent.unflatten(2, (-1, COLUMNS_PER_TOKEN)).permute(0, 3, 1, 4, 2).flatten(1, 3)

    def picture(self, tokens: torch.Tensor) -> torch.Tensor:
        """The inverse of `tokens`. Raises ValueError for a latent of another family."""
        if tokens.shape[1] != self.channels:
            raise ValueError(f"latent of {tokens.shape[1]} channels: this network takes {self.channels}")
        columns = tokens.unflatten(1, (COLUMNS_PER_TOKEN, self.depth, self.bands))
        return columns.permute(0, 2, 4, 1, 3).flatten(2, 3)

    def label(self, style: torch.Tensor, has_style: torch.Tensor) -> torch.Tensor:
        """The UNet's label (batch, features) of a ``style`` (batch, 128 or features): null where not ``has_style``.

        Raises ValueError for a style of another width.
        """
        null = self.null_label.expand(len(has_style), -1)
        if not (self.training or has_style.any()):
            return null
        if style.shape[1] == EMBEDDING != null.shape[1]:
            style = functional.normalize(self.control["label_of_style"](style), dim=1)
        if style.shape[1] != null.shape[1]:
            raise ValueError(
                f"style of {style.shape[1]} features: needs {EMBEDDING} of the style encoder "
                f"or {null.shape[1]} of CLAP"
            )
        return torch.where(has_style[:, None], style, null)

    def noise(
        self,
        latent: torch.Tensor,
        level: torch.Tensor,
        label: torch.Tensor,
        mood: torch.Tensor,
        controls: torch.Tensor | None,
    ) -> torch.Tensor:
        """The UNet's own prediction, the noise in ``latent`` (batch, depth, 2 tokens, bands).

        ``level`` (batch,) on its own schedule, fractions allowed; ``label`` (batch, features); ``mood`` (batch, 3,
        tokens); ``controls`` (batch, CONTROL_CHANNELS, 4 tokens), None: without the branch.
        """
        if controls is None:
            return self.unet(latent, level, None, class_labels=label, return_dict=False)[0]
        rows = torch.cat([controls, mood.repeat_interleave(PATCH, 2)], 1)
        down, middle = self.control["branch"](
            latent, level, None, rows, class_labels=label, return_dict=False
        )
        return self.unet(
            latent,
            level,
            None,
            class_labels=label,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]

    def predict(
        self,
        latent: torch.Tensor,
        level: torch.Tensor,
        style: torch.Tensor,
        mood: torch.Tensor,
        controls: torch.Tensor | None,
        has_style: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """See `render.models.predictor.Predictor.predict`; ``style`` may also be CLAP's (batch, features).

        Raises ValueError for a latent or a style of another width.
        """
        if has_style is None:
            has_style = torch.ones(len(latent), dtype=torch.bool, device=latent.device)
        index = level.round().long()
        picture = self.picture(latent)
        label = self.label(style, has_style)
        noise = self.tokens(self.noise(picture, self.own_levels[index], label, mood, controls)).float()
        alpha, sigma = _scales(self.alphas[index])
        own_alpha, own_sigma = _scales(self.own_alphas[index])
        clean = (latent - own_sigma * noise) / own_alpha
        return alpha * noise - sigma * clean


def same_noise(schedule: torch.Tensor, own: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """For every level of ``schedule`` (levels,), products of alphas: the step of the schedule ``own`` (steps,) with as
    much noise, and the product there, both (levels,) float32. Levels beyond its ends count as its ends."""
    ratios, own_ratios = (torch.log(x.double() / (1 - x.double())) for x in (schedule, own))
    ratios = ratios.clamp(own_ratios[-1], own_ratios[0])
    after = torch.searchsorted(-own_ratios, -ratios).clamp(1, len(own) - 1)
    low, high = own_ratios[after], own_ratios[after - 1]
    steps = after - (ratios - low) / (high - low)
    return steps.float(), torch.sigmoid(ratios).float()


def _scales(product: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scales of the clean latent and of the noise, (batch, 1, 1) each."""
    return product.sqrt()[:, None, None], (1 - product).sqrt()[:, None, None]

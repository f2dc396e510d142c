"""Local control of the latent transformer: a ControlNet branch (Zhang et al. 2023), as HPM's S-Control Branch.

The branch holds a copy of the base's input, conditioning and first blocks. Controls enter it through convolutions and a
zero-initialised layer (HPM, eq. 3), and leave it through zero-initialised layers (eq. 1): after each copied block for
that block of the base, after the last one for all that follow. The base is frozen; before training the branch changes
nothing. `ConcatTransformer` is what it is compared with: the same network and the same control encoder, the controls
beside the latent at the input, and everything trained.
"""

from __future__ import annotations

from torch import Tensor, nn

from render.models.codec import PATCH
from render.models.transformer import LatentTransformer, TransformerConfig, Trunk


class ControlEncoder(nn.Module):
    """Controls (batch, controls, PATCH tokens) to tokens (batch, tokens, width): two convolutions."""

    def __init__(self, controls: int, width: int) -> None:
        super().__init__()
        self.controls = controls
        self.patch = nn.Conv1d(controls, width, PATCH, stride=PATCH)
        self.near = nn.Conv1d(width, width, 3, padding=1)
        self.between = nn.GELU()

    def forward(self, controls: Tensor) -> Tensor:
        """Raises ValueError for other channels, or frames that are no multiple of PATCH."""
        if controls.ndim != 3 or controls.shape[1] != self.controls or controls.shape[2] % PATCH:
            raise ValueError(
                f"controls of shape {tuple(controls.shape)}: needs (batch, {self.controls}, frames), "
                f"frames a multiple of {PATCH}"
            )
        return self.between(self.near(self.between(self.patch(controls)))).transpose(1, 2)


class ControlBranch(nn.Module):
    """Residuals for the blocks of a base, from the latent and the controls. ``copied``: how many blocks it has."""

    def __init__(self, config: TransformerConfig, controls: int, copied: int = 3) -> None:
        super().__init__()
        if not 1 <= copied <= config.blocks:
            raise ValueError(f"{copied} copied blocks of {config.blocks}")
        self.config = config
        self.controls = controls
        self.trunk = Trunk(config, copied)
        self.encoder = ControlEncoder(controls, config.width)
        self.enter = _zero(config.width)
        self.leave = nn.ModuleList(_zero(config.width) for _ in range(config.blocks))

    @classmethod
    def copy_of(cls, base: LatentTransformer, controls: int, copied: int = 3) -> ControlBranch:
        """A branch that starts from the first ``copied`` blocks of ``base``."""
        branch = cls(base.config, controls, copied)
        weights = base.trunk.state_dict()
        branch.trunk.load_state_dict({name: weights[name] for name in branch.trunk.state_dict()})
        return branch

    def forward(
        self,
        latent: Tensor,
        level: Tensor,
        style: Tensor,
        mood: Tensor,
        controls: Tensor,
        has_style: Tensor | None = None,
    ) -> list[Tensor]:
        """One residual (batch, tokens, width) for each block of the base; arguments as `Predictor.predict`."""
        condition = self.trunk.condition(level, style, has_style)
        hidden = self.trunk(latent, mood, condition, self.enter(self.encoder(controls)))
        return [leave(hidden[min(block, len(hidden) - 1)]) for block, leave in enumerate(self.leave)]


class ControlledTransformer(nn.Module):
    """A base and its branch: the shipped `Predictor`."""

    def __init__(self, base: LatentTransformer, branch: ControlBranch) -> None:
        super().__init__()
        if base.config != branch.config:
            raise ValueError(f"base {base.config} and branch {branch.config} differ")
        self.base = base
        self.branch = branch

    def predict(
        self,
        latent: Tensor,
        level: Tensor,
        style: Tensor,
        mood: Tensor,
        controls: Tensor | None,
        has_style: Tensor | None = None,
    ) -> Tensor:
        """See `Predictor.predict`. Without controls it is the base alone."""
        residuals = None
        if controls is not None:
            residuals = self.branch(latent, level, style, mood, controls, has_style)
        return self.base(latent, level, style, mood, has_style, residuals)


class ConcatTransformer(nn.Module):
    """One network that takes latent and controls side by side, all of it trained: a `Predictor`."""

    def __init__(self, config: TransformerConfig, controls: int) -> None:
        super().__init__()
        self.config = config
        self.base = LatentTransformer(config)
        self.encoder = ControlEncoder(controls, config.width)
        self.enter = nn.Linear(config.width, config.width)

    def predict(
        self,
        latent: Tensor,
        level: Tensor,
        style: Tensor,
        mood: Tensor,
        controls: Tensor | None,
        has_style: Tensor | None = None,
    ) -> Tensor:
        """See `Predictor.predict`. No controls are controls of which none is present, all zero."""
        if controls is None:
            batch, _, tokens = latent.shape
            controls = latent.new_zeros(batch, self.encoder.controls, PATCH * tokens)
        entering = self.enter(self.encoder(controls))
        return self.base(latent, level, style, mood, has_style, entering=entering)


def _zero(width: int) -> nn.Linear:
    """A layer that gives zero until it is trained."""
    layer = nn.Linear(width, width)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer

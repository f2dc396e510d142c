"""What every family of networks offers to the sampler: the velocity of a noised latent under its conditions."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

LEVELS = 1000  # steps of the training schedule; level 0 is all but clean, LEVELS - 1 noise
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": LEVELS,
    "beta_schedule": "squaredcos_cap_v2",  # Nichol & Dhariwal 2021; it ends at an alpha of 5e-5, as good as no signal
    "prediction_type": "v_prediction",  # Salimans & Ho 2022
}  # of diffusers' schedulers, in training and in sampling


class Predictor(Protocol):
    """A latent diffusion network: a frozen base with a control branch, or one that takes the controls itself."""

    def predict(
        self,
        latent: Tensor,
        level: Tensor,
        style: Tensor,
        mood: Tensor,
        controls: Tensor | None,
        has_style: Tensor | None = None,
    ) -> Tensor:
        """The velocity (batch, channels, tokens) of ``latent``, of the same shape.

        ``level`` (batch,) 0 to LEVELS - 1; ``style`` (batch, 128) embeddings, of which those where ``has_style``
        (batch,) is False are replaced by the learned one for no style; ``mood`` (batch, 3, tokens) valence, arousal
        (-1 to 1) and whether they are known; ``controls`` (batch, channels, 4 tokens), or None for no control at all.
        """

"""Sampling a latent mel spectrogram of any length from a network that predicts velocities.

Convention: a latent has shape (channels, tokens), a token being `PATCH` frames; controls have shape (channels,
frames); ``level`` is a step of the training schedule (`render.models.predictor`), 0 (clean) to 999 (noise); networks
predict v = alpha noise - sigma latent.

Guidance (Ho & Salimans 2022) acts on the style and on the controls, each by its own scale:

    v = v(c,s) + (style - 1) (v(c,s) - v(c,0)) + (control - 1) (v(c,s) - v(0,s))

A cue longer than one window is evaluated in overlapping windows whose predictions are cross-faded **at every step**
before one step is taken for the whole (MultiDiffusion, Bar-Tal et al. 2023), so windows share one latent and no
border is left. The noise of a token depends on the seed and its position alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

from render.errors import OutOfResources
from render.mel import SPEC
from render.models.codec import PATCH
from render.models.predictor import SCHEDULE, Predictor

TOKENS_PER_S = SPEC.frame_hz / PATCH
WEAKEST_START = 0.5  # share of the schedule at the weakest strength; below, a synthesis keeps its timbre
MAX_STEPS, MAX_GUIDANCE = 200, 20.0

Method = Literal["dpm", "ddim"]
METHODS: tuple[Method, ...] = get_args(Method)

_LOWEST_LAMBDA = -5.1  # where DPM-Solver++ starts on a squared cosine, as diffusers advises
_SMALLEST_WINDOW_S = 4.0
_OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate|cannot allocate|not enough memory", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a latent is sampled. Guidance 1 is none; windows and their overlap in seconds.

    What guidance adds is evaluated at every ``guidance_every``-th step and kept between: it changes slowly, though not
    so slowly that once would do.
    """

    method: Method = "dpm"
    steps: int = 5
    guidance_style: float = 2.0
    guidance_control: float = 2.0
    guidance_every: int = 3
    window_s: float = 60.0
    overlap_s: float = 6.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method {self.method!r} is not one of {', '.join(METHODS)}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(f"{self.steps} steps: needs 1 to {MAX_STEPS}")
        if not all(0.0 <= scale <= MAX_GUIDANCE for scale in (self.guidance_style, self.guidance_control)):
            raise ValueError(f"guidance is 0 to {MAX_GUIDANCE:g}")
        if self.guidance_every < 1:
            raise ValueError(f"guidance every {self.guidance_every} steps: needs 1 or more")
        if not 0.0 < 2 * self.overlap_s <= self.window_s:
            raise ValueError(f"windows of {self.window_s} s cannot overlap by {self.overlap_s} s")


DEFAULT_SAMPLING = Sampling()


@dataclass(frozen=True, eq=False)
class Conditions:
    """What a cue is sampled for.

    ``style`` (128,) or None for none; ``mood`` (3, tokens) valence, arousal, whether known; ``controls``
    (channels, PATCH tokens), the input of the control branch, or None. All float32 on one device.
    """

    style: torch.Tensor | None
    mood: torch.Tensor
    controls: torch.Tensor | None

    @property
    def tokens(self) -> int:
        """Length of the latent."""
        return int(self.mood.shape[-1])

    def cut(self, start: int, stop: int) -> Conditions:
        """What holds for the tokens ``start`` to ``stop``."""
        controls = self.controls
        if controls is not None:
            controls = controls[:, PATCH * start : PATCH * stop]
        return Conditions(self.style, self.mood[:, start:stop], controls)


class Journal(Protocol):
    """Keeps the predictions of finished steps, so that an interrupted run goes on (`render.resume`)."""

    def read(self, step: int) -> np.ndarray | None:
        """What was kept of ``step``, or None."""

    def write(self, step: int, prediction: np.ndarray) -> None:
        """Keep of ``step`` velocity and guidance, (2, channels, tokens) float32."""


def sample(
    predictor: Predictor,
    conditions: Conditions,
    channels: int,
    *,
    seed: int,
    sampling: Sampling = DEFAULT_SAMPLING,
    start: torch.Tensor | None = None,
    strength: float = 1.0,
    journal: Journal | None = None,
    progress: Callable[[float], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> torch.Tensor:
    """Sample a latent (channels, tokens) float32 under ``conditions``, on their device.

    With ``strength`` below 1, ``start`` (channels, tokens) is noised to the first level of `make_scheduler` and
    sampled from there; at 0 it is returned as it is. Same seed, device and versions: the same bytes. ``progress`` gets
    the share done, 0-1; ``warn`` a line when memory forced shorter windows. Raises ValueError (a strength below 1
    without a start), OutOfResources (not even the shortest window fits).
    """
    if not 0.0 <= strength <= 1.0:
        raise ValueError(f"strength {strength} is outside 0-1")
    if strength < 1.0 and start is None:
        raise ValueError("a strength below 1 needs a latent to start from")
    if strength == 0.0 and start is not None:
        return start
    device, tokens = conditions.mood.device, conditions.tokens
    scheduler, levels = make_scheduler(sampling, strength, device)
    latent = noise_of(seed, channels, tokens).to(device)
    if strength < 1.0 and start is not None:
        latent = scheduler.add_noise(start[None], latent[None], levels[:1])[0]
    windows = Windows.of(tokens, sampling)
    guidance = torch.zeros_like(latent)
    for index, level in enumerate(levels):
        kept = journal.read(index) if journal is not None else None
        if kept is not None and kept.shape == (2, *latent.shape):
            prediction, guidance = torch.from_numpy(kept).to(device)
        else:
            share = _shares(progress, index, len(levels))
            is_guided = index % sampling.guidance_every == 0
            found, windows = _within_memory(
                predictor, latent, float(level), conditions, sampling, is_guided, windows, share, warn
            )
            guidance = found[1] if is_guided else guidance
            prediction = found[0] + guidance
            if journal is not None:
                journal.write(index, torch.stack([prediction, guidance]).cpu().numpy())
        latent = scheduler.step(prediction[None], level, latent[None], return_dict=False)[0][0]
        if progress is not None:
            progress((index + 1) / len(levels))
    return latent


def noise_of(seed: int, channels: int, tokens: int) -> torch.Tensor:
    """Standard normal noise (channels, tokens) float32; that of a longer cue begins with that of a shorter one."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.standard_normal((tokens, channels), dtype=np.float32).T.copy())


def make_scheduler(
    sampling: Sampling, strength: float, device: torch.device | str = "cpu"
) -> tuple[DPMSolverMultistepScheduler | DDIMScheduler, torch.Tensor]:
    """diffusers' scheduler for ``sampling``, and the levels to step through: (steps,) int64, falling. The first is
    at half of the schedule for a strength just above 0, at its end for 1."""
    scheduler: DPMSolverMultistepScheduler | DDIMScheduler
    if sampling.method == "dpm":
        scheduler = DPMSolverMultistepScheduler(**SCHEDULE, lambda_min_clipped=_LOWEST_LAMBDA)
    else:
        scheduler = DDIMScheduler(**SCHEDULE, clip_sample=False, timestep_spacing="trailing")
    share = WEAKEST_START + (1.0 - WEAKEST_START) * strength
    if sampling.method == "ddim":  # its steps have one width: the start is rounded to a whole one
        total = round(sampling.steps / share)
        scheduler.set_timesteps(total, device=device)
        # For some totals diffusers rounds to one level more, -1, which would be noise again.
        return scheduler, scheduler.timesteps[total - sampling.steps : total]
    scheduler.set_timesteps(sampling.steps)
    levels = np.linspace(0, share * int(scheduler.timesteps[0]), sampling.steps + 1).round()[:0:-1]
    scheduler.set_timesteps(timesteps=levels.astype(int).tolist(), device=device)
    scheduler.set_begin_index(0)
    return scheduler, scheduler.timesteps


@dataclass(frozen=True)
class Windows:
    """Overlapping windows of a latent: ``size`` and ``overlap`` in tokens."""

    tokens: int
    size: int
    overlap: int

    @classmethod
    def of(cls, tokens: int, sampling: Sampling) -> Windows:
        """Those that ``sampling`` asks for."""
        return cls(tokens, round(sampling.window_s * TOKENS_PER_S), round(sampling.overlap_s * TOKENS_PER_S))

    def halved(self) -> Windows | None:
        """Half as long; None where that would be too short to be music."""
        size = min(self.size, self.tokens) // 2
        if size < _SMALLEST_WINDOW_S * TOKENS_PER_S:
            return None
        return Windows(self.tokens, size, min(self.overlap, size // 2))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Start and stop of every window; all but the last have the full size."""
        start = 0
        while True:
            stop = min(start + self.size, self.tokens)
            yield start, stop
            if stop == self.tokens:
                return
            start = stop - self.overlap

    def fade(self, start: int, stop: int) -> torch.Tensor:
        """Weights (stop - start,) of a window's prediction; those of all windows sum to 1 at every token."""
        weights = torch.ones(stop - start)
        ramp = torch.sin(0.5 * torch.pi * (torch.arange(self.overlap) + 0.5) / max(1, self.overlap)) ** 2
        if start > 0:
            weights[: self.overlap] = ramp
        if stop < self.tokens:
            weights[len(weights) - self.overlap :] = ramp.flip(0)
        return weights


def guided(
    predictor: Predictor,
    latent: torch.Tensor,
    level: float,
    conditions: Conditions,
    sampling: Sampling,
    is_guided: bool = True,
) -> torch.Tensor:
    """Of one window the velocity under all conditions and, if ``is_guided``, what guidance adds to it: (1 or 2,
    channels, tokens) float32. Only evaluations that count are made."""
    by_style = sampling.guidance_style - 1.0 if is_guided and conditions.style is not None else 0.0
    by_control = sampling.guidance_control - 1.0 if is_guided and conditions.controls is not None else 0.0
    styles = [True, False] if by_style else [True]
    found = _evaluate(predictor, latent, level, conditions, conditions.controls, styles).float()
    if not is_guided:
        return found
    guidance = torch.zeros_like(latent)
    if by_style:
        guidance += by_style * (found[0] - found[1])
    if by_control:
        base = _evaluate(predictor, latent, level, conditions, None, [True])
        guidance += by_control * (found[0] - base[0].float())
    return torch.stack([found[0], guidance])


def precision_of(device: torch.device) -> torch.dtype:
    """The type networks compute in: bfloat16 where the device has instructions for it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    has_bf16 = device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if has_bf16 else torch.float32


def _evaluate(
    predictor: Predictor,
    latent: torch.Tensor,
    level: float,
    conditions: Conditions,
    controls: torch.Tensor | None,
    has_style: list[bool],
) -> torch.Tensor:
    """Predictions (batch, channels, tokens), one for each of ``has_style``."""
    batch, device = len(has_style), latent.device

    def repeated(values: torch.Tensor) -> torch.Tensor:
        return values.expand(batch, *values.shape)

    style = torch.zeros(1, device=device) if conditions.style is None else conditions.style
    shown = torch.tensor(has_style, device=device) & (conditions.style is not None)
    precision = precision_of(device)
    with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
        return predictor.predict(
            repeated(latent),
            torch.full((batch,), level, device=device),
            repeated(style),
            repeated(conditions.mood),
            None if controls is None else repeated(controls),
            has_style=shown,
        )


def _within_memory(
    predictor: Predictor,
    latent: torch.Tensor,
    level: float,
    conditions: Conditions,
    sampling: Sampling,
    is_guided: bool,
    windows: Windows,
    progress: Callable[[float], None],
    warn: Callable[[str], None] | None,
) -> tuple[torch.Tensor, Windows]:
    """`guided` for the whole latent, and the windows that memory allowed."""
    while True:
        try:
            found = _blended(predictor, latent, level, conditions, sampling, is_guided, windows, progress)
            return found, windows
        except (RuntimeError, MemoryError) as error:
            if not isinstance(error, MemoryError) and not _OUT_OF_MEMORY.search(str(error)):
                raise
        shorter = windows.halved()
        if shorter is None:
            raise OutOfResources(
                f"not even {_SMALLEST_WINDOW_S:g} s of music fit into memory; close other programs, "
                "or use --device cpu"
            )
        windows = shorter
        if warn is not None:
            warn(f"memory ran out; going on with windows of {windows.size / TOKENS_PER_S:.0f} s")


def _blended(
    predictor: Predictor,
    latent: torch.Tensor,
    level: float,
    conditions: Conditions,
    sampling: Sampling,
    is_guided: bool,
    windows: Windows,
    progress: Callable[[float], None],
) -> torch.Tensor:
    """`guided` for all windows, cross-faded."""
    out = latent.new_zeros(2 if is_guided else 1, *latent.shape)
    for start, stop in windows:
        cut = conditions.cut(start, stop)
        part = guided(predictor, latent[:, start:stop], level, cut, sampling, is_guided)
        out[:, :, start:stop] += windows.fade(start, stop).to(part.device) * part
        progress(stop / windows.tokens)
    return out


def _shares(progress: Callable[[float], None] | None, index: int, count: int) -> Callable[[float], None]:
    """Turns the share of a step into the share of all steps."""

    def report(share: float) -> None:
        if progress is not None:
            progress((index + share) / count)

    return report

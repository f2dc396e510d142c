"""What the controllers saw: `VideoFeatures`, the type between reading a video and spotting it.

Times are seconds of picture time: presentation timestamp minus that of the first frame, never frame number /
rate.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np

from composer.errors import BadInput
from composer.hostile import read_arrays
from composer.video.prompts import Prompt

HISTOGRAM_BINS = 64  # h of the RGB-uv histogram (V-MusProd, HistoGAN)
PALETTE_COLORS = 5
AESTHETICS = (  # columns of `VideoFeatures.aesthetics`; `composer.video.aesthetics` says how each is measured
    "contrast",
    "lighting_key",
    "colorfulness",
    "hue_spread",
    "sharpness",
    "shallow_focus",
    "thirds",
    "symmetry",
    "clutter",
)
FORMAT = "framescore features 2"  # first thing checked in a file
MAX_FILE_BYTES = 1 << 30  # of the unpacked arrays


def _none() -> np.ndarray:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class VideoFeatures:
    """Everything the stages after it may know about the picture.

    Arrays are float32 unless said. ``T_c`` colour samples, ``T_m`` motion samples (5 a second), ``T_s``
    semantic samples (1 a second; 0 where no CLIP weights were at hand), ``T_p`` patch samples (25 a second at
    most), ``D`` CLIP width, ``P`` prompts of the bank. Arrays with a default may be left out; those that go
    with samples are zeros then.
    """

    source: str  # file name, without folders
    sha256: str  # of the file
    duration_s: float  # end of the last frame
    frame_count: int
    frame_rate: float  # nominal, frames/s
    width: int  # as shown: after rotation
    height: int
    start_timecode: str  # "HH:MM:SS:FF", zeros where the file names none
    has_audio: bool
    cut_times_s: np.ndarray  # (cuts,) float64, first frame after each cut
    cut_strengths: np.ndarray  # (cuts,) 0-1
    color_times_s: np.ndarray  # (T_c,) float64
    color_histograms: np.ndarray  # (T_c, 3, h, h), each sums to 1
    brightness: np.ndarray  # (T_c,) mean value (HSV) 0-1
    saturation: np.ndarray  # (T_c,) mean saturation (HSV) 0-1
    warmth: np.ndarray  # (T_c,) -1 (blue) .. 1 (orange), saturation-weighted mean hue on that axis
    motion_times_s: np.ndarray  # (T_m,) float64
    rgb_difference: np.ndarray  # (T_m,) mean absolute RGB difference over 0.2 s, 0-255
    saliency: np.ndarray  # (T_m,) motion saliency (CMT), >= 0
    semantic_times_s: np.ndarray  # (T_s,) float64
    semantic_tokens: np.ndarray  # (T_s, D) unit-length CLIP image embeddings
    semantic_scores: np.ndarray  # (T_s, P) probabilities over prompts, see `composer.video.likeness`
    semantic_model: str = ""  # name of the CLIP model; empty where none was used
    warnings: tuple[str, ...] = field(default_factory=tuple)  # what a reader of the report must know
    palettes: np.ndarray = field(default_factory=_none)  # (T_c, 5, 3) RGB 0-1, largest share first
    palette_shares: np.ndarray = field(default_factory=_none)  # (T_c, 5) of the picture, 0-1
    aesthetics: np.ndarray = field(default_factory=_none)  # (T_c, A) the columns named in `AESTHETICS`
    speed: np.ndarray = field(default_factory=_none)  # (T_m,) mean optical flow, picture diagonals/s
    visual_beats_s: np.ndarray = field(default_factory=_none)  # (B,) float64, peaks of saliency (CMT)
    visual_beat_strengths: np.ndarray = field(default_factory=_none)  # (B,) 0-1
    patch_times_s: np.ndarray = field(default_factory=_none)  # (T_p,) float64, later picture of each pair
    patch_dissimilarity: np.ndarray = field(default_factory=_none)  # (T_p,) 0-2, VidMusician's
    patch_source: str = ""  # "pixels" or the CLIP model whose patch tokens were compared; empty: nothing was
    flash_times_s: np.ndarray = field(default_factory=_none)  # (F,) float64, first picture of each flash
    fade_starts_s: np.ndarray = field(default_factory=_none)  # (Fa,) float64, where the picture begins to go
    fade_ends_s: np.ndarray = field(default_factory=_none)  # (Fa,) float64, where the next picture stands
    user_prompts: tuple[Prompt, ...] = ()  # those of the last columns of `semantic_scores`

    def __post_init__(self) -> None:
        for name, (times_name, shape) in _OPTIONAL.items():
            if np.size(getattr(self, name)) == 0:
                object.__setattr__(self, name, np.zeros((len(getattr(self, times_name)), *shape), np.float32))
        for name in _ARRAYS:
            dtype = np.float64 if name.endswith("_s") else np.float32
            array = np.asarray(getattr(self, name), dtype=dtype)
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds values that are not finite")
            object.__setattr__(self, name, array)
        if not (np.isfinite(self.duration_s) and self.duration_s > 0):
            raise ValueError(f"duration_s is {self.duration_s}; it must be above 0")
        if not (np.isfinite(self.frame_rate) and self.frame_rate > 0):
            raise ValueError(f"frame_rate is {self.frame_rate}; it must be above 0")
        for name in ("frame_count", "width", "height"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for times_name, companions in _COMPANIONS.items():
            times = getattr(self, times_name)
            if times.ndim != 1 or (np.diff(times) < 0).any():
                raise ValueError(f"{times_name} must be one ascending row, not {times.shape}")
            for name, dimensions in companions.items():
                shape = getattr(self, name).shape
                if len(shape) != dimensions or shape[0] != len(times):
                    raise ValueError(f"{name} has shape {shape}; {times_name} has {len(times)} entries")
        if self.color_histograms.shape[1] != 3 or len(set(self.color_histograms.shape[2:])) != 1:
            raise ValueError(f"color_histograms has shape {self.color_histograms.shape}, not (T_c, 3, h, h)")
        for name, (_, axes) in _OPTIONAL.items():
            if getattr(self, name).shape[1:] != axes:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, not (samples, *{axes})")
        if (self.fade_ends_s < self.fade_starts_s).any():
            raise ValueError("fade_ends_s must not lie before fade_starts_s")

    def save(self, path: Path) -> None:
        """Write an npz file (no pickle inside), whole or not at all. Raises OSError where it cannot."""
        facts = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _ARRAYS}
        facts["user_prompts"] = [asdict(prompt) for prompt in self.user_prompts]
        header = json.dumps({"format": FORMAT, **facts}, ensure_ascii=False)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, header=np.array(header), **{n: getattr(self, n) for n in _ARRAYS})
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    @classmethod
    def load(cls, path: Path) -> VideoFeatures:
        """Read what `save` wrote. Raises `BadInput` where the file is missing, damaged or something else."""
        remedy = "make it again with: framescore analyze VIDEO -o FEATURES"
        arrays = read_arrays(path, ("header", *_ARRAYS), MAX_FILE_BYTES, remedy)
        try:
            facts = json.loads(str(arrays.pop("header")))
            if facts.pop("format") != FORMAT:
                raise BadInput(f"{path}: features of another version; {remedy}")
            facts["warnings"] = tuple(facts["warnings"])
            facts["user_prompts"] = tuple(
                Prompt(**{**prompt, "tags": tuple(prompt["tags"])}) for prompt in facts["user_prompts"]
            )
            return cls(**{**facts, **arrays})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
            raise BadInput(f"{path}: not a features file ({reason}); {remedy}") from error


# Array of times -> the arrays with one entry for each of them, and how many axes those have.
_COMPANIONS: dict[str, dict[str, int]] = {
    "cut_times_s": {"cut_strengths": 1},
    "color_times_s": {
        "color_histograms": 4,
        "brightness": 1,
        "saturation": 1,
        "warmth": 1,
        "palettes": 3,
        "palette_shares": 2,
        "aesthetics": 2,
    },
    "motion_times_s": {"rgb_difference": 1, "saliency": 1, "speed": 1},
    "visual_beats_s": {"visual_beat_strengths": 1},
    "patch_times_s": {"patch_dissimilarity": 1},
    "flash_times_s": {},
    "fade_starts_s": {"fade_ends_s": 1},
    "semantic_times_s": {"semantic_tokens": 2, "semantic_scores": 2},
}
# Arrays that go with samples but may be left out -> their times, and the axes after the first.
_OPTIONAL: dict[str, tuple[str, tuple[int, ...]]] = {
    "palettes": ("color_times_s", (PALETTE_COLORS, 3)),
    "palette_shares": ("color_times_s", (PALETTE_COLORS,)),
    "aesthetics": ("color_times_s", (len(AESTHETICS),)),
    "speed": ("motion_times_s", ()),
}
_ARRAYS = tuple(name for times, rest in _COMPANIONS.items() for name in (times, *rest))

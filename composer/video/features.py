"""What the controllers saw: `VideoFeatures`, the type between reading a video and spotting it.

Times are seconds of picture time: presentation timestamp minus that of the first frame, never frame number /
rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

HISTOGRAM_BINS = 64  # h of the RGB-uv histogram (V-MusProd, HistoGAN)


@dataclass(frozen=True)
class VideoFeatures:
    """Everything the stages after it may know about the picture.

    Arrays are float32 unless said. ``T_c`` colour samples, ``T_m`` motion samples (5 a second), ``T_s``
    semantic samples (1 a second; 0 where no CLIP weights were at hand), ``D`` CLIP width, ``P`` prompts of
    the bank.
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
    semantic_scores: np.ndarray  # (T_s, P) probabilities over the prompt bank
    semantic_model: str = ""  # name of the CLIP model; empty where none was used
    warnings: tuple[str, ...] = field(default_factory=tuple)  # what a reader of the report must know

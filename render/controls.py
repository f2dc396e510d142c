"""What the diffusion obeys: melody, chroma, dynamics, onsets and a pitch roll, from MIDI alone or from a recording.

Melody and dynamics follow HPM (and Music ControlNet, Wu et al. 2023): the strongest pitch class of every frame, and the
frame's energy in dB, smoothed by a Savitzky-Golay filter. Chroma adds how strong the other classes are; onsets and the
roll (MIDI pitches 24-107, then kicks, snares, toms and cymbals) exist only where there is a score.

Convention: frame i is centred at i / 50 s (`render.mel`). Levels are those of `render.notes`' loudness model, in which
a lone note of velocity 127 at full volume has 0 dB: sound is scaled to it (`calibration_db`) before it is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.ndimage import convolve1d
from scipy.signal import savgol_filter

from render.audio import Audio
from render.events import Performance
from render.mel import SPEC, power_blocks
from render.notes import Notes, level_of, notes_of

CONTROLS = ("melody", "chroma", "dynamics", "onsets", "roll")
CLASSES = 12
LOWEST_PITCH, HIGHEST_PITCH = 24, 107
PITCHES = HIGHEST_PITCH - LOWEST_PITCH + 1
DRUM_GROUPS = (
    {35, 36},
    {37, 38, 39, 40},
    {41, 43, 45, 47, 48, 50},
)  # kicks, snares, toms; the rest are cymbals
ROLL_ROWS = PITCHES + len(DRUM_GROUPS) + 1
NO_CLASS = -1

FLOOR_DB = -60.0
SMOOTHING_FRAMES, SMOOTHING_ORDER = 25, 2
CHROMA_WINDOW_S, CHROMA_LOW_HZ, CHROMA_HIGH_HZ = 0.256, 180.0, 4000.0
CHROMA_LOW_PITCH, LOW_PITCH_WEIGHT = 54, 0.25  # the lowest pitch whose fundamental the chroma of sound holds
SILENT_POWER = 1e-8
REFERENCE_DB = -12.0  # level of sound that stands for 0 dB of the loudness model
LINE_BINS = 1.5  # Hann spreads the power of a line so wide
_ACTIVE_DB = -40.0
_RELEASE_S = 0.06
_DYNAMICS_CENTRE_DB, _DYNAMICS_SPAN_DB = -15.0, 15.0


@dataclass(frozen=True, eq=False)
class RenderControls:
    """Controls of a stretch of music, frame by frame.

    ``melody`` (frames,) int8 strongest pitch class, -1 for none; ``chroma`` (12, frames) float32 shares that sum to 1,
    or 0 in silence; ``dynamics_db`` (frames,) float32; ``onsets`` (frames,) float32 0-1; ``roll`` (88, frames) float32
    0-1. ``present`` (5, frames) bool says where each of `CONTROLS` counts; ``measured``, that chroma comes from sound
    wherever there is no roll.
    """

    melody: np.ndarray
    chroma: np.ndarray
    dynamics_db: np.ndarray
    onsets: np.ndarray
    roll: np.ndarray
    present: np.ndarray
    measured: bool = False

    def __post_init__(self) -> None:
        n = self.frames
        shapes = {
            "melody": (n,), "chroma": (CLASSES, n), "dynamics_db": (n,), "onsets": (n,), "roll": (ROLL_ROWS, n),
            "present": (len(CONTROLS), n),
        }  # fmt: skip
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"control {name} has shape {getattr(self, name).shape}, needs {shape}")

    @property
    def frames(self) -> int:
        """How many frames."""
        return int(self.melody.shape[-1])

    @property
    def asked_melody(self) -> np.ndarray:
        """``melody`` where it is present, else -1: (frames,) int8."""
        return np.where(self.present[CONTROLS.index("melody")], self.melody, NO_CLASS).astype(np.int8)

    @property
    def asked_dynamics_db(self) -> np.ndarray | None:
        """``dynamics_db`` where they are present from start to end, else None."""
        return self.dynamics_db if self.present[CONTROLS.index("dynamics")].all() else None

    def only(self, *names: str) -> RenderControls:
        """The same with only the controls ``names`` present. Raises ValueError for an unknown name."""
        kept = np.array([name in names for name in _known(*names)])
        return replace(self, present=self.present & kept[:, None])

    def during(self, name: str, start_s: float, end_s: float) -> RenderControls:
        """The same with control ``name`` present from ``start_s`` to ``end_s`` only. Raises ValueError as `only`."""
        index = _known(name).index(name)
        times_s = np.arange(self.frames) / SPEC.frame_hz
        present = self.present.copy()
        present[index] &= (times_s >= start_s) & (times_s < end_s)
        return replace(self, present=present)

    def cut(self, start: int, stop: int) -> RenderControls:
        """Frames ``start`` to ``stop``; beyond the end no control is present."""
        missing = max(0, stop - max(start, self.frames))
        parts: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                widths = [(0, 0)] * (value.ndim - 1) + [(0, missing)]
                parts[field.name] = np.pad(value[..., start:stop], widths)
        return replace(self, **parts)


def _known(*names: str) -> tuple[str, ...]:
    for name in names:
        if name not in CONTROLS:
            raise ValueError(f"control {name!r} is not one of {', '.join(CONTROLS)}")
    return CONTROLS


CONTROL_CHANNELS = 2 * CLASSES + 2 + ROLL_ROWS + len(CONTROLS) + 1


def channels(controls: RenderControls) -> np.ndarray:
    """The network's input: (CONTROL_CHANNELS, frames) float32, absent controls zero.

    Rows: melody (12, one-hot), chroma (12), dynamics, onsets, roll (88), what is present (5), whether chroma is present
    and measured.
    """
    melody, chroma, dynamics, onsets, roll = controls.present.astype(np.float32)
    one_hot = (controls.melody == np.arange(CLASSES)[:, None]).astype(np.float32)
    level = (controls.dynamics_db - _DYNAMICS_CENTRE_DB) / _DYNAMICS_SPAN_DB
    rows = [
        one_hot * melody,
        controls.chroma * chroma,
        (level * dynamics)[None],
        (controls.onsets * onsets)[None],
        controls.roll * roll,
        controls.present,
        (chroma * controls.measured * (1 - roll))[None],
    ]
    return np.concatenate(rows, axis=0, dtype=np.float32)


def controls_of_performance(performance: Performance, frames: int) -> RenderControls:
    """All controls, from the MIDI alone."""
    notes = notes_of(performance)
    times_s = np.arange(frames) / SPEC.frame_hz
    levels = np.array([level_of(part, times_s) for part in performance.parts]).reshape(-1, frames)
    is_drums = np.array([part.is_drums for part in performance.parts], bool)
    power = np.zeros((ROLL_ROWS, frames))
    onsets = np.zeros(frames)
    rows = _rows(notes, is_drums)
    for row, start, stop, energy in _spans(notes, times_s):
        sounding = energy * levels[notes.part[row]][start:stop]
        power[rows[row], start:stop] += sounding
        onsets[start] = max(onsets[start], sounding[0] ** 0.25)
    pitched = power[:PITCHES]
    weights = np.where(np.arange(PITCHES) + LOWEST_PITCH < CHROMA_LOW_PITCH, LOW_PITCH_WEIGHT, 1.0)
    class_power = np.stack([(weights[c::12, None] * pitched[c::12]).sum(axis=0) for c in range(CLASSES)])
    melody, chroma = _classes(_as_windowed(class_power))
    return RenderControls(
        melody,
        chroma,
        smoothed_db(power.sum(axis=0)),
        np.minimum(onsets, 1.0).astype(np.float32),
        np.minimum(power**0.25, 1.0).astype(np.float32),
        np.ones((len(CONTROLS), frames), bool),
    )


def controls_of_audio(audio: Audio) -> RenderControls:
    """Melody, chroma and dynamics of a recording; it has no onsets and no roll."""
    class_power = chroma_power(audio)
    melody, chroma = _classes(class_power)
    frames = len(melody)
    present = np.repeat(np.isin(CONTROLS, ("melody", "chroma", "dynamics"))[:, None], frames, axis=1)
    return RenderControls(
        melody,
        chroma,
        dynamics_of_audio(audio),
        np.zeros(frames, np.float32),
        np.zeros((ROLL_ROWS, frames), np.float32),
        present,
        measured=True,
    )


def dynamics_of_audio(audio: Audio) -> np.ndarray:
    """Smoothed level of every frame in dB on the scale of the loudness model: (frames,) float32."""
    return dynamics_of_energy(energy_of(audio))


def dynamics_of_energy(energy: np.ndarray) -> np.ndarray:
    """The same from the energy of every frame (`energy_of`): (frames,) float32."""
    return smoothed_db(energy / 10 ** (REFERENCE_DB / 10))


def chroma_power(audio: Audio) -> np.ndarray:
    """Power of every pitch class between 180 and 4000 Hz, over a window of 256 ms: (12, frames) float32."""
    bank = chroma_bank(2 * round(CHROMA_WINDOW_S * audio.sample_rate / 2), audio.sample_rate)
    heard = bank.any(axis=0)
    bank = bank[:, heard]
    blocks = [bank @ power[heard] for power in power_blocks(audio, window_s=CHROMA_WINDOW_S)]
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((CLASSES, 0), np.float32)


@cache
def chroma_bank(window: int, sample_rate: int) -> np.ndarray:
    """Takes power of the bins of a ``window`` in samples to power of the pitch classes: (12, bins) float32."""
    hz = np.arange(window // 2 + 1) * (sample_rate / window)
    heard = (hz >= CHROMA_LOW_HZ) & (hz <= CHROMA_HIGH_HZ)
    classes = np.round(pitch_of(hz)) % 12
    return ((classes == np.arange(CLASSES)[:, None]) & heard).astype(np.float32)


def pitch_of(hz: np.ndarray) -> np.ndarray:
    """MIDI pitches of frequencies; far below all pitches for 0 Hz."""
    return 69 + 12 * np.log2(np.maximum(hz, 1e-3) / 440)


def calibration_db(audio: Audio, performance: Performance) -> float:
    """What to add to ``audio``, in dB, so that its mean level is that of the MIDI's loudness model; 0 if silent."""
    energy = energy_of(audio)
    return level_gap_db(energy, controls_of_performance(performance, len(energy)).dynamics_db)


def level_gap_db(energy: np.ndarray, wanted_db: np.ndarray) -> float:
    """The mean of ``wanted_db``, a control, above the level of sound of this energy, both (frames,); 0 if silent."""
    active = (wanted_db > _ACTIVE_DB) & (energy > SILENT_POWER)
    if not active.any():
        return 0.0
    return float(np.mean(wanted_db[active] + REFERENCE_DB - 10 * np.log10(energy[active])))


def smoothed_db(power: np.ndarray) -> np.ndarray:
    """Power (frames,) in dB, not below -60 and smoothed over half a second: (frames,) float32."""
    level = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
    if len(level) >= SMOOTHING_FRAMES:
        level = savgol_filter(level, SMOOTHING_FRAMES, SMOOTHING_ORDER)
    return np.maximum(level, FLOOR_DB).astype(np.float32)


def energy_of(audio: Audio) -> np.ndarray:
    """Energy of every frame, 1 for a sinusoid at full scale: (frames,) float32."""
    blocks = [power.sum(axis=0) / LINE_BINS for power in power_blocks(audio)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _classes(class_power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strongest class (frames,) int8 and shares of amplitude (12, frames) float32 of class powers (12, frames)."""
    silent = class_power.sum(axis=0) <= SILENT_POWER
    melody = np.where(silent, NO_CLASS, class_power.argmax(axis=0)).astype(np.int8)
    amplitude = np.where(silent, 0.0, np.sqrt(class_power))
    return melody, (amplitude / np.maximum(amplitude.sum(axis=0), 1e-9)).astype(np.float32)


def _as_windowed(class_power: np.ndarray) -> np.ndarray:
    """Power of the classes (12, frames) of a score as windows of `CHROMA_WINDOW_S` would show that of its sound."""
    half = int(CHROMA_WINDOW_S * SPEC.frame_hz / 2)
    weights = np.cos(np.pi * np.arange(-half, half + 1) / (CHROMA_WINDOW_S * SPEC.frame_hz)) ** 4
    return convolve1d(class_power, weights / weights.sum(), axis=1, mode="constant")


def _rows(notes: Notes, is_drums: np.ndarray) -> np.ndarray:
    """Row of the roll of every note; pitches beyond it move by octaves."""
    pitch = notes.pitch.copy()
    pitch += 12 * np.maximum(0, -(-(LOWEST_PITCH - pitch) // 12))
    pitch -= 12 * np.maximum(0, -(-(pitch - HIGHEST_PITCH) // 12))
    group = np.full(len(notes), len(DRUM_GROUPS))
    for index, members in enumerate(DRUM_GROUPS):
        group[np.isin(notes.pitch, list(members))] = index
    return np.where(is_drums[notes.part], PITCHES + group, pitch - LOWEST_PITCH)


def _spans(notes: Notes, times_s: np.ndarray) -> Iterator[tuple[int, int, int, np.ndarray]]:
    """Of every note that sounds: index, first frame, frame after the last, and its energy (frames,)."""
    frame_hz, frames = SPEC.frame_hz, len(times_s)
    starts = np.round(notes.onset_s * frame_hz).astype(int)
    stops = np.ceil((notes.end_s + _RELEASE_S) * frame_hz).astype(int)
    energies = (notes.velocity / 127.0) ** 4
    for index in np.flatnonzero((starts < frames) & (stops > 0)).tolist():
        start = max(int(starts[index]), 0)
        stop = min(max(int(stops[index]), start + 1), frames)
        age_s = np.maximum(times_s[start:stop] - notes.onset_s[index], 0.0)
        yield index, start, stop, energies[index] * np.exp(-age_s / notes.decay_s[index])

"""From a mood to musical wishes: the rules that films and music without a picture share.

Mood is valence and arousal, -1..1 (Russell's circumplex, 1980).

- Mode follows valence: major from 0 up, minor below (Hunter, Schellenberg & Schimmack 2010 among many).
- Tonic: excited music starts on the sharp side, calm music on the flat side (the old lore of key characters,
  Steblin 1983); the seed picks among three.
- Other keys stay within one accidental of the first: the same key, its relative, its dominant (its subdominant on
  the flat side), and that one's relative.
- Tempo: V-MusProd's linear 90-130 BPM by motion, moved by up to 40 BPM with arousal. Where nothing moves because
  there is no picture, motion is as strong as arousal asks.
- Density and dynamics rise with arousal, density with motion as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.theory import Key, Mode

SLOWEST_BPM, FASTEST_BPM = 60.0, 140.0
MOTION_BPM = (90.0, 130.0)  # V-MusProd
AROUSAL_BPM = 40.0
LEAST_DENSITY, ENERGY_DENSITY, MOTION_DENSITY = 0.15, 0.55, 0.3
LEAST_DYNAMICS, ENERGY_DYNAMICS = 0.2, 0.7

# Tonics on the flat and the sharp side, plainest first.
FLAT_TONICS: dict[Mode, tuple[str, ...]] = {"major": ("F", "Bb", "Eb"), "minor": ("Dm", "Gm", "Cm")}
SHARP_TONICS: dict[Mode, tuple[str, ...]] = {"major": ("G", "D", "C"), "minor": ("Em", "Am", "Bm")}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a mood asks for: mode, tempo (quarter notes a minute, within the limits), density and dynamics 0..1."""

    mode: Mode
    tempo_bpm: float
    density: float
    dynamics: float


def mood_to_wishes(valence: float, arousal: float, motion: float | None = None) -> Wishes:
    """What a mood asks for. ``motion`` 0..1 is how much the picture moves; None: there is no picture."""
    energy = (arousal + 1) / 2
    motion = energy if motion is None else motion
    density = LEAST_DENSITY + ENERGY_DENSITY * energy + MOTION_DENSITY * motion
    return Wishes(
        mode_of(valence),
        min(max(unbound_tempo_bpm(arousal, motion), SLOWEST_BPM), FASTEST_BPM),
        min(max(density, 0.0), 1.0),
        min(max(LEAST_DYNAMICS + ENERGY_DYNAMICS * energy, 0.0), 1.0),
    )


def unbound_tempo_bpm(arousal: float, motion: float) -> float:
    """The tempo before the limits."""
    return motion_bpm(motion) + AROUSAL_BPM * arousal


def motion_bpm(motion: float) -> float:
    """V-MusProd's tempo for motion 0..1."""
    slow, fast = MOTION_BPM
    return slow + (fast - slow) * motion


def wishes_to_arousal(
    tempo_bpm: float | None = None, density: float | None = None, dynamics: float | None = None
) -> float | None:
    """The arousal, -1..1, that would have asked for these without a picture: the mean of what each says; None where
    none is given.
    """
    slow, fast = MOTION_BPM
    said = []
    if tempo_bpm is not None:
        said.append((tempo_bpm - (slow + fast) / 2) / (AROUSAL_BPM + (fast - slow) / 2))
    if density is not None:
        said.append(2 * (density - LEAST_DENSITY) / (ENERGY_DENSITY + MOTION_DENSITY) - 1)
    if dynamics is not None:
        said.append(2 * (dynamics - LEAST_DYNAMICS) / ENERGY_DYNAMICS - 1)
    return float(np.mean(np.clip(said, -1, 1))) if said else None


def mode_of(valence: float) -> Mode:
    """Major for the glad half of the plane."""
    return "major" if valence >= 0 else "minor"


def side_of(arousal: float) -> str:
    """``sharp`` or ``flat``: the side of the circle of fifths."""
    return "sharp" if arousal >= 0 else "flat"


def home_key(mode: Mode, arousal: float, rng: np.random.Generator) -> Key:
    """The key to start in."""
    names = (SHARP_TONICS if side_of(arousal) == "sharp" else FLAT_TONICS)[mode]
    return Key.parse(names[int(rng.integers(len(names)))])


def related_key(home: Key, mode: Mode, arousal: float, before: Key | None) -> Key:
    """A key of ``mode`` beside ``home`` for a new theme; other than ``before``, where the mode leaves a choice."""
    chosen = home if mode == home.mode else home.relative
    if before == chosen:
        near = home.transposed(7 if side_of(arousal) == "sharp" else 5)  # dominant, or subdominant
        chosen = near if mode == near.mode else near.relative
    return chosen

"""Music to mood: valence and arousal from notes, -1..1, for a clip or for every bar of a piece.

Conventions: valence and arousal as in Russell's circumplex (1980); a mood's quadrant is the pair of their signs (Q1
v+a+, Q2 v-a+, Q3 v-a-, Q4 v+a-, as EMOPIA counts them). All tracks are merged, drums left out. A beat is a pulse
(`composer.tokens.grid`). Arrays have one entry a window: a clip is one window, a bar's window is the eight bars
around it.

Which features speak, and in which direction, is published; the sizes are round numbers set by hand:

- *arousal*: rate of events, loudness and tempo (Gomez & Danuser, "Relationships between musical structure and
  psychophysiological measures of emotion", *Emotion* 7:2, 2007; Eerola, Friberg & Bresin, "Emotional expression in
  music", *Frontiers in Psychology* 4:487, 2013).
- *valence*: mode above all (Eerola et al. 2013; Gabrielsson & Lindström 2010), then register (Eerola et al. 2013).
  Mode is heard as *majorness*: how much better the pitch classes correlate with the best major key than with the
  best minor key (as MIRtoolbox's mode; Lartillot & Toiviainen, ISMIR 2007), with the shares of Albrecht & Shanahan
  (2013) for profiles. Where the mode is known it counts as well.

Zero is the middle of the music of `Reference`, not of any labelled set. `mood.json` beside this file is the card: how
often the signs are those of labelled clips, what was looked at, what the estimator cannot hear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.analysis.keys import ALBRECHT_SHANAHAN_PROFILES

WINDOW_BARS = 8
LONGEST_S = 2.0  # a note held longer counts no more towards the mode

# Arousal: weights of the standardised features. Without a tempo the other two share its weight.
RATE_WEIGHT, VELOCITY_WEIGHT, TEMPO_WEIGHT = 0.45, 0.35, 0.20
AROUSAL_GAIN = 1.2

# Valence
MAJORNESS_WEIGHT = 1.0  # of standardised majorness, where the mode is not known
KNOWN_MODE_WEIGHT, KNOWN_MAJORNESS_WEIGHT = (
    0.6,
    0.4,
)  # of +1 for major, -1 for minor, and of majorness, where it is
REGISTER_WEIGHT = 0.15
VALENCE_GAIN = 1.0


@dataclass(frozen=True, slots=True)
class Reference:
    """The music against which more and less is heard: the centre and spread of each feature.

    The default's centres lie midway between the median songs of POP909 (MIT) and OpenScore Lieder (CC0): 6.5 and 8.2
    notes/s, velocity 84 and 62, 74 and 90 beats/min, mean pitch 62.5 and 62.9. Majorness is zero where major and minor
    fit equally well.
    """

    note_rate: float = 7.3  # notes/s
    note_rate_log_spread: float = 0.40
    velocity: float = 73.0  # MIDI
    velocity_spread: float = 14.0
    bpm: float = 82.0
    bpm_log_spread: float = 0.30
    pitch: float = 62.7  # MIDI
    pitch_spread: float = 5.0
    majorness: float = 0.0
    majorness_spread: float = 0.20


REFERENCE = Reference()


@dataclass(frozen=True)
class MoodFeatures:
    """What a mood is told from, (windows,) each: ``note_rate`` notes/s, mean ``velocity`` and ``pitch`` (MIDI),
    ``majorness`` -1..1, and, where known, ``bpm`` beats a minute and ``minor`` 0/1.

    A window without notes has rate 0, NaN velocity and pitch, and majorness 0.
    """

    note_rate: np.ndarray
    velocity: np.ndarray
    pitch: np.ndarray
    majorness: np.ndarray
    bpm: np.ndarray | None = None
    minor: np.ndarray | None = None


@dataclass(frozen=True)
class Mood:
    """``valence`` and ``arousal``, (windows,) each, -1..1."""

    valence: np.ndarray
    arousal: np.ndarray

    @property
    def quadrant(self) -> np.ndarray:
        """(windows,) 1-4: v+a+, v-a+, v-a-, v+a-. Zero counts as positive."""
        happy, excited = self.valence >= 0, self.arousal >= 0
        return np.where(excited, np.where(happy, 1, 2), np.where(happy, 4, 3))


def clip_mood(
    onset_s: np.ndarray,
    end_s: np.ndarray,
    pitch: np.ndarray,
    velocity: np.ndarray,
    *,
    bpm: float | None = None,
    minor: bool | None = None,
    reference: Reference = REFERENCE,
) -> Mood:
    """The mood of notes as one window: `mood_of` the `clip_features`."""
    return mood_of(clip_features(onset_s, end_s, pitch, velocity, bpm=bpm, minor=minor), reference)


def clip_features(
    onset_s: np.ndarray,
    end_s: np.ndarray,
    pitch: np.ndarray,
    velocity: np.ndarray,
    *,
    bpm: float | None = None,
    minor: bool | None = None,
) -> MoodFeatures:
    """Features of notes, (n,) each, as one window from the first onset to the last end (at least a second).

    Raises ValueError where the arrays differ in length or hold no notes.
    """
    if not len(onset_s) == len(end_s) == len(pitch) == len(velocity) or not len(onset_s):
        lengths = [len(onset_s), len(end_s), len(pitch), len(velocity)]
        raise ValueError(f"a mood needs notes, all arrays of one length; got lengths {lengths}")
    span_s = max(float(np.max(end_s) - np.min(onset_s)), 1.0)
    return bar_features(
        bar=np.zeros(len(onset_s), np.int64),
        duration_s=np.asarray(end_s, float) - onset_s,
        pitch=pitch,
        velocity=velocity,
        bar_s=np.array([span_s]),
        bar_bpm=None if bpm is None else np.array([bpm], float),
        bar_minor=None if minor is None else np.array([minor], float),
    )


def bar_features(
    bar: np.ndarray,
    duration_s: np.ndarray,
    pitch: np.ndarray,
    velocity: np.ndarray,
    *,
    bar_s: np.ndarray,
    bar_bpm: np.ndarray | None = None,
    bar_minor: np.ndarray | None = None,
    window_bars: int = WINDOW_BARS,
) -> MoodFeatures:
    """Features of the ``window_bars`` around every bar.

    ``bar`` (n,) is the bar in which each note starts, ``duration_s``, ``pitch`` and ``velocity`` (n,) go with it;
    ``bar_s`` (bars,) is the length of each bar in seconds; ``bar_bpm`` and ``bar_minor`` (bars,) where known. The
    window reaches as far before the bar as after it, one bar further after it where ``window_bars`` is even.

    Raises ValueError where a note lies outside the bars, a bar has no length, or a tempo is not positive.
    """
    bars = len(bar_s)
    bar = np.asarray(bar, np.int64)
    if bar.size and not 0 <= bar.min() <= bar.max() < bars:
        raise ValueError(f"bars of notes {bar.min()}-{bar.max()} are outside 0-{bars - 1}")
    if (np.asarray(bar_s) <= 0).any() or (bar_bpm is not None and (np.asarray(bar_bpm) <= 0).any()):
        raise ValueError("the length and the tempo of every bar must be above 0")

    def around(values: np.ndarray) -> np.ndarray:
        return _window_sum(values, window_bars)

    count = around(np.bincount(bar, minlength=bars).astype(float))
    weight = np.clip(duration_s, 0.01, LONGEST_S)
    classes = np.bincount(bar * 12 + np.asarray(pitch, np.int64) % 12, weights=weight, minlength=12 * bars)
    seconds = around(np.asarray(bar_s, float))
    notes = np.where(count > 0.5, count, np.nan)
    bpm = None
    if bar_bpm is not None:
        bpm = np.exp(around(np.log(bar_bpm) * bar_s) / seconds)
    return MoodFeatures(
        note_rate=count / seconds,
        velocity=around(np.bincount(bar, weights=velocity, minlength=bars)) / notes,
        pitch=around(np.bincount(bar, weights=pitch, minlength=bars)) / notes,
        majorness=majorness(around(classes.reshape(bars, 12))),
        bpm=bpm,
        minor=None if bar_minor is None else np.asarray(bar_minor, float),
    )


def majorness(pitch_class_weights: np.ndarray) -> np.ndarray:
    """Correlation with the best major key less that with the best minor key, (windows,), of (windows, 12) weights >= 0.

    0 where all weights are alike.
    """
    weights = np.asarray(pitch_class_weights, float)
    centred = weights - weights.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    correlation = np.where(length > 1e-9, centred / np.maximum(length, 1e-9), 0.0) @ _PROFILES.T
    return np.asarray(correlation[:, :12].max(1) - correlation[:, 12:].max(1))


def mood_of(features: MoodFeatures, reference: Reference = REFERENCE) -> Mood:
    """Valence and arousal of every window. A window without notes is calm, and its valence that of its mode, or 0."""
    rate = np.log(np.maximum(features.note_rate, 0.1) / reference.note_rate) / reference.note_rate_log_spread
    velocity = np.nan_to_num((features.velocity - reference.velocity) / reference.velocity_spread, nan=-2.0)
    excited = RATE_WEIGHT * rate + VELOCITY_WEIGHT * velocity
    if features.bpm is None:
        excited = excited / (RATE_WEIGHT + VELOCITY_WEIGHT)
    else:
        excited = excited + TEMPO_WEIGHT * np.log(features.bpm / reference.bpm) / reference.bpm_log_spread
    major = (features.majorness - reference.majorness) / reference.majorness_spread
    if features.minor is None:
        happy = MAJORNESS_WEIGHT * major
    else:
        happy = KNOWN_MODE_WEIGHT * (1 - 2 * features.minor) + KNOWN_MAJORNESS_WEIGHT * major
    happy = happy + REGISTER_WEIGHT * np.nan_to_num(
        (features.pitch - reference.pitch) / reference.pitch_spread
    )
    return Mood(valence=np.tanh(VALENCE_GAIN * happy), arousal=np.tanh(AROUSAL_GAIN * excited))


def collection_reference(features: list[MoodFeatures]) -> Reference:
    """The default reference, but with the medians of ``features`` (one a piece, no labels) for the centres of rate,
    velocity, tempo and register: what is calm or excited *for this kind of music*. Majorness keeps its zero.
    """

    def median(values: list[np.ndarray], fallback: float) -> float:
        return float(np.nanmedian(np.concatenate(values))) if values else fallback

    return Reference(
        note_rate=median([f.note_rate for f in features], REFERENCE.note_rate),
        velocity=median([f.velocity for f in features], REFERENCE.velocity),
        bpm=median([f.bpm for f in features if f.bpm is not None], REFERENCE.bpm),
        pitch=median([f.pitch for f in features], REFERENCE.pitch),
    )


def _window_sum(values: np.ndarray, window: int) -> np.ndarray:
    """Sums of ``values`` (bars, ...) over the window around each bar, cut off at the ends."""
    bars = len(values)
    running = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    first = np.maximum(np.arange(bars) - (window - 1) // 2, 0)
    end = np.minimum(np.arange(bars) + window // 2 + 1, bars)
    return np.asarray(running[end] - running[first])


def _profiles() -> np.ndarray:
    """(24, 12), zero mean, unit length: twelve major keys, then twelve minor ones."""
    rows = []
    for mode in ("major", "minor"):
        shares = np.array(ALBRECHT_SHANAHAN_PROFILES[mode])
        centred = (shares - shares.mean()) / np.linalg.norm(shares - shares.mean())
        rows += [np.roll(centred, tonic) for tonic in range(12)]
    return np.array(rows)


_PROFILES = _profiles()

"""What a model is told about a song, computed from the song itself: frame, mood, plans, streams."""

from __future__ import annotations

import numpy as np

from composer.tokens import grid
from composer.tokens.frame import Frame
from composer.tokens.notes import GridNotes, NotePlan
from composer.tokens.vocabulary import CHORD_NONE
from composer.train.song import Song

MOOD_WINDOW_BARS = 8
BRIGHT_QUALITIES = (0, 2, 6, 7)  # major, augmented, dominant and major seventh: indices into music.QUALITIES


def track(song: Song, index: int) -> GridNotes:
    """Track 0 (melody) or 1 (accompaniment) of a song."""
    rows = song.notes[song.notes[:, 2] == index].astype(np.int64)
    return GridNotes(rows[:, 0], rows[:, 1], rows[:, 3], rows[:, 4], rows[:, 5])


def frame_of(song: Song) -> Frame:
    """The frame of a song, with its mood measured in windows of eight bars."""
    bars = len(song.bar_beats)
    minor = np.full(bars, int(song.meta[1]))
    bar_of_beat = np.repeat(np.arange(bars), song.bar_beats)
    bar = bar_of_beat[song.notes[:, 0]]
    seconds = 60.0 * song.bar_beats / song.bpm
    window = np.ones(MOOD_WINDOW_BARS)

    def smooth(values: np.ndarray) -> np.ndarray:
        full = np.convolve(values, window, mode="full")
        return full[MOOD_WINDOW_BARS // 2 : MOOD_WINDOW_BARS // 2 + bars]

    count = np.bincount(bar, minlength=bars).astype(float)
    notes = np.maximum(smooth(count), 1e-9)
    rate = smooth(count) / smooth(seconds)
    velocity = smooth(np.bincount(bar, weights=song.notes[:, 5] * grid.VELOCITY_STEP, minlength=bars)) / notes
    pitch = smooth(np.bincount(bar, weights=song.notes[:, 3], minlength=bars)) / notes
    bright = np.isin(song.chords % 10, BRIGHT_QUALITIES) & (song.chords != CHORD_NONE)
    share = smooth(np.bincount(bar_of_beat, weights=bright, minlength=bars)) / smooth(
        song.bar_beats.astype(float)
    )
    return Frame(
        bar_beats=song.bar_beats.astype(np.int64),
        compound=song.compound.astype(np.int64),
        bpm=song.bpm.astype(np.float64),
        minor=minor,
        valence=measured_valence(minor, share, pitch),
        arousal=measured_arousal(rate, velocity, song.bpm),
        style=np.full(bars, song.style),
        phrase_left=song.phrase_left.astype(np.int64),
        cadence=song.cadence.astype(np.int64),
    )


def measured_arousal(notes_a_second: np.ndarray, velocity: np.ndarray, bpm: np.ndarray) -> np.ndarray:
    """Arousal -1..1 from event rate, loudness and tempo, the three strongest correlates (Gomez & Danuser, 2007);
    each is centred and scaled on POP909."""
    z = (
        0.45 * (np.log(np.maximum(notes_a_second, 0.1)) - np.log(7.5)) / 0.40
        + 0.35 * (velocity - 79) / 12
        + 0.20 * (np.log(bpm) - np.log(79)) / 0.25
    )
    return np.tanh(1.2 * z)


def measured_valence(minor: np.ndarray, bright_share: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Valence -1..1 from mode, share of chords with a major third, and register (Gomez & Danuser, 2007)."""
    z = 0.5 * (1 - 2 * minor) + 1.6 * (bright_share - 0.55) + 0.04 * (pitch - 61)
    return np.tanh(z)


def plan_of(song: Song, index: int) -> NotePlan:
    """What track ``index`` does in every bar. An empty bar has no velocity or register."""
    bars = len(song.bar_beats)
    bar_of_beat = np.repeat(np.arange(bars), song.bar_beats)
    notes, melody = track(song, index), track(song, 0)
    bar = bar_of_beat[notes.beat]
    count = np.bincount(bar, minlength=bars)

    def mean(values: np.ndarray) -> np.ndarray:
        total = np.bincount(bar, weights=values, minlength=bars)
        return np.where(count > 0, np.round(total / np.maximum(count, 1)), -1).astype(np.int64)

    return NotePlan(
        notes=count,
        velocity=mean(notes.velocity),
        register=mean(notes.pitch),
        melody_notes=np.bincount(bar_of_beat[melody.beat], minlength=bars),
    )

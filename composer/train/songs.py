"""What a model is told about a song, computed from the song itself: frame, mood, plans, streams."""

from __future__ import annotations

import numpy as np

from composer.analysis.mood import MoodFeatures, bar_features, mood_of
from composer.tokens import grid
from composer.tokens.frame import Frame
from composer.tokens.notes import GridNotes, NotePlan
from composer.train.song import Song


def track(song: Song, index: int) -> GridNotes:
    """Track 0 (melody) or 1 (accompaniment) of a song."""
    rows = song.notes[song.notes[:, 2] == index].astype(np.int64)
    return GridNotes(rows[:, 0], rows[:, 1], rows[:, 3], rows[:, 4], rows[:, 5])


def track_has_notes(song: Song, index: int) -> bool:
    """Whether a song has melody (0) or accompaniment (1): a lead sheet has no accompaniment."""
    return bool((song.notes[:, 2] == index).any())


def measure_mood(song: Song) -> MoodFeatures:
    """What the mood of every bar is told from, in windows of eight bars (`composer.analysis.mood`)."""
    bars = len(song.bar_beats)
    bar_of_beat = np.repeat(np.arange(bars), song.bar_beats)
    notes = song.notes.astype(np.int64)
    bar = bar_of_beat[notes[:, 0]]
    beat_s = 60.0 / song.bpm[bar]
    return bar_features(
        bar,
        grid.duration_beats(notes[:, 4]) * beat_s,
        notes[:, 3],
        notes[:, 5] * grid.VELOCITY_STEP + grid.VELOCITY_STEP // 2,
        bar_s=60.0 * song.bar_beats / song.bpm,
        bar_bpm=song.bpm,
        bar_minor=np.full(bars, float(song.minor)),
    )


def frame_of(song: Song) -> Frame:
    """The frame of a song, with the mood of `measure_mood`."""
    bars = len(song.bar_beats)
    mood = mood_of(measure_mood(song))
    return Frame(
        bar_beats=song.bar_beats.astype(np.int64),
        compound=song.compound.astype(np.int64),
        bpm=song.bpm.astype(np.float64),
        minor=np.full(bars, int(song.minor)),
        valence=mood.valence,
        arousal=mood.arousal
        if track_has_notes(song, 1)
        else np.full(bars, np.nan),  # a tune alone is never busy
        style=np.full(bars, song.style),
        phrase_left=song.phrase_left.astype(np.int64),
        cadence=song.cadence.astype(np.int64),
    )


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

"""The film's mood on the score's beats, so that it travels in the MIDI file to whoever plays the music.

Of what is known of a film, the mood travels and the fused film feature (`composer.video.fusion`) does not. Valence and
arousal are two numbers a bar that a person can read and edit in a DAW; they mean the same for a film, for a cue sheet
written by hand and for a piece without a picture, and a renderer can be trained on them from music alone
(`composer.analysis.mood`). The feature is 512 numbers a second that only the network which made them understands, and
the chords, dynamics and densities that it led to are in the notes.
"""

from __future__ import annotations

from collections.abc import Sequence

from composer.cue_spans import CueSpan
from composer.music import MOOD_DIGITS, MoodPoint
from composer.timing import TempoMap


def film_moods(spans: Sequence[CueSpan], tempo_map: TempoMap) -> tuple[MoodPoint, ...]:
    """The mood at the middle of every bar, from the bar's start on, or from where a section starts inside a bar.

    Points that repeat the one before are left out. Silent sections have the mood of the film too.
    """
    bars = [float(beat) for beat in tempo_map.bar_starts_beats[:-1]]
    points = []
    for span in spans:
        starts = [span.start_beats, *(beat for beat in bars if span.start_beats < beat < span.end_beats)]
        for start, end in zip(starts, [*starts[1:], span.end_beats], strict=True):
            middle_s = tempo_map.seconds((start + end) / 2)
            points.append((start, span.section.valence_at(middle_s), span.section.arousal_at(middle_s)))
    return changes(points)


def changes(points: Sequence[tuple[float, float, float]]) -> tuple[MoodPoint, ...]:
    """(beat, valence, arousal) in order of time as points of `MOOD_DIGITS` digits, where they change."""
    out: list[MoodPoint] = []
    for beat, valence, arousal in points:
        point = MoodPoint(beat, round(valence, MOOD_DIGITS) + 0.0, round(arousal, MOOD_DIGITS) + 0.0)
        if not out or (point.valence, point.arousal) != (out[-1].valence, out[-1].arousal):
            out.append(point)
    return tuple(out)

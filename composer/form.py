"""The form of a film's music: what a `CueSheet` asks of every bar, in the terms of the note models.

The models write in C major and A minor (see `composer.train.data`); the form knows by how many semitones each bar
is moved to sound in its section's key, and where each whole beat of the models lies on the tempo map. Tempo and length
are told to the models as they were wished: what the tempo map bends to meet a cut does not change the notes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from composer.music import Chord, ChordSpan, Note
from composer.spotting.cues import CueSheet, Section
from composer.theory import Key
from composer.tokens import grid
from composer.tokens.frame import CADENCES, STYLES, Frame
from composer.tokens.notes import GridNotes
from composer.tokens.vocabulary import CHORD_NONE, chord_id, chord_of, transpose_chord

PHRASE_BARS = 4


@dataclass(frozen=True)
class Form:
    """``sections`` (one a bar), ``shifts`` (bars,) semitones from the models' key to the bar's; of every beat of the
    models, which is a pulse (`composer.timing.Bar.pulse_beats`): ``beat_onsets``, ``beat_ends`` and ``pulses``, its
    full length, (beats,) in quarter notes on the tempo map; ``bar_s`` (bars,) seconds that sound at the wished tempo;
    ``density`` and ``dynamics`` (bars,) 0-1."""

    frame: Frame
    sections: tuple[Section, ...]
    shifts: np.ndarray
    beat_onsets: np.ndarray
    beat_ends: np.ndarray
    pulses: np.ndarray
    bar_s: np.ndarray
    density: np.ndarray
    dynamics: np.ndarray

    @property
    def beats(self) -> int:
        """Number of whole beats."""
        return len(self.beat_onsets)

    @cached_property
    def last_bars(self) -> frozenset[int]:
        """The bars in which music ends: the last of the film, and the last before every silence."""
        silent = [section.silent for section in self.sections] + [True]
        return frozenset(bar for bar in range(len(self.sections)) if not silent[bar] and silent[bar + 1])

    def notes(self, found: GridNotes) -> tuple[Note, ...]:
        """Grid notes to sounding notes: moved to their key, within the piano, cut at the end of the music."""
        end = float(self.beat_ends[-1])
        bar_of_beat = self.frame.bar_of_beat
        onsets = self.beat_onsets[found.beat] + self.pulses[found.beat] * grid.onset_beats(0, found.sub)
        lengths = np.minimum(self.pulses[found.beat] * grid.duration_beats(found.duration), end - onsets)
        pitches = found.pitch + self.shifts[bar_of_beat[found.beat]]
        levels = np.clip(found.velocity * grid.VELOCITY_STEP + grid.VELOCITY_STEP // 2, 1, 127)
        sounding = onsets < self.beat_ends[found.beat]  # not in the missing part of a shortened beat
        return tuple(
            Note(float(onset), float(length), fold(int(pitch)), int(level))
            for onset, length, pitch, level in zip(
                onsets[sounding], lengths[sounding], pitches[sounding], levels[sounding], strict=True
            )
        )

    def grid_notes(self, notes: tuple[Note, ...]) -> GridNotes:
        """Sounding notes back to the grid and the models' key."""
        onsets = np.array([note.onset_beats for note in notes], float)
        beat = np.clip(np.searchsorted(self.beat_onsets, onsets + 1e-9, side="right") - 1, 0, self.beats - 1)
        carried, sub = grid.quantize_onsets(
            np.maximum(onsets - self.beat_onsets[beat], 0.0) / self.pulses[beat]
        )
        beyond = beat + carried >= self.beats  # a note just before the end stays the last of its beat
        beat, sub = np.where(beyond, self.beats - 1, beat + carried), np.where(beyond, grid.LAST_SUB, sub)
        pitch = np.array([note.pitch for note in notes], int) - self.shifts[self.frame.bar_of_beat[beat]]
        rows = np.stack(
            [
                beat, sub, [fold(int(p)) for p in pitch],
                grid.quantize_durations(np.array([note.duration_beats for note in notes], float) / self.pulses[beat]),
                [note.velocity // grid.VELOCITY_STEP for note in notes],
            ],
            1,
        ).astype(np.int64) if notes else np.zeros((0, 5), np.int64)  # fmt: skip
        return GridNotes(*rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))].T)

    def chord_spans(self, ids: np.ndarray) -> tuple[ChordSpan, ...]:
        """One chord id a beat, in the models' key -> spans in the sounding key, equal neighbours joined."""
        spans: list[ChordSpan] = []
        for beat, index in enumerate(ids):
            chord = chord_of(transpose_chord(int(index), int(self.shifts[self.frame.bar_of_beat[beat]])))
            length = float(self.beat_ends[beat] - self.beat_onsets[beat])
            if spans and spans[-1].chord == chord:
                spans[-1] = ChordSpan(spans[-1].onset_beats, spans[-1].duration_beats + length, chord)
            else:
                spans.append(ChordSpan(float(self.beat_onsets[beat]), length, chord))
        return tuple(spans)

    def chord_ids(self, spans: tuple[ChordSpan, ...]) -> np.ndarray:
        """Spans to one chord id a beat in the models' key: (beats,) int64."""
        starts = np.array([span.onset_beats for span in spans])
        at = np.clip(np.searchsorted(starts, self.beat_onsets + 1e-9, side="right") - 1, 0, len(spans) - 1)
        ids = np.full(self.beats, CHORD_NONE, np.int64)
        for beat, index in enumerate(at):
            chord: Chord | None = spans[index].chord
            if chord is not None:
                shift = int(self.shifts[self.frame.bar_of_beat[beat]])
                ids[beat] = transpose_chord(chord_id(chord.root, chord.quality), -shift)
        return ids


def fold(pitch: int) -> int:
    """Move a pitch by octaves into the piano's range."""
    if pitch < grid.LOWEST_PITCH:
        return pitch + 12 * math.ceil((grid.LOWEST_PITCH - pitch) / 12)
    if pitch > grid.HIGHEST_PITCH:
        return pitch - 12 * math.ceil((pitch - grid.HIGHEST_PITCH) / 12)
    return pitch


def form_of(cues: CueSheet) -> Form:
    """The form that a cue sheet asks for."""
    tempo_map = cues.tempo_map
    starts = tempo_map.bar_starts_beats
    sections, middles_s, onsets, ends, pulses, counts, lengths_s = [], [], [], [], [], [], []
    for index, bar in enumerate(tempo_map.bars):
        start, end = float(starts[index]), min(float(starts[index + 1]), tempo_map.end_beats)
        middles_s.append(tempo_map.seconds((start + end) / 2))
        sections.append(_section_at(cues, middles_s[-1]))
        pulse = bar.pulse_beats
        count = max(1, math.ceil((end - start) / pulse - 1e-9))
        lengths_s.append((end - start) * 60 / sections[-1].tempo_bpm)
        counts.append(count)
        onsets += [start + k * pulse for k in range(count)]
        ends += [min(start + (k + 1) * pulse, end) for k in range(count)]
        pulses += [pulse] * count
    keys = [Key.parse(section.key) for section in sections]
    phrase_left, cadence = _phrases(sections)
    placed = list(zip(sections, middles_s, strict=True))
    frame = Frame(
        bar_beats=np.array(counts),
        compound=np.array([int(bar.is_compound) for bar in tempo_map.bars]),
        bpm=np.array(
            [s.tempo_bpm / bar.pulse_beats for s, bar in zip(sections, tempo_map.bars, strict=True)]
        ),
        minor=np.array([int(key.mode == "minor") for key in keys]),
        valence=np.array([section.valence_at(time_s) for section, time_s in placed]),
        arousal=np.array([section.arousal_at(time_s) for section, time_s in placed]),
        style=np.full(len(sections), STYLES.index("pop" if cues.is_pop else "art song")),
        phrase_left=phrase_left,
        cadence=cadence,
    )
    return Form(
        frame=frame,
        sections=tuple(sections),
        shifts=np.array([_shift(key) for key in keys]),
        beat_onsets=np.array(onsets),
        beat_ends=np.array(ends),
        pulses=np.array(pulses),
        bar_s=np.array(lengths_s),
        density=np.array([section.density_at(time_s) for section, time_s in placed]),
        dynamics=np.array([section.dynamics_at(time_s) for section, time_s in placed]),
    )


def _phrases(sections: list[Section]) -> tuple[np.ndarray, np.ndarray]:
    """Phrases of four bars or a little more; a section ends with a closing cadence, what comes before is open."""
    left, cadence = [], []
    for _, group in groupby(sections, key=id):
        bars = len(list(group))
        for phrase in np.array_split(np.arange(bars), max(1, bars // PHRASE_BARS)):
            left += list(range(len(phrase) - 1, -1, -1))
        cadence += [CADENCES.index("none")] * (bars - 1) + [CADENCES.index("closing")]
    open_ends = (np.array(left) == 0) & (np.array(cadence) != CADENCES.index("closing"))
    return np.array(left), np.where(open_ends, -1, cadence)


def _section_at(cues: CueSheet, time_s: float) -> Section:
    for section in cues.sections:
        if time_s < section.end_s:
            return section
    return cues.sections[-1]


def _shift(key: Key) -> int:
    """Semitones from C major or A minor to a key, -6 to 5: the same wherever the key comes."""
    major_tonic = (key.tonic + 3) % 12 if key.mode == "minor" else key.tonic
    return (major_tonic + 6) % 12 - 6

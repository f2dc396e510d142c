"""POP909 (Wang et al., ISMIR 2020, MIT licence): MIDI with MELODY, BRIDGE and PIANO tracks, beats, chords.

The MIDI headers' metre and tempo are unusable, so time comes from ``beat_midi.txt`` (column 3 marks the downbeat)
alone. A song is moved by a key computed from its notes; its pulse is the annotated beat.
"""

from __future__ import annotations

import io

import mido
import numpy as np

from composer.analysis.keys import local_keys
from composer.analysis.phrases import cadences, phrase_lefts
from composer.theory import Key
from composer.tokens import grid
from composer.tokens.frame import STYLES
from composer.tokens.vocabulary import CHORD_NONE, chord_id
from composer.train.corpora.build import ON_GRID, Built, split_bars
from composer.train.song import Song

TRACKS = ("MELODY", "BRIDGE", "PIANO")
QUALITY_OF_LABEL = {
    "maj": "", "maj6": "", "min": "m", "min6": "m", "minmaj7": "m", "aug": "aug", "dim": "dim", "dim7": "dim",
    "sus4": "sus4", "sus4(b7)": "sus4", "sus2": "sus2", "7": "7", "maj7": "maj7", "min7": "m7", "hdim7": "m7b5",
}  # fmt: skip
ROOT_OF_LETTER = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def read_song(number: int, midi: bytes, beats: str, chords: str) -> Built:
    """One POP909 song from its files' contents. Raises ValueError where they do not fit together."""
    table = np.array([[float(x) for x in line.split()] for line in beats.splitlines() if line.strip()])
    beat_s, downbeat = table[:, 0], table[:, 2] > 0.5
    step = np.median(np.diff(beat_s))
    downbeat[0] = True  # a pick-up is a short bar of its own
    index = np.arange(beat_s.size)
    raw = np.array(list(_notes(midi)), float)
    raw = raw[(raw[:, 0] > beat_s[0] - step) & (raw[:, 0] < beat_s[-1] + step)]
    onset = np.interp(raw[:, 0], beat_s, index, left=0.0, right=index[-1])
    end = np.interp(
        np.minimum(raw[:, 1], beat_s[-1] + step),
        np.append(beat_s, beat_s[-1] + step),
        np.append(index, index[-1] + 1),
    )
    beat, sub = grid.quantize_onsets(onset)
    keep = beat < beat_s.size
    off = np.abs(grid.onset_beats(beat, sub) - onset) > ON_GRID
    duration = grid.quantize_durations(np.maximum(end - onset, 1 / 24))
    key = _main_key(onset, np.maximum(end - onset, 0.05), raw[:, 3].astype(int))
    major_tonic = (key.tonic + 3) % 12 if key.mode == "minor" else key.tonic
    shift = -major_tonic if major_tonic <= 6 else 12 - major_tonic
    notes = np.stack(
        [beat, sub, raw[:, 2] > 0, raw[:, 3] + shift, duration, raw[:, 4] // grid.VELOCITY_STEP], 1
    )
    notes = notes[keep & (notes[:, 3] >= grid.LOWEST_PITCH) & (notes[:, 3] <= grid.HIGHEST_PITCH)].astype(
        np.int16
    )
    notes = notes[np.lexsort((notes[:, 3], notes[:, 2], notes[:, 1], notes[:, 0]))]
    same = np.all(notes[1:, :4] == notes[:-1, :4], axis=1)  # BRIDGE doubling PIANO
    notes = notes[np.append(True, ~same)]

    labels = [line.split() for line in chords.splitlines() if line.strip()]
    starts = np.array([float(label[0]) for label in labels])
    middle = beat_s + 0.5 * np.append(np.diff(beat_s), step)
    at = np.searchsorted(starts, middle, side="right") - 1
    ids = np.array(
        [
            _chord(labels[i][2], shift) if i >= 0 and middle[j] < float(labels[i][1]) else CHORD_NONE
            for j, i in enumerate(at)
        ]
    )

    bar_starts = np.flatnonzero(downbeat)
    lengths, _ = split_bars(np.diff(np.append(bar_starts, beat_s.size)))
    ends = np.cumsum(lengths)
    times = np.append(beat_s, beat_s[-1] + step)
    bpm = 60.0 * lengths / np.maximum(times[ends] - times[ends - lengths], 0.05)
    tune = raw[:, 2] == 0
    left = phrase_lefts(onset[tune], (end - onset)[tune], np.append(0, ends))
    minor = key.mode == "minor"
    song = Song(
        notes=notes,
        chords=ids.astype(np.int16),
        bar_beats=lengths.astype(np.int16),
        compound=np.zeros(lengths.size, np.int16),
        bpm=bpm.astype(np.float32),
        phrase_left=left.astype(np.int16),
        cadence=cadences(ids, np.repeat(np.arange(lengths.size), lengths), left, minor).astype(np.int16),
        meta=np.array([number, minor, shift, STYLES.index("pop"), 0], np.int32),
    )
    return Built((song,), int(off[keep].sum()))


def _main_key(onset: np.ndarray, lasting: np.ndarray, pitch: np.ndarray) -> Key:
    """The key that holds longest; heard in groups of four beats."""
    group = (np.maximum(onset, 0) // 4).astype(int)
    weights = np.zeros((group.max() + 1, 12))
    np.add.at(weights, (group, pitch % 12), lasting)
    keys = local_keys(weights)
    return max(keys, key=keys.count)


def _notes(midi: bytes):
    """(start s, end s, track index, pitch, velocity) of every note of the three tracks."""
    file = mido.MidiFile(file=io.BytesIO(midi), clip=True)
    tempo = sorted(
        (tick, message.tempo)
        for track in file.tracks
        for tick, message in _absolute(track)
        if message.type == "set_tempo"
    )
    ticks = np.array([0] + [t for t, _ in tempo])
    values = np.array([500_000] + [v for _, v in tempo], float)
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(ticks) * values[:-1])]) / (1e6 * file.ticks_per_beat)

    def to_s(tick: int) -> float:
        i = int(np.searchsorted(ticks, tick, side="right")) - 1
        return float(seconds[i] + (tick - ticks[i]) * values[i] / (1e6 * file.ticks_per_beat))

    for track in file.tracks:
        name = track.name.strip()
        if name not in TRACKS:
            continue
        sounding: dict[int, list[tuple[int, int]]] = {}
        for tick, message in _absolute(track):
            if message.type == "note_on" and message.velocity > 0:
                sounding.setdefault(message.note, []).append((tick, message.velocity))
            elif message.type in ("note_off", "note_on") and sounding.get(message.note):
                start, velocity = sounding[message.note].pop(0)
                yield to_s(start), to_s(tick), TRACKS.index(name), message.note, velocity


def _absolute(track):
    tick = 0
    for message in track:
        tick += message.time
        yield tick, message


def _chord(label: str, shift: int) -> int:
    if label == "N":
        return CHORD_NONE
    root, _, quality = label.partition(":")
    pitch_class = ROOT_OF_LETTER[root[0]] + root.count("#") - root[1:].count("b")
    return chord_id((pitch_class + shift) % 12, QUALITY_OF_LABEL[quality.split("/")[0]])

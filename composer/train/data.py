"""POP909 to arrays: ``python -m composer.train.data POP909.tar.xz -o runs/pop909.npz``.

POP909 (Wang et al., ISMIR 2020, MIT licence): MIDI with MELODY, BRIDGE and PIANO tracks, beats, chords. The MIDI
headers' metre and tempo are unusable, so time comes from ``beat_midi.txt`` (column 3 marks the downbeat) alone.

Every song is moved to C major or A minor, by a key computed from its notes, so the models learn one tonality and the
composer transposes. Songs divisible by 10 are held out; those ending in 5 are for tuning; the rest is for training.
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import mido
import numpy as np

from composer.theory import estimate_key
from composer.tokens import grid
from composer.tokens.vocabulary import CHORD_NONE, chord_id

TRACKS = ("MELODY", "BRIDGE", "PIANO")
MAX_BAR_BEATS = 8
QUALITY_OF_LABEL = {
    "maj": "", "maj6": "", "min": "m", "min6": "m", "minmaj7": "m", "aug": "aug", "dim": "dim", "dim7": "dim",
    "sus4": "sus4", "sus4(b7)": "sus4", "sus2": "sus2", "7": "7", "maj7": "maj7", "min7": "m7", "hdim7": "m7b5",
}  # fmt: skip
ROOT_OF_LETTER = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Song:
    """One song on the grid, in C major or A minor.

    ``notes`` is (n, 6) int16, sorted: beat, sub, track (0 melody, 1 accompaniment), pitch, duration, velocity level.
    ``chords`` (beats,) int16 vocabulary ids; ``bar_beats`` (bars,) int16; ``bpm`` (bars,) float32;
    ``meta`` (3,) int16: song number, 1 for minor, semitones it was moved by.
    """

    notes: np.ndarray
    chords: np.ndarray
    bar_beats: np.ndarray
    bpm: np.ndarray
    meta: np.ndarray


def split_of(number: int) -> str:
    """ "held-out", "tuning" or "training" by the song's number."""
    return {0: "held-out", 5: "tuning"}.get(number % 10, "training")


def read_song(number: int, midi: bytes, beats: str, chords: str) -> Song:
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
    duration = grid.quantize_durations(np.maximum(end - onset, 1 / 24))
    weights = np.bincount(raw[:, 3].astype(int) % 12, weights=np.maximum(end - onset, 0.05), minlength=12)
    key = estimate_key(weights)
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
    lengths: list[int] = []
    for length in np.diff(np.append(bar_starts, beat_s.size)):
        while length > MAX_BAR_BEATS:
            lengths.append(4)
            length -= 4
        lengths.append(int(length))
    ends = np.cumsum(lengths)
    times = np.append(beat_s, beat_s[-1] + step)
    bpm = 60.0 * np.array(lengths) / np.maximum(times[ends] - times[ends - lengths], 0.05)
    return Song(
        notes,
        ids.astype(np.int16),
        np.array(lengths, np.int16),
        bpm.astype(np.float32),
        np.array([number, key.mode == "minor", shift], np.int16),
    )


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


def read_archive(archive: Path) -> tuple[list[Song], list[str]]:
    """All songs of the POP909 archive, and one line for each that could not be used."""
    texts: dict[str, bytes] = {}
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            folder, name = Path(member.name).parent.name, Path(member.name).name
            if (
                member.isfile()
                and folder.isdigit()
                and name in (f"{folder}.mid", "beat_midi.txt", "chord_midi.txt")
            ):
                content = tar.extractfile(member)
                if content is not None:
                    texts[f"{folder}/{name}"] = content.read()
    songs, damaged = [], []
    numbers = sorted({key.split("/")[0] for key in texts})
    for done, number in enumerate(numbers):
        try:
            songs.append(
                read_song(
                    int(number),
                    texts[f"{number}/{number}.mid"],
                    texts[f"{number}/beat_midi.txt"].decode(),
                    texts[f"{number}/chord_midi.txt"].decode(),
                )
            )
        except (KeyError, ValueError, IndexError, EOFError, OSError) as error:
            damaged.append(f"{number}: {error!r}")
        if done % 100 == 0:
            print(f"{done}/{len(numbers)} songs", file=sys.stderr)
    return songs, damaged


def save_songs(songs: list[Song], path: Path) -> None:
    """All songs in one npz: every field concatenated, with its lengths."""
    arrays: dict[str, Any] = {}
    for field in fields(Song):
        values = [getattr(song, field.name) for song in songs]
        arrays[field.name] = np.concatenate(values)
        arrays[field.name + "_lengths"] = np.array([len(value) for value in values])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


def load_songs(path: Path) -> list[Song]:
    """The inverse of `save_songs`."""
    with np.load(path, allow_pickle=False) as file:
        columns = []
        for field in fields(Song):
            borders = np.cumsum(file[field.name + "_lengths"])[:-1]
            columns.append(np.split(file[field.name], borders))
    return [Song(*values) for values in zip(*columns, strict=True)]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/pop909.npz"))
    args = parser.parse_args()
    songs, damaged = read_archive(args.archive)
    save_songs(songs, args.output)
    print(
        f"{len(songs)} songs, {sum(len(s.notes) for s in songs):,} notes; {len(damaged)} damaged {damaged[:3]}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()

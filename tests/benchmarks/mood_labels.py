"""The mood estimator against labels: EMOPIA's clips and VGMIDI's phrases; prints the figures of its card.

    python tests/benchmarks/mood_labels.py [--data ../shared/data/midi] [--songs runs/cache/pop909-*.npz ...]

Both sets are for measuring only: nothing in `composer.analysis.mood` is fitted to them. EMOPIA is split by the hash of
the *recording* (so that clips of one recording stay together) into a half that was looked at when the features were
chosen and a half for the report. The intervals are 95 % of 2000 bootstrap draws of recordings. POP909's
labelled keys say how often majorness alone tells the mode of a song. ``--songs`` adds, for files of
`composer.train.data`, how often it tells the mode that those files hold, and how moods are spread over the bars.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import re
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pretty_midi

from composer.analysis.mood import (
    REFERENCE,
    Mood,
    MoodFeatures,
    Reference,
    clip_features,
    collection_reference,
    mood_of,
)
from composer.tokens import grid
from composer.train.song import load_songs
from composer.train.songs import frame_of

BOOTSTRAP_DRAWS = 2000
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "midi"
_EMOPIA_CLIP = re.compile(r"(?:^|/)Q([1-4])_(.+)_(\d+)\.mid$")


@dataclass(frozen=True)
class Clip:
    """A labelled clip: its recording, whether valence and arousal are positive, and its features."""

    recording: str
    happy: bool
    excited: bool
    features: MoodFeatures

    @property
    def looked_at(self) -> bool:
        """Whether the clip is in the half that was looked at."""
        return hashlib.sha256(self.recording.encode()).digest()[0] % 2 == 0


@dataclass(frozen=True)
class Share:
    """A share of clips told right, and its 95 % interval."""

    share: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.share:6.1%} ({self.low:.0%}-{self.high:.0%})"


def shares(clips: list[Clip], reference: Reference) -> dict[str, Share]:
    """How often the signs of the estimated mood are the labels': arousal, valence, both (the quadrant)."""
    moods = [mood_of(clip.features, reference) for clip in clips]
    arousal = np.array([(m.arousal[0] >= 0) == clip.excited for m, clip in zip(moods, clips, strict=True)])
    valence = np.array([(m.valence[0] >= 0) == clip.happy for m, clip in zip(moods, clips, strict=True)])
    recordings, index = np.unique([clip.recording for clip in clips], return_inverse=True)
    return {
        name: _share(right, index, len(recordings))
        for name, right in (("arousal", arousal), ("valence", valence), ("quadrant", arousal & valence))
    }


def _share(right: np.ndarray, recording: np.ndarray, recordings: int) -> Share:
    size, told = np.bincount(recording, minlength=recordings), np.bincount(recording, weights=right)
    draws = np.random.default_rng(0).integers(recordings, size=(BOOTSTRAP_DRAWS, recordings))
    low, high = np.quantile(told[draws].sum(1) / size[draws].sum(1), (0.025, 0.975))
    return Share(float(right.mean()), float(low), float(high))


def features_of(data: bytes) -> MoodFeatures | None:
    """Features of a MIDI file, all tracks but drums merged; None where it has no notes."""
    midi = pretty_midi.PrettyMIDI(io.BytesIO(data))
    notes = [
        (n.start, n.end, n.pitch, n.velocity)
        for part in midi.instruments
        if not part.is_drum
        for n in part.notes
    ]
    if not notes:
        return None
    onset_s, end_s, pitch, velocity = np.array(notes, float).T
    return clip_features(onset_s, end_s, pitch, velocity)


def emopia(archive: Path) -> Iterator[Clip]:
    """EMOPIA (Hung et al., ISMIR 2021): clips of piano transcriptions, the quadrant in the name."""
    with tarfile.open(archive, "r:xz") as files:
        for member in files:
            match = _EMOPIA_CLIP.search(member.name)
            file = files.extractfile(member) if match else None
            features = features_of(file.read()) if file else None
            if match and features is not None:
                quadrant = int(match[1])
                yield Clip(match[2], quadrant in (1, 4), quadrant <= 2, features)


def vgmidi(archive: Path) -> Iterator[Clip]:
    """VGMIDI (Ferreira & Whitehead, ISMIR 2019): phrases of piano arrangements of game music."""
    phrases: dict[str, MoodFeatures] = {}
    rows: list[dict[str, str]] = []
    with tarfile.open(archive, "r:xz") as files:
        for member in files:
            name = Path(member.name).name
            file = files.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            if name == "vgmidi_labelled.csv":
                rows = list(csv.DictReader(io.StringIO(file.read().decode())))
            elif name == "phrases.zip":
                with zipfile.ZipFile(io.BytesIO(file.read())) as inner:
                    for entry in inner.namelist():
                        if entry.endswith(".mid") and "__MACOSX" not in entry:
                            features = features_of(inner.read(entry))
                            if features is not None:
                                phrases[Path(entry).name] = features
            elif "/phrases/" in member.name and name.endswith(".mid"):
                features = features_of(file.read())
                if features is not None:
                    phrases[name] = features
    for row in rows:
        name = Path(row["midi"]).name
        if name in phrases:
            recording = "_".join(row[column] for column in ("series", "console", "game", "piece"))
            yield Clip(recording, int(row["valence"]) > 0, int(row["arousal"]) > 0, phrases[name])


def pop909_modes(archive: Path) -> np.ndarray:
    """For every song of POP909: whether the sign of majorness is the mode that its labels hold longest."""
    features: dict[str, MoodFeatures] = {}
    minor: dict[str, bool] = {}
    with tarfile.open(archive, "r:xz") as files:
        for member in files:
            path = Path(member.name)
            if path.parent.name != path.stem and path.name != "key_audio.txt":
                continue
            file = files.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            if path.suffix == ".mid":
                told = features_of(file.read())
                if told is not None:
                    features[path.parent.name] = told
            elif path.name == "key_audio.txt":
                held: dict[str, float] = defaultdict(float)
                for line in file.read().decode().splitlines():
                    start_s, end_s, key = line.split()
                    held[key] += float(end_s) - float(start_s)
                minor[path.parent.name] = max(held, key=lambda key: held[key]).endswith(":min")
    return np.array([(features[song].majorness[0] < 0) == minor[song] for song in sorted(features)])


def report(name: str, clips: list[Clip], *, halves: bool) -> None:
    """Print the shares of the clips and, where asked for, of both halves, about the default zero and their own."""
    own = collection_reference([clip.features for clip in clips])
    chosen = {"all": clips}
    if halves:
        chosen["looked at"] = [clip for clip in clips if clip.looked_at]
        chosen["report"] = [clip for clip in clips if not clip.looked_at]
    for zero, reference in (("default zero", REFERENCE), ("own median", own)):
        for half, part in chosen.items():
            told = "  ".join(f"{what} {share}" for what, share in shares(part, reference).items())
            print(f"{name} {zero:12s} {half:9s} {len(part):5d} clips  {told}")


def report_songs(path: Path) -> None:
    """Print how often the sign of majorness is the song's mode, and quantiles and quadrants of the bars' moods."""
    told, valence, arousal = [], [], []
    for song in load_songs(path):
        notes = song.notes.astype(np.int64)
        onset_beats = notes[:, 0] + np.array(grid.SUB_TICKS)[notes[:, 1]] / grid.TICKS_PER_BEAT
        end_beats = onset_beats + np.array(grid.DURATION_TICKS)[notes[:, 4]] / grid.TICKS_PER_BEAT
        whole = clip_features(onset_beats, end_beats, notes[:, 3], notes[:, 5])
        told.append((whole.majorness[0] < 0) == song.minor)
        frame = frame_of(song)
        valence.append(frame.valence)
        arousal.append(frame.arousal)
    mood = Mood(np.concatenate(valence), np.concatenate(arousal))
    print(
        f"{path.name.split('-')[0]:9s} {len(told)} songs, mode by majorness alone {np.mean(told):.1%}; bars:",
        end="",
    )
    for name, values in (("valence", mood.valence), ("arousal", mood.arousal)):
        quantiles = " ".join(f"{q:+.2f}" for q in np.quantile(values, (0.1, 0.5, 0.9)))
        print(f" {name} 10/50/90 % {quantiles},", end="")
    print(
        " Q1-4",
        *(f"{share:.0%}" for share in np.bincount(mood.quadrant, minlength=5)[1:] / len(mood.quadrant)),
    )


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the archives")
    parser.add_argument("--songs", type=Path, nargs="*", default=[], help="npz files of composer.train.data")
    arguments = parser.parse_args()
    report("EMOPIA", list(emopia(arguments.data / "emopia.tar.xz")), halves=True)
    report("VGMIDI", list(vgmidi(arguments.data / "vgmidi.tar.xz")), halves=False)
    modes = pop909_modes(arguments.data / "pop909.tar.xz")
    print(f"POP909 {len(modes)} songs, labelled mode by majorness alone {modes.mean():.1%}")
    for path in arguments.songs:
        report_songs(path)


if __name__ == "__main__":
    main()

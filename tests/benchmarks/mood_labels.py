"""The mood estimator against labels: EMOPIA's clips and VGMIDI's phrases; prints the figures of its card.

    python tests/benchmarks/mood_labels.py [--data ../shared/data/midi]

Both sets are for measuring only: nothing in `composer.analysis.mood` is fitted to them. Clips are split by the hash of
the *recording* (so that clips of one recording stay together) into a half that was looked at when the features were
chosen and a half for the report.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pretty_midi

from composer.analysis.mood import (
    REFERENCE,
    MoodFeatures,
    Reference,
    clip_features,
    collection_reference,
    mood_of,
)

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
class Figures:
    """Shares of clips told right."""

    clips: int
    arousal: float
    valence: float
    quadrant: float

    def __str__(self) -> str:
        shares = {"arousal": self.arousal, "valence": self.valence, "quadrant": self.quadrant}
        return f"{self.clips:5d} clips" + "".join(f"  {name} {share:6.1%}" for name, share in shares.items())


def figures(clips: list[Clip], reference: Reference) -> Figures:
    """How often the signs of the estimated mood are the labels'."""
    moods = [mood_of(clip.features, reference) for clip in clips]
    arousal = np.array(
        [(mood.arousal[0] >= 0) == clip.excited for mood, clip in zip(moods, clips, strict=True)]
    )
    valence = np.array(
        [(mood.valence[0] >= 0) == clip.happy for mood, clip in zip(moods, clips, strict=True)]
    )
    return Figures(len(clips), arousal.mean(), valence.mean(), (arousal & valence).mean())


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


def report(name: str, clips: list[Clip]) -> None:
    """Print the figures of both halves, with the default zero and with the collection's own."""
    own = collection_reference([clip.features for clip in clips])
    for zero, reference in (("default zero", REFERENCE), ("own median (no labels)", own)):
        for half, chosen in (
            ("looked at", [clip for clip in clips if clip.looked_at]),
            ("report", [clip for clip in clips if not clip.looked_at]),
            ("all", clips),
        ):
            print(f"{name:7s} {zero:23s} {half:10s} {figures(chosen, reference)}")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of emopia.tar.xz and vgmidi.tar.xz")
    data: Path = parser.parse_args().data
    report("EMOPIA", list(emopia(data / "emopia.tar.xz")))
    report("VGMIDI", list(vgmidi(data / "vgmidi.tar.xz")))


if __name__ == "__main__":
    main()

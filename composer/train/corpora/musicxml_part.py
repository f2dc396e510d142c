"""The measures of one part of a MusicXML score, in turn. `composer.train.corpora.musicxml` puts the parts together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

import numpy as np

from composer.tokens.vocabulary import CHORD_NONE, chord_id
from composer.train.corpora.expression import ACCENT, Marks, word_tempo
from composer.train.corpora.piece import UnusablePiece, is_compound

MAX_BARS = 20_000
MAX_NOTES = 1_000_000
MAX_DIVISIONS = 1_000_000
MAX_BAR_QUARTERS = 512.0
TIE_GAP = 0.05  # quarters between notes that a tie joins
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
UNIT_QUARTERS = {
    "breve": 8.0, "whole": 4.0, "half": 2.0, "quarter": 1.0, "eighth": 0.5, "16th": 0.25, "32nd": 0.125,
}  # fmt: skip
QUALITY_OF_KIND = {
    "major": "", "major-sixth": "", "major-ninth": "maj7", "major-11th": "maj7", "major-13th": "maj7",
    "major-seventh": "maj7", "minor": "m", "minor-sixth": "m", "minor-major": "m", "major-minor": "m",
    "minor-seventh": "m7", "minor-ninth": "m7", "minor-11th": "m7", "minor-13th": "m7", "dominant": "7",
    "dominant-seventh": "7", "dominant-ninth": "7", "dominant-11th": "7", "dominant-13th": "7", "augmented": "aug",
    "augmented-seventh": "aug", "augmented-ninth": "aug", "diminished": "dim", "diminished-seventh": "dim",
    "half-diminished": "m7b5", "suspended-fourth": "sus4", "suspended-second": "sus2", "power": "",
    "Neapolitan": "", "Italian": "7", "French": "7", "German": "7", "pedal": "",
}  # fmt: skip


def number_in(text: str | None, lowest: float, highest: float) -> float:
    """A number within bounds. Raises UnusablePiece."""
    try:
        value = float(text or "")
    except ValueError as error:
        raise UnusablePiece(f"{text!r} where a number is expected") from error
    if not lowest <= value <= highest:
        raise UnusablePiece(f"{value} outside {lowest}-{highest}")
    return value


@dataclass
class WrittenBar:
    """One measure: what the parts agree on."""

    length: float = 0.0
    metre: tuple[int, int] = (4, 4)
    implicit: bool = False
    restarts: bool = False
    ends: bool = False


@dataclass
class PartNotes:
    """One part while it is read; times count from the start of their measure, in quarters.

    ``rows``: measure, onset, duration, pitch, whether a tie leads on, accent; ``tied_from``: whether a tie leads to
    the row; ``marks``: measure, time, kind (dynamics, wedge, words), value, number.
    """

    name: str = ""
    sung: bool = False
    rows: list[tuple[int, float, float, int, bool, float]] = field(default_factory=list)
    tied_from: list[bool] = field(default_factory=list)
    marks: list[tuple[int, float, str, str, str]] = field(default_factory=list)

    @property
    def levels(self) -> int:
        """How many dynamic marks it has."""
        return sum(kind == "dynamics" for _, _, kind, _, _ in self.marks)


@dataclass
class WrittenScore:
    """A score while it is read. ``parts`` are finished ones; times count from the start of their measure.

    ``tempi``: measure, quarters, quarter notes a minute, rank (0 sound, 1 metronome, 2 words);
    ``symbols``: measure, quarters, chord id.
    """

    parts: list[PartNotes] = field(default_factory=list)
    bars: list[WrittenBar] = field(default_factory=list)
    tempi: list[tuple[int, float, float, int]] = field(default_factory=list)
    symbols: list[tuple[int, float, int]] = field(default_factory=list)
    notes: int = 0


class PartReader:
    """Reads the measures of one part in turn."""

    def __init__(self, score: WrittenScore, name: str) -> None:
        self.score, self.part = score, PartNotes(name)
        self.divisions, self.metre, self.transpose, self.index = 1.0, (4, 4), 0, -1

    def measure(self, element: ET.Element) -> None:
        self.index += 1
        if self.index >= MAX_BARS:
            raise UnusablePiece(f"more than {MAX_BARS} bars")
        now = furthest = onset = 0.0
        bars = self.score.bars
        for child in element:
            tag = child.tag
            if tag == "note":
                now, onset = self._note(child, now, onset)
            elif tag == "backup":
                now = max(now - self._duration(child), 0.0)
            elif tag == "forward":
                now += self._duration(child)
            elif tag == "attributes":
                self._attributes(child)
            elif tag == "direction":
                self._direction(child, now)
            elif tag == "sound":
                self._sound(child, now)
            elif tag == "harmony":
                self._harmony(child, now)
            furthest = max(furthest, now)
            if furthest > MAX_BAR_QUARTERS:
                raise UnusablePiece(f"a bar longer than {MAX_BAR_QUARTERS:.0f} quarters")
        if self.index == len(bars):
            bars.append(WrittenBar())
        bar = bars[self.index]
        bar.length = max(bar.length, round(furthest, 6))
        bar.metre = self.metre if not self.score.parts else bar.metre
        bar.implicit |= element.get("implicit") == "yes"
        if self.index and element.get("number") in ("0", "1") and self.index > 4:
            bar.restarts = bar.restarts or (element.get("number") == "0" or not bars[self.index - 1].restarts)
        bar.ends |= any(
            line.findtext("bar-style") == "light-heavy" and line.find("repeat") is None
            for line in element.findall("barline")
        )

    def _duration(self, element: ET.Element) -> float:
        return number_in(element.findtext("duration"), 0, 1e9) / self.divisions

    def _note(self, note: ET.Element, now: float, onset: float) -> tuple[float, float]:
        """Takes a note in; returns the time after it and its onset."""
        if note.find("grace") is not None or note.find("duration") is None:
            return now, onset
        duration = self._duration(note)
        if note.find("chord") is None:
            onset, now = now, now + duration
        pitch = note.find("pitch")
        if pitch is None or note.find("cue") is not None or duration <= 0:
            return now, onset
        step = pitch.findtext("step") or ""
        if step.strip() not in STEPS:
            raise UnusablePiece(f"the step {step!r}")
        midi = (
            12 * int(number_in(pitch.findtext("octave"), -1, 10)) + 12 + STEPS[step.strip()]
            + round(number_in(pitch.findtext("alter") or "0", -4, 4)) + self.transpose
        )  # fmt: skip
        if not 0 <= midi <= 127:
            return now, onset
        ties = {tie.get("type") for tie in note.findall("tie")}
        accent, sounding = 0.0, duration
        for notations in note.findall("notations"):
            for articulation in notations.findall("articulations/*"):
                if articulation.tag in ("accent", "strong-accent"):
                    accent = ACCENT
                elif articulation.tag in ("staccato", "staccatissimo") and not ties:
                    sounding = duration / 2
            for dynamic in notations.findall("dynamics/*"):
                self.part.marks.append((self.index, onset, "dynamics", dynamic.tag, ""))
        self.part.sung = self.part.sung or note.find("lyric") is not None
        self.part.rows.append((self.index, round(onset, 6), sounding, midi, "start" in ties, accent))
        self.part.tied_from.append("stop" in ties)
        self.score.notes += 1
        if self.score.notes > MAX_NOTES:
            raise UnusablePiece(f"more than {MAX_NOTES} notes")
        return now, onset

    def _attributes(self, element: ET.Element) -> None:
        if (divisions := element.findtext("divisions")) is not None:
            self.divisions = number_in(divisions, 1e-3, MAX_DIVISIONS)
        time = element.find("time")
        if time is not None and time.find("beats") is not None:
            beats = sum(
                int(number_in(b, 1, 64)) for e in time.findall("beats") for b in (e.text or "").split("+")
            )
            beat_type = int(number_in(time.findtext("beat-type"), 1, 64))
            if beats > 64 or beat_type & (beat_type - 1):
                raise UnusablePiece(f"the metre {beats}/{beat_type}")
            self.metre = (beats, beat_type)
        transpose = element.find("transpose")
        if transpose is not None:
            chromatic = number_in(transpose.findtext("chromatic") or "0", -48, 48)
            octaves = number_in(transpose.findtext("octave-change") or "0", -4, 4)
            self.transpose = round(chromatic + 12 * octaves)

    def _direction(self, element: ET.Element, now: float) -> None:
        offset = element.findtext("offset")
        time = max(now + (number_in(offset, -1e9, 1e9) / self.divisions if offset else 0.0), 0.0)
        marks = self.part.marks
        for kind in element.findall("direction-type/*"):
            if kind.tag == "dynamics":
                marks += [(self.index, time, "dynamics", mark.tag, "") for mark in kind]
            elif kind.tag == "wedge":
                marks.append((self.index, time, "wedge", kind.get("type", ""), kind.get("number", "1")))
            elif kind.tag == "words" and kind.text:
                marks.append((self.index, time, "words", kind.text, ""))
                if (bpm := word_tempo(kind.text)) is not None and len(self.score.parts) == 0:
                    pulse = (
                        1.5 if is_compound(*self.metre) else 4 / self.metre[1] if self.metre[1] == 2 else 1.0
                    )
                    self.score.tempi.append((self.index, time, bpm * pulse, 2))
            elif kind.tag == "metronome":
                unit = UNIT_QUARTERS.get((kind.findtext("beat-unit") or "").strip())
                beats = re.search(r"\d+(\.\d+)?", kind.findtext("per-minute") or "")
                if unit and beats:
                    dotted = 1.5 if kind.find("beat-unit-dot") is not None else 1.0
                    self.score.tempi.append((self.index, time, float(beats[0]) * unit * dotted, 1))
        for sound in element.findall("sound"):
            self._sound(sound, time)

    def _sound(self, element: ET.Element, now: float) -> None:
        if (tempo := element.get("tempo")) is not None:
            self.score.tempi.append((self.index, now, number_in(tempo, 0, 1e5), 0))

    def _harmony(self, element: ET.Element, now: float) -> None:
        offset = element.findtext("offset")
        time = max(now + (number_in(offset, -1e9, 1e9) / self.divisions if offset else 0.0), 0.0)
        kind = (element.findtext("kind") or "").strip()
        step = (element.findtext("root/root-step") or "").strip()
        if kind == "none" or step not in STEPS:
            self.score.symbols.append((self.index, time, CHORD_NONE))
            return
        root = (
            STEPS[step] + round(number_in(element.findtext("root/root-alter") or "0", -3, 3)) + self.transpose
        )
        self.score.symbols.append((self.index, time, chord_id(root % 12, QUALITY_OF_KIND.get(kind, ""))))


def part_notes(part: PartNotes, starts: np.ndarray, index: int, marked: PartNotes) -> np.ndarray:
    """(n, 5) as in `Piece`: ties joined, velocities from the marks of ``marked``. ``starts`` (measures + 1,)."""
    if not part.rows:
        return np.zeros((0, 5))
    marks = Marks()
    for measure, time, kind, value, number in sorted(
        marked.marks, key=lambda m: (m[0], m[1], m[2] != "wedge")
    ):
        at = float(starts[measure]) + time
        if kind == "wedge":
            marks.wedge(at, value, number)
        elif kind == "dynamics":
            marks.mark(at, value)
        else:
            marks.words(at, value)
    open_ties: dict[int, list[float]] = {}
    joined: list[list[float]] = []
    for i in sorted(range(len(part.rows)), key=lambda i: part.rows[i][:2]):
        measure, time, duration, pitch, goes_on, accent = part.rows[i]
        onset = float(starts[measure]) + time
        row = open_ties.pop(pitch, None) if part.tied_from[i] else None
        if row is not None and abs(row[0] + row[1] - onset) < TIE_GAP:
            row[1] = onset + duration - row[0]
        else:
            row = [onset, duration, float(pitch), accent, float(index)]
            joined.append(row)
        if goes_on:
            open_ties[pitch] = row
    notes = np.array(joined)
    notes = notes[np.argsort(notes[:, 0], kind="stable")]
    notes[:, 3] += marks.velocities(notes[:, 0])
    return notes

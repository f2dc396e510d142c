"""Cue sheets, lead sheets and piano textures for the tests of what writes scores."""

from __future__ import annotations

import random

from composer.music import BarPlan, Chord, ChordSpan, Harmony, LeadSheet, Note
from composer.spotting.cues import CueSheet, Hit, Section
from composer.timing import Bar, TempoMap

PROGRESSION = ((9, "m"), (5, ""), (0, ""), (7, "7"), (2, "m7"), (4, "dim"), (11, "m7b5"), (0, "maj7"))


def make_tempo_map(duration_s: float, *, bpm: float = 96.0, metres: tuple[tuple[int, int], ...] = ((4, 4),)):
    """Bars that cover ``duration_s`` from the given metres in turn, with a tempo that drifts a little."""
    bars: list[Bar] = []
    total_s = 0.0
    while total_s < duration_s:
        numerator, denominator = metres[len(bars) % len(metres)]
        bar = Bar.at_bpm(bpm * (1 + 0.02 * (len(bars) % 3)), numerator, denominator)
        bars.append(bar)
        total_s += bar.length_s
    whole = TempoMap(tuple(bars))
    return TempoMap(tuple(bars), min(whole.beats(duration_s), whole.end_beats))


def make_section(start_s: float, end_s: float, style: str, **changes) -> Section:
    """A section of middling mood in ``style``."""
    fields = {
        "label": "A",
        "valence": 0.2,
        "arousal": 0.3,
        "key": "Am",
        "tempo_bpm": 96.0,
        "density": 0.6,
        "dynamics": 0.6,
    }
    return Section(start_s=start_s, end_s=end_s, style=style, **{**fields, **changes})


def make_cues(duration_s: float, sections, *, hits=(), frame_rate: float = 25.0, **tempo) -> CueSheet:
    """A cue sheet with a tempo map that ends with the picture."""
    return CueSheet(
        title="Test Cue",
        duration_s=duration_s,
        frame_rate=frame_rate,
        start_timecode="01:00:00:00",
        sections=tuple(sections),
        hits=tuple(hits),
        tempo_map=make_tempo_map(duration_s, **tempo),
        seed=7,
        provenance={"seed": "7", "input_sha256": "0" * 64},
    )


def make_music(cues: CueSheet, seed: int, *, empty_share: float = 0.0) -> tuple[LeadSheet, tuple[Note, ...]]:
    """A random but musical lead sheet and piano accompaniment for ``cues``: both on the 16th grid."""
    rng = random.Random(seed)
    tempo_map, end = cues.tempo_map, cues.tempo_map.end_beats
    chords, plan, melody, accompaniment = [], [], [], []

    def add(notes: list[Note], onset: float, duration: float, pitch: int) -> None:
        duration = min(duration, end - onset)
        if duration > 0:
            notes.append(Note(onset, duration, pitch, rng.randint(50, 105)))

    for index in range(len(tempo_map.bars)):
        start, stop = (float(tempo_map.bar_starts_beats[index + offset]) for offset in (0, 1))
        stop = min(stop, end)
        root, quality = PROGRESSION[rng.randrange(len(PROGRESSION))]
        chord = Chord(root, quality) if rng.random() > 0.05 else None
        chords.append(ChordSpan(start, stop - start, chord))
        plan.append(BarPlan(4, 8, 80, 64))
        if rng.random() < empty_share:
            continue
        classes = sorted(chord.pitch_classes) if chord else [0, 4, 7]
        beat = start
        while beat < stop - 1e-6:
            length = rng.choice((0.25, 0.5, 0.5, 1.0, 1.5, 2.0))
            if rng.random() > 0.15:
                add(melody, beat, min(length, stop - beat), rng.choice(classes) + rng.choice((60, 60, 72)))
            beat += length
        add(accompaniment, start, stop - start, 36 + root % 12)
        if rng.random() < 0.3:
            for pitch_class in classes:
                add(accompaniment, start, 2.0, 48 + pitch_class)
        else:
            beat = start + 0.5
            while beat < stop - 1e-6:
                add(accompaniment, beat, 0.5, 48 + rng.choice(classes))
                beat += 0.5
    key = lambda note: (note.onset_beats, note.pitch)  # noqa: E731
    lead = LeadSheet(Harmony(tuple(chords), tuple(plan)), tuple(sorted(melody, key=key)))
    return lead, tuple(sorted(accompaniment, key=key))


def film_cues(style: str, duration_s: float = 30.0) -> CueSheet:
    """Four sections of rising mood, the third in another style, with cuts and a door slam."""
    quarter = duration_s / 4
    other = "chamber" if style != "chamber" else "folk"
    sections = (
        make_section(0.0, quarter, style, label="A", dynamics=0.3, density=0.3, arousal=-0.2),
        make_section(quarter, 2 * quarter, style, label="B", dynamics=0.6, density=0.6, arousal=0.4),
        make_section(2 * quarter, 3 * quarter, other, label="C", dynamics=0.4, key="F"),
        make_section(3 * quarter, duration_s, style, label="A'", dynamics=0.9, density=0.9, arousal=0.8),
    )
    hits = (
        Hit(quarter, "cut", 0.8),
        Hit(duration_s * 0.6, "door slam", 0.9, required=True, kind="user"),
    )
    return make_cues(duration_s, sections, hits=hits)

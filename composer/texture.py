"""Piano texture taken apart: bass, harmony, moving notes, and lines that one instrument can play.

Convention: beats and MIDI pitches as in `composer.music`. The texture is read window by window; a window is
a stretch of one chord within one bar and one section. Voicings move by the smallest total distance (the law
of the shortest way, Schoenberg, *Harmonielehre*, 1911). What counts as held is measured in pulses
(`composer.timing.Bar.pulse_beats`), for a quarter note is a short one in 6/8.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from composer.music import Chord, ChordSpan, Note
from composer.timing import TempoMap

MIN_WINDOW_BEATS = 0.25
MAX_PAD_PULSES = 8  # a held chord is struck anew after this
HELD_PULSES = 1  # inner notes at least this long belong to the harmony
BASS_CEILING = 60  # nothing above middle C is taken for a bass
BASS_TOP = 50  # a bass instrument plays its line no higher than this where it can
BASS_STEP = 4  # semitones above a window's lowest note that still count as its bass line
PAD_LOW, PAD_HIGH, PAD_CENTRE = 48, 79, 62
_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one chord (None: no chord) from ``start_beats`` to ``end_beats``; ``pulse_beats`` is its bar's
    pulse in quarter notes; ``struck``: the harmony strikes anew at its start whatever was before.
    """

    start_beats: float
    end_beats: float
    chord: Chord | None
    pulse_beats: float = 1.0
    struck: bool = False


@dataclass(frozen=True)
class Texture:
    """One section's accompaniment taken apart; each part in order of onset."""

    bass: tuple[Note, ...]
    held: tuple[Note, ...]
    moving: tuple[Note, ...]


def make_windows(
    chords: Sequence[ChordSpan],
    tempo_map: TempoMap,
    start_beats: float,
    end_beats: float,
    struck: Sequence[float] = (),
) -> tuple[Window, ...]:
    """Windows that fill ``start_beats``-``end_beats``, cut at chord changes, bar lines and where harmony is
    ``struck``."""
    edges = {start_beats, end_beats, *(beat for beat in struck if start_beats < beat < end_beats)}
    edges |= {float(beat) for beat in tempo_map.bar_starts_beats if start_beats < beat < end_beats}
    edges |= {span.onset_beats for span in chords if start_beats < span.onset_beats < end_beats}
    kept: list[float] = []
    for edge in sorted(edges):
        if not kept or edge - kept[-1] >= MIN_WINDOW_BEATS:
            kept.append(edge)
    if len(kept) > 1 and kept[-1] < end_beats:
        kept[-1] = end_beats
    elif len(kept) == 1:
        kept.append(end_beats)
    onsets = [span.onset_beats for span in chords]
    windows = []
    for first, last in pairwise(kept):
        index = bisect.bisect_right(onsets, first + MIN_WINDOW_BEATS) - 1
        sounding = index >= 0 and chords[index].onset_beats + chords[index].duration_beats > first + _EPS
        pulse = tempo_map.bars[tempo_map.bar_at(first + MIN_WINDOW_BEATS)].pulse_beats
        anew = any(abs(beat - first) < MIN_WINDOW_BEATS for beat in struck)
        windows.append(Window(first, last, chords[index].chord if sounding else None, pulse, anew))
    return tuple(windows)


def merge_windows(windows: Sequence[Window]) -> tuple[Window, ...]:
    """Neighbours of one chord made one, up to `MAX_PAD_PULSES`."""
    merged: list[Window] = []
    for window in windows:
        last = merged[-1] if merged else None
        if (
            last is not None
            and not window.struck
            and last.chord == window.chord
            and window.end_beats - last.start_beats <= MAX_PAD_PULSES * last.pulse_beats
        ):
            merged[-1] = replace(last, end_beats=window.end_beats)
        else:
            merged.append(window)
    return tuple(merged)


def notes_between(notes: Sequence[Note], start_beats: float, end_beats: float) -> Sequence[Note]:
    """Those of ``notes`` (in order of onset) that start in [start, end)."""
    first = bisect.bisect_left(notes, start_beats - _EPS, key=lambda note: note.onset_beats)
    last = bisect.bisect_left(notes, end_beats - _EPS, key=lambda note: note.onset_beats)
    return notes[first:last]


def split_texture(accompaniment: Sequence[Note], windows: Sequence[Window]) -> Texture:
    """Take a section's accompaniment (in order of onset) apart.

    The bass is the lowest line: in each window the lowest note below middle C, and what starts within
    `BASS_STEP` of it as the lowest of its onset. Of the others, long notes and block chords are ``held``,
    the rest ``moving``. A window that has notes but no bass gets its chord's root.
    """
    bass: list[Note] = []
    held: list[Note] = []
    moving: list[Note] = []
    for window in windows:
        inside = notes_between(accompaniment, window.start_beats, window.end_beats)
        if not inside:
            continue
        floor = min(note.pitch for note in inside)
        found = False
        for _, group in groupby(inside, key=lambda note: round(note.onset_beats * 48)):
            chord = sorted(group, key=lambda note: note.pitch)
            if chord[0].pitch <= min(floor + BASS_STEP, BASS_CEILING):
                bass.append(chord.pop(0))
                found = True
            block = len(chord) >= 3
            long = HELD_PULSES * window.pulse_beats - _EPS
            for note in chord:
                (held if block or note.duration_beats >= long else moving).append(note)
        if not found and window.chord is not None:
            previous = bass[-1].pitch if bass else 43
            velocity = round(sum(note.velocity for note in inside) / len(inside))
            pitch = nearest_pitch(window.chord.root, previous, 33, 52)
            bass.append(
                Note(window.start_beats, window.end_beats - window.start_beats, pitch, max(1, velocity))
            )
    bass.sort(key=_order)
    return Texture(tuple(bass), tuple(sorted(held, key=_order)), tuple(sorted(moving, key=_order)))


def deep(pitch: int, low: int) -> int:
    """``pitch`` as a bass plays it: by octaves down to `BASS_TOP`, as far as its lowest note ``low`` allows."""
    while pitch > BASS_TOP and pitch - 12 >= low:
        pitch -= 12
    return pitch


def nearest_pitch(pitch_class: int, target: int, low: int, high: int) -> int:
    """The pitch of ``pitch_class`` in low..high (an octave or more) that lies nearest to ``target``."""
    first = low + (pitch_class - low) % 12
    return min(range(first, high + 1, 12), key=lambda pitch: (abs(pitch - target), pitch))


def voice(
    pitch_classes: Iterable[int],
    previous: Sequence[int],
    ceiling: int = PAD_HIGH,
    centre: float = PAD_CENTRE,
) -> tuple[int, ...]:
    """A close voicing of three or four voices, lowest first, near ``previous`` and the register's ``centre``.

    Every inversion in `PAD_LOW`..`PAD_HIGH` is weighed by its distance from the last voicing, from the
    register's centre, and by how far it rises above ``ceiling`` (the melody).
    """
    classes = sorted(set(pitch_classes))[:4]
    if not classes:
        return ()
    best: tuple[float, tuple[int, ...]] | None = None
    for bottom in range(PAD_LOW, PAD_HIGH - 10):
        if bottom % 12 not in classes:
            continue
        voicing = tuple(sorted(bottom + (pitch_class - bottom) % 12 for pitch_class in classes))
        cost = 0.5 * abs(sum(voicing) / len(voicing) - centre) + 1.5 * max(0, voicing[-1] - ceiling)
        if previous:
            cost += sum(min(abs(pitch - old) for old in previous) for pitch in voicing)
            cost += abs(voicing[-1] - previous[-1])
        if best is None or cost < best[0]:
            best = (cost, voicing)
    return best[1] if best is not None else ()


def weighty_pitch_classes(notes: Sequence[Note]) -> tuple[int, ...]:
    """The (at most four) pitch classes that sound longest."""
    weights: dict[int, float] = {}
    for note in notes:
        weights[note.pitch % 12] = weights.get(note.pitch % 12, 0.0) + note.duration_beats
    return tuple(sorted(weights, key=lambda pitch_class: (-weights[pitch_class], pitch_class))[:4])


def legato(notes: Sequence[Note], gap_beats: float) -> tuple[Note, ...]:
    """A line whose small gaps (up to ``gap_beats``) are closed."""
    joined = list(notes)
    for index, (note, later) in enumerate(pairwise(notes)):
        gap = later.onset_beats - note.end_beats
        if _EPS < gap <= gap_beats:
            joined[index] = replace(note, duration_beats=later.onset_beats - note.onset_beats)
    return tuple(joined)


def detached(notes: Sequence[Note], longest_beats: float) -> tuple[Note, ...]:
    """No note longer than ``longest_beats``."""
    return tuple(
        replace(note, duration_beats=longest_beats) if note.duration_beats > longest_beats else note
        for note in notes
    )


def playable(notes: Iterable[Note], polyphony: int, *, keep_low: bool = False) -> tuple[Note, ...]:
    """What an instrument of so many voices can play, by onset and pitch.

    No pitch overlaps itself. Where a new note would be one too many, the oldest stops; where too many start
    at once, the highest stay (``keep_low``: the lowest), and of a wider chord both outer voices.
    """
    result: list[Note] = []
    sounding: list[int] = []  # indices into result, oldest first
    ordered = sorted(notes, key=_order)
    for _, grouped in groupby(ordered, key=lambda note: round(note.onset_beats * 480)):
        unique = {note.pitch: note for note in sorted(grouped, key=lambda note: note.duration_beats)}
        group = [unique[pitch] for pitch in sorted(unique)]
        if len(group) > polyphony:
            group = group[:polyphony] if keep_low else _outer(group, polyphony)
        onset = min(note.onset_beats for note in group)
        sounding = [index for index in sounding if result[index].end_beats > onset + _EPS]
        pitches = {note.pitch for note in group}
        for index in list(sounding):
            if result[index].pitch in pitches or len(sounding) + len(group) > polyphony:
                sounding.remove(index)
                result[index] = replace(result[index], duration_beats=onset - result[index].onset_beats)
        for note in group:
            sounding.append(len(result))
            result.append(replace(note, onset_beats=onset, duration_beats=note.end_beats - onset))
    return tuple(result)


def _outer(group: list[Note], count: int) -> list[Note]:
    """``count`` notes of a chord: the highest ones, with the lowest for a count of two or more."""
    return [group[0], *group[len(group) - count + 1 :]] if count > 1 else group[-1:]


def _order(note: Note) -> tuple[float, int, float]:
    return (note.onset_beats, note.pitch, note.duration_beats)

"""One section set for its palette: what every active layer plays.

Convention: beats and sounding pitches as in `composer.music`. The piano texture becomes bass, harmony and
figuration (`composer.texture`); harmony is voiced anew from the chords, close and by the shortest way, and
divided among the desks. The film's last chord is held to its end.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace

from composer.bustle import Bustle
from composer.cue_spans import CueSpan, HitBeat
from composer.fitting import fit
from composer.instruments import Instrument
from composer.music import Chord, LeadSheet, Note
from composer.palettes import Layer, Palette
from composer.percussion import PercussionContext, percussion_notes
from composer.register import lift_of
from composer.spotting.cues import CueSheet
from composer.texture import (
    PAD_CENTRE,
    PAD_HIGH,
    Texture,
    Window,
    detached,
    make_windows,
    merge_windows,
    nearest_pitch,
    notes_between,
    split_texture,
    voice,
    weighty_pitch_classes,
)
from composer.theory import Key

DETACHED_BASS_PULSES, DETACHED_PULSES = 1, 2  # what plays detached holds no note longer
REGISTER_GAIN = 6  # semitones nearer to the leader's middle that an octave must bring
DEFAULT_VELOCITY = 80
MIN_NOTE_BEATS = 1 / 480
MIN_FINAL_BEATS = 0.5  # a last window shorter than this belongs to the one before
_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class Part:
    """What one layer plays in one section."""

    layer: Layer
    span: CueSpan
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class SectionSetting:
    """One section's music and everything its layers need to know."""

    span: CueSpan
    melody: tuple[Note, ...]
    accompaniment: tuple[Note, ...]
    windows: tuple[Window, ...]
    key: Key
    final_beats: float | None  # start of the closing chord, in a section after which the music is over
    percussion: PercussionContext
    bustle: Bustle

    @classmethod
    def of(
        cls,
        spans: Sequence[CueSpan],
        index: int,
        lead: LeadSheet,
        accompaniment: Sequence[Note],
        cues: CueSheet,
        hits: tuple[HitBeat, ...],
        struck: Sequence[float] = (),
    ) -> SectionSetting:
        """The setting of section ``index``, with harmony ``struck`` anew at some beats."""
        span, following = spans[index], spans[index + 1] if index + 1 < len(spans) else None
        windows = make_windows(lead.harmony.chords, cues.tempo_map, span.start_beats, span.end_beats, struck)
        final = None
        if following is None or following.section.silent:
            if windows[-1].end_beats - windows[-1].start_beats < MIN_FINAL_BEATS and len(windows) > 1:
                windows = (*windows[:-2], replace(windows[-2], end_beats=windows[-1].end_beats))
            final = windows[-1].start_beats
        # A melody note may reach into later sections, but not into silence.
        limit = next(
            (later.start_beats for later in spans[index + 1 :] if later.section.silent), spans[-1].end_beats
        )
        return cls(
            span=span,
            melody=_in_register(_inside(lead.melody, span, limit), span.palette),
            accompaniment=_struck(_inside(accompaniment, span, span.end_beats), windows),
            windows=windows,
            key=Key.parse(span.section.key),
            final_beats=final,
            percussion=PercussionContext(
                span=span,
                following=following,
                previous=spans[index - 1] if index else None,
                hits=hits,
                windows=windows,
                tempo_map=cues.tempo_map,
                end_beats=span.end_beats if final is None else final,
                closes=final is not None,
            ),
            bustle=Bustle.of(span, cues.tempo_map, span.end_beats if final is None else final),
        )

    @property
    def pulse_beats(self) -> float:
        """The pulse of the section's first bar."""
        return self.windows[0].pulse_beats

    def parts(self) -> list[Part]:
        """What every active layer plays."""
        section = self.span.section
        active = [
            layer
            for layer in self.span.palette.layers
            if section.density >= layer.min_density and section.dynamics >= layer.min_dynamics
        ]
        lines = self._lines(active)
        parts = [Part(layer, self.span, self._fit(lines[index], layer)) for index, layer in enumerate(active)]
        return parts if self.final_beats is None else self._closed(parts)

    def _fit(self, notes: Sequence[Note], layer: Layer) -> tuple[Note, ...]:
        return fit(notes, layer, DETACHED_PULSES * self.pulse_beats)

    def _lines(self, active: Sequence[Layer]) -> list[tuple[Note, ...]]:
        """The notes of each active layer, before they are fitted to its instrument."""
        if self.span.palette.whole_texture:
            texture = Texture((), (), self.accompaniment)
            pads: list[tuple[Window, tuple[int, ...]]] = []
        else:
            texture = split_texture(self.accompaniment, self.windows)
            pads = self._voicings(texture)
        divided = _divided(active)
        lines: list[tuple[Note, ...]] = []
        for layer in active:
            if layer.role == "melody":
                lines.append(self.melody)
            elif layer.role == "bass":
                lines.append(self.bustle.restruck(self._bass(texture, layer)))
            elif layer.role == "arpeggio":
                lines.append(texture.moving)
            elif layer.role == "pad":
                lines.append(self.bustle.restruck(self._pad(pads, layer, divided)))
            elif layer.role == "counter":
                lines.append(self.bustle.without_calm(self._counter(pads, layer.instrument)))
            else:
                lines.append(percussion_notes(layer.pattern, self.percussion))
        return lines

    def _voicings(self, texture: Texture) -> list[tuple[Window, tuple[int, ...]]]:
        """The harmony, window by window, where the texture plays (everywhere, where it never does)."""
        result: list[tuple[Window, tuple[int, ...]]] = []
        previous: tuple[int, ...] = ()
        section = self.span.section
        centre = PAD_CENTRE + lift_of(section.valence, section.arousal)
        inner = sorted((*texture.held, *texture.moving, *texture.bass), key=lambda note: note.onset_beats)
        for window in merge_windows(self.windows):
            inside = notes_between(inner, window.start_beats, window.end_beats)
            if inner and not inside and not window.struck:
                continue
            chord = window.chord
            classes = weighty_pitch_classes(inside) if chord is None else tuple(chord.pitch_classes)
            above = notes_between(self.melody, window.start_beats, window.end_beats)
            ceiling = min((note.pitch - 1 for note in above), default=PAD_HIGH)
            voicing = voice(classes, previous, max(ceiling, 55), centre)
            if voicing:
                result.append((window, voicing))
                previous = voicing
        return result

    def _bass(self, texture: Texture, layer: Layer) -> tuple[Note, ...]:
        line = texture.bass
        if not self.accompaniment:
            line = tuple(
                _held(window, nearest_pitch(window.chord.root, 43, 33, 52))
                for window in merge_windows(self.windows)
                if window.chord is not None
            )
        if layer.articulation == "detached":
            return detached(line, DETACHED_BASS_PULSES * self.pulse_beats)
        sustained = []
        window_ends = [window.end_beats for window in self.windows]
        limits = [*(note.onset_beats for note in line), self.span.end_beats][1:]
        for note, limit in zip(line, limits, strict=True):
            # Held as the pedal would hold it: to the next bass note or the end of its window.
            window_end = window_ends[
                min(bisect.bisect_right(window_ends, note.onset_beats + _EPS), len(window_ends) - 1)
            ]
            end = min(limit, max(window_end, note.end_beats))
            sustained.append(replace(note, duration_beats=end - note.onset_beats))
        return tuple(sustained)

    def _pad(
        self, pads: Sequence[tuple[Window, tuple[int, ...]]], layer: Layer, divided: Sequence[str]
    ) -> tuple[Note, ...]:
        notes = [
            _held(window, pitch) for window, voicing in pads for pitch in _share(voicing, layer, divided)
        ]
        longest = DETACHED_PULSES * self.pulse_beats
        return detached(notes, longest) if layer.articulation == "detached" else tuple(notes)

    def _counter(
        self, pads: Sequence[tuple[Window, tuple[int, ...]]], instrument: Instrument
    ) -> tuple[Note, ...]:
        """A slow line of guide tones: thirds and sevenths the melody leaves free, by the shortest way,
        answering with a second note where the melody rests or holds.
        """
        low = max(instrument.low, 50)
        high = min(instrument.high, max(low + 14, 76))
        previous = min(max(instrument.centre, low + 4), high - 4)
        notes: list[Note] = []
        for window, voicing in pads:
            above = notes_between(self.melody, window.start_beats, window.end_beats)
            taken = {note.pitch % 12 for note in above}
            classes = list(_guide_tones(window.chord, voicing))
            free = [pitch_class for pitch_class in classes if pitch_class not in taken] or classes
            pitch = min(
                (nearest_pitch(pitch_class, previous, low, high) for pitch_class in free[:2]),
                key=lambda candidate: abs(candidate - previous),
            )
            length = window.end_beats - window.start_beats
            pulses = round(length / window.pulse_beats)
            if pulses >= 2 and len(above) <= length:
                others = [p for p in classes if p != pitch % 12] or classes
                answer = min(
                    (nearest_pitch(pitch_class, pitch, low, high) for pitch_class in others),
                    key=lambda candidate: abs(candidate - pitch),
                )
                first = (pulses + 1) // 2 if pulses <= 4 else pulses - 2
                middle = window.start_beats + first * window.pulse_beats
                notes.append(Note(window.start_beats, middle - window.start_beats, pitch, DEFAULT_VELOCITY))
                notes.append(Note(middle, window.end_beats - middle, answer, DEFAULT_VELOCITY))
                previous = answer
            else:
                notes.append(_held(window, pitch))
                previous = pitch
        return tuple(notes)

    def _closed(self, parts: list[Part]) -> list[Part]:
        """The last notes held to the end of the picture; a closing chord where no harmony would reach it."""
        start, end = self.final_beats, self.span.end_beats
        assert start is not None
        pedal = self.span.palette.whole_texture
        closed = [
            part
            if part.layer.role == "percussion"
            else replace(part, notes=_held_to(part.notes, start, end, pedal and part.layer.role != "melody"))
            for part in parts
        ]
        carrying = {"pad", "bass"} if not self.span.palette.whole_texture else {"arpeggio"}
        if any(
            part.notes and max(note.end_beats for note in part.notes) >= end - _EPS
            for part in closed
            if part.layer.role in carrying
        ):
            return closed
        chord = next((w.chord for w in reversed(self.windows) if w.start_beats <= start + _EPS), None)
        chord = chord or Chord(self.key.tonic, "m" if self.key.mode == "minor" else "")
        window = Window(start, end, chord)
        bass = _held(window, nearest_pitch(chord.root, 43, 33, 52))
        voicing = voice(chord.pitch_classes, ())
        divided = _divided([part.layer for part in parts])
        result = []
        for part in closed:
            pitches = _share(voicing, part.layer, divided) if part.layer.role == "pad" else voicing
            chord_notes = [_held(window, pitch) for pitch in pitches]
            if part.layer.role in ("bass", "arpeggio"):
                chord_notes = [bass, *chord_notes] if part.layer.role == "arpeggio" else [bass]
            if part.layer.role in carrying:
                part = replace(part, notes=self._fit((*_until(part.notes, start), *chord_notes), part.layer))
            result.append(part)
        return result


def _divided(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Which parts of a divided pad are there, lowest first."""
    there = {layer.voices for layer in layers if layer.role == "pad"}
    return tuple(name for name in ("lower", "middle", "upper") if name in there)


def _share(voicing: tuple[int, ...], layer: Layer, divided: Sequence[str]) -> tuple[int, ...]:
    """The voices of a chord (lowest first) that a pad layer plays."""
    if layer.voices == "all":
        return voicing
    if len(divided) == 1:
        return voicing[:2] if layer.voices == "lower" else voicing[-2:]
    place = divided.index(layer.voices)
    first = place * len(voicing) // len(divided)
    return voicing[first : max((place + 1) * len(voicing) // len(divided), first + 1)]


def _held(window: Window, pitch: int) -> Note:
    return Note(window.start_beats, window.end_beats - window.start_beats, pitch, DEFAULT_VELOCITY)


def _inside(notes: Sequence[Note], span: CueSpan, limit_beats: float) -> tuple[Note, ...]:
    """The notes that start in a section, cut at ``limit_beats``."""
    inside = notes_between(notes, span.start_beats, span.end_beats)
    cut = (
        replace(note, duration_beats=limit_beats - note.onset_beats) if note.end_beats > limit_beats else note
        for note in inside
        if note.onset_beats < limit_beats - MIN_NOTE_BEATS
    )
    return tuple(cut)


def _struck(accompaniment: tuple[Note, ...], windows: Sequence[Window]) -> tuple[Note, ...]:
    """The accompaniment with a chord in every struck window that none of its notes opens."""
    added: list[Note] = []
    for window in windows:
        if window.struck and window.chord is not None:
            opening = notes_between(
                accompaniment, window.start_beats - _EPS, window.start_beats + MIN_NOTE_BEATS
            )
            if not opening:
                bass = nearest_pitch(window.chord.root, 43, 33, 52)
                added += [_held(window, pitch) for pitch in (bass, *voice(window.chord.pitch_classes, ()))]
    return tuple(sorted((*accompaniment, *added), key=lambda note: (note.onset_beats, note.pitch)))


def _in_register(melody: tuple[Note, ...], palette: Palette) -> tuple[Note, ...]:
    """A section's melody moved by an octave where it lies far from the leading instrument's middle."""
    if not melody:
        return melody
    leader = next(layer for layer in palette.layers if layer.role == "melody")
    mean = sum(note.pitch for note in melody) / len(melody) + 12 * leader.octaves
    distances = {shift: abs(mean + shift - leader.instrument.centre) for shift in (0, 12, -12)}
    shift = min(distances, key=lambda shift: (distances[shift], abs(shift)))
    if distances[0] - distances[shift] < REGISTER_GAIN:
        return melody
    return tuple(
        replace(note, pitch=note.pitch + shift) if 0 <= note.pitch + shift <= 127 else note for note in melody
    )


def _until(notes: Sequence[Note], end_beats: float) -> list[Note]:
    return [
        replace(note, duration_beats=end_beats - note.onset_beats) if note.end_beats > end_beats else note
        for note in notes
        if note.onset_beats < end_beats - MIN_NOTE_BEATS
    ]


def _held_to(notes: tuple[Note, ...], start_beats: float, end_beats: float, pedal: bool) -> tuple[Note, ...]:
    """The last chord of ``notes`` extended to ``end_beats`` if it starts in the closing chord; with
    ``pedal`` its lowest note since ``start_beats`` too.
    """
    closing = [note for note in notes if note.onset_beats >= start_beats - _EPS]
    if not closing:
        return notes
    last_onset = closing[-1].onset_beats
    lowest = min(closing, key=lambda note: (note.pitch, -note.onset_beats))
    kept = []
    for note in notes:
        is_last = note.onset_beats >= last_onset - _EPS
        is_pedal = (
            pedal
            and note is lowest
            and not any(
                other.pitch == note.pitch and other.onset_beats > note.onset_beats + _EPS for other in closing
            )
        )
        kept.append(
            replace(note, duration_beats=end_beats - note.onset_beats) if is_last or is_pedal else note
        )
    return tuple(kept)


def _guide_tones(chord: Chord | None, voicing: Sequence[int]) -> tuple[int, ...]:
    """The chord's pitch classes, third and seventh first, the root last."""
    if chord is None:
        return tuple(pitch % 12 for pitch in voicing)
    order = {3: 0, 4: 0, 10: 1, 11: 1, 2: 0, 5: 0, 7: 2, 6: 1, 8: 1, 0: 3}
    return tuple(sorted(chord.pitch_classes, key=lambda pc: (order.get((pc - chord.root) % 12, 2), pc)))

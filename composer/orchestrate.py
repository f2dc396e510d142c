"""From melody and piano texture to an orchestra: `Score`.

Convention: beats and sounding pitches as in `composer.music`. Every section is set for its own palette;
layers enter and leave at section starts. Melodies are never dropped, they are moved by octaves into an
instrument's range, by sections or phrases (`composer.fitting`); lines get no more voices than their
instrument has. The last chord is held to the end of the picture. The division into melody, counter-melody,
harmony, figuration and bass is Rimsky-Korsakov's (*Principles of Orchestration*, 1913, ch. II-III).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from composer.cue_spans import CueSpan, cue_spans, hit_beats
from composer.dynamics import DynamicsCurve, expression_points, stroke_velocity, velocity_of
from composer.gestures import Gestures
from composer.instruments import INSTRUMENTS
from composer.moods import film_moods
from composer.music import ROLES, ChordSpan, LeadSheet, Marker, Note, Score, Track
from composer.palettes import Layer
from composer.section_setting import Part, SectionSetting
from composer.spotting.cues import CueSheet
from composer.texture import notes_between, playable
from composer.theory import Key
from composer.timecode import ascii_text, timecode

MAX_MELODIC_TRACKS = 15
_ROLE_LABELS = {"arpeggio": "accompaniment"}  # what people call it


def orchestrate(
    lead: LeadSheet, accompaniment: tuple[Note, ...], cues: CueSheet, *, keep_melody: bool = False
) -> Score:
    """Set ``lead`` and ``accompaniment`` (piano texture, by onset) for the palettes of ``cues``.

    ``keep_melody``: the instrument that leads plays every note of the melody where and as long as it is written, at the
    written pitch as far as its range allows, all of it some octaves away where that is beyond it.

    The score has at most 15 melodic tracks and one of drums, every note in its instrument's range; nothing
    sounds in silent sections or past ``cues.tempo_map.end_beats``, and the last note ends there unless the
    film ends silent. Raises BadInput on an unknown style, ValueError on a cue sheet without sections or with
    an unknown key.
    """
    spans = cue_spans(cues)
    hits = hit_beats(cues)
    gestures = Gestures.of(spans, hits, cues)
    curve = DynamicsCurve.of(spans, cues.tempo_map, gestures.swells)
    parts: list[Part] = []
    for index, span in enumerate(spans):
        if not span.section.silent:
            setting = SectionSetting.of(spans, index, lead, accompaniment, cues, hits, gestures.struck)
            stopped = [
                replace(p, notes=gestures.with_stops(p.notes, cues.tempo_map)) for p in setting.parts()
            ]
            if keep_melody:
                stopped = [_as_written(p, lead.melody, spans) for p in stopped]
            parts += [_loud(part, curve, gestures) for part in stopped]
    return Score(
        title=cues.title,
        tempo_map=cues.tempo_map,
        tracks=_tracks(parts, curve, spans),
        chords=_clipped(lead.harmony.chords, cues.tempo_map.end_beats),
        keys=_keys(spans),
        markers=_markers(spans, cues),
        moods=film_moods(spans, cues.tempo_map),
        frame_rate=cues.frame_rate,
        start_timecode=cues.start_timecode,
        provenance=dict(cues.provenance),
    )


def _as_written(part: Part, melody: Sequence[Note], spans: Sequence[CueSpan]) -> Part:
    """The leading part with the melody of its section as it is written; other parts as they are."""
    if part.layer is not _leader(part.span):
        return part
    instrument = part.layer.instrument
    led = [
        note
        for span in spans
        if not span.section.silent and _leader(span).instrument == instrument
        for note in notes_between(melody, span.start_beats, span.end_beats)
    ]
    shift = min(
        (0, 12, -12, 24, -24, 36, -36),
        key=lambda shift: sum(not instrument.low <= note.pitch + shift <= instrument.high for note in led),
    )
    own = notes_between(melody, part.span.start_beats, part.span.end_beats)
    return replace(
        part, notes=tuple(replace(note, pitch=instrument.fold(note.pitch + shift)) for note in own)
    )


def _leader(span: CueSpan) -> Layer:
    """The first of a section's instruments that play the melody."""
    return next(layer for layer in span.palette.layers if layer.role == "melody")


def _loud(part: Part, curve: DynamicsCurve, gestures: Gestures) -> Part:
    """The part with velocities that follow the dynamics curve, and accents."""
    if not part.notes:
        return part
    mean = sum(note.velocity for note in part.notes) / len(part.notes)
    notes = []
    for note in part.notes:
        level = curve.level_at(note.onset_beats)
        if part.layer.role == "percussion":
            velocity = stroke_velocity(note.velocity, level, part.layer.level)
        else:
            accent = gestures.accent_at(note.onset_beats)
            velocity = velocity_of(note, mean, level, part.layer.level, accent)
        notes.append(replace(note, velocity=velocity))
    return replace(part, notes=tuple(notes))


def _tracks(parts: Sequence[Part], curve: DynamicsCurve, spans: Sequence[CueSpan]) -> tuple[Track, ...]:
    """Parts of one instrument and role joined into tracks, in order of `ROLES`; no more than the channels hold.

    A track is named after its role too where a palette of the film gives its instrument several, heard or not: a name
    stays when a section grows louder.
    """
    layers = [layer for span in spans if not span.section.silent for layer in span.palette.layers]
    named = [name for name, _ in {(layer.instrument_name, layer.role) for layer in layers}]
    notes: dict[tuple[str, str], list[Note]] = {}
    kit = _kit(parts)
    for part in parts:
        name = kit if part.layer.instrument.is_drums else part.layer.instrument_name
        if part.notes:
            notes.setdefault((name, part.layer.role), []).extend(part.notes)
    while (
        len(melodic := [place for place in notes if not INSTRUMENTS[place[0]].is_drums]) > MAX_MELODIC_TRACKS
    ):
        roles = [role for _, role in melodic]
        shared = [place for place in melodic if roles.count(place[1]) > 1]
        least = min(shared, key=lambda place: (len(notes[place]), place))
        same_role = [place for place in shared if place[1] == least[1] and place != least]
        target = max(same_role, key=lambda place: (len(notes[place]), place))
        instrument = INSTRUMENTS[target[0]]
        added = [replace(note, pitch=instrument.fold(note.pitch)) for note in notes.pop(least)]
        if least[1] == "melody":  # what plays the tune already needs no other octave of it
            added = _undoubled(added, notes[target])
        notes[target] += added
    several = {name for name, _ in notes if max(named.count(name), [n for n, _ in notes].count(name)) > 1}
    tracks = []
    for name, role in sorted(notes, key=lambda place: ROLES.index(place[1])):
        instrument = INSTRUMENTS[name]
        played = playable(notes[name, role], instrument.polyphony, keep_low=role == "bass")
        tracks.append(
            Track(
                name=f"{name} ({_ROLE_LABELS.get(role, role)})" if name in several else name,
                role=role,
                program=instrument.program,
                notes=played,
                is_drums=instrument.is_drums,
                volume=instrument.volume,
                pan=instrument.pan,
                expression=expression_points(played, curve, decays=instrument.decays),
            )
        )
    return tuple(tracks)


def _undoubled(notes: Sequence[Note], others: Sequence[Note]) -> list[Note]:
    """Those of ``notes`` that start with none of ``others``."""
    taken = {round(note.onset_beats * 480) for note in others}
    return [note for note in notes if round(note.onset_beats * 480) not in taken]


def _clipped(chords: Sequence[ChordSpan], end_beats: float) -> tuple[ChordSpan, ...]:
    return tuple(
        replace(span, duration_beats=min(span.duration_beats, end_beats - span.onset_beats))
        for span in chords
        if span.onset_beats < end_beats
    )


def _kit(parts: Sequence[Part]) -> str:
    """The one drum kit of a film (its channel has one program): the one with most strokes; "" without one."""
    strokes: dict[str, int] = {}
    for part in parts:
        if part.layer.instrument.is_drums:
            name = part.layer.instrument_name
            strokes[name] = strokes.get(name, 0) + len(part.notes)
    return max(strokes, key=lambda name: (strokes[name], name), default="")


def _keys(spans: Sequence[CueSpan]) -> tuple[tuple[float, str], ...]:
    keys: list[tuple[float, str]] = []
    for span in spans:
        name = str(Key.parse(span.section.key))
        if not keys or keys[-1][1] != name:
            keys.append((span.start_beats, name))
    return tuple(keys)


def _markers(spans: Sequence[CueSpan], cues: CueSheet) -> tuple[Marker, ...]:
    markers = [Marker(span.start_beats, ascii_text(span.section.label) or "SECTION") for span in spans]
    ordered = sorted(cues.hits, key=lambda hit: (hit.time_s, hit.label))
    for number, hit in enumerate(ordered, 1):
        label = ascii_text(hit.label, 24).upper() or hit.kind.upper()
        code = timecode(hit.time_s, cues.frame_rate, cues.start_timecode)
        beat = min(max(cues.tempo_map.beats(hit.time_s), 0.0), cues.tempo_map.end_beats)
        markers.append(Marker(beat, f"H{number:03d} {label} {code}", "cut" if hit.kind == "cut" else "hit"))
    return tuple(sorted(markers, key=lambda marker: marker.onset_beats))

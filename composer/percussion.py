"""What the percussion plays: patterns that follow metre, density, arousal and the hits; nothing is left to
chance.

Convention: General MIDI percussion map (GM 1, key numbers 35-81); on the orchestral kit 36 is the concert
bass drum, 38 the snare and 57 the cymbals, which a standard kit renders alike. Velocities here are relative
to a level of one half and are scaled by the caller's dynamics. Timpani play the roots of the chords. Patterns
are written for felt beats (`composer.pulse`), so that one serves every metre: in three the backbeat is the second
and third beat, in 6/8 the second dotted quarter, and of bars of a single beat every second one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from composer.cue_spans import CueSpan, HitBeat
from composer.music import Note
from composer.palettes import Percussion
from composer.pulse import Pulse
from composer.texture import Window, nearest_pitch
from composer.timing import TempoMap

KICK, SIDE_STICK, SNARE, CLAP = 36, 37, 38, 39
CLOSED_HAT, PEDAL_HAT, OPEN_HAT = 42, 44, 46
LOW_TOM, MID_TOM, HIGH_TOM = 41, 45, 48
CRASH, CYMBALS, RIDE = 49, 57, 51
TAMBOURINE, OPEN_CONGA, LOW_CONGA, SHAKER = 54, 63, 64, 70
STROKE_BEATS = 0.25
ROLL_STEP_BEATS = 1 / 8
TIMPANI_LOW, TIMPANI_HIGH, TIMPANI_HOME = 40, 55, 45


@dataclass(frozen=True, slots=True)
class PercussionContext:
    """What a pattern may know of its section. ``end_beats`` is where the strokes stop: the closing chord's
    start.
    """

    span: CueSpan
    following: CueSpan | None
    previous: CueSpan | None
    hits: tuple[HitBeat, ...]
    windows: tuple[Window, ...]
    tempo_map: TempoMap
    end_beats: float
    closes: bool

    @property
    def arousal(self) -> float:
        """The section's arousal, -1..1."""
        return self.span.section.arousal

    def density_at(self, beat: float) -> float:
        """The section's density at a moment, 0..1."""
        return self.span.section.density_at(self.tempo_map.seconds(beat))

    @property
    def rises(self) -> bool:
        """Whether the section leads into a louder one."""
        return (
            self.following is not None
            and not self.following.section.silent
            and self.following.section.dynamics >= self.span.section.dynamics + 0.1
        )

    @property
    def arrives(self) -> bool:
        """Whether the section opens louder than what was before."""
        before = self.previous.section.dynamics if self.previous and not self.previous.section.silent else 0.0
        return self.span.section.dynamics >= before + 0.1 and self.span.section.dynamics >= 0.4

    def played_hits(self) -> tuple[float, ...]:
        """Beats of the section's hits that the music answers."""
        inside = (hit.beat for hit in self.hits if hit.gesture != "none")
        return tuple(beat for beat in inside if self.span.start_beats <= beat < self.end_beats)


@dataclass(frozen=True, slots=True)
class _Stroke:
    beat: float
    pitch: int
    velocity: int
    duration_beats: float = STROKE_BEATS


def percussion_notes(pattern: Percussion, context: PercussionContext) -> tuple[Note, ...]:
    """The strokes of one section in order; of equal strokes at one moment the loudest, and no hi-hat both open and
    closed. Raises KeyError on "none".
    """
    strokes: list[_Stroke] = list(_PATTERNS[pattern](context))
    loudest: dict[tuple[int, int], _Stroke] = {}
    for stroke in strokes:
        place = (round(stroke.beat * 480), stroke.pitch)
        if context.span.start_beats <= stroke.beat < context.span.end_beats - 1e-6 and (
            place not in loudest or loudest[place].velocity < stroke.velocity
        ):
            loudest[place] = stroke
    for moment, pitch in list(loudest):
        if pitch == OPEN_HAT:  # one pair of cymbals
            loudest.pop((moment, CLOSED_HAT), None)
    return tuple(
        Note(
            stroke.beat,
            min(stroke.duration_beats, context.span.end_beats - stroke.beat),
            stroke.pitch,
            min(max(stroke.velocity, 1), 127),
        )
        for _, stroke in sorted(loudest.items())
    )


def _bars(context: PercussionContext) -> list[tuple[int, float, Pulse]]:
    """(number within the section, start, pulse) of the bars that start in the section before its end."""
    tempo_map = context.tempo_map
    first = tempo_map.bar_at(context.span.start_beats + 1e-6)
    result = []
    for index in range(first, len(tempo_map.bars)):
        start = float(tempo_map.bar_starts_beats[index])
        if start >= context.end_beats - 1e-6:
            break
        pulse = Pulse.of(tempo_map.bars[index])
        if len(pulse.beats) == 1 and (index - first) % 2:
            pulse = replace(pulse, strong=())
        result.append((index - first, start, pulse))
    return result


def _clipped(context: PercussionContext, strokes: Sequence[_Stroke]) -> list[_Stroke]:
    return [stroke for stroke in strokes if stroke.beat < context.end_beats - 1e-6]


def _roll(context: PercussionContext, pitch: int, pulses: int, loudest: int) -> list[_Stroke]:
    """A crescendo roll of so many pulses into the section's end."""
    tempo_map = context.tempo_map
    length_beats = pulses * tempo_map.bars[tempo_map.bar_at(context.span.end_beats - 1e-6)].pulse_beats
    count = round(length_beats / ROLL_STEP_BEATS)
    start = context.span.end_beats - length_beats
    if start < context.span.start_beats:
        return []
    step = ROLL_STEP_BEATS
    velocities = [round(loudest * (0.3 + 0.6 * index / count)) for index in range(count)]
    return [_Stroke(start + index * step, pitch, velocity, step) for index, velocity in enumerate(velocities)]


def _orchestral(context: PercussionContext) -> list[_Stroke]:
    strokes: list[_Stroke] = []
    if context.arrives:
        strokes.append(_Stroke(context.span.start_beats, KICK, 92, 1.0))
        if context.span.section.dynamics >= 0.6:
            strokes.append(_Stroke(context.span.start_beats, CYMBALS, 88, 2.0))
    for beat in context.played_hits():
        strokes.append(_Stroke(beat, KICK, 96, 1.0))
        if context.span.section.dynamics >= 0.5:
            strokes.append(_Stroke(beat, CYMBALS, 84, 2.0))
    marching = context.arousal >= 0.6 and context.span.section.density >= 0.5
    for number, start, pulse in _bars(context):
        if context.arousal >= 0.4 and context.density_at(start) >= 0.4:
            strokes.append(_Stroke(start, KICK, 70, 1.0))
        if marching:
            for index, beat in enumerate(pulse.beats):
                strokes.append(_Stroke(start + beat, SNARE, 62 if beat in pulse.strong else 50))
                if index % 2 == 1 or number % 4 == 3:
                    strokes.append(_Stroke(start + beat + pulse.step, SNARE, 42))
                    last = beat + (pulse.step * 1.5 if pulse.divisions == 2 else pulse.upbeat)
                    strokes.append(_Stroke(start + last, SNARE, 46))
    strokes = _clipped(context, strokes)
    if context.rises:
        strokes += _roll(context, CYMBALS, 2, 58)
    if context.closes and context.span.section.dynamics >= 0.55:
        strokes += [_Stroke(context.end_beats, KICK, 96, 1.0), _Stroke(context.end_beats, CYMBALS, 90, 2.0)]
    return strokes


def _timpani(context: PercussionContext) -> list[_Stroke]:
    def root(beat: float) -> int | None:
        sounding = [window for window in context.windows if window.start_beats <= beat + 1e-6]
        chord = sounding[-1].chord if sounding else None
        return None if chord is None else nearest_pitch(chord.root, TIMPANI_HOME, TIMPANI_LOW, TIMPANI_HIGH)

    wanted: list[tuple[float, int, float]] = []  # beat, velocity, duration
    if context.arrives:
        wanted.append((context.span.start_beats, 92, 2.0))
    wanted += [(beat, 96, 1.0) for beat in context.played_hits()]
    for number, start, pulse in _bars(context):
        if context.arousal >= 0.3 or (context.span.section.dynamics >= 0.6 and number % 2 == 0):
            wanted.append((start, 74, 1.0))
        if context.arousal >= 0.6 and context.density_at(start) >= 0.5 and len(pulse.beats) >= 3:
            wanted.append((start + pulse.beats[-1], 56, 0.5))
            wanted.append((start + pulse.beats[-1] + pulse.upbeat, 62, 0.5))
    strokes = [
        _Stroke(beat, pitch, velocity, duration)
        for beat, velocity, duration in wanted
        if beat < context.end_beats - 1e-6 and (pitch := root(beat)) is not None
    ]
    if context.rises and (pitch := root(context.span.end_beats - 1.0)) is not None:
        strokes += _roll(context, pitch, 1, 74)
    if context.closes and context.span.section.dynamics >= 0.45:
        pitch = root(context.end_beats)
        strokes += [] if pitch is None else [_Stroke(context.end_beats, pitch, 92, 2.0)]
    return strokes


def _brushes(context: PercussionContext) -> list[_Stroke]:
    strokes: list[_Stroke] = []
    for number, start, pulse in _bars(context):
        for index, beat in enumerate(pulse.beats):
            strokes.append(_Stroke(start + beat, RIDE, 66 if beat in pulse.backbeats else 58))
            if index % 2 == 1 and context.density_at(start) >= 0.3:
                strokes.append(_Stroke(start + beat + pulse.upbeat, RIDE, 48))
        strokes += [_Stroke(start + beat, PEDAL_HAT, 56) for beat in pulse.backbeats]
        if context.arousal >= 0.2:
            strokes += [_Stroke(start + beat, KICK, 40) for beat in pulse.strong]
        if context.density_at(start) >= 0.5:
            answer = pulse.beats[-1] + pulse.upbeat if number % 2 else pulse.beats[len(pulse.beats) // 2]
            strokes.append(_Stroke(start + answer, SNARE, 40 if number % 4 != 3 else 58))
    strokes = _clipped(context, strokes)
    if context.closes:
        strokes.append(_Stroke(context.end_beats, RIDE, 64, 1.0))
    return strokes


def _electronic(context: PercussionContext) -> list[_Stroke]:
    strokes = _crashes(context)
    bars = _bars(context)
    for number, start, pulse in bars:
        driving = context.arousal >= 0.5
        strokes += [
            _Stroke(start + beat, KICK, 92 if beat == 0 else 84)
            for beat in (pulse.beats if driving else pulse.strong)
        ]
        if not driving and context.density_at(start) >= 0.5 and number % 2:
            strokes.append(_Stroke(start + pulse.beats[-1] + pulse.upbeat, KICK, 70))
        if context.density_at(start) >= 0.35:
            clap = CLAP if context.arousal >= 0.3 else SIDE_STICK
            strokes += [_Stroke(start + beat, clap, 76) for beat in pulse.backbeats]
        strokes += _hats(start, pulse, CLOSED_HAT, fine=context.density_at(start) >= 0.65)
        if number == len(bars) - 1 and number > 0 and context.arousal >= 0.3 and not context.closes:
            strokes += _fill(start, pulse, (HIGH_TOM, HIGH_TOM, MID_TOM, LOW_TOM))
        elif number % 4 == 3:
            strokes.append(_Stroke(start + pulse.length - pulse.step, OPEN_HAT, 56))
    strokes = _clipped(context, strokes)
    if context.closes and context.arousal >= 0.2:
        strokes += [_Stroke(context.end_beats, KICK, 92), _Stroke(context.end_beats, CRASH, 78, 1.0)]
    return strokes


def _acoustic(context: PercussionContext) -> list[_Stroke]:
    """A pop drummer: bass drum on the strong beats, snare on the others, eighths on the hi-hat, the ride where it is
    loud; a fill leads into the next section."""
    strokes = _crashes(context)
    bars = _bars(context)
    dynamics = context.span.section.dynamics
    snare, accent = (SNARE, 82) if dynamics >= 0.35 else (SIDE_STICK, 74)
    cymbal = RIDE if dynamics >= 0.75 else CLOSED_HAT
    for number, start, pulse in bars:
        filled = (
            number == len(bars) - 1 and number > 0 and context.density_at(start) >= 0.4 and not context.closes
        )
        until = pulse.beats[-1] if filled and len(pulse.beats) > 1 else pulse.length
        strokes += [
            _Stroke(start + beat, KICK, 92 if beat == 0 else 84) for beat in pulse.strong if beat < until
        ]
        if context.density_at(start) >= 0.45 and len(pulse.beats) > 1:
            # Into the second strong beat, every other bar into the next bar too.
            pushes = [beat - pulse.unit + pulse.upbeat for beat in pulse.strong[1:]]
            pushes += [pulse.beats[-1] + pulse.upbeat] if number % 2 else []
            strokes += [_Stroke(start + beat, KICK, 72) for beat in pushes if beat < until]
        for beat in pulse.backbeats:
            # The second of a waltz's two backbeats is the lighter.
            light = beat - pulse.unit in pulse.backbeats
            strokes += [_Stroke(start + beat, snare, accent - 14 * light)] if beat < until else []
        strokes += [
            stroke
            for stroke in _hats(
                start, pulse, cymbal, fine=context.density_at(start) >= 0.8 and pulse.divisions == 2
            )
            if stroke.beat < start + until
        ]
        if filled:
            strokes += _fill(start, pulse, (SNARE, HIGH_TOM, MID_TOM, LOW_TOM))
        elif number % 4 == 3 and cymbal == CLOSED_HAT:
            strokes.append(_Stroke(start + pulse.length - pulse.step, OPEN_HAT, 54))
    strokes = _clipped(context, strokes)
    if context.closes:
        strokes.append(_Stroke(context.end_beats, KICK, 88))
        if dynamics >= 0.4:
            strokes.append(_Stroke(context.end_beats, CRASH, 76, 2.0))
    return strokes


def _crashes(context: PercussionContext) -> list[_Stroke]:
    """A crash where a section arrives and on its heavy hits."""
    strokes = [_Stroke(beat, CRASH, 80, 1.0) for beat in context.played_hits()]
    if context.arrives or context.arousal >= 0.5:
        strokes.append(_Stroke(context.span.start_beats, CRASH, 76, 1.0))
    return strokes


def _hats(start: float, pulse: Pulse, pitch: int, *, fine: bool) -> list[_Stroke]:
    """Every subdivision of a bar (``fine``: twice as many), each beat's first the loudest."""
    velocities = {2: (58, 50), 3: (58, 44, 50)}[pulse.divisions]
    if fine:
        velocities = tuple(velocity for loud in velocities for velocity in (loud, 40))
    return [
        _Stroke(start + beat, pitch, velocities[index % len(velocities)])
        for index, beat in enumerate(pulse.steps(2 if fine else 1))
    ]


def _fill(start: float, pulse: Pulse, drums: Sequence[int]) -> list[_Stroke]:
    """A run of sixteenths over the drums up to the bar line, a beat long."""
    count = round(pulse.unit * 4) if pulse.unit * 4 >= len(drums) else len(drums)
    first = start + pulse.length - pulse.unit
    return [
        _Stroke(
            first + index * pulse.unit / count, drums[index * len(drums) // count], 64 + 24 * index // count
        )
        for index in range(count)
    ]


def _hand(context: PercussionContext) -> list[_Stroke]:
    strokes: list[_Stroke] = []
    for number, start, pulse in _bars(context):
        fine = 2 if context.density_at(start) >= 0.75 else 1
        group = 2 if fine == 2 else pulse.divisions
        for index, beat in enumerate(pulse.steps(fine)):
            strokes.append(_Stroke(start + beat, SHAKER, 56 if index % group == 0 else 42))
        if context.density_at(start) >= 0.45:
            strokes += [_Stroke(start + beat, TAMBOURINE, 52) for beat in pulse.backbeats]
        if context.arousal >= 0.1:
            strokes.append(_Stroke(start, LOW_CONGA, 70))
            strokes.append(_Stroke(start + pulse.beats[len(pulse.beats) // 2] + pulse.upbeat, LOW_CONGA, 58))
            if number % 2:
                strokes.append(_Stroke(start + pulse.beats[-1] + pulse.upbeat, OPEN_CONGA, 54))
    strokes = _clipped(context, strokes)
    if context.closes and context.span.section.density >= 0.45:
        strokes.append(_Stroke(context.end_beats, TAMBOURINE, 58))
    return strokes


def _heartbeat(context: PercussionContext) -> list[_Stroke]:
    strokes = [_Stroke(beat, KICK, 90, 1.0) for beat in context.played_hits()]
    for number, start, pulse in _bars(context):
        if number % 2 == 0 or context.density_at(start) >= 0.5:
            strokes.append(_Stroke(start, KICK, 66))
            strokes.append(_Stroke(start + pulse.unit * (0.75 if pulse.divisions == 2 else 2 / 3), KICK, 50))
    strokes = _clipped(context, strokes)
    if context.rises:
        strokes += _roll(context, CYMBALS, 4, 44)
    return strokes


_PATTERNS: dict[str, Callable[[PercussionContext], list[_Stroke]]] = {
    "orchestral": _orchestral,
    "timpani": _timpani,
    "brushes": _brushes,
    "acoustic": _acoustic,
    "electronic": _electronic,
    "hand": _hand,
    "heartbeat": _heartbeat,
}

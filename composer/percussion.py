"""What the percussion plays: patterns that follow metre, density, arousal and the hits; nothing is left to
chance.

Convention: General MIDI percussion map (GM 1, key numbers 35-81); on the orchestral kit 36 is the concert
bass drum, 38 the snare and 57 the cymbals, which a standard kit renders alike. Velocities here are relative
to a level of one half and are scaled by the caller's dynamics. Timpani play the roots of the chords.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from composer.cue_spans import CueSpan, HitBeat
from composer.music import Note
from composer.palettes import Percussion
from composer.texture import Window, nearest_pitch
from composer.timing import Bar, TempoMap

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

    @property
    def density(self) -> float:
        """The section's density, 0..1."""
        return self.span.section.density

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

    def heavy_hits(self) -> tuple[float, ...]:
        """Beats of the section's heavy hits."""
        inside = (hit.beat for hit in self.hits if hit.is_heavy)
        return tuple(beat for beat in inside if self.span.start_beats <= beat < self.end_beats)


@dataclass(frozen=True, slots=True)
class Pulse:
    """A bar's strokes: ``pulses`` (felt beats) and ``step`` (subdivision), in quarter notes from the bar
    line.
    """

    pulses: tuple[float, ...]
    step: float
    length: float

    @classmethod
    def of(cls, bar: Bar) -> Pulse:
        """Compound metres are felt in dotted quarters, other eighth metres in quarters with a short or long
        end.
        """
        compound = bar.denominator >= 8 and bar.numerator % 3 == 0 and bar.numerator > 3
        unit = 12 / bar.denominator if compound else max(4 / bar.denominator, 1.0)
        count = max(1, int(bar.length_beats / unit + 1e-9))
        return cls(
            tuple(index * unit for index in range(count)), unit / (3 if compound else 2), bar.length_beats
        )

    @property
    def backbeats(self) -> tuple[float, ...]:
        """The second, fourth ... pulse; in three the second and third."""
        return self.pulses[1:] if len(self.pulses) == 3 else self.pulses[1::2]

    @property
    def strong(self) -> tuple[float, ...]:
        """The first pulse, and the middle one of an even bar of four or more."""
        half = len(self.pulses) // 2
        return (0.0, self.pulses[half]) if len(self.pulses) >= 4 and len(self.pulses) % 2 == 0 else (0.0,)

    def steps(self, divide: int = 1) -> tuple[float, ...]:
        """Every subdivision, ``divide`` times finer."""
        step = self.step / divide
        return tuple(index * step for index in range(int(self.length / step + 1e-9)))


@dataclass(frozen=True, slots=True)
class _Stroke:
    beat: float
    pitch: int
    velocity: int
    duration_beats: float = STROKE_BEATS


def percussion_notes(pattern: Percussion, context: PercussionContext) -> tuple[Note, ...]:
    """The strokes of one section in order; of equal strokes at one moment the loudest. Raises KeyError on
    "none".
    """
    strokes: list[_Stroke] = list(_PATTERNS[pattern](context))
    loudest: dict[tuple[int, int], _Stroke] = {}
    for stroke in strokes:
        place = (round(stroke.beat * 480), stroke.pitch)
        if context.span.start_beats <= stroke.beat < context.span.end_beats - 1e-6 and (
            place not in loudest or loudest[place].velocity < stroke.velocity
        ):
            loudest[place] = stroke
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
        result.append((index - first, start, Pulse.of(tempo_map.bars[index])))
    return result


def _clipped(context: PercussionContext, strokes: Sequence[_Stroke]) -> list[_Stroke]:
    return [stroke for stroke in strokes if stroke.beat < context.end_beats - 1e-6]


def _roll(context: PercussionContext, pitch: int, length_beats: float, loudest: int) -> list[_Stroke]:
    """A crescendo roll into the section's end."""
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
    for beat in context.heavy_hits():
        strokes.append(_Stroke(beat, KICK, 96, 1.0))
        if context.span.section.dynamics >= 0.5:
            strokes.append(_Stroke(beat, CYMBALS, 84, 2.0))
    marching = context.arousal >= 0.6 and context.density >= 0.5
    for number, start, pulse in _bars(context):
        if context.arousal >= 0.4 and context.density >= 0.4:
            strokes.append(_Stroke(start, KICK, 70, 1.0))
        if marching:
            for index, beat in enumerate(pulse.pulses):
                strokes.append(_Stroke(start + beat, SNARE, 62 if beat in pulse.strong else 50))
                if index % 2 == 1 or number % 4 == 3:
                    strokes.append(_Stroke(start + beat + pulse.step, SNARE, 42))
                    strokes.append(_Stroke(start + beat + pulse.step * 1.5, SNARE, 46))
    strokes = _clipped(context, strokes)
    if context.rises:
        strokes += _roll(context, CYMBALS, 2.0, 58)
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
    wanted += [(beat, 96, 1.0) for beat in context.heavy_hits()]
    for number, start, pulse in _bars(context):
        if context.arousal >= 0.3 or (context.span.section.dynamics >= 0.6 and number % 2 == 0):
            wanted.append((start, 74, 1.0))
        if context.arousal >= 0.6 and context.density >= 0.5 and len(pulse.pulses) >= 3:
            wanted.append((start + pulse.pulses[-1], 56, 0.5))
            wanted.append((start + pulse.pulses[-1] + pulse.step, 62, 0.5))
    strokes = [
        _Stroke(beat, pitch, velocity, duration)
        for beat, velocity, duration in wanted
        if beat < context.end_beats - 1e-6 and (pitch := root(beat)) is not None
    ]
    if context.rises and (pitch := root(context.span.end_beats - 1.0)) is not None:
        strokes += _roll(context, pitch, 1.0, 74)
    if context.closes and context.span.section.dynamics >= 0.45:
        pitch = root(context.end_beats)
        strokes += [] if pitch is None else [_Stroke(context.end_beats, pitch, 92, 2.0)]
    return strokes


def _brushes(context: PercussionContext) -> list[_Stroke]:
    strokes: list[_Stroke] = []
    for number, start, pulse in _bars(context):
        for index, beat in enumerate(pulse.pulses):
            strokes.append(_Stroke(start + beat, RIDE, 66 if beat in pulse.backbeats else 58))
            if index % 2 == 1 and context.density >= 0.3:
                strokes.append(_Stroke(start + beat + pulse.step, RIDE, 48))
        strokes += [_Stroke(start + beat, PEDAL_HAT, 56) for beat in pulse.backbeats]
        if context.arousal >= 0.2:
            strokes += [_Stroke(start + beat, KICK, 40) for beat in pulse.strong]
        if context.density >= 0.5:
            answer = pulse.pulses[-1] + pulse.step if number % 2 else pulse.pulses[len(pulse.pulses) // 2]
            strokes.append(_Stroke(start + answer, SNARE, 40 if number % 4 != 3 else 58))
    strokes = _clipped(context, strokes)
    if context.closes:
        strokes.append(_Stroke(context.end_beats, RIDE, 64, 1.0))
    return strokes


def _electronic(context: PercussionContext) -> list[_Stroke]:
    strokes: list[_Stroke] = []
    bars = _bars(context)
    if context.arrives or context.arousal >= 0.5:
        strokes.append(_Stroke(context.span.start_beats, CRASH, 76, 1.0))
    strokes += [_Stroke(beat, CRASH, 80, 1.0) for beat in context.heavy_hits()]
    for number, start, pulse in bars:
        driving = context.arousal >= 0.5
        strokes += [
            _Stroke(start + beat, KICK, 92 if beat == 0 else 84)
            for beat in (pulse.pulses if driving else pulse.strong)
        ]
        if not driving and context.density >= 0.5 and number % 2:
            strokes.append(_Stroke(start + pulse.pulses[-1] + pulse.step, KICK, 70))
        if context.density >= 0.35:
            clap = CLAP if context.arousal >= 0.3 else SIDE_STICK
            strokes += [_Stroke(start + beat, clap, 76) for beat in pulse.backbeats]
        fine = 2 if context.density >= 0.65 else 1
        for index, beat in enumerate(pulse.steps(fine)):
            strokes.append(
                _Stroke(start + beat, CLOSED_HAT, (58, 40, 50, 42)[index % 4 if fine == 2 else index % 2])
            )
        is_last = number == len(bars) - 1
        if is_last and number > 0 and context.arousal >= 0.3 and not context.closes:
            for index, tom in enumerate((HIGH_TOM, HIGH_TOM, MID_TOM, LOW_TOM)):
                strokes.append(_Stroke(start + pulse.length - 1 + index / 4, tom, 66 + 7 * index))
        elif number % 4 == 3:
            strokes.append(_Stroke(start + pulse.length - pulse.step, OPEN_HAT, 56))
    strokes = _clipped(context, strokes)
    if context.closes and context.arousal >= 0.2:
        strokes += [_Stroke(context.end_beats, KICK, 92), _Stroke(context.end_beats, CRASH, 78, 1.0)]
    return strokes


def _hand(context: PercussionContext) -> list[_Stroke]:
    strokes: list[_Stroke] = []
    for number, start, pulse in _bars(context):
        for index, beat in enumerate(pulse.steps(2 if context.density >= 0.75 else 1)):
            strokes.append(_Stroke(start + beat, SHAKER, 56 if index % 2 == 0 else 42))
        if context.density >= 0.45:
            strokes += [_Stroke(start + beat, TAMBOURINE, 52) for beat in pulse.backbeats]
        if context.arousal >= 0.1:
            strokes.append(_Stroke(start, LOW_CONGA, 70))
            strokes.append(_Stroke(start + pulse.pulses[len(pulse.pulses) // 2] + pulse.step, LOW_CONGA, 58))
            if number % 2:
                strokes.append(_Stroke(start + pulse.pulses[-1] + pulse.step, OPEN_CONGA, 54))
    strokes = _clipped(context, strokes)
    if context.closes and context.density >= 0.45:
        strokes.append(_Stroke(context.end_beats, TAMBOURINE, 58))
    return strokes


def _heartbeat(context: PercussionContext) -> list[_Stroke]:
    strokes = [_Stroke(beat, KICK, 90, 1.0) for beat in context.heavy_hits()]
    for number, start, pulse in _bars(context):
        if number % 2 == 0 or context.density >= 0.5:
            strokes.append(_Stroke(start, KICK, 66))
            strokes.append(_Stroke(start + pulse.step * 1.5, KICK, 50))
    strokes = _clipped(context, strokes)
    if context.rises:
        strokes += _roll(context, CYMBALS, 4.0, 44)
    return strokes


_PATTERNS: dict[str, Callable[[PercussionContext], list[_Stroke]]] = {
    "orchestral": _orchestral,
    "timpani": _timpani,
    "brushes": _brushes,
    "electronic": _electronic,
    "hand": _hand,
    "heartbeat": _heartbeat,
}

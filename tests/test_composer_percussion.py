import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_builders import make_cues, make_section

from composer.cue_spans import cue_spans
from composer.palettes import PALETTES
from composer.percussion import (
    CLOSED_HAT,
    KICK,
    OPEN_HAT,
    SIDE_STICK,
    SNARE,
    PercussionContext,
    percussion_notes,
)

PATTERNS = ("orchestral", "brushes", "acoustic", "electronic", "hand", "heartbeat")
METRES = (
    (4, 4),
    (3, 4),
    (2, 4),
    (5, 4),
    (6, 8),
    (9, 8),
    (12, 8),
    (3, 8),
    (7, 8),
    (5, 8),
    (2, 2),
    (3, 2),
    (6, 16),
)


def strokes(pattern, metre, **mood):
    """(bar, position in the bar, pitch) of a section of eight bars and of another one after it."""
    length = metre[0] * 4 / metre[1]
    half = 8 * length * 60 / 96
    sections = [
        make_section(0.0, half, "pop", **mood),
        make_section(half, 2 * half, "pop", label="B", **mood),
    ]
    cues = make_cues(2 * half, sections, metres=(metre,))
    span, following = cue_spans(cues)
    context = PercussionContext(span, following, None, (), (), cues.tempo_map, span.end_beats, closes=False)
    starts = cues.tempo_map.bar_starts_beats
    found = []
    for note in percussion_notes(pattern, context):
        bar = cues.tempo_map.bar_at(note.onset_beats + 1e-6)
        found.append((bar, round(note.onset_beats - float(starts[bar]), 4), note.pitch))
    return found


@pytest.mark.parametrize(
    ("metre", "kicks", "snares"),
    [
        ((4, 4), (0, 2), (1, 3)),
        ((2, 2), (0, 2), (1, 3)),
        ((3, 4), (0,), (1, 2)),
        ((2, 4), (0,), (1,)),
        ((5, 4), (0, 3), (1, 2, 4)),
        ((6, 8), (0,), (1.5,)),
        ((9, 8), (0,), (1.5, 3)),
        ((12, 8), (0, 3), (1.5, 4.5)),
        ((7, 8), (0,), (1, 2)),
        ((5, 8), (0,), (1,)),
    ],
)
def test_a_band_has_its_snare_on_the_backbeats(metre, kicks, snares):
    played = strokes("acoustic", metre, density=0.4, dynamics=0.5, arousal=0.2)
    first = [stroke[1:] for stroke in played if stroke[0] == 1]
    assert tuple(beat for beat, pitch in first if pitch == KICK) == kicks
    assert tuple(beat for beat, pitch in first if pitch == SNARE) == snares


def test_a_soft_band_plays_the_side_stick():
    pitches = {pitch for _, _, pitch in strokes("acoustic", (4, 4), density=0.4, dynamics=0.2)}
    assert SIDE_STICK in pitches
    assert SNARE not in pitches


def test_bars_of_one_beat_are_heard_in_pairs():
    played = strokes("acoustic", (3, 8), density=0.4, dynamics=0.5)
    assert {bar % 2 for bar, _, pitch in played if bar < 6 and pitch == KICK} == {0}
    assert {bar % 2 for bar, beat, pitch in played if bar < 6 and (beat, pitch) == (0, SNARE)} == {1}


def test_pop_has_a_drummer():
    assert {layer.pattern for layer in PALETTES["pop"].layers} == {"none", "acoustic"}


@given(
    st.sampled_from(PATTERNS),
    st.sampled_from(METRES),
    st.floats(-1, 1),
    st.floats(0, 1),
    st.floats(0, 1),
)
@settings(max_examples=150, deadline=None)
def test_every_stroke_is_on_a_32nd_and_repeats_with_the_metre(pattern, metre, arousal, density, dynamics):
    played = strokes(pattern, metre, arousal=arousal, density=density, dynamics=dynamics)
    length = metre[0] * 4 / metre[1]
    assert all(0 <= beat < length and (beat * 8).is_integer() for _, beat, _ in played)
    hats = {(bar, beat) for bar, beat, pitch in played if pitch == OPEN_HAT}
    assert hats.isdisjoint((bar, beat) for bar, beat, pitch in played if pitch == CLOSED_HAT)
    once = [{stroke[1:] for stroke in played if stroke[0] == bar} for bar in (4, 5)]
    steady = once[0] & once[1]
    assert len(steady) * 2 >= min(len(bar) for bar in once) or length <= 1.5 or pattern == "heartbeat"

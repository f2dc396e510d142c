import io
import random
from dataclasses import replace
from itertools import pairwise

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_builders import film_cues, make_cues, make_music, make_section

from composer.cue_spans import cue_spans
from composer.dynamics import DynamicsCurve
from composer.errors import BadInput
from composer.instruments import INSTRUMENTS, instrument_of
from composer.midi import midi_bytes
from composer.midi_reader import score_from_bytes
from composer.music import Chord, ChordSpan, Harmony, LeadSheet, Note
from composer.orchestrate import orchestrate
from composer.palettes import PALETTES
from composer.spotting.cues import CueSheet, Hit
from composer.texture import make_windows, playable, split_texture, voice
from composer.timing import Bar, TempoMap

EMPTY = LeadSheet(Harmony((), ()), ())
END_TOLERANCE_S = 0.05


def check_score(score, cues):
    """What must hold of every score."""
    tempo_map = cues.tempo_map
    melodic = [track for track in score.tracks if not track.is_drums]
    assert len(melodic) <= 15
    assert len(score.tracks) - len(melodic) <= 1
    assert len({track.name for track in score.tracks}) == len(score.tracks)
    for track in score.tracks:
        instrument = instrument_of(track.name, track.program, track.is_drums)
        assert instrument is not None
        assert track.notes
        edges = []
        for note in track.notes:
            assert instrument.low <= note.pitch <= instrument.high
            assert note.end_beats <= tempo_map.end_beats + 1e-9
            edges += [(note.onset_beats + 1e-6, 1), (note.end_beats - 1e-6, -1)]
        sounding = most = 0
        for _, step in sorted(edges):
            sounding += step
            most = max(most, sounding)
        assert most <= instrument.polyphony
        for pitch in {note.pitch for note in track.notes}:
            same = [note for note in track.notes if note.pitch == pitch]
            assert all(later.onset_beats >= note.end_beats - 1e-6 for note, later in pairwise(same))
        beats = [beat for beat, _ in track.expression]
        assert beats == sorted(set(beats))
        assert beats[0] == 0
        assert all(1 <= value <= 127 for _, value in track.expression)


def last_end_s(score):
    return max(score.tempo_map.seconds(note.end_beats) for track in score.tracks for note in track.notes)


def check_midi(score):
    """The written file: no hanging, empty or late notes, by mido's account."""
    data = midi_bytes(score)
    again = midi_bytes(score_from_bytes(data))
    assert midi_bytes(score_from_bytes(again)) == again
    file = mido.MidiFile(file=io.BytesIO(data))
    for track in file.tracks[1:]:
        on, tick = {}, 0
        for message in track:
            tick += message.time
            if message.type == "note_on":
                assert message.note not in on
                on[message.note] = tick
            elif message.type == "note_off":
                assert tick > on.pop(message.note)
        assert not on
        assert tick == max(round(score.tempo_map.end_beats * 480), 1)


@st.composite
def films(draw, style):
    duration_s = draw(st.sampled_from([0.04, 0.2, 1.0, 3.7, 12.3, 25.0]))
    count = draw(st.integers(1, 4))
    inner = sorted(draw(st.lists(st.floats(0.02, 0.98), min_size=count - 1, max_size=count - 1)))
    edges = [0.0, *(share * duration_s for share in inner), duration_s]
    unit = st.floats(0, 1)
    sections = [
        make_section(
            start,
            end,
            style if index % 2 == 0 else draw(st.sampled_from(sorted(PALETTES))),
            label="ABCD"[index],
            arousal=draw(st.floats(-1, 1)),
            density=draw(unit),
            dynamics=draw(unit),
            key=draw(st.sampled_from(["Am", "C", "F#m", "Eb"])),
            silent=index < count - 1 and draw(st.integers(0, 4)) == 0,
        )
        for index, (start, end) in enumerate(pairwise(edges))
    ]
    hits = [Hit(draw(unit) * duration_s, "bang", draw(unit)) for _ in range(draw(st.integers(0, 4)))]
    metres = draw(
        st.sampled_from(
            [
                ((4, 4),),
                ((3, 4),),
                ((6, 8),),
                ((9, 8),),
                ((12, 8),),
                ((3, 8),),
                ((2, 2),),
                ((4, 4), (7, 8)),
                ((5, 4), (2, 4), (1, 4)),
            ]
        )
    )
    return make_cues(duration_s, sections, hits=hits, bpm=draw(st.floats(45, 180)), metres=metres)


@pytest.mark.parametrize("style", PALETTES)
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_any_music_in_any_palette_is_playable_and_ends_with_the_picture(style, data):
    cues = data.draw(films(style))
    lead, accompaniment = make_music(
        cues, data.draw(st.integers(0, 10**6)), empty_share=data.draw(st.floats(0, 1))
    )
    if data.draw(st.booleans()):
        accompaniment = ()
    score = orchestrate(lead, accompaniment, cues)
    check_score(score, cues)
    check_midi(score)
    assert abs(last_end_s(score) - cues.duration_s) <= END_TOLERANCE_S
    spans = cue_spans(cues)
    for span in spans:
        if span.section.silent:
            for track in score.tracks:
                for note in track.notes:
                    overlap = min(note.end_beats, span.end_beats) - max(note.onset_beats, span.start_beats)
                    assert overlap <= 1e-6
    wanted = sum(
        not span.section.silent
        for note in lead.melody
        for span in spans
        if span.start_beats - 1e-6 <= note.onset_beats < span.end_beats - 1 / 480  # a tick before its end
    )
    onsets = {
        (round(note.onset_beats * 48), note.pitch % 12)
        for track in score.tracks
        if track.role == "melody"
        for note in track.notes
    }
    assert len(onsets) >= wanted


@pytest.mark.parametrize("style", PALETTES)
@pytest.mark.parametrize("duration_s", [0.04, 0.5, 7.3])
def test_nothing_composed_still_ends_with_a_closing_chord(style, duration_s):
    cues = make_cues(duration_s, [make_section(0, duration_s, style, key="Dm", density=0.0, dynamics=0.1)])
    score = orchestrate(EMPTY, (), cues)
    check_score(score, cues)
    check_midi(score)
    assert abs(last_end_s(score) - duration_s) <= END_TOLERANCE_S
    classes = {n.pitch % 12 for t in score.tracks if not t.is_drums for n in t.notes}
    assert classes == {2, 5, 9}


def test_a_film_that_is_silent_has_no_tracks():
    cues = make_cues(5.0, [make_section(0, 5.0, "folk", silent=True)])
    lead, accompaniment = make_music(cues, 1)
    assert orchestrate(lead, accompaniment, cues).tracks == ()


def test_unknown_style_is_named():
    cues = make_cues(5.0, [make_section(0, 5.0, "kazoo-band")])
    with pytest.raises(BadInput, match=r"kazoo-band.*solo-piano"):
        orchestrate(EMPTY, (), cues)


def test_solo_piano_keeps_the_texture_whole():
    cues = make_cues(20.0, [make_section(0, 20.0, "solo-piano")])
    lead, accompaniment = make_music(cues, 5)
    score = orchestrate(lead, accompaniment, cues)
    assert [track.role for track in score.tracks] == ["melody", "arpeggio"]
    assert {track.program for track in score.tracks} == {0}
    ours = {(n.onset_beats, n.pitch) for n in accompaniment}
    assert {(n.onset_beats, n.pitch) for n in score.tracks[1].notes} == ours


def test_layers_enter_with_density_and_dynamics():
    def names(density, dynamics):
        cues = make_cues(20.0, [make_section(0, 20, "full-orchestra", density=density, dynamics=dynamics)])
        lead, accompaniment = make_music(cues, 5)
        return {track.name for track in orchestrate(lead, accompaniment, cues).tracks}

    quiet, loud = names(0.1, 0.2), names(0.9, 0.9)
    assert quiet < loud
    assert "Tuba" in loud - quiet
    assert "Oboe" in loud - quiet


def test_loud_sections_are_louder_and_the_change_is_a_crescendo():
    sections = [
        make_section(0, 20, "string-orchestra", dynamics=0.2),
        make_section(20, 40, "string-orchestra", dynamics=0.9),
    ]
    cues = make_cues(40.0, sections)
    lead, accompaniment = make_music(cues, 5)
    score = orchestrate(lead, accompaniment, cues)
    melody = score.tracks[0]
    middle = cues.tempo_map.beats(20)

    def mean(values):
        return sum(values) / len(values)

    soft = mean([n.velocity for n in melody.notes if n.onset_beats < middle - 8])
    loud = mean([n.velocity for n in melody.notes if n.onset_beats >= middle])
    assert loud > soft + 30
    steps = [abs(b - a) for (_, a), (_, b) in pairwise(melody.expression)]
    assert max(steps) <= 12
    curve = DynamicsCurve.of(cue_spans(cues), cues.tempo_map)
    levels = [curve.level_at(beat / 4) for beat in range(int(cues.tempo_map.end_beats * 4))]
    assert all(later >= level - 1e-9 for level, later in pairwise(levels))


def test_heavy_hits_are_underlined_by_the_percussion():
    hit = Hit(10.0, "explosion", 1.0, required=True, kind="user")
    cues = make_cues(20.0, [make_section(0, 20, "full-orchestra", arousal=-0.5, density=0.3)], hits=[hit])
    lead, accompaniment = make_music(cues, 5)
    score = orchestrate(lead, accompaniment, cues)
    drums = next(track for track in score.tracks if track.is_drums)
    assert min(abs(score.tempo_map.seconds(n.onset_beats) - 10.0) for n in drums.notes) < 0.08


def test_one_kit_for_the_one_drum_channel():
    sections = [make_section(0, 10, "jazz-combo"), make_section(10, 20, "hybrid-electronic")]
    cues = make_cues(20.0, sections)
    lead, accompaniment = make_music(cues, 5)
    score = orchestrate(lead, accompaniment, cues)
    drums = [track for track in score.tracks if track.is_drums]
    assert len(drums) == 1
    assert any(n.onset_beats > cues.tempo_map.beats(11) for n in drums[0].notes)
    assert any(n.onset_beats < cues.tempo_map.beats(9) for n in drums[0].notes)


def test_many_styles_still_fit_the_channels():
    names = list(PALETTES)
    sections = [make_section(i * 5, i * 5 + 5, name, dynamics=0.9) for i, name in enumerate(names)]
    cues = make_cues(5.0 * len(names), sections)
    lead, accompaniment = make_music(cues, 5)
    score = orchestrate(lead, accompaniment, cues)
    check_score(score, cues)
    check_midi(score)
    assert {track.role for track in score.tracks} >= {"melody", "pad", "bass", "arpeggio", "percussion"}


def tune_cues(style, key="C", metre=(4, 4), theme_bars=8):
    """Theme, something else, and the theme again, louder and in ``key``; a bar lasts two seconds."""
    length = metre[0] * 4 / metre[1]
    edges = [0.0, 2.0 * theme_bars, 4.0 * theme_bars, 6.0 * theme_bars]
    sections = (
        make_section(edges[0], edges[1], style, key="C", dynamics=0.3, theme="A"),
        make_section(edges[1], edges[2], style, label="B", key="Am", theme="B"),
        make_section(edges[2], edges[3], style, label="A'", key=key, dynamics=0.9, density=0.9, theme="A"),
    )
    tempo_map = TempoMap((Bar.at_bpm(30 * length, *metre),) * (3 * theme_bars))
    return CueSheet("t", edges[3], 25.0, "00:00:00:00", sections, (), tempo_map, 1, {})


@pytest.mark.parametrize("style", PALETTES)
@given(
    st.integers(0, 10**6),
    st.sampled_from([("C", 0), ("D", 2), ("F", 5), ("G", -5), ("Bb", -2)]),
    st.sampled_from([(4, 4), (3, 4), (6, 8)]),
)
@settings(max_examples=8, deadline=None)
def test_a_tune_that_returns_keeps_its_intervals_and_rhythm(style, seed, key, metre):
    cues = tune_cues(style, key[0], metre)
    lead, accompaniment = make_music(cues, seed)
    length = float(cues.tempo_map.bar_starts_beats[8])
    tune = walk(seed, length - 0.5)
    other = [replace(note, onset_beats=note.onset_beats + length) for note in walk(seed + 1, length - 0.5)]
    back = [
        replace(note, onset_beats=note.onset_beats + 2 * length, pitch=note.pitch + key[1]) for note in tune
    ]
    score = orchestrate(LeadSheet(lead.harmony, (*tune, *other, *back)), accompaniment, cues)
    leader = PALETTES[style].layers[0].instrument_name
    track = next(t for t in score.tracks if t.role == "melody" and t.name in (leader, f"{leader} (melody)"))
    for bars in (0.0, 2 * length):
        heard = [note for note in track.notes if bars <= note.onset_beats < bars + length]
        assert [note.onset_beats - bars for note in heard] == [note.onset_beats for note in tune]
        assert len({note.pitch - written.pitch for note, written in zip(heard, tune, strict=True)}) == 1
    first, again = (
        [note.duration_beats for note in track.notes if bars <= note.onset_beats < bars + length][:-1]
        for bars in (0.0, 2 * length)
    )
    assert first == again


def walk(seed, end):
    """A tune that walks up and down two octaves less a third of C major, with rests."""
    rng = random.Random(seed)
    scale = [pitch for pitch in range(60, 81) if pitch % 12 in (0, 2, 4, 5, 7, 9, 11)]
    notes, beat, place = [], 0.0, 6
    while beat < end:
        length = min(rng.choice((0.5, 0.5, 1.0, 1.5)), end - beat)
        place = min(max(place + rng.choice((-3, -1, -1, 0, 1, 1, 2)), 0), len(scale) - 1)
        if rng.random() > 0.15:
            notes.append(Note(beat, length, scale[place], 80))
        beat += length
    return tuple(notes)


def test_a_swell_is_a_phrase_and_a_glide_two_bars_in_every_metre():
    for metre in ((4, 4), (3, 4), (6, 8)):
        cues = tune_cues("chamber", metre=metre)
        curve = DynamicsCurve.of(cue_spans(cues), cues.tempo_map)
        length = float(cues.tempo_map.bar_starts_beats[1])
        swells = [curve.swells[round(bar * length * 2)] for bar in range(8)]
        assert swells[:4] == pytest.approx(swells[4:])
        assert swells[0] == pytest.approx(-1)
        assert swells[2] == pytest.approx(1)
        levels = [curve.level_at(bar * length) for bar in range(10)]
        assert levels[6] == pytest.approx(0.3)
        assert levels[7] == pytest.approx(0.45)
        assert levels[8] == pytest.approx(0.6)


def test_harmony_is_held_and_answered_by_the_pulse():
    cues = tune_cues("chamber", metre=(6, 8))
    windows = make_windows((ChordSpan(0, 12, Chord(0)),), cues.tempo_map, 0.0, 12.0)
    assert {window.pulse_beats for window in windows} == {1.5}
    texture = split_texture((Note(0, 3, 36, 80), Note(0, 1, 60, 80), Note(1.5, 1.5, 64, 80)), windows)
    assert [note.duration_beats for note in texture.moving] == [1]
    assert [note.duration_beats for note in texture.held] == [1.5]
    lead, accompaniment = make_music(cues, 2)
    score = orchestrate(replace(lead, melody=()), accompaniment, cues)
    counter = next(track for track in score.tracks if track.role == "counter")
    assert all((note.onset_beats / 1.5).is_integer() for note in counter.notes)


def test_same_input_same_score():
    cues = film_cues("folk")
    lead, accompaniment = make_music(cues, 9)
    assert orchestrate(lead, accompaniment, cues) == orchestrate(lead, accompaniment, cues)


def test_a_long_film_is_set_to_its_end():
    cues = make_cues(5400.0, [make_section(0, 5400.0, "full-orchestra")])
    lead, accompaniment = make_music(cues, 5)
    score = orchestrate(lead, accompaniment, cues)
    assert abs(last_end_s(score) - 5400.0) <= END_TOLERANCE_S


def test_split_finds_the_bass_and_fills_a_missing_one():
    cues = make_cues(10.0, [make_section(0, 10, "folk")])
    chords = (ChordSpan(0, 4, Chord(0)), ChordSpan(4, 12, Chord(7)))
    windows = make_windows(chords, cues.tempo_map, 0.0, 8.0)
    assert [(w.start_beats, w.end_beats, str(w.chord)) for w in windows] == [(0, 4, "C"), (4, 8, "G")]
    notes = (
        Note(0, 4, 36, 80),
        Note(0, 2, 52, 80),
        Note(0.5, 0.5, 55, 80),
        Note(4, 1, 71, 80),
    )
    texture = split_texture(notes, windows)
    assert [note.pitch for note in texture.bass] == [36, 43]
    assert [note.pitch for note in texture.held] == [52, 71]
    assert [note.pitch for note in texture.moving] == [55]


def test_voices_move_by_the_shortest_way():
    first = voice({0, 4, 7}, ())
    second = voice({5, 9, 0}, first)
    assert sum(abs(a - b) for a, b in zip(first, second, strict=True)) <= 4


@given(
    st.lists(
        st.builds(
            Note,
            st.integers(0, 40).map(lambda n: n / 4),
            st.integers(1, 16).map(lambda n: n / 4),
            st.integers(50, 60),
            st.integers(1, 127),
        ),
        max_size=30,
    ),
    st.integers(1, 4),
)
def test_playable_keeps_to_the_voices(notes, polyphony):
    played = playable(notes, polyphony)
    for note in played:
        assert note.duration_beats > 0
        at_once = [n for n in played if n.onset_beats <= note.onset_beats < n.end_beats - 1e-6]
        assert len(at_once) <= polyphony
        assert len({n.pitch for n in at_once}) == len(at_once)
    assert {n.onset_beats for n in played} == {n.onset_beats for n in notes}


def test_every_palette_instrument_is_written_for():
    used = {layer.instrument_name for palette in PALETTES.values() for layer in palette.layers}
    assert used <= set(INSTRUMENTS)

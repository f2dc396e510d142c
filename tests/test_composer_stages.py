"""The three stages with random weights: whatever the networks say, valid music inside instrument ranges comes out."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from score_builders import make_cues, make_section

from composer.accompaniment import compose_accompaniment
from composer.chords import compose_chords
from composer.form import form_of
from composer.instruments import instrument_of
from composer.melody import compose_melody
from composer.music import BarPlan, Harmony, LeadSheet
from composer.orchestrate import orchestrate
from composer.palettes import PALETTES
from composer.theory import Key
from composer.tokens import notes as note_tokens


def compose_with(checkpoints, cues, seed):
    harmony = compose_chords(cues, None, seed=seed, checkpoint=checkpoints["chords"])
    lead = compose_melody(harmony, cues, seed=seed, checkpoint=checkpoints["melody"])
    return lead, compose_accompaniment(lead, cues, seed=seed, checkpoint=checkpoints["accompaniment"])


def assert_playable(score):
    end = score.tempo_map.end_beats
    for track in score.tracks:
        instrument = instrument_of(track.name, track.program, track.is_drums)
        assert instrument is not None, track.name
        for note in track.notes:
            assert instrument.low <= note.pitch <= instrument.high, (track.name, note)
            assert note.end_beats <= end + 1e-9


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    style=st.sampled_from(sorted(PALETTES)),
    duration_s=st.floats(0.05, 8.0),
    key=st.sampled_from(["C", "Am", "F#m", "Db", "Bm"]),
    metre=st.sampled_from([(4, 4), (3, 4), (7, 8), (6, 8), (1, 8)]),
    density=st.floats(0, 1),
    seed=st.integers(0, 999),
)
def test_random_weights_give_playable_music(checkpoints, style, duration_s, key, metre, density, seed):
    section = make_section(0.0, duration_s, style, key=key, density=density)
    cues = make_cues(duration_s, [section], metres=(metre,))
    lead, accompaniment = compose_with(checkpoints, cues, seed)
    assert len(lead.harmony.plan) == len(cues.tempo_map.bars)
    assert all(21 <= note.pitch <= 108 for note in accompaniment)
    assert all(note.end_beats <= cues.tempo_map.end_beats + 1e-9 for note in (*lead.melody, *accompaniment))
    onsets = [note.onset_beats for note in lead.melody]
    assert all(a.end_beats <= b + 1e-9 for a, b in zip(lead.melody, onsets[1:], strict=False))
    assert_playable(orchestrate(lead, accompaniment, cues))


@settings(max_examples=40, deadline=None)
@given(
    style=st.sampled_from(sorted(PALETTES)),
    ids=st.lists(st.tuples(*[st.integers(-300, 300)] * 4), max_size=80),
)
def test_any_token_ids_give_playable_music(style, ids):
    cues = make_cues(9.0, [make_section(0.0, 9.0, style)])
    form = form_of(cues)
    found = form.notes(note_tokens.decode(np.array(ids, np.int64).reshape(-1, 4), form.beats))
    chords = form.chord_spans(np.resize([sum(row) % 121 for row in ids] or [0], form.beats))
    lead = LeadSheet(Harmony(chords, tuple(BarPlan(0, 0, 0, 0) for _ in cues.tempo_map.bars)), ())
    assert_playable(orchestrate(lead, found, cues))


def test_the_same_seed_gives_the_same_music_and_another_does_not(checkpoints):
    cues = make_cues(12.0, [make_section(0.0, 12.0, "chamber")])
    assert compose_with(checkpoints, cues, 5) == compose_with(checkpoints, cues, 5)
    assert compose_with(checkpoints, cues, 5) != compose_with(checkpoints, cues, 6)


def test_the_last_chord_is_the_tonic_and_silence_is_silent(checkpoints):
    sections = [
        make_section(0.0, 10.0, "chamber", key="Eb"),
        make_section(10.0, 20.0, "chamber", silent=True),
        make_section(20.0, 30.0, "chamber", key="F#m", label="C"),
    ]
    cues = make_cues(30.0, sections)
    lead, accompaniment = compose_with(checkpoints, cues, 1)
    tonic = Key.parse("F#m").tonic
    last = lead.harmony.chords[-1].chord
    assert last is not None
    assert (last.root, last.quality) == (tonic, "m")
    tempo_map = cues.tempo_map
    silent = [
        bar
        for bar in range(len(tempo_map.bars))
        if tempo_map.bar_starts_s[bar] >= 10.0 and tempo_map.bar_starts_s[bar + 1] <= 20.0
    ]
    assert silent
    assert all(lead.harmony.plan[bar].accompaniment_notes == 0 for bar in silent)
    for note in (*lead.melody, *accompaniment):
        assert tempo_map.bar_at(note.onset_beats) not in silent


def test_density_asks_for_more_notes(checkpoints):
    counts = []
    for density in (0.0, 0.5, 1.0):
        cues = make_cues(24.0, [make_section(0.0, 24.0, "solo-piano", density=density)])
        counts.append(len(compose_with(checkpoints, cues, 3)[1]))
    assert counts[0] < counts[1] < counts[2]


def test_notes_survive_the_way_through_the_models_key():
    sections = [make_section(0.0, 8.0, "chamber", key="Bb"), make_section(8.0, 16.0, "chamber", key="Gm")]
    form = form_of(make_cues(16.0, sections, metres=((4, 4), (3, 4))))
    rng = np.random.default_rng(0)
    rows = sorted(
        {(int(b), int(s), int(p)) for b, s, p in rng.integers((0, 0, 40), (form.beats, 6, 90), (60, 3))}
    )
    beat, sub, pitch = np.array(rows).T
    found = note_tokens.GridNotes(beat, sub, pitch, np.full(len(rows), 4), rng.integers(0, 32, len(rows)))
    back = form.grid_notes(form.notes(found))
    kept = {(b, s, p) for b, s, p in zip(back.beat, back.sub, back.pitch, strict=True)}
    assert kept <= {(b, s, p) for b, s, p in rows}
    assert len(kept) > 0.9 * len(rows)  # those in the cut-off part of the last beat are gone

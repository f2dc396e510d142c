"""Themes from the trained networks to the orchestra: a tune that comes back is the tune, in whatever metre."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from score_builders import make_section

from composer.form import form_of
from composer.instruments import instrument_of
from composer.music import Note, Score
from composer.pipeline import Checkpoints, compose
from composer.spotting.cues import CueSheet
from composer.themes import NEW, recalled_bars
from composer.timing import Bar, TempoMap

pytestmark = pytest.mark.slow
BARS = 4  # of each section


@pytest.fixture(scope="module", params=[("full-orchestra", (4, 4)), ("pop", (6, 8))], ids=["4/4", "6/8"])
def recalled(request: pytest.FixtureRequest) -> tuple[CueSheet, Score]:
    style, metre = request.param
    numerator, denominator = metre
    bar = Bar.at_bpm(30 * numerator * 4 / denominator, numerator, denominator)
    sections = tuple(
        make_section(
            2.0 * BARS * index,
            2.0 * BARS * (index + 1),
            style,
            label=label,
            key=key,
            dynamics=dynamics,
            theme=label[0],
        )
        for index, (label, key, dynamics) in enumerate((("A", "C", 0.3), ("B", "Am", 0.5), ("A'", "D", 0.9)))
    )
    tempo_map = TempoMap((bar,) * (BARS * len(sections)))
    cues = CueSheet("t", tempo_map.end_s, 25.0, "00:00:00:00", sections, (), tempo_map, 1, {})
    checkpoints = Checkpoints.for_cues(cues)
    missing = [
        path.name
        for path in (checkpoints.chords, checkpoints.melody, checkpoints.accompaniment)
        if not path.exists()
    ]
    if missing:
        pytest.skip(f"no {', '.join(missing)}: the networks are not here")
    return cues, compose(cues, None, seed=3, candidates=1)


def in_bar(notes: tuple[Note, ...], cues: CueSheet, bar: int) -> list[tuple[float, int]]:
    start, end = (float(cues.tempo_map.bar_starts_beats[bar + offset]) for offset in (0, 1))
    return [
        (note.onset_beats - start, note.pitch)
        for note in notes
        if start - 1e-6 <= note.onset_beats < end - 1e-6
    ]


def test_the_leader_plays_the_theme_again(recalled: tuple[CueSheet, Score]) -> None:
    cues, score = recalled
    leader = next(track for track in score.tracks if track.role == "melody")
    sources = recalled_bars(form_of(cues))
    assert (sources != NEW).any()
    steps = []
    for bar in np.flatnonzero(sources != NEW).tolist():
        then, now = (in_bar(leader.notes, cues, place) for place in (int(sources[bar]), bar))
        assert [onset for onset, _ in now] == pytest.approx([onset for onset, _ in then])
        steps += [later - earlier for (_, earlier), (_, later) in zip(then, now, strict=True)]
    if not steps:
        pytest.skip("the theme these weights write rests in the bars that come back")
    assert len(set(steps)) == 1
    assert steps[0] % 12 == 2


def test_what_networks_write_is_in_range_and_ends_with_the_picture(recalled: tuple[CueSheet, Score]) -> None:
    cues, score = recalled
    for track in score.tracks:
        instrument = instrument_of(track.name, track.program, track.is_drums)
        assert instrument is not None
        assert all(instrument.low <= note.pitch <= instrument.high for note in track.notes)
    ends = [note.end_beats for track in score.tracks for note in track.notes]
    assert max(ends) == pytest.approx(cues.tempo_map.end_beats)
    assert all(
        later.onset_beats >= earlier.onset_beats
        for track in score.tracks
        for earlier, later in pairwise(track.notes)
    )

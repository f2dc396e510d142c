import pytest

from composer.music import Note
from composer.notation import DIVISIONS, write_staff
from composer.timing import Bar, TempoMap
from composer.tokens.grid import SUB_TICKS


def first_bar(metre, notes, **options):
    """The first voice of a bar of ``metre`` with notes (onset, duration) in quarters."""
    tempo_map = TempoMap((Bar.at_bpm(90, *metre),) * 2)
    written = [Note(onset, duration, 60 + index, 80) for index, (onset, duration) in enumerate(notes)]
    return write_staff(written, tempo_map, decays=False, **options)[0].voices[0]


def shown(voice):
    """What stands on the staff: 4, 8. ... for notes, r before rests, ties as ~, T for members of a triplet."""
    names = {"whole": "1", "half": "2", "quarter": "4", "eighth": "8", "16th": "16", "32nd": "32"}
    return " ".join(
        ("" if item.pitches else "r")
        + names[item.type_name]
        + "." * item.dots
        + ("T" if item.triplet else "")
        + ("~" if item.tie_start else "")
        for item in voice
    )


@pytest.mark.parametrize(
    ("metre", "notes", "text"),
    [
        ((6, 8), [(0, 0.5), (0.5, 1), (1.5, 1), (2.5, 0.5)], "8 4 4 8"),
        ((6, 8), [(0, 0.5), (2.5, 0.5)], "8 r8 r8 r4 8"),
        ((6, 8), [(0, 1.5)], "4. r4."),
        ((6, 8), [(0, 3)], "2."),
        ((6, 8), [(1, 1), (2, 1)], "r4 8~ 8 4"),
        ((6, 8), [(0, 0.75), (0.75, 0.75), (1.5, 1.5)], "8. 8. 4."),
        ((9, 8), [(0, 4.5)], "2.~ 4."),
        ((9, 8), [(3, 1.5)], "r4. r4. 4."),
        ((12, 8), [(3, 3)], "r2. 2."),
        ((3, 8), [(0, 1.5)], "4."),
        ((3, 4), [(2, 1)], "r4 r4 4"),
        ((4, 4), [(2, 1)], "r2 4 r4"),
        ((4, 4), [(0, 0.25), (0.25, 0.5), (0.75, 0.25), (1, 3)], "16 8 16 2."),
        ((4, 4), [(0, 0.5), (0.5, 1), (1.5, 0.5), (2, 2)], "8 4 8 2"),
        ((7, 8), [(0, 3.5)], "2~ 4."),
        ((7, 8), [(0, 1), (1, 1), (2, 1.5)], "4 4 4."),
        ((5, 8), [(1, 0.5)], "r4 8 r8 r8"),
        ((2, 2), [(0, 2)], "2 r2"),
        ((4, 4), [(0, 2 / 3), (2 / 3, 1 / 3), (1, 3)], "4T 8T 2."),
        ((4, 4), [(0, 1 / 6), (1 / 6, 1 / 6), (1 / 3, 1 / 6), (0.5, 0.5), (1, 3)], "16T 16T 16T 8 2."),
        ((4, 4), [(0, 0.25), (0.25, 0.25), (0.5, 1 / 3), (5 / 6, 1 / 6), (1, 3)], "16 16 8T 16T 2."),
    ],
)
def test_rhythms_look_as_a_reader_expects(metre, notes, text):
    assert shown(first_bar(metre, notes)) == text


@pytest.mark.parametrize("metre", [(4, 4), (3, 4), (6, 8), (9, 8), (12, 8), (3, 8), (2, 2)])
def test_every_place_of_the_models_grid_is_written_where_it_is(metre):
    pulse = Bar.at_bpm(90, *metre).pulse_beats
    for first in SUB_TICKS:
        for second in (*SUB_TICKS, 12):
            onsets = sorted({first, second})
            notes = [(pulse * tick / 12, pulse / 24) for tick in onsets if tick < 12]
            starts = {item.start for item in first_bar(metre, notes) if item.pitches and not item.tie_stop}
            exact = {round(onset * DIVISIONS) for onset, _ in notes}
            if pulse != 1.0 or not mixed(onsets):
                assert starts == exact
            else:
                assert all(min(abs(start - place) for place in exact) <= 2 for start in starts)


def mixed(ticks):
    """Whether one eighth has sixteenths and triplets, which no notation has room for."""
    return any(3 + half in ticks and ({half + 2, half + 4} & set(ticks)) for half in (0, 6))


@pytest.mark.parametrize(
    ("metre", "notes", "beams"),
    [
        ((6, 8), [(i / 2, 0.5) for i in range(6)], "begin continue end begin continue end"),
        ((4, 4), [(i / 2, 0.5) for i in range(8)], "begin continue continue end begin continue continue end"),
        ((3, 4), [(i / 2, 0.5) for i in range(6)], "begin continue continue continue continue end"),
        ((7, 8), [(i / 2, 0.5) for i in range(7)], "begin end begin end begin continue end"),
        ((4, 4), [(0, 0.5), (0.5, 0.5), (1, 1), (2, 0.5), (3, 0.5), (3.5, 0.5)], "begin end - - - begin end"),
        ((2, 4), [(0, 0.75), (0.75, 0.25), (1, 0.25), (1.25, 0.75)],
         "begin end+backward_hook begin+forward_hook end"),
        ((6, 8), [(0, 0.5), (0.5, 0.25), (0.75, 0.25), (1, 0.5), (1.5, 1.5)],
         "begin continue+begin continue+end end -"),
    ],
)  # fmt: skip
def test_beams_join_what_is_within_a_beat(metre, notes, beams):
    voice = first_bar(metre, notes)
    found = ["+".join(item.beams).replace(" ", "_") or "-" for item in voice]
    assert " ".join(found) == beams


def test_a_stroke_lasts_to_the_end_of_its_beat():
    strokes = [(0, 0.25), (1.5, 0.25)]
    assert shown(first_bar((6, 8), strokes, strokes=True)) == "4. 4."

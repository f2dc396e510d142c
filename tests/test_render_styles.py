"""Named styles: every one seats any music without losing a note."""

from dataclasses import replace

import pytest
from render_performances import part, performance, scale

from render import smf
from render.layers import nearest_style
from render.styles import STYLES, Chair, Style, first_program, is_in, melody_part, restyle

WIDE = list(range(24, 108, 5))


def notes(given) -> list[tuple]:
    """Every note event with its stem, in order."""
    rows = [
        (float(t), p.stem, int(s), int(d1), int(d2))
        for p in given.parts
        for t, s, d1, d2 in zip(p.time_s, *p.columns, strict=True)
        if s in (smf.NOTE_ON, smf.NOTE_OFF)
    ]
    return sorted(rows)


def band():
    """A melody, a wide accompaniment and drums, on xylophones, which no style has."""
    return performance(
        scale([72, 74, 76, 77], stem="MELODY", program=13),
        scale(WIDE, beat_s=0.25, stem="PIANO", program=13),
        part([(0.0, 0.1, 36, 100), (0.5, 0.6, 38, 100)], stem="Drums", channel=9),
    )


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("variant", [0, 1])
def test_every_style_keeps_every_note_and_every_stem(name, variant):
    style = STYLES[name]
    seated = restyle(band(), style, variant)
    assert notes(seated) == notes(band())
    programs = {first_program(p) for p in seated.parts if not p.is_drums}
    assert programs <= {chair.program(variant) for chair in style.all_chairs}
    assert all(p.status[0] in (smf.CONTROL, smf.PROGRAM) for p in seated.parts)
    assert set(seated.stem_names) == {"MELODY", "PIANO", "Drums"}


def test_there_are_more_than_twenty_and_some_have_drums():
    assert len(STYLES) >= 24
    assert sum(style.kit is not None for style in STYLES.values()) >= 5


def test_pitches_decide_the_chair():
    quartet = restyle(band(), STYLES["string-quartet"])
    cello = next(p for p in quartet.parts if first_program(p) == 42)
    assert cello.data1[cello.status == smf.NOTE_ON].max() <= 52


def test_the_melody_has_a_chair_of_its_own():
    combo = restyle(band(), STYLES["jazz-combo"])
    sax = [p for p in combo.parts if first_program(p) == 66]
    assert [p.stem for p in sax] == ["MELODY"]


def test_the_highest_part_leads_where_no_name_says_so():
    low, high = scale([40, 45], stem="A"), scale([80, 85], stem="B")
    assert melody_part(performance(low, high)) == 1
    assert melody_part(performance(replace(low, role="melody"), high)) == 0
    assert melody_part(performance(part([(0, 1, 38, 99)], channel=9))) is None


def test_drums_stay_where_a_style_has_none_and_change_their_kit_where_it_has():
    stays = restyle(band(), STYLES["harp"]).parts[-1]
    assert smf.PROGRAM in stays.status
    assert first_program(stays) == 0
    assert first_program(restyle(band(), STYLES["jazz-combo"]).parts[-1]) == 40


def test_what_is_in_the_style_already_stays_as_it_is():
    style = STYLES["string-quartet"]
    own = restyle(band(), style)
    assert is_in(own, style)
    assert restyle(own, style) is own
    piano = performance(scale(WIDE))
    assert not is_in(piano, STYLES["jazz-combo"])  # a piano alone is no combo


def test_guests_belong_to_the_ensemble():
    orchestra = STYLES["full-orchestra"]
    parts = [scale([60, 62], program=chair.programs[0]) for chair in orchestra.all_chairs]
    with_harp = performance(*parts, scale(WIDE, program=46))
    assert restyle(with_harp, orchestra) is with_harp
    assert nearest_style(with_harp) == "full-orchestra"
    assert not is_in(performance(scale(WIDE, program=46)), orchestra)


def test_program_changes_and_banks_of_the_file_are_left_behind():
    rows = part([(0.0, 1.0, 60, 90)], program=5, controls=[(0.0, 0, 8), (0.5, 11, 80)])
    seated = restyle(performance(rows), STYLES["harp"]).parts[0]
    assert seated.data1[seated.status == smf.PROGRAM].tolist() == [46]
    controls = seated.data1[seated.status == smf.CONTROL].tolist()
    assert 0 not in controls
    assert 11 in controls


def test_volume_is_scaled():
    style = Style("quiet", "Quiet", (Chair((0,), volume=50),))
    told = part([(0.0, 1.0, 60, 90)], controls=[(0.0, 7, 120)])
    for given, expected in ((told, [60]), (part([(0.0, 1.0, 60, 90)]), [50])):
        seated = restyle(
            performance(given, end_s=1.0), Style(style.name, "", (Chair((9,), volume=50),))
        ).parts[0]
        volume = seated.data2[(seated.status == smf.CONTROL) & (seated.data1 == 7)]
        assert volume.tolist() == expected


def test_tops_that_fall_are_refused():
    with pytest.raises(ValueError, match="rise"):
        Style("odd", "", (Chair((0,), top=60), Chair((1,), top=50)))

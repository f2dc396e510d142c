"""The training reader of MusicXML: time, pitch, ties, dynamics, tempo, and files that mean harm."""

from __future__ import annotations

import numpy as np
import pytest
from musicxml_builder import attributes, direction, mxl, note, score

from composer.tokens.vocabulary import CHORD_NONE, chord_id
from composer.train.corpora import expression, musicxml
from composer.train.corpora.musicxml import read_musicxml
from composer.train.corpora.piece import UnusablePiece

FULL_BAR = note("C4", 48)


def rows(piece) -> list[tuple[float, float, int]]:
    """(onset, duration, pitch) of every note, in order."""
    return sorted((round(o, 4), round(d, 4), int(p)) for o, d, p in piece.notes[:, :3])


def test_a_pick_up_is_a_short_bar_of_its_own():
    piece = read_musicxml(score([attributes() + note("G4", 12), FULL_BAR, FULL_BAR], implicit=(0,)))
    assert piece.bar_starts.tolist() == [0, 1, 5, 9]
    assert piece.pickup.tolist() == [True, False, False]
    assert rows(piece) == [(0, 1, 67), (1, 4, 60), (5, 4, 60)]


def test_a_bar_that_a_repeat_cuts_in_two_is_one_bar():
    cut = [attributes() + FULL_BAR, note("C4", 36), note("D4", 12), FULL_BAR]
    piece = read_musicxml(score(cut, implicit=(2,)))
    assert piece.bar_starts.tolist() == [0, 4, 8, 12]
    assert (3 + 4, 1, 62) in rows(piece)


def test_ties_make_one_note_and_staves_go_back():
    bar = (
        attributes()
        + note("E4", 48, '<tie type="start"/>')
        + note("G4", 48, chord=True)
        + "<backup><duration>48</duration></backup>"
        + note("C3", 24, staff=2)
        + "<forward><duration>12</duration></forward>"
        + note("G2", 12, staff=2)
    )
    piece = read_musicxml(score([bar, note("E4", 12, '<tie type="stop"/>') + note("R", 36)]))
    assert rows(piece) == [(0, 2, 48), (0, 4, 67), (0, 5, 64), (3, 1, 43)]


def test_a_clarinet_sounds_lower_than_it_is_written():
    clarinet = attributes(more="<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>")
    bass = attributes(
        more="<transpose><chromatic>-2</chromatic><octave-change>-1</octave-change></transpose>"
    )
    piece = read_musicxml(score([clarinet + note("D5", 48)], [bass + note("D5", 48)]))
    assert piece.notes[:, 2].tolist() == [72, 60]


def test_tuplets_grace_notes_and_staccato():
    triplet = "".join(note(p, 4) for p in ("C4", "D4", "E4"))
    grace = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch></note>"
    dots = "<notations><articulations><staccato/></articulations></notations>"
    piece = read_musicxml(score([attributes(2) + triplet + grace + note("F4", 12, dots)]))
    assert rows(piece) == [(0, 0.3333, 60), (0.3333, 0.3333, 62), (0.6667, 0.3333, 64), (1, 0.5, 65)]


def test_a_hairpin_rises_to_the_next_mark():
    quarters = "".join(note("C4", 12) for _ in range(4))
    first = (
        attributes()
        + direction("<dynamics><p/></dynamics>")
        + direction('<wedge type="crescendo"/>')
        + quarters
    )
    second = direction('<wedge type="stop"/>') + direction("<dynamics><f/></dynamics>") + quarters
    velocity = read_musicxml(score([first, second])).notes[:, 3]
    assert velocity[0] == expression.LEVELS["p"] + expression.DOWNBEAT
    assert (np.diff(velocity[:5]) > 0).all()
    assert velocity[4] == expression.LEVELS["f"] + expression.DOWNBEAT
    assert np.ptp(velocity[5:]) == 0


def test_accents_and_sforzandi_last_one_note():
    struck = direction("<dynamics><sfz/></dynamics>") + note("C4", 12)
    accent = "<notations><articulations><accent/></articulations></notations>"
    bar = attributes() + note("C4", 12) + struck + note("C4", 12) + note("C4", 12, accent)
    plain, sforzando, after, accented = read_musicxml(score([bar])).notes[:, 3] - [
        expression.DOWNBEAT,
        1,
        1,
        1,
    ]
    assert plain == after == expression.DEFAULT_VELOCITY
    assert sforzando == accented == plain + expression.ACCENT


def test_a_part_without_marks_follows_the_part_with_most():
    marked = attributes() + direction("<dynamics><pp/></dynamics>") + FULL_BAR
    piece = read_musicxml(score([attributes() + note("E5", 48)], [marked]))
    assert piece.notes[0, 3] == piece.notes[1, 3] == expression.LEVELS["pp"] + expression.DOWNBEAT


@pytest.mark.parametrize(
    ("mark", "quarter_bpm"),
    [
        (direction("<words>Andante</words>"), 76),
        (direction("<words>Langsam und zart</words>"), 56),
        (
            direction(
                "<metronome><beat-unit>quarter</beat-unit><beat-unit-dot/><per-minute>60</per-minute></metronome>"
            ),
            90,
        ),
        (direction("<words>Presto</words>", '<sound tempo="132"/>'), 132),
        (direction("<words>rit.</words>"), np.nan),
        ("", np.nan),
    ],
)
def test_tempo_from_words_metronome_and_sound(mark, quarter_bpm):
    piece = read_musicxml(score([attributes() + mark + FULL_BAR, FULL_BAR]))
    assert piece.quarter_bpm == pytest.approx([quarter_bpm] * 2, nan_ok=True)


def test_a_tempo_that_changes_inside_a_bar_lasts_as_long():
    bar = '<sound tempo="60"/>' + note("C4", 24) + '<sound tempo="120"/>' + note("C4", 24)
    piece = read_musicxml(score([attributes() + bar, FULL_BAR]))
    assert piece.quarter_bpm == pytest.approx([60 * 4 / 3, 120])


def test_chord_symbols():
    def harmony(step: str, kind: str, alter: int = 0) -> str:
        root = f"<root><root-step>{step}</root-step><root-alter>{alter}</root-alter></root>"
        return f"<harmony>{root}<kind>{kind}</kind></harmony>"

    bar = (
        harmony("B", "dominant-ninth", -1) + note("C4", 24) + harmony("A", "half-diminished") + note("C4", 24)
    )
    piece = read_musicxml(score([attributes() + bar, harmony("C", "none") + FULL_BAR]))
    assert piece.symbols is not None
    assert piece.symbols.tolist() == [[0, chord_id(10, "7")], [2, chord_id(9, "m7b5")], [4, CHORD_NONE]]


def test_a_missing_time_signature_is_read_off_the_bars():
    waltz = note("C4", 12) + note("E4", 24)
    piece = read_musicxml(
        score(["<attributes><divisions>12</divisions></attributes>" + waltz, *[waltz] * 11])
    )
    assert piece.metres.tolist() == [[3, 4]] * 12


def test_movements_open_where_bars_count_from_one_again():
    xml = score([attributes() + FULL_BAR, *[FULL_BAR] * 9])
    again = xml.replace(b'<measure number="7"', b'<measure number="1"')
    assert np.flatnonzero(read_musicxml(again).opens).tolist() == [0, 6]


def test_compressed_and_utf_16_files_read_the_same():
    xml = score([attributes() + note("A4", 48)])
    wide = xml.decode().replace("UTF-8", "UTF-16").encode("utf-16")
    assert rows(read_musicxml(mxl(xml))) == rows(read_musicxml(wide)) == rows(read_musicxml(xml))


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<score-partwise><part-list/><part id="P1"><measure number="1">&b;</measure></part></score-partwise>"""


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda xml: BOMB, "entity"),
        (lambda xml: BOMB.decode().encode("utf-16"), "entity"),
        (lambda xml: xml[: len(xml) // 2], "well-formed"),
        (lambda xml: mxl(xml)[:-40], "compressed"),
        (lambda xml: b"PK\x03\x04" + bytes(200), "compressed"),
        (lambda xml: b"hello", "not a MusicXML score"),
        (lambda xml: b"", "not a MusicXML score"),
        (lambda xml: xml.replace(b"score-partwise", b"score-timewise"), "timewise"),
        (lambda xml: xml.replace(b"UTF-8", b"UTF-7"), "encoding"),
        (lambda xml: xml.replace(b"<duration>48", b"<duration>1e300"), "outside"),
        (lambda xml: xml.replace(b"<duration>48", b"<duration>nan"), "outside"),
        (lambda xml: xml.replace(b"<duration>48", b"<duration>99999"), "longer"),
        (lambda xml: xml.replace(b"<divisions>12", b"<divisions>0"), "outside"),
        (lambda xml: xml.replace(b"<step>C", b"<step>H"), "step"),
        (lambda xml: xml.replace(b"<beats>4", b"<beats>four"), "number"),
        (lambda xml: xml.replace(b"<beat-type>4", b"<beat-type>5"), "metre"),
        (lambda xml: xml.replace(b"<pitch>", b"<unpitched/><x>").replace(b"</pitch>", b"</x>"), "no notes"),
    ],
)
def test_damaged_and_hostile_files_are_refused_on_one_line(damage, message):
    with pytest.raises(UnusablePiece, match=message) as refusal:
        read_musicxml(damage(score([attributes() + FULL_BAR])))
    assert "\n" not in str(refusal.value)


def test_sizes_are_capped(monkeypatch):
    xml = score([attributes() + FULL_BAR])
    monkeypatch.setattr(musicxml, "MAX_XML_BYTES", len(xml) - 1)
    for data in (xml, mxl(xml)):
        with pytest.raises(UnusablePiece, match="MiB"):
            read_musicxml(data)
    monkeypatch.setattr(musicxml, "MAX_XML_BYTES", len(xml))
    monkeypatch.setattr(musicxml, "MAX_TAGS", 10)
    with pytest.raises(UnusablePiece, match="tags"):
        read_musicxml(xml)


def test_a_file_of_another_program_agrees(tmp_path):
    music21 = pytest.importorskip("music21")
    stream = music21.converter.parse("tinyNotation: 3/4 c4 d8 e8 f#4 g2 trip{a8 b8 a8} g2.~ g2 r4")
    path = stream.write("musicxml", fp=tmp_path / "tune.musicxml")
    piece = read_musicxml(path.read_bytes())
    theirs = sorted(
        (round(float(n.offset), 4), round(float(n.quarterLength), 4), n.pitch.midi)
        for n in stream.stripTies().flatten().notes
    )
    assert np.array(rows(piece)) == pytest.approx(np.array(theirs))

"""Chord text: letters, numerals, bars, repeats; printed and parsed again it is the same; what is wrong is named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.chord_symbols import GivenChord, nearest_quality, read_symbol
from composer.chord_text import (
    MAX_CHARACTERS,
    MAX_CHORDS_A_BAR,
    ChordTextError,
    Progression,
    read_progression,
)
from composer.music import QUALITIES, Chord
from composer.options import MAX_BARS
from composer.theory import Key

C, A_MINOR = Key(0), Key(9, "minor")
chords = st.builds(Chord, st.integers(0, 11), st.sampled_from(sorted(QUALITIES)))
given_chords = st.builds(
    lambda chord, bass: GivenChord(chord, None if bass == chord.root else bass),
    chords,
    st.none() | st.integers(0, 11),
)
bars = st.lists(
    st.lists(st.none() | given_chords, min_size=1, max_size=MAX_CHORDS_A_BAR).map(tuple),
    min_size=1,
    max_size=40,
)
keys = st.builds(Key, st.integers(0, 11), st.sampled_from(["major", "minor"]))


def names(text: str, key: Key | None = None) -> list[str]:
    """The chords of every bar, with a blank between."""
    read = read_progression(text, key)
    return [" ".join("N.C." if chord is None else str(chord) for chord in bar) for bar in read.bars]


def name(word: str, key: Key = C) -> str:
    symbol = read_symbol(word)
    return "none" if symbol is None else str(symbol.given_in(key))


@settings(max_examples=200, deadline=None)
@given(bars, keys)
def test_a_progression_that_is_printed_and_parsed_is_the_same(written, key):
    if not any(chord for bar in written for chord in bar):
        return
    progression = Progression(tuple(written), key)
    again = read_progression(str(progression), key)
    assert again == progression
    assert str(again) == str(progression)
    assert not again.simplified


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="AmBbCG#7/.%|:()x3 N-iIvV°ø+\n\t,", max_size=60) | st.text(max_size=40))
def test_any_text_is_chords_or_one_line_of_error(text):
    try:
        found = read_progression(text)
    except ChordTextError as error:
        told = str(error)
        found = None
    if found is None:
        assert len(told.splitlines()) == 1
        assert len(told) < 400
    else:
        assert 1 <= len(found.bars) <= MAX_BARS
        assert read_progression(str(found), found.key) == found
        assert len(found.in_one_line.splitlines()) == 1
        assert read_progression(found.in_one_line, found.key).bars == found.bars


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Am F C G", ["Am", "F", "C", "G"]),
        ("Am, F,C , G", ["Am", "F", "C", "G"]),
        ("| Am . . G | F | C/E |", ["Am Am Am G", "F", "C/E"]),
        ("Am / / G | F", ["Am Am Am G", "F"]),
        ("Am . % G", ["Am", "Am", "Am", "G"]),
        ("| C G | % | F |", ["C G", "C G", "F"]),
        ("| C NC | N.C. |", ["C N.C.", "N.C."]),
        ("|: C | G :| F", ["C", "G", "C", "G", "F"]),
        ("|: C :|x3 F", ["C", "C", "C", "F"]),
        ("C | G :| F :|", ["C", "G", "C", "G", "F", "F"]),
        ("|: C :|: F :|", ["C", "C", "F", "F"]),
        ("(Am F)x3 C", ["Am", "F"] * 3 + ["C"]),
        ("(Am F) x2 C", ["Am", "F"] * 2 + ["C"]),
        ("((C)×2 G)X2", ["C", "C", "G"] * 2),
        ("(| C | F |)x2", ["C", "F"] * 2),
        ("C G x2\nF", ["C", "G", "C", "G", "F"]),
        ("| C G | F | x2", ["C G", "F"] * 2),
        ("C G\n\n| F . C |", ["C", "G", "F F C"]),
        ("| C | F ||", ["C", "F"]),
        ("C(add9) F7(b9,#11)", ["C", "F7"]),
    ],
)
def test_bars_and_repeats_are_read(text, expected):
    assert names(text, C) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("C CM Cmaj C6 C69 C6/9 Cadd9 Cadd11 C:maj", "C"),
        ("Cm Cmin C- Cm6 CmM7 Cm(maj7) Cmadd9 C:min CminMaj7", "Cm"),
        ("C7 C9 C13 C7b9 C7#9 C7(b9) C7b5 C7alt Calt C11 C7#11", "C7"),
        ("Cmaj7 CM7 Cma7 CMaj7 CΔ CΔ7 C^7 Cmaj9 Cmaj13 Cmaj7#11", "Cmaj7"),
        ("Cm7 Cmin7 C-7 Cm9 Cm11 C-9 Cmi7", "Cm7"),
        ("Cdim Co C° Cdim7 Co7 C°7", "Cdim"),
        ("Cø Cø7 Cm7b5 Cm7(b5) C-7b5 Chdim7 Cm7♭5", "Cm7b5"),
        ("Caug C+ C+7 C7#5 C7+5 Caug7 C+5", "Caug"),
        ("Csus Csus4 C7sus4 C9sus4 C7sus", "Csus4"),
        ("Csus2 C7sus2", "Csus2"),
        ("C/E C:maj/3 Cadd9/E", "C/E"),
        ("Bb B♭ A#", "Bb"),
        ("F#m7 G♭m7 F♯-7", "F#m7"),
        ("C/B♭ C/A# C/b7", "C/Bb"),
        ("C/C", "C"),
    ],
)
def test_usual_spellings_are_our_nearest_quality(words, expected):
    assert {word: name(word) for word in words.split()} == dict.fromkeys(words.split(), expected)


@pytest.mark.parametrize(
    ("word", "in_c", "in_a_minor"),
    [
        ("I", "C", "A"), ("i", "Cm", "Am"), ("ii7b5", "Dm7b5", "Bm7b5"), ("iiø7", "Dm7b5", "Bm7b5"),
        ("III", "E", "C"), ("VI", "A", "F"), ("VII", "B", "G"), ("bVII", "Bb", "G"), ("♭VI", "Ab", "F"),
        ("bIII", "Eb", "C"), ("vi", "Am", "F#m"), ("vii°", "Bdim", "Abdim"), ("viio7", "Bdim", "Abdim"),
        ("#ivo7", "F#dim", "Ebdim"), ("bII", "C#", "Bb"), ("V7", "G7", "E7"), ("V/V", "D", "B"), ("V7/ii", "A7", "F#7"),
        ("vii°/V", "F#dim", "Ebdim"), ("V/vi", "E", "C#"), ("V6", "G/B", "E/Ab"), ("I64", "C/G", "A/E"),
        ("V42", "G7/F", "E7/D"), ("ii65", "Dm7/F", "Bm7/D"), ("IVmaj7", "Fmaj7", "Dmaj7"), ("i5", "C", "Am"),
        ("Vsus4", "Gsus4", "Esus4"), ("ii/G", "Dm/G", "Bm/G"),
    ],
)  # fmt: skip
def test_numerals_stand_in_the_key(word, in_c, in_a_minor):
    assert (name(word), name(word, A_MINOR)) == (in_c, in_a_minor)


@pytest.mark.parametrize(
    "word",
    ["H", "c", "am", "Cx", "C7M", "Cfoo", "C2", "iV", "VIIII", "C//E", "C/H", "C/", "Cmm", "-", "C" * 31],
)
def test_what_is_no_chord_is_told(word):
    assert name(word) == "none"
    with pytest.raises(ChordTextError, match="place 2"):
        read_progression(f"C {word}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no chords"),
        ("N.C.", "no chords"),
        ("Am\nF Hm7 G", "'Hm7' (line 2, place 2): this is no chord; write chords such as"),
        ("| C | | G |", "a bar is empty"),
        ("% C", "repeats the bar before"),
        (". C", "no chord before it"),
        ("(C G", "left open: ( needs its )"),
        ("|: C G", "left open: |: needs its :|"),
        ("C ) G", "closes no ("),
        ("(C :|", "closes no |:"),
        ("C x2 G", "stands after"),
        ("(C)x0", "x1 to x99"),
        ("(C)x100", "x1 to x99"),
        ("(((C)x99)x99)x99", f"at most {MAX_BARS}"),
        ("(" * 9 + "C", "more than 8 repeats"),
        (f"| {'C ' * 17}|", "one to 16 chords"),
        ("C" + " " * MAX_CHARACTERS, "characters of chords"),
        ("| C (G)x2 |", "begins at a bar line"),
        ("| C % |", "stands alone"),
    ],
)
def test_errors_name_the_word_its_place_and_what_is_allowed(text, words):
    with pytest.raises(ChordTextError) as caught:
        read_progression(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Am F C G", "Am"), ("C G Am F", "C"), ("Dm7 G7 Cmaj7", "C"), ("Em C G D", "Em"), ("D A Bm G", "D"),
        ("A E F#m D", "A"), ("Bm7b5 E7 Am", "Am"), ("C7 F7 G7 C7", "C"), ("Cm Ab Eb Bb", "Cm"), ("E A B7", "E"),
        ("Am G F E", "Am"), ("F C Dm Bb", "F"), ("E5 G5 A5", "Em"), ("i VI III VII", "Am"), ("I V vi IV", "C"),
        ("ii V I", "C"), ("i bVII bVI V", "Am"), ("V7/V V7 G", "G"),
    ],
)  # fmt: skip
def test_the_key_is_found_from_the_chords(text, key):
    assert str(read_progression(text).key) == key


def test_numerals_move_with_the_key_and_letters_do_not():
    read = read_progression("i VI | C")
    assert str(read.in_key(Key.parse("Em"))) == "| Em C | C |"
    assert not read.is_relative
    assert read_progression("I IV").is_relative


def test_what_became_simpler_is_told_once():
    assert read_progression("C9 C9 Fadd9 G7 | C").simplified == ("C9 as C7", "Fadd9 as F")


def test_power_chords_take_the_third_of_the_key():
    assert names("A5 C5 D5 F5 E5", A_MINOR) == ["Am", "C", "Dm", "F", "Em"]
    assert names("A5", Key.parse("A")) == ["A"]


@given(st.frozensets(st.integers(1, 11), max_size=6))
def test_our_own_qualities_are_nearest_to_themselves(steps):
    for quality, own in QUALITIES.items():
        assert nearest_quality(frozenset(own), min({3, 4} & set(own), default=None)) == quality
    assert nearest_quality(steps | {0}, None) in QUALITIES

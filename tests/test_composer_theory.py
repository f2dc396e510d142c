import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.theory import KRUMHANSL_PROFILES, Key, estimate_key, spell, spell_in_chord

keys = st.builds(Key, st.integers(0, 11), st.sampled_from(["major", "minor"]))
LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@pytest.mark.parametrize(
    ("text", "tonic", "mode"),
    [
        ("C", 0, "major"),
        ("F#m", 6, "minor"),
        ("Bbm", 10, "minor"),
        ("a minor", 9, "minor"),
        ("a", 9, "minor"),
        ("Eb major", 3, "major"),
        ("Cb", 11, "major"),
        (" G♯ min ", 8, "minor"),
    ],
)
def test_parse(text, tonic, mode):
    assert Key.parse(text) == Key(tonic, mode)


@pytest.mark.parametrize("text", ["", "H", "C##", "C dorian", "mm", "C" * 1000, "1"])
def test_parse_refuses(text):
    with pytest.raises(ValueError, match="key"):
        Key.parse(text)


@given(keys)
def test_names_round_trip_and_relatives_share_a_scale(key):
    assert Key.parse(str(key)) == key
    assert set(key.relative.scale) == set(key.scale)
    assert key.relative.relative == key
    assert key.parallel.tonic == key.tonic
    assert -6 <= key.signature_fifths <= 6
    assert abs(key.signature_fifths - key.relative.signature_fifths) in (0, 12)


@given(keys)
def test_signature_spells_the_scale_without_accidentals_beyond_it(key):
    spellings = [spell(60 + pitch_class, key) for pitch_class in key.scale]
    fifths = ["FCGDAEB".index(spelling.step) - 1 + 7 * spelling.alter for spelling in spellings]
    assert sorted(fifths) == list(range(key.signature_fifths - 1, key.signature_fifths + 6))


@given(st.integers(0, 127), keys, st.integers(0, 11))
def test_spelling_sounds_as_the_pitch(pitch, key, root):
    for spelling in (spell(pitch, key), spell_in_chord(pitch, root, key)):
        assert (spelling.octave + 1) * 12 + LETTERS[spelling.step] + spelling.alter == pitch
        assert -2 <= spelling.alter <= 2


def test_chords_are_spelled_in_thirds():
    minor = Key.parse("Cm")
    assert [str(spell_in_chord(p, 8, minor)) for p in (56, 60, 63)] == ["Ab3", "C4", "Eb4"]
    assert [str(spell_in_chord(p, 4, Key.parse("Am"))) for p in (52, 56, 59)] == ["E3", "G#3", "B3"]


def test_degrees():
    key = Key.parse("Am")
    assert [key.degree(p) for p in (69, 71, 72, 68)] == [1, 2, 3, None]
    assert key.nearest_scale_pitch(70) == 69


@given(st.integers(0, 11), st.sampled_from(["major", "minor"]))
def test_estimate_finds_the_profile_itself_at_any_transposition(tonic, mode):
    assert estimate_key(np.roll(KRUMHANSL_PROFILES[mode], tonic)) == Key(tonic, mode)


def test_estimate_on_music():
    weights = np.zeros(12)
    weights[[0, 2, 4, 5, 7, 9, 11]] = [4, 2, 3, 2, 4, 2, 1]
    assert str(estimate_key(weights)) == "C"
    weights = np.zeros(12)
    weights[[9, 11, 0, 2, 4, 5, 8]] = [5, 2, 4, 2, 4, 2, 2]
    assert str(estimate_key(weights)) == "Am"


@pytest.mark.parametrize(
    "weights", [np.zeros(12), np.ones(12), np.ones(11), -np.eye(12)[0], np.full(12, np.nan)]
)
def test_estimate_refuses(weights):
    with pytest.raises(ValueError, match="weights"):
        estimate_key(weights)

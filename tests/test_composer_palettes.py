import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.instruments import INSTRUMENTS, instrument_of
from composer.palettes import PALETTES, Layer, choose_palette

moods = st.floats(-1, 1)


def test_the_promised_palettes_are_there():
    promised = {"solo-piano", "string-orchestra", "full-orchestra", "chamber"}
    promised |= {"hybrid-electronic", "folk", "jazz-combo", "music-box"}
    assert promised <= set(PALETTES)
    assert len(PALETTES) >= 10


@given(moods, moods, st.lists(st.text(max_size=12), max_size=5))
def test_choice_is_a_palette(valence, arousal, tags):
    assert choose_palette(valence, arousal, tags) in PALETTES


@pytest.mark.parametrize("name", PALETTES)
def test_own_mood_and_own_name_choose_the_palette(name):
    palette = PALETTES[name]
    assert (choose_palette(palette.valence, palette.arousal, ()) == name) is not palette.on_request
    assert choose_palette(-palette.valence, -palette.arousal, [name.upper()]) == name


@given(moods, moods)
def test_pop_is_there_for_those_who_ask_for_it(valence, arousal):
    assert PALETTES["pop"].on_request
    assert choose_palette(valence, arousal, ("night", "city")) != "pop"


def test_tags_outweigh_moderate_distance():
    assert choose_palette(0.0, 0.0, ["horror", "Dark"]) == "dark-ambient"
    assert choose_palette(0.0, 0.0, ["sci-fi", "technology", "city"]) == "hybrid-electronic"


def test_choice_refuses_nan():
    with pytest.raises(ValueError, match="finite"):
        choose_palette(float("nan"), 0.0)


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES.keys())
def test_palette_uses_few_instruments_and_each_once_a_role(palette):
    pairs = [(layer.role, layer.instrument_name) for layer in palette.layers]
    assert len(set(pairs)) == len(pairs)
    assert len(pairs) <= 15
    assert all(layer.level > 0.4 for layer in palette.layers)


@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=INSTRUMENTS.keys())
def test_instrument_folds_every_pitch_into_its_range(instrument):
    for pitch in range(128):
        folded = instrument.fold(pitch)
        assert instrument.low <= folded <= instrument.high
        assert (folded - pitch) % 12 == 0
        if instrument.low <= pitch <= instrument.high:
            assert folded == pitch
    assert instrument_of(instrument.name + " (pad)", instrument.program, instrument.is_drums) is instrument


def test_unknown_instruments():
    assert instrument_of("Lead", 40, False) is INSTRUMENTS["Solo Violin"]
    assert instrument_of("Lead", 127, False) is None
    with pytest.raises(ValueError, match="Kazoo"):
        Layer("melody", "Kazoo")

"""SoundFonts: where they are found, and that damaged ones are refused before FluidSynth sees them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from render import soundfont
from render.errors import BadInput, NotInstalled
from render.soundfont import check_soundfont, find_soundfont, sha256_of


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def font(presets: int = 1, samples: int = 100, records: int = 1) -> bytes:
    """The skeleton of a SoundFont: right structure, no music."""
    body = b"sfbk" + chunk(b"LIST", b"INFO" + chunk(b"ifil", struct.pack("<HH", 2, 1)))
    body += chunk(b"LIST", b"sdta" + chunk(b"smpl", b"\1\0" * samples))
    lists = chunk(b"phdr", b"\0" * 38 * (presets + 1)) + chunk(b"shdr", b"\0" * 46 * (records + 1))
    return chunk(b"RIFF", body + chunk(b"LIST", b"pdta" + lists))


@pytest.fixture
def sealed(monkeypatch, tmp_path):
    """A machine without SoundFonts; its folders may be filled."""
    home, system, repository = (tmp_path / name for name in ("home", "system", "repository"))
    for folder in (home, system, repository):
        folder.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(soundfont, "SYSTEM_FOLDERS", (str(system),))
    monkeypatch.setattr(soundfont, "REPOSITORY_FOLDER", repository)
    return tmp_path


def test_a_sound_structure_passes(tmp_path):
    path = tmp_path / "a.sf2"
    path.write_bytes(font())
    check_soundfont(path)
    assert len(sha256_of(path)) == 64


def test_odd_chunks_without_padding_pass(tmp_path):
    path = tmp_path / "a.sf3"
    even = chunk(b"LIST", b"sdta" + chunk(b"smpl", b"\1\0" * 100))
    odd = chunk(b"LIST", b"sdta" + chunk(b"smpl", b"\1\0" * 100 + b"\1")[:-1])[:-1]
    path.write_bytes(font().replace(even, odd))
    check_soundfont(path)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "RIFF"),
        (b"x" * 500, "RIFF"),
        (font()[:-60], "cut short"),
        (font()[:40], "cut short"),
        (font(presets=0), "no instruments"),
        (font(samples=0), "no instruments"),
        (font(records=0), "no instruments"),
        (font().replace(b"sfbk", b"sfpk"), "packed"),
        (font().replace(b"sfbk", b"WAVE"), "no SoundFont"),
        (font().replace(b"sdta", b"none"), "lacks"),
    ],
)
def test_damage_is_named(tmp_path, content, cause):
    path = tmp_path / "a.sf2"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=cause) as caught:
        check_soundfont(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_order_of_the_search(sealed):
    (sealed / "system" / "TimGM6mb.sf2").write_bytes(font())
    (sealed / "system" / "another.sf2").write_bytes(font())
    assert find_soundfont(None, {}).name == "TimGM6mb.sf2"
    (sealed / "system" / "FluidR3_GM.sf2").write_bytes(font())
    assert find_soundfont(None, {}).name == "FluidR3_GM.sf2"
    (sealed / "repository" / "mine.sf2").write_bytes(font())
    assert find_soundfont(None, {}).name == "mine.sf2"
    named = sealed / "named.sf2"
    named.write_bytes(font())
    assert find_soundfont(None, {"FRAMESCORE_SOUNDFONT": str(named)}) == named
    assert (
        find_soundfont(sealed / "system" / "another.sf2", {"FRAMESCORE_SOUNDFONT": "x"}).name == "another.sf2"
    )


def test_nothing_found_names_the_remedy(sealed):
    with pytest.raises(NotInstalled, match=r"install\.sh"):
        find_soundfont(None, {})
    with pytest.raises(BadInput, match="no such SoundFont"):
        find_soundfont(sealed / "missing.sf2")


def test_damaged_fonts(shared_data):
    for path in sorted((shared_data / "bad" / "soundfont").iterdir()):
        with pytest.raises(BadInput, match=path.name):
            check_soundfont(path)

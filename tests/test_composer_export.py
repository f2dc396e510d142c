"""``framescore export``: several outputs of one MIDI file, and what is refused."""

import json
import os

import pytest
import rpp
from score_builders import film_cues, make_music

from composer import cli
from composer.midi import write_midi
from composer.orchestrate import orchestrate
from composer.video.animatic import draw_animatic


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    cues = film_cues("chamber")
    path = tmp_path_factory.mktemp("export") / "song.mid"
    write_midi(orchestrate(*make_music(cues, 3), cues), path)
    return path


def export(*words):
    return cli.run(cli.make_parser().parse_args(["export", *map(str, words)]))


def test_everything_at_once(song, tmp_path, capsys):
    film = tmp_path / "film.mp4"
    draw_animatic(film, duration_s=3.0)
    before = song.read_bytes()
    code = export(
        *(song, "--rpp", tmp_path / "song.rpp", "--video", film, "--markers", tmp_path / "markers.csv"),
        *("--sections", tmp_path / "parts", "--musicxml", tmp_path / "song.musicxml", "--json"),
    )
    out, err = capsys.readouterr()
    assert code == 0, err
    told = json.loads(out)
    assert [os.path.basename(path) for path in told["sections"]] == [
        "01 A.mid",
        "02 B.mid",
        "03 C.mid",
        "04 A'.mid",
    ]
    for path in (told["rpp"], told["markers"], told["musicxml"], *told["sections"]):
        assert os.path.getsize(path) > 0
        assert path in err
    assert song.read_bytes() == before
    item = rpp.loads((tmp_path / "song.rpp").read_text(encoding="utf-8")).find("TRACK").find("ITEM")
    assert list(item.find("SOURCE")) == [["FILE", "film.mp4"]]
    assert float(next(line[1] for line in item if line[0] == "LENGTH")) == pytest.approx(3.0, abs=0.1)


def test_one_output_writes_no_other(song, tmp_path):
    assert export(song, "--markers", tmp_path / "markers.csv") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["markers.csv"]


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        ([], 2, "nothing to export; give at least one of --rpp, --markers, --sections, --musicxml"),
        (["--markers", "m.csv", "--video", "film.mp4"], 2, "--video goes on the first track of --rpp"),
        (["--rpp", "SONG"], 2, "this is the input"),
        (["--rpp", "x", "--markers", "x"], 2, "--rpp names the same place"),
        (["--rpp", "song.rpp", "--video", "missing.mp4"], 3, "missing.mp4"),
        (["--sections", "SONG/parts"], 3, "SONG/parts"),
    ],
)
def test_what_is_refused(song, tmp_path, monkeypatch, capsys, words, code, what):
    monkeypatch.chdir(tmp_path)
    words = [word.replace("SONG", str(song)) for word in words]
    try:
        found = export(song, *words)
    except SystemExit as end:
        found = end.code
    assert found == code
    lines = capsys.readouterr().err.strip().split("\n")
    assert len(lines) == 1
    assert what.replace("SONG", str(song)) in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_is_no_timecode_is_refused_with_its_remedy(song, tmp_path, capsys):
    data = song.read_bytes().replace(b"start_timecode=01:00:00:00", b"start_timecode=01:00:00;00")
    (tmp_path / "bad.mid").write_bytes(data)
    assert export(tmp_path / "bad.mid", "--markers", tmp_path / "markers.csv") == 3
    error = capsys.readouterr().err
    assert "bad.mid: its start: timecode '01:00:00;00' is drop-frame" in error
    assert error.strip().endswith("mend its SMPTE offset, or its texts frame_rate= and start_timecode=")


@pytest.mark.parametrize("content", [b"", b"RIFF....", b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0"])
def test_files_without_music_are_refused(tmp_path, capsys, content):
    (tmp_path / "bad.mid").write_bytes(content)
    assert export(tmp_path / "bad.mid", "--rpp", tmp_path / "song.rpp") == 3
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "song.rpp").exists()

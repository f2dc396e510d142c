"""``framescore evaluate``: strangers' files and our own, tables and JSON, references, training sets, wishes, damage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import metric_cases
import mido
import numpy as np
import pytest
import score_builders

from composer import cli
from composer.evaluation.pieces import find_midi, piece_of_score, read_piece
from composer.evaluation.wishes import adherence, wishes_of_cues, wishes_path
from composer.metrics import TooLittleMusic
from composer.metrics.figures import NAMES, melody_of
from composer.metrics.novelty import KnownMelodies
from composer.metrics.piece import ACCOMPANIMENT, DRUMS, MELODY
from composer.midi import write_midi
from composer.music import Chord, ChordSpan, Note, Track

LOW = [(float(bar * 4), 4.0, pitch) for bar in range(8) for pitch in (48, 52, 55)]


def run(*arguments: object) -> int:
    return cli.run(cli.make_parser().parse_args(["evaluate", *map(str, arguments)]))


def write(path: Path, seed: int = 0, **changes) -> Path:
    path.parent.mkdir(exist_ok=True)
    write_midi(metric_cases.make_score({"Melody": metric_cases.tune(seed), "Piano": LOW}, **changes), path)
    return path


@pytest.fixture
def pieces(tmp_path: Path) -> Path:
    for seed in range(4):
        write(tmp_path / "music" / f"{seed}.mid", seed)
    return tmp_path / "music"


def result_of(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


def test_a_table_on_stdout_and_nothing_else(pieces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pieces, "--quiet") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("4 pieces; seed ")
    for name in ("SC", "PE", "H4", "GS", "SI_long", "chord_time"):
        assert f"\n{name} " in captured.out
    assert "reference" not in captured.out


def test_json_has_every_file_and_the_means(pieces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pieces, "--json", "--seed", "3") == 0
    first = capsys.readouterr()
    result = json.loads(first.out)
    assert "4 pieces; seed 3" in first.err
    assert [Path(one["file"]).name for one in result["files"]] == ["0.mid", "1.mid", "2.mid", "3.mid"]
    for name, row in result["summary"].items():
        values = [one["figures"][name] for one in result["files"]]
        assert row["mean"] == pytest.approx(np.mean(values))
        assert row["std"] == pytest.approx(np.std(values))
        assert min(values) - 1e-9 <= row["low"] <= row["mean"] <= row["high"] <= max(values) + 1e-9
    assert result["files"][0]["melody_by"] == "name"
    assert result["skipped"] == []
    assert result["controls"] == {}
    assert run(pieces, "--json", "--seed", "3", "--quiet") == 0
    assert result_of(capsys) == result


def test_a_reference_gives_distances(
    pieces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(5, 9):
        write(tmp_path / "reference" / f"{seed}.mid", seed)
    write(tmp_path / "reference" / "deeper" / "4.MID", 4)
    assert run(pieces, "--reference", tmp_path / "reference", "--json", "--quiet") == 0
    result = result_of(capsys)
    assert result["reference"] == {"count": 5}
    row = result["summary"]["PE"]
    reference = row["reference"]
    assert row["distance"] == pytest.approx((row["mean"] - reference["mean"]) / reference["std"])
    assert run(pieces, "--reference", tmp_path / "reference", "--quiet") == 0
    assert "distance" in capsys.readouterr().out


def test_copied_melodies_are_found_in_a_folder_and_in_a_file(
    pieces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    high = [(onset, duration, pitch + 2) for onset, duration, pitch in metric_cases.tune(2)]
    (tmp_path / "training").mkdir()
    write_midi(
        metric_cases.make_score({"Vocals": high, "Bass": LOW}, bpm=90), tmp_path / "training" / "a.mid"
    )
    write(tmp_path / "training" / "b.mid", 77)
    write(tmp_path / "held" / "c.mid", 78)
    arguments = (pieces, "--reference", tmp_path / "held", "--json", "--quiet", "--training")
    assert run(*arguments, tmp_path / "training") == 0
    novelty = result_of(capsys)["novelty"]
    assert novelty["sharing"] == 0.25
    assert [Path(name).name for name in novelty["sharing_files"]] == ["2.mid"]
    assert novelty["longest"] == 32
    assert novelty["reference_sharing"] == 0.0
    melodies = [melody_of(read_piece(path).piece) for path in find_midi([tmp_path / "training"])]
    KnownMelodies(melodies).save(tmp_path / "known.npz")
    assert run(*arguments, tmp_path / "known.npz") == 0
    assert result_of(capsys)["novelty"] == novelty
    assert run(pieces, "--training", tmp_path / "known.npz", "--quiet") == 0
    assert "25.0% of the pieces share a run of 16" in capsys.readouterr().out


def test_damaged_files_are_said_and_the_rest_is_measured(
    pieces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pieces / "bad.mid").write_bytes(b"no music")
    (pieces / "cut.mid").write_bytes((pieces / "0.mid").read_bytes()[:90])
    write_midi(metric_cases.make_score({"Empty": []}), pieces / "empty.mid")
    assert run(pieces, "--quiet", "--json") == 3
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert len(result["files"]) == 4
    assert [Path(one["file"]).name for one in result["skipped"]] == ["bad.mid", "cut.mid", "empty.mid"]
    assert result["exit_code"] == 3
    lines = captured.err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("framescore: ") and line.endswith("(skipped)") for line in lines)


def test_nothing_to_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "bad.mid").write_bytes(b"x")
    for path in (tmp_path / "gone.mid", tmp_path / "none", tmp_path / "bad.mid"):
        assert run(path, "--quiet") == 3
        assert capsys.readouterr().err.count("\n") == 1
    for other in ("--reference", "--training"):
        good = write(tmp_path / "good" / "a.mid")
        assert run(good, other, tmp_path / "gone", "--quiet") == 3
        assert capsys.readouterr().err.count("\n") == 1
    (tmp_path / "bad.npz").write_bytes(b"x")
    assert run(good, "--training", tmp_path / "bad.npz", "--quiet") == 3
    assert "KnownMelodies" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        cli.make_parser().parse_args(["evaluate"])
    assert caught.value.code == 2


def test_files_are_taken_once_and_hidden_ones_not(pieces: Path) -> None:
    (pieces / "._0.mid").write_bytes(b"a Mac's leavings")
    assert [path.name for path in find_midi([pieces, pieces / "0.mid"])] == [
        "0.mid",
        "1.mid",
        "2.mid",
        "3.mid",
    ]


def test_the_melody_is_found_by_role_then_name_then_skyline() -> None:
    tracks = {"Flute": metric_cases.tune(1), "Lead pad": LOW, "Drums": [(0.0, 1.0, 36)]}
    ours = metric_cases.make_score(tracks, roles={"Flute": "melody"}, provenance={"framescore": "1"})
    piece, by = piece_of_score(ours)
    assert by == "role"
    assert np.array_equal(piece.part == MELODY, np.arange(len(piece.pitch)) < 32)
    assert (piece.part == DRUMS).sum() == 1
    named = metric_cases.make_score({"Piano": LOW, "MELODY": metric_cases.tune(1)})
    assert piece_of_score(named)[1] == "name"
    unnamed, by = piece_of_score(metric_cases.make_score({"Harp": [*LOW, (0.0, 1.0, 80)]}))
    assert by == "skyline"
    assert unnamed.pitch[unnamed.part == MELODY].tolist()[0] == 80
    assert (unnamed.part == ACCOMPANIMENT).sum() >= 16
    only_drums, by = piece_of_score(metric_cases.make_score({"Drums": [(0.0, 1.0, 36)]}))
    assert (by, only_drums.part.tolist()) == ("none", [DRUMS])


def test_chords_that_our_files_name_reach_the_pulses(tmp_path: Path) -> None:
    spans = (ChordSpan(0.0, 3.0, Chord(0)), ChordSpan(3.0, 3.0, Chord(9, "m")), ChordSpan(6.0, 3.0, None))
    score = replace(metric_cases.make_score({"Piano": LOW}, metre=(6, 8), bars=4), chords=spans)
    write_midi(score, tmp_path / "a.mid")
    chords = read_piece(tmp_path / "a.mid").piece.chords
    assert chords is not None
    assert chords.tolist() == [0, 0, 91, 91, 120, 120, 120, 120]


def test_a_strangers_type_0_file_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = mido.MidiFile(type=0, ticks_per_beat=96)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("time_signature", numerator=3, denominator=4))
    for onset, _, pitch in metric_cases.tune(3, 48):
        track.append(mido.Message("note_on", note=pitch, velocity=70, time=0))
        track.append(mido.Message("note_on", channel=9, note=36, velocity=70, time=0))
        track.append(mido.Message("note_off", note=pitch, time=48 if onset % 2 else 96))
        track.append(mido.Message("note_off", channel=9, note=36, time=0))
    file.save(tmp_path / "a.mid")
    assert run(tmp_path / "a.mid", "--json", "--quiet") == 0
    one = result_of(capsys)["files"][0]
    assert set(one["figures"]) == set(NAMES) - {
        "chord_notes", "chord_time", "named_chord_notes", "named_chord_time"
    }  # fmt: skip
    assert one["melody_by"] == "skyline"


def cue_piece(tmp_path: Path, *, loud_second: bool = True) -> Path:
    """A cue sheet of a thin soft and a dense loud section, and music that does so (or, not loud_second, the
    opposite)."""
    sections = [
        score_builders.make_section(0.0, 16.0, "solo-piano", key="C", density=0.2, dynamics=0.3),
        score_builders.make_section(16.0, 32.0, "solo-piano", key="Am", density=0.9, dynamics=0.9),
    ]
    cues = score_builders.make_cues(32.0, sections, bpm=90.0)
    bars = []
    for bar, start in enumerate(cues.tempo_map.bar_starts_beats[:-1]):
        second = (
            cues.tempo_map.bar_starts_s[bar] + cues.tempo_map.bars[bar].length_s / 2 > 16
        ) == loud_second
        pitches = (57, 60, 64, 69) if second else (60, 64, 67, 72)
        bars += [
            Note(float(start) + step / 2, 0.5, pitches[step % 4], 110 if second else 50)
            for step in range(0, 8, 1 if second else 2)
            if start + step / 2 + 0.5 <= cues.tempo_map.end_beats
        ]
    score = metric_cases.make_score({})
    track = Track(name="Piano", role="arpeggio", program=0, notes=tuple(bars))
    path = tmp_path / "film" / "score.mid"
    path.parent.mkdir(exist_ok=True)
    write_midi(replace(score, tempo_map=cues.tempo_map, tracks=(track,)), path)
    from composer.spotting.cues_io import write_cues

    write_cues(cues, path.with_name("cues.yaml"))
    return path


def test_what_a_cue_sheet_asks_for_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = cue_piece(tmp_path)
    assert run(path, "--json", "--quiet") == 0
    result = result_of(capsys)
    controls = result["controls"]
    assert result["files"][0]["controls"] == controls
    assert controls["density_r"] > 0.95
    assert controls["dynamics_r"] > 0.99
    assert controls["mode"] == controls["metre"] == controls["tempo"] == controls["tonic_ending"] == 1.0
    assert "register_r" not in controls
    opposite = cue_piece(tmp_path, loud_second=False)
    assert run(opposite, "--json", "--quiet") == 0
    controls = result_of(capsys)["controls"]
    assert controls["dynamics_r"] < -0.9
    assert controls["mode"] == controls["tonic_ending"] == 0.0


def test_wishes_are_pooled_over_pieces(tmp_path: Path) -> None:
    from composer.spotting.cues_io import read_cues

    path = cue_piece(tmp_path)
    piece = read_piece(path).piece
    wishes = wishes_of_cues(read_cues(path.with_name("cues.yaml")), piece)
    assert adherence([wishes, wishes], [piece, piece]) == pytest.approx(adherence([wishes], [piece]))
    with pytest.raises(TooLittleMusic, match="one piece"):
        adherence([], [])


def test_which_sheet_lies_beside_which_file(tmp_path: Path) -> None:
    midi, sheet = tmp_path / "a.mid", tmp_path / "cues.yaml"
    midi.touch()
    assert wishes_path(midi) is None
    sheet.touch()
    assert wishes_path(midi) == sheet
    (tmp_path / "b.mid").touch()
    assert wishes_path(midi) is None
    for name in ("a.yaml", "a.cues.yaml", "a.plan.json"):
        (tmp_path / name).touch()
        assert wishes_path(midi) == tmp_path / name


def test_a_plan_beside_a_file_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    midi = write(tmp_path / "a" / "a.mid")
    bars = read_piece(midi).piece.bars
    rng = np.random.default_rng(0)
    asked = [
        {"notes": int(n), "register": 60, "metre": [4, 4], "bpm": 120} for n in rng.integers(1, 20, bars)
    ]
    asked[0] = {"metre": [3, 4]}
    plan = midi.with_name("a.plan.json")
    plan.write_text(json.dumps({"key": "C", "ends_on_tonic": True, "bars": asked}))
    assert run(midi, "--json", "--quiet") == 0
    controls = result_of(capsys)["controls"]
    assert controls["metre"] == pytest.approx(1 - 1 / bars)
    assert controls["tempo"] == 1.0
    assert -1 <= controls["density_r"] <= 1
    assert {"dynamics_r", "register_r"}.isdisjoint(controls)
    for damage in ("{", '{"bars": 3}', '{"bars": [{"notes": "many"}]}', '{"bars": [{}]}', "[" * 9999):
        plan.write_text(damage)
        assert run(midi, "--json", "--quiet") == 3
        result = result_of(capsys)
        assert len(result["files"]) == 1
        assert Path(result["skipped"][0]["file"]) == plan


def test_ten_pieces_of_eighty_bars_are_measured_together(tmp_path: Path) -> None:
    low = [(beat / 2, 0.5, 40 + (beat * 7) % 24) for beat in range(640)]
    for seed in range(10):
        tracks = {"Melody": metric_cases.tune(seed, 400), "Piano": low}
        write_midi(metric_cases.make_score(tracks, bars=80), tmp_path / f"{seed}.mid")
    assert run(tmp_path, "--quiet") == 0
    assert read_piece(tmp_path / "0.mid").piece.bars == 80

"""Publishing: the old outputs or all of the new ones, whatever happens in between."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from composer import output
from composer.errors import BadInput, OutOfResources
from composer.output import (
    fitting_name,
    remove_leftovers,
    sha256_of,
    staged_file,
    staged_folder,
    with_final_name,
)

NAMES = ("cues.yaml", "score.mid", "report.json")


def fill(folder: Path, text: str, names: tuple[str, ...] = NAMES) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def contents(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def no_swap(first: Path, second: Path) -> None:
    raise OSError(errno.ENOSYS, "no such call")


@pytest.fixture(params=["swap", "renames", "each"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The three ways of publishing: the atomic exchange, two renames, file by file."""
    if request.param == "renames":
        monkeypatch.setattr(output, "_swap", no_swap)
    if request.param == "each":
        (tmp_path / "out").mkdir()
        monkeypatch.chdir(tmp_path / "out")
    return request.param


def test_a_new_folder_is_complete_and_nothing_else_is_left(tmp_path: Path, way: str) -> None:
    with staged_folder(tmp_path / "out") as folder:
        fill(folder, "new")
    assert contents(tmp_path / "out") == dict.fromkeys(NAMES, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_publishing_replaces_the_outputs_and_keeps_what_is_the_users(tmp_path: Path, way: str) -> None:
    out = tmp_path / "out"
    fill(out, "old")
    fill(out, "mine", ("notes.txt", "takes/one.txt"))
    (out / "link").symlink_to("notes.txt")
    inode = (out / "notes.txt").stat().st_ino
    with staged_folder(out) as folder:
        fill(folder, "new")
        assert contents(out)["score.mid"] == "old"
    expected = {**dict.fromkeys(NAMES, "new"), "notes.txt": "mine", "takes/one.txt": "mine", "link": "mine"}
    assert contents(out) == expected
    assert (out / "link").is_symlink()
    assert (out / "notes.txt").stat().st_ino == inode
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_error_leaves_the_old_outputs(tmp_path: Path, way: str) -> None:
    out = tmp_path / "out"
    fill(out, "old")

    def fail() -> None:
        with staged_folder(out) as folder:
            fill(folder, "half", NAMES[:2])
            raise BadInput("film.mp4: broken; give another")

    with pytest.raises(BadInput):
        fail()
    assert contents(out) == dict.fromkeys(NAMES, "old")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_stems_of_the_earlier_run_go_unless_somebody_changed_them(tmp_path: Path, way: str) -> None:
    out = tmp_path / "out"
    fill(out, "old", (*NAMES, "stems/bass.wav", "stems/pad.wav", "stems/own.wav"))
    files = {name: {"sha256": sha256_of(out / name)} for name in ("stems/bass.wav", "stems/pad.wav")}
    (out / "report.json").write_text(json.dumps({"files": files}))
    (out / "stems/pad.wav").write_text("edited")
    with staged_folder(out) as folder:
        fill(folder, "new", (*NAMES, "stems/flute.wav"))
    stems = {name: text for name, text in contents(out).items() if name.startswith("stems/")}
    assert stems == {"stems/flute.wav": "new", "stems/pad.wav": "edited", "stems/own.wav": "old"}


def test_a_report_that_is_not_ours_names_nothing_to_remove(tmp_path: Path) -> None:
    out = tmp_path / "out"
    outside = tmp_path / "outside.wav"
    outside.write_text("precious")
    for text in ('{"files": {"stems/../../outside.wav": {"sha256": "x"}}}', "[1]", '{"files": 3}', "\0"):
        fill(out, text, ("report.json", "stems/a.wav"))
        with staged_folder(out) as folder:
            fill(folder, "new")
        assert outside.read_text() == "precious"
        assert (out / "stems/a.wav").exists()


def test_files_of_users_without_links_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: str, target: str) -> None:
        raise PermissionError(errno.EPERM, "links are not supported", source)

    monkeypatch.setattr(os, "link", no_links)
    out = tmp_path / "out"
    fill(out, "mine", ("notes.txt",))
    with staged_folder(out) as folder:
        fill(folder, "new")
    assert contents(out) == {**dict.fromkeys(NAMES, "new"), "notes.txt": "mine"}


def test_a_run_killed_between_two_renames_is_mended_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_swap", no_swap)
    out = tmp_path / "out"
    fill(out, "old")
    os.rename(out, out.with_name(output._old_name(out)))
    place = output.open_place(out)
    assert contents(out) == dict.fromkeys(NAMES, "old")
    place.staging.rmdir()


def test_a_symlink_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    fill(tmp_path / "real", "old")
    (tmp_path / "out").symlink_to("real")
    with staged_folder(tmp_path / "out") as folder:
        fill(folder, "new")
    assert (tmp_path / "out").is_symlink()
    assert contents(tmp_path / "real") == dict.fromkeys(NAMES, "new")


def test_a_folder_under_the_current_one_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    fill(out, "old", (*NAMES, "sub/x.txt"))
    monkeypatch.chdir(out / "sub")
    inode = out.stat().st_ino
    with staged_folder(out) as folder:
        fill(folder, "new")
    assert out.stat().st_ino == inode
    assert Path("x.txt").read_text() == "old"
    assert contents(out)["score.mid"] == "new"


def test_leftovers_of_dead_runs_go_and_those_of_live_ones_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    host = output._host()
    gone = tmp_path / f".framescore-{host}-{dead.pid}-aa"
    stays = [
        tmp_path / f".framescore-{host}-{os.getpid()}-aa",
        tmp_path / f".framescore-00000000-{dead.pid}-aa",
        tmp_path / f".framescore-{host}-notes",
        tmp_path / f"framescore-{host}-{dead.pid}-aa",
    ]
    for folder in (gone, *stays):
        fill(folder, "x")
    remove_leftovers(tmp_path)
    assert not gone.exists()
    assert all(folder.exists() for folder in stays)


def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    for place in (taken, taken / "deeper", tmp_path / ("x" * 300)):
        with pytest.raises(BadInput) as caught, staged_folder(place):
            pass
        assert "\n" not in str(caught.value)
        assert ";" in str(caught.value)
    with pytest.raises(BadInput, match="folder"), staged_file(tmp_path):
        pass
    assert taken.read_text() == "a file"


def test_an_output_whose_name_a_folder_has_is_refused(tmp_path: Path, way: str) -> None:
    out = tmp_path / "out"
    fill(out, "mine", ("score.mid/notes.txt",))
    with pytest.raises(BadInput, match=r"score\.mid"), staged_folder(out) as folder:
        fill(folder, "new")
    assert contents(out) == {"score.mid/notes.txt": "mine"}


def test_a_full_disk_is_out_of_resources(tmp_path: Path) -> None:
    def run() -> None:
        with staged_folder(tmp_path / "out"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutOfResources, match="disk is full"):
        run()


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.mid"
    with staged_file(path) as temporary:
        assert temporary.suffix == ".mid"
        temporary.write_text("one")
    assert path.read_text() == "one"

    def fail() -> None:
        with staged_file(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert contents(tmp_path) == {"deep/a.mid": "one"}


def test_messages_name_the_output_and_not_where_it_is_built(tmp_path: Path) -> None:
    out = tmp_path / "my out"
    with staged_folder(out) as folder:
        assert with_final_name(f"{folder / 'score.wav'}: full; x", out) == f"{out / 'score.wav'}: full; x"
    with staged_file(tmp_path / "a.wav") as path:
        assert with_final_name(f"{path}: full; x", tmp_path / "a.wav") == f"{tmp_path / 'a.wav'}: full; x"


def test_long_names_are_shortened_to_fit() -> None:
    assert fitting_name("beach", ".scored.mp4") == "beach.scored.mp4"
    name = fitting_name("ü" * 250, ".scored.mp4")
    assert len(name.encode()) <= 255
    assert name.endswith("ü.scored.mp4")


PUBLISHER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from composer.output import staged_folder
    out, count = Path(sys.argv[1]), 0
    while True:
        count += 1
        with staged_folder(out) as folder:
            for i in range(20):
                (folder / f"{i}.txt").write_text(str(count))
        if count == 1:
            print("ready", flush=True)
    """
)


def test_killing_leaves_a_complete_set_and_the_users_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(out, "mine", ("notes.txt",))
    for attempt in range(12):
        process = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(out)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.003 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        found = contents(out)
        assert found.pop("notes.txt") == "mine"
        assert len(found) == 20
        assert len(set(found.values())) == 1
    with staged_folder(out) as folder:
        fill(folder, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]

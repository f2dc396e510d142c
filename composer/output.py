"""Publishing results so that a killed run leaves the old ones or all of the new ones, never a mixture.

A folder is built complete in a staging folder beside it, synced to disk, and exchanged with the old one in
one step (Linux ``renameat2`` with RENAME_EXCHANGE, macOS ``renamex_np`` with RENAME_SWAP). The user's other
files in the old folder come along as hard links, or as copies where the file system has no links. Where no
exchange exists, the old folder is renamed away and the new one renamed in; a run killed between the two is
mended by the next one.

One step is not possible when the folder is the current folder (a shell would be left standing in a deleted
one), a mount point, a folder whose parent is read-only, or one with very many files: there each file is
exchanged by itself, `report.json` last, and a kill within those milliseconds can leave new files beside old
ones. The report's SHA-256 of every file shows it. A staging folder is named after its host and process; the
next run removes those of dead ones.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from composer.errors import BadInput, FrameScoreError, OutOfResources

PREFIX = ".framescore-"
REPORT_NAME = "report.json"
STEMS_NAME = "stems"
MAX_CARRIED_FILES = 10_000  # more of the user's own files than this and they stay where they are
MAX_NAME_BYTES = 255
NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class Place:
    """Where a folder will be published. ``in_place``: file by file, as it cannot be exchanged."""

    outdir: Path
    staging: Path
    in_place: bool


def explain(error: OSError, path: Path) -> FrameScoreError:
    """The one line that tells a user what the system refused at ``path`` and what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutOfResources(f"{path}: the disk is full; free some space or choose another place with -o")
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EFBIG):
        return OutOfResources(f"{path}: {error.strerror}; raise that limit or close other programs")
    reasons = {
        errno.EACCES: "no permission",
        errno.EPERM: "no permission",
        errno.EROFS: "the disk is read-only",
        errno.ENAMETOOLONG: "the name is too long",
        errno.ENOTDIR: "a part of this path is a file, not a folder",
        errno.EEXIST: "a file of this name is in the way",
        errno.EISDIR: "this is a folder, not a file",
        errno.ENOENT: "there is no such file or folder",
    }
    reason = reasons.get(error.errno or 0, error.strerror or str(error))
    return BadInput(f"{path}: {reason}; check the path or choose another one")


def fitting_name(stem: str, suffix: str) -> str:
    """``stem + suffix``, the stem shortened so that the name fits a file system (255 bytes of UTF-8)."""
    room = MAX_NAME_BYTES - len(os.fsencode(suffix))
    return os.fsencode(stem)[:room].decode("utf-8", "ignore") + suffix


def with_final_name(text: str, output: Path) -> str:
    """``text`` with the name of a staging place made that of the ``output`` it stands for."""
    final = output.resolve()
    for folder in (final, final.parent):
        staged = (
            re.escape(f"{folder}{os.sep}{PREFIX}{_host()}-{os.getpid()}-")
            + f"[0-9a-f]{{8}}(?:{re.escape(final.suffix)})?"
        )
        text = re.sub(staged, lambda _: str(output), text)
    return text


@contextmanager
def staged_folder(outdir: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; it takes the place of ``outdir`` when the block ends without an error.

    Raises BadInput or OutOfResources, one line, where the place cannot be written.
    """
    try:
        place = open_place(outdir)
    except OSError as error:
        raise explain(error, outdir) from error
    try:
        yield place.staging
        publish(place)
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or named.startswith(str(place.staging)):
            raise explain(error, outdir) from error
        raise
    finally:
        shutil.rmtree(place.staging, ignore_errors=True)


@contextmanager
def staged_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` (same suffix); it is synced and renamed to ``path`` at the end.

    Raises BadInput or OutOfResources where the place cannot be written.
    """
    try:
        path = path.resolve()
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        temporary = path.parent / f"{_own_name()}{path.suffix}"
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise explain(error, path) from error
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or named == str(temporary):
            raise explain(error, path) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def open_place(outdir: Path) -> Place:
    """Resolve ``outdir``, tidy up after killed runs, make the staging folder. Raises OSError."""
    outdir = outdir.resolve()
    if outdir.exists() and not outdir.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(outdir))
    outdir.parent.mkdir(parents=True, exist_ok=True)
    _mend(outdir)
    remove_leftovers(outdir.parent)
    if outdir.is_dir():
        remove_leftovers(outdir)
    if outdir.is_dir() and not _exchangeable(outdir):
        return _stage(outdir, outdir, in_place=True)
    try:
        return _stage(outdir, outdir.parent, in_place=False)
    except PermissionError:
        if not outdir.is_dir():
            raise
        return _stage(outdir, outdir, in_place=True)


def publish(place: Place) -> None:
    """Sync the staging folder and put it in the place of the old one. Raises OSError, BadInput."""
    staging, outdir = place.staging, place.outdir
    ours = _files(staging)
    for file in ours:
        if (outdir / file).is_dir():
            raise BadInput(
                f"{outdir / file}: a folder has the name of an output; move it or choose another -o"
            )
        _sync(staging / file)
    for folder in (*(entry for entry in staging.iterdir() if entry.is_dir()), staging):
        _sync(folder)
    if place.in_place:
        _replace_each(staging, outdir, ours)
    elif not outdir.exists():
        os.rename(staging, outdir)
    else:
        try:
            _carry(outdir, staging)
        except OSError:  # a file that can be neither linked nor read: leave the user's files where they are
            _replace_each(staging, outdir, ours)
        else:
            _exchange(staging, outdir)
            if staging.exists():
                _carry(staging, outdir)  # what appeared in the old folder in the last moment
    _sync(outdir.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove what runs of this host that are no longer alive have staged in ``folder``; nothing else."""
    for entry in folder.glob(f"{PREFIX}{_host()}-*"):
        pid_text = entry.name[len(PREFIX) :].split("-")[1]
        if not pid_text.isdigit() or _is_alive(int(pid_text)):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _stage(outdir: Path, parent: Path, *, in_place: bool) -> Place:
    staging = parent / _own_name()
    staging.mkdir()
    return Place(outdir, staging, in_place)


def _exchangeable(outdir: Path) -> bool:
    here = Path.cwd()
    if here == outdir or outdir in here.parents or os.path.ismount(outdir):
        return False
    count = 0
    for _, folders, files in os.walk(outdir):
        count += len(folders) + len(files)
        if count > MAX_CARRIED_FILES:
            return False
    return True


def _own_name() -> str:
    return f"{PREFIX}{_host()}-{os.getpid()}-{secrets.token_hex(4)}"


def _old_name(outdir: Path) -> str:
    """Where the old folder waits while no atomic exchange exists: found again by the next run."""
    return f".framescored-old-{hashlib.sha256(os.fsencode(outdir.name)).hexdigest()[:12]}"


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _mend(outdir: Path) -> None:
    """After a run that was killed between the two renames of `_exchange`: bring the old folder back."""
    old = outdir.with_name(_old_name(outdir))
    if old.is_dir() and not outdir.exists():
        os.rename(old, outdir)
    elif old.is_dir():
        shutil.rmtree(old, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    """Files below ``folder``, relative to it, the report last."""
    found = [p.relative_to(folder) for p in sorted(folder.rglob("*")) if p.is_symlink() or not p.is_dir()]
    return sorted(found, key=lambda p: p == Path(REPORT_NAME))


def _replace_each(staging: Path, outdir: Path, files: list[Path]) -> None:
    for stale in _stale_stems(outdir):
        (outdir / stale).unlink(missing_ok=True)
    for file in files:
        (outdir / file).parent.mkdir(exist_ok=True)
        os.replace(staging / file, outdir / file)
    _sync(outdir)


def _stale_stems(outdir: Path) -> set[Path]:
    """Stems that the report of an earlier run lists and nobody has changed since: they go with that run."""
    try:
        listed = json.loads((outdir / REPORT_NAME).read_text(encoding="utf-8"))["files"]
        stems = {
            Path(name): entry["sha256"] for name, entry in listed.items() if name.startswith(STEMS_NAME + "/")
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return set()  # not a report of ours: nothing in the folder is known to be ours
    plain = {
        path: digest for path, digest in stems.items() if len(path.parts) == 2 and ".." not in path.parts
    }
    return {path for path, digest in plain.items() if _is_unchanged(outdir / path, digest)}


def _is_unchanged(path: Path, digest: str) -> bool:
    return path.is_file() and not path.is_symlink() and sha256_of(path) == digest


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _carry(old: Path, new: Path) -> None:
    """Link or copy everything of ``old`` that ``new`` does not have, except stems of the earlier run."""
    stale = _stale_stems(old)

    def ignored(folder: str, names: list[str]) -> set[str]:
        here = Path(folder).relative_to(old)
        return {
            name
            for name in names
            if here / name in stale
            or name.startswith(PREFIX)
            or (os.path.lexists(new / here / name) and not (old / here / name).is_dir())
        }

    shutil.copytree(old, new, symlinks=True, ignore=ignored, copy_function=_link_or_copy, dirs_exist_ok=True)
    stems = new / STEMS_NAME
    if stale and stems.is_dir() and not any(stems.iterdir()):
        stems.rmdir()


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EMLINK, errno.EXDEV, *NO_EXCHANGE):
            raise
        shutil.copy2(source, target)


def _exchange(staging: Path, outdir: Path) -> None:
    """Swap two folders in one step; where the system cannot, rename the old away and the new in."""
    try:
        _swap(staging, outdir)
    except OSError as error:
        if error.errno not in NO_EXCHANGE:
            raise
        old = outdir.with_name(_old_name(outdir))
        os.rename(outdir, old)
        os.rename(staging, outdir)
        _carry(old, outdir)
        shutil.rmtree(old, ignore_errors=True)


def _swap(first: Path, second: Path) -> None:
    """Exchange two paths atomically. Raises OSError (ENOSYS where the system has no such call)."""
    libc = ctypes.CDLL(None, use_errno=True)
    here, there = os.fsencode(first), os.fsencode(second)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        failed = libc.renamex_np(here, there, ctypes.c_uint(2))  # RENAME_SWAP
    elif sys.platform == "linux" and hasattr(libc, "renameat2"):
        failed = libc.renameat2(-100, here, -100, there, ctypes.c_uint(2))  # AT_FDCWD, RENAME_EXCHANGE
    else:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(second))


def _sync(path: Path) -> None:
    """Flush a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)

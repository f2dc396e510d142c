"""Writing files that appear only when they are complete, and where FrameScore keeps its own."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from render.errors import BadInput, OutOfResources

_USER_FOLDERS = {  # platform: the variable that names the user's folder, if any, and where it is in their home
    "win32": {"data": ("APPDATA", "AppData/Roaming"), "cache": ("LOCALAPPDATA", "AppData/Local")},
    "darwin": {"data": ("", "Library/Application Support"), "cache": ("", "Library/Caches")},
    "linux": {"data": ("XDG_DATA_HOME", ".local/share"), "cache": ("XDG_CACHE_HOME", ".cache")},
}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside ``path``; on leaving, sync it and rename it to ``path``.

    After an exception inside the block the temporary file is removed and ``path`` is as before. Raises
    BadInput when the folder cannot be written, OutOfResources when the disk is full.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.", suffix=".part")
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); choose another folder") from None
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.chmod(0o666 & ~_umask())
        partial.replace(path)
    except OSError as error:
        if is_disk_full(error):
            raise OutOfResources(f"{path}: the disk is full; free some space") from None
        raise BadInput(f"{path}: cannot be written ({error.strerror}); choose another name") from None
    finally:
        partial.unlink(missing_ok=True)


def user_folder(kind: Literal["data", "cache"], environment: Mapping[str, str]) -> Path:
    """FrameScore's folder among the user's, as is the custom of the platform; may not exist yet."""
    variable, place = _USER_FOLDERS.get(sys.platform, _USER_FOLDERS["linux"])[kind]
    return Path(environment.get(variable) or Path.home() / place) / "framescore"


def is_disk_full(error: BaseException) -> bool:
    """Whether ``error`` says that no space, or no quota, is left."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _umask() -> int:
    """The process's file mode mask (it can only be read by setting it)."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask

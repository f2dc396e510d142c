"""Arrays in npz files, read as what they are to us: hostile until checked."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from composer.errors import BadInput

# What NumPy and zipfile raise on damaged files.
DAMAGE = (
    AttributeError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_arrays(path: Path, names: Sequence[str], max_bytes: int, remedy: str) -> dict[str, np.ndarray]:
    """The arrays of an npz file without a pickle inside.

    Raises BadInput, whose message ends in ``remedy``, where the file is missing, damaged, lacks one of ``names`` or
    unpacks to more than ``max_bytes``.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > max_bytes:
                raise BadInput(f"{path}: unpacks to more than {max_bytes} bytes; {remedy}")
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file; {remedy}") from error
    except DAMAGE as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        raise BadInput(f"{path}: cannot be read ({reason}); {remedy}") from error

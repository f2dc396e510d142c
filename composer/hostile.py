"""Files of the user, read as what they are to us: hostile until checked. Bytes are capped, text is text, arrays hold no
code."""

from __future__ import annotations

import lzma
import tokenize
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
    lzma.LZMAError,
    tokenize.TokenError,
    zlib.error,
)


def read_bytes(path: Path, max_bytes: int, what: str) -> bytes:
    """All bytes of a file. Raises BadInput where it cannot be read or is larger than any ``what`` is."""
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the name") from error
    if len(data) > max_bytes:
        raise BadInput(f"{path}: larger than {max_bytes / 2**20:g} MiB, which no {what} is; check the name")
    return data


def read_utf8(path: Path, max_bytes: int, what: str) -> str:
    """The text of a file, without its byte order mark. Raises BadInput as `read_bytes` does, and with its line where
    something is not UTF-8."""
    data = read_bytes(path, max_bytes, what)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInput(f"{path}:{line}: not UTF-8 text; save the {what} as UTF-8") from error


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

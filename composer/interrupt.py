"""Ctrl-C and a polite kill end a command within two seconds, whatever library is at work.

Python runs a signal's handler only between two of its own instructions, and a long call into a decoder or a
network may hold it up. So the system's side of the signal also wakes a small thread, which ends the process
if the main one has not done so in time. What a run has staged by then is removed by the next run
(`composer.output`).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
TERMINATED = 143  # 128 + SIGTERM
PATIENCE_S = 1.5


class Terminated(BaseException):
    """SIGTERM arrived: unwind, clean up, exit with `TERMINATED`."""


def install() -> None:
    """Watch SIGINT and SIGTERM from now on. Only from the main thread of a command."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    threading.Thread(target=_watch, args=(reader, writer), name="interrupt", daemon=True).start()


def end_now(code: int) -> None:
    """Leave without waiting for the libraries' threads; what was written to the standard streams arrives."""
    with suppress(OSError):  # a reader that has gone, as in `framescore ... | head`
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _watch(reader: socket.socket, writer: socket.socket) -> None:
    codes = {int(signal.SIGINT): INTERRUPTED, int(signal.SIGTERM): TERMINATED}
    code = None
    while code is None:
        code = codes.get((reader.recv(1) or b"\0")[0])
    threading.Event().wait(PATIENCE_S)
    os._exit(code)

"""Slots: at most one process of a worker at a time calls, in place, a service whose queue the worker does not consume.
A service that hangs can therefore occupy only one process.

A slot is a file lock, which is released when its process ends.
"""

import fcntl
import tempfile
from pathlib import Path
from typing import IO

from durable import config

_files: dict[str, IO[str]] = {}


def acquire(queue: str, worker: str) -> bool:
    """Acquires the slot if it is free. Call `release` after the call."""
    file = _file(queue, worker)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def release() -> None:
    """Releases the slots of this process, if any."""
    for file in _files.values():
        fcntl.flock(file, fcntl.LOCK_UN)


def _file(queue: str, worker: str) -> IO[str]:
    name = f"{worker.replace('/', '_')}.{queue}"
    if name not in _files:
        folder = Path(config.options().slots or tempfile.gettempdir()) / "durable-slots"
        folder.mkdir(parents=True, exist_ok=True)
        _files[name] = (folder / name).open("w")
    return _files[name]

"""Slots: of the processes of one worker, one at a time may call a service in place whose queue the worker does not
consume. A service that hangs can so take one of them, and no more.

A slot is a lock on a file, which ends with its process.
"""

import fcntl
import tempfile
from pathlib import Path
from typing import IO

from durable import config

_files: dict[str, IO[str]] = {}


def take(queue: str, worker: str) -> bool:
    """Takes the slot if it is free; `give_back` it after the call."""
    file = _file(queue, worker)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def give_back() -> None:
    """Gives back what this process has taken; nothing happens without a slot."""
    for file in _files.values():
        fcntl.flock(file, fcntl.LOCK_UN)


def _file(queue: str, worker: str) -> IO[str]:
    name = f"{worker.replace('/', '_')}.{queue}"
    if name not in _files:
        folder = Path(config.options().slots or tempfile.gettempdir()) / "durable-slots"
        folder.mkdir(parents=True, exist_ok=True)
        _files[name] = (folder / name).open("w")
    return _files[name]

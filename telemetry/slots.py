"""Names for processes that count: `worker.0`, `worker.1`, … Each belongs to one process at a time.

A process that starts takes the first free name and continues the counters of the one that had it before. So counters
survive restarts and killed processes, and there are never more files than there were processes at a time. A name is
held by a file lock, which ends with the process: on one machine, and in containers that share the folder.
"""

import fcntl
import os
from itertools import count
from pathlib import Path

_held: tuple[int, int, str] | None = None  # pid, file descriptor, name


def name(folder: Path, program: str) -> str:
    """The name of this process. After a fork, the child takes one of its own."""
    global _held
    if _held is not None and _held[0] == os.getpid():
        return _held[2]
    if _held is not None:
        os.close(_held[1])  # the parent's, which keeps it
    for number in count():
        found = f"{program}.{number}"
        if (lock := _lock(folder, found)) is not None:
            _held = os.getpid(), lock, found
            forget_live(folder, found)
            return found
    raise AssertionError("count() does not end")


def free(folder: Path) -> list[str]:
    """The names that no process has now. What was true only while their processes ran is removed."""
    found = []
    for file in folder.glob("*.lock"):
        if (lock := _lock(folder, file.stem)) is not None:
            forget_live(folder, file.stem)
            found.append(file.stem)
            os.close(lock)
    return found


def forget_live(folder: Path, slot: str) -> None:
    """Removes what was true only while the former process of this name ran."""
    for file in folder.glob(f"gauge_live*_{slot}.db"):
        file.unlink(missing_ok=True)


def _lock(folder: Path, slot: str) -> int | None:
    file = os.open(folder / f"{slot}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file

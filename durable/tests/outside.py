"""A fake external service, kept in a folder. It records every visit and behaves as a test has instructed.

A step visits it under its name. `behave("bank.withdraw", sleep=0.5)` makes the visits with this name last that long;
`down`, `refuse` and `fail` raise, and `times` limits an instruction to that many visits.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from durable import Refusal, Unavailable

FOLDER = "DURABLE_TEST_OUTSIDE"


@dataclass(frozen=True)
class Visit:
    """A visit. `end` is None while it lasts, and stays None if its process is killed. Times are monotonic."""

    name: str
    key: str | None
    request: Any
    pid: int
    begin: float
    end: float | None


def visit(name: str, key: str | None = None, request: Any = None) -> dict[str, Any]:
    """Records the visit and follows its instruction; returns the number of visits with this name."""
    number = len(visits(name)) + 1
    begin = time.monotonic()
    _note({"name": name, "key": key, "request": request, "pid": os.getpid(), "begin": begin})
    does = _instruction(name)
    time.sleep(does.get("sleep", 0.0))
    if does.get("down"):
        raise Unavailable(f"{name} is down")
    if does.get("refuse"):
        raise Refusal(f"{name} says no.", code="no")
    if does.get("fail"):
        raise ZeroDivisionError(name)
    _note({"name": name, "begin": begin, "end": time.monotonic(), "pid": os.getpid()})
    return {"visits": number}


def behave(name: str, **does: Any) -> None:
    """Sets the instruction for the visits with this name."""
    with _locked() as folder:
        (folder / f"{name}.does").write_text(json.dumps(does))


def visits(name: str | None = None) -> list[Visit]:
    """The visits with this name, or all, in the order of their start."""
    found: dict[tuple[int, float], dict[str, Any]] = {}
    for line in (_folder() / "visits").read_text().splitlines() if (_folder() / "visits").exists() else ():
        noted = json.loads(line)
        found.setdefault((noted["pid"], noted["begin"]), {"end": None}).update(noted)
    return [Visit(**values) for values in found.values() if name in (None, values["name"])]


def most_at_once(found: list[Visit]) -> int:
    """The maximum number of these visits in progress at the same time."""
    return max(sum(other.begin <= one.begin < (other.end or one.begin) for other in found) for one in found)


def clear() -> None:
    for file in _folder().iterdir():
        file.unlink()


def _instruction(name: str) -> dict[str, Any]:
    with _locked() as folder:
        file = folder / f"{name}.does"
        if not file.exists():
            return {}
        does: dict[str, Any] = json.loads(file.read_text())
        if "times" in does:
            does["times"] -= 1
            file.write_text(json.dumps(does)) if does["times"] else file.unlink()
        return does


def _note(values: dict[str, Any]) -> None:
    with _locked() as folder, (folder / "visits").open("a") as file:
        file.write(json.dumps(values) + "\n")


@contextmanager
def _locked() -> Iterator[Path]:
    with (_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _folder()


def _folder() -> Path:
    return Path(os.environ[FOLDER])

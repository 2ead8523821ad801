"""Looks for personal data in the logs of all processes that tests start: no log may have any."""

from collections.abc import Iterable, Iterator
from pathlib import Path

PLANTED = (b"correct horse battery", b"$argon2id$", b"@example.org")
"""The password of the tests' users, how a hash of one begins, and how their addresses end."""
LONGEST = 200  # bytes that are shown of what was found, and read again in case a secret was written in two parts
_read: dict[Path, int] = {}


def find_planted(paths: Iterable[Path]) -> list[str]:
    """What has been logged since the last call that contains a planted secret."""
    found = []
    for file in _files(paths):
        start = max(_read.get(file, 0) - LONGEST, 0)
        with file.open("rb") as content:
            content.seek(start)
            text = content.read()
        first = text[: _read.get(file, 0) - start]
        for secret in PLANTED:
            if text.count(secret) > first.count(secret):
                at = text.rindex(secret)
                found.append(f"{file}: …{text[max(at - LONGEST, 0) : at + LONGEST].decode(errors='replace')}…")
        _read[file] = start + len(text)
    return found


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in list(paths):
        if path.is_dir():
            yield from path.glob("*.log")
        elif path.is_file():
            yield path

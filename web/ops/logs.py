"""Lines of the logs of this machine, for one run. A shop on several machines collects its logs elsewhere."""

import mmap
from dataclasses import dataclass
from pathlib import Path

from settings import var_folder

READ = 8 * 2**20  # bytes of the end of each file
LISTED = 300  # lines
LONGEST = 2000  # characters of a line


@dataclass(frozen=True, order=True)
class Line:
    """A line of a log. It begins with its time, by which lines are sorted."""

    text: str
    program: str


def exist() -> bool:
    """Whether logs are kept in files on this machine."""
    return _folder().is_dir()


def read_lines(about: str) -> list[Line]:
    """The newest lines that contain this text, oldest first."""
    found: list[Line] = []
    for file in sorted(_folder().glob("*.log")) if exist() else ():
        found += [Line(text, file.stem) for text in _search(file, about.encode())]
    return sorted(found)[-LISTED:]


def _search(file: Path, about: bytes) -> list[str]:
    """The lines of a file that contain the text; a file that has just been rotated away has none."""
    try:
        with file.open("rb") as source:
            size = source.seek(0, 2)
            if not size:
                return []
            with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _lines(content, about, max(size - READ, 0))
    except FileNotFoundError:
        return []


def _lines(content: mmap.mmap, about: bytes, begin: int) -> list[str]:
    found: list[str] = []
    place = content.find(about, begin)
    while place >= 0:
        start = content.rfind(b"\n", 0, place) + 1
        end = content.find(b"\n", place)
        end = len(content) if end < 0 else end
        found.append(content[start:end][:LONGEST].decode(errors="replace"))
        place = content.find(about, end)
    return found[-LISTED:]


def _folder() -> Path:
    return var_folder() / "log"

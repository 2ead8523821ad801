"""A store in a folder of this machine."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from models.core.errors import FileStoreDown

_UNFINISHED = "."  # begins the name of a file that is being written, and of nothing else


class Folder:
    """A `FileStore`. Files are written under another name and renamed, so that nobody sees half of one."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, contents: bytes, media_type: str) -> None:
        target = self._root / key
        unfinished = target.with_name(f"{_UNFINISHED}{target.name}.{token_hex(4)}")
        with _failures():
            is_new = not target.parent.exists()
            target.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("xb") as file:
                file.write(contents)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(target)
            _sync(target.parent)
            if is_new:
                _sync(self._root)

    def get(self, key: str) -> bytes | None:
        with _failures():
            try:
                return (self._root / key).read_bytes()
            except FileNotFoundError:
                self._check()
                return None

    def remove(self, folder: str) -> int:
        with _failures():
            if not (self._root / folder).exists():
                return 0
        names = self.list_names(folder)
        with _failures():
            shutil.rmtree(self._root / folder)
            _sync(self._root)
        return len(names)

    def list_names(self, folder: str) -> set[str]:
        with _failures():
            if not (self._root / folder).is_dir():
                self._check()
                return set()
            names = (path.name for path in (self._root / folder).iterdir())
            return {name for name in names if not name.startswith(_UNFINISHED)}

    def list_folders(self) -> Iterator[str]:
        with _failures():
            if not self._root.exists():
                return
            for path in self._root.iterdir():
                yield path.name

    def _check(self) -> None:
        """A folder that is not there is a volume that is not mounted, or a shop without a picture yet."""
        if not self._root.is_dir():
            raise FileStoreDown("The folder of the pictures does not exist; is its volume mounted?")


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileStoreDown(f"The folder of the pictures cannot be used: {error.strerror}.") from error


def _sync(folder: Path) -> None:
    """Makes the names in a folder durable."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)

"""What the shop asks of a store of files."""

from collections.abc import Iterator
from typing import Protocol


class FileStore(Protocol):
    """Files by key, `<folder>/<name>`. Every method raises FileStoreDown if the store does not work."""

    def put(self, key: str, contents: bytes, media_type: str) -> None:
        """Stores a file, in place of one with this key. It is complete and durable when this returns, or not there."""

    def get(self, key: str) -> bytes | None:
        """The contents of a file, or None if there is none."""

    def remove(self, folder: str) -> int:
        """Deletes all files of a folder; says how many."""

    def list_names(self, folder: str) -> set[str]:
        """The names of the files of a folder."""

    def list_folders(self) -> Iterator[str]:
        """The names of all folders that have files."""

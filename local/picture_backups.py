"""Backups of pictures that are in a folder: a tar file beside that of the database."""

import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.backups import NotBackedUp

FOLDERS = "pic_*"


def file_beside(backup: Path) -> Path:
    """The file of the pictures that belong to a backup of the database."""
    return backup.with_name(f"{backup.name}.pictures.tar")


@contextmanager
def packing(folder: Path, file: Path) -> Iterator[None]:
    """Packs the pictures of a folder into a new file, while the database is backed up in the block.

    They are read before and after it: so those are there that were removed meanwhile, and those that were added. Files
    never change. The file appears when it is complete, and only its owner can read it. Raises NotBackedUp.
    """
    new = file.with_name(f"{file.name}.new")
    try:
        opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(opened, "wb") as output, tarfile.open(fileobj=output, mode="w") as packed:
            names = _pack(packed, folder, set())
            yield
            _pack(packed, folder, names)
        new.replace(file)
    except OSError as error:
        raise NotBackedUp(f"{error.filename or file}: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)


def unpack(file: Path, folder: Path) -> None:
    """Makes a folder hold the pictures of a file, and no others. Raises NotBackedUp."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(file) as packed:
            kept = {name.partition("/")[0] for name in packed.getnames()}
            packed.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise NotBackedUp(f"{file}: the pictures cannot be unpacked: {error}.") from error
    for other in folder.glob(FOLDERS):
        if other.name not in kept:
            shutil.rmtree(other)


def _pack(packed: tarfile.TarFile, folder: Path, known: set[str]) -> set[str]:
    """Adds the files that are not known; returns the names of all."""
    for path in sorted(folder.glob(f"{FOLDERS}/[!.]*")):
        name = f"{path.parent.name}/{path.name}"
        if name in known:
            continue
        try:
            packed.add(path, name, recursive=False)
        except FileNotFoundError:
            continue  # removed meanwhile
        known.add(name)
    return known

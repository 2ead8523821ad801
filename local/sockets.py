"""The folder of the Unix sockets, accessible only to its owner."""

import os
import stat
from pathlib import Path


def ensure_private_folder(folder: Path) -> None:
    """Creates the folder with mode 0700, or checks the existing one.

    If the path of the data folder is too long for a socket, this folder is in the shared temporary folder, where
    another user could have created it. Raises PermissionError if another user owns it or has access.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & stat.S_IRWXO:
        raise PermissionError(f"{folder} is accessible to other users; remove it or set TMPDIR to another folder.")

"""The folder of the unix sockets, which nobody else may enter."""

import os
import stat
from pathlib import Path


def own_folder(folder: Path) -> None:
    """Makes the folder, for us alone, or checks that the one which is there is ours.

    Where the data folder's path is too long for a socket, this folder lies among everybody's temporary
    files: one that another user has put there is refused. Raises PermissionError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & stat.S_IRWXO:
        raise PermissionError(f"{folder} is not a folder of ours alone; remove it or set TMPDIR to another place.")

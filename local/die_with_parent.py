"""Starts a program that dies with its parent, so that killing the supervisor leaves nothing behind."""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2); only Linux has it, elsewhere a killed supervisor leaves its children running


def die_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """Lets the kernel send this process the signal once its parent is dead.

    Survives an exec, but not a change of user: call it after that. Does nothing outside Linux.
    """
    if sys.platform == "linux" and ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number) != 0:
        raise OSError("prctl refused PR_SET_PDEATHSIG.")


def main() -> None:
    """`python -m local.die_with_parent STARTS COMMAND…`: adds a byte to the file STARTS and becomes the command.

    The size of STARTS is how often the program was started, which the supervisor does not count.
    """
    starts, *command = sys.argv[1:]
    die_with_parent()
    if os.getppid() == 1:
        raise SystemExit("The supervisor is gone.")  # it died before die_with_parent was called
    with Path(starts).open("ab") as file:
        file.write(b".")
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()

"""Starts a program that is killed when its parent dies, so that a killed supervisor leaves no processes behind."""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2), Linux only; on other systems a killed supervisor leaves its children running


def die_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """Makes the kernel send this process the signal when its parent dies.

    The setting survives exec, but not a change of the user: call this after setuid. Does nothing on systems other than
    Linux. Raises OSError if the kernel refuses.
    """
    if sys.platform == "linux" and ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number) != 0:
        raise OSError("prctl(PR_SET_PDEATHSIG) failed.")


def main() -> None:
    """`python -m local.die_with_parent STARTS COMMAND…`: appends a byte to the file STARTS and executes the command.

    The size of STARTS is the number of starts, which the supervisor does not count.
    """
    starts, *command = sys.argv[1:]
    die_with_parent()
    if os.getppid() == 1:
        raise SystemExit("The supervisor has exited.")  # before die_with_parent was called
    with Path(starts).open("ab") as file:
        file.write(b".")
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()

"""Named points at which a test may kill this very process, to prove that nothing depends on its survival.

`SHOP_CRASH_FILE` names a file; while it says `<point>@<step>`, the process that reaches that point takes the
file away and dies. Without the variable, which is how every shop runs, the points cost one comparison.
"""

import os
import signal
from pathlib import Path

_FILE = os.environ.get("SHOP_CRASH_FILE")

POINTS = ("before-commit", "after-call", "after-commit")


def crash_point(point: str, step: str) -> None:
    """Kills this process (SIGKILL) if it is armed for this point of this step, once; otherwise does nothing.

    `<point>@<step> worker` kills the worker's main process first, so that nobody gives its message back.
    """
    if _FILE is None:
        return
    armed = Path(_FILE)
    try:
        where, _, whom = armed.read_text().strip().partition(" ")
        if where != f"{point}@{step}":
            return
        armed.unlink()
    except FileNotFoundError:
        return
    if whom == "worker":
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

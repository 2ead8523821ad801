"""Named points at which a test may kill or stop this very process, to prove that nothing depends on it.

`SHOP_CRASH_FILE` names a file; while it says `<point>@<step>`, the process that reaches that point takes the
file away and dies. Without the variable, which is how every shop runs, the points cost one comparison.
"""

import os
import signal
from pathlib import Path

_FILE = os.environ.get("SHOP_CRASH_FILE")

POINTS = ("before-publish", "before-commit", "after-call", "after-commit")


def crash_point(point: str, step: str) -> None:
    """Kills this process (SIGKILL) if it is armed for this point of this step, once; otherwise does nothing.

    A word behind the point changes that: `worker` kills the process' parent first, so that nobody gives its
    message back; `stop` stops it (SIGSTOP) instead; `always` leaves the file where it is. The steps of
    `Each` are armed together, by their name without the item.
    """
    if _FILE is None:
        return
    armed = Path(_FILE)
    try:
        where, _, how = armed.read_text().strip().partition(" ")
        if where != f"{point}@{step.partition('[')[0]}":
            return
        if how != "always":
            armed.unlink()
    except FileNotFoundError:
        return
    if how == "worker":
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGSTOP if how == "stop" else signal.SIGKILL)

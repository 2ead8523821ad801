"""Named points at which a test may kill this very process, to prove that nothing depends on its survival.

`SHOP_CRASH_AT=<point>@<step>` arms one; it strikes once, for the file named by `SHOP_CRASH_ONCE` remembers.
"""

import os
import signal
from pathlib import Path

_ARMED = os.environ.get("SHOP_CRASH_AT")


def crash_point(point: str, step: str) -> None:
    """Kills this process (SIGKILL) if the point is armed and has not struck before; otherwise does nothing."""
    if f"{point}@{step}" != _ARMED:
        return
    struck = Path(os.environ["SHOP_CRASH_ONCE"])
    try:
        struck.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)

"""Waiting for something to become true, and not for ever."""

import time
from collections.abc import Callable


def wait_until(true: Callable[[], object], seconds: float, pause: float = 0.05) -> bool:
    """Asks until the answer is true, at most for so many seconds; says whether it became true."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True

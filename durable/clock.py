"""The database's clock, as this process knows it: every time that machines compare comes from there."""

import time
from datetime import datetime, timedelta

_observed: tuple[datetime, float] | None = None


def observe(now: datetime) -> None:
    """Notes what the database's clock has just said."""
    global _observed
    _observed = (now, time.monotonic())


def now() -> datetime | None:
    """The time by the database's clock; None if this process has not heard it yet."""
    if _observed is None:
        return None
    said, at = _observed
    return said + timedelta(seconds=time.monotonic() - at)

"""Whether this process stops: streams end then, so that their callers find another one."""

import threading

from durable import Unavailable

_stopping = threading.Event()


class Stopping(Unavailable):
    """This process stops."""


def begin() -> None:
    """From now on, streams end."""
    _stopping.set()


def is_stopping() -> bool:
    return _stopping.is_set()

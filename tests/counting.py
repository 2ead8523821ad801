"""Records the statements sent to the database."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from models.core.database import engine


@contextmanager
def statements() -> Iterator[list[str]]:
    """A growing list of the statements of this process, except those of the thread that watches the queues."""
    sent: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if threading.current_thread().name != "load":
            sent.append(statement)

    event.listen(engine(), "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine(), "before_cursor_execute", note)

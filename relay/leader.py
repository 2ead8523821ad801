"""One leader at a time: of several processes, the one that holds an advisory lock works, and the others wait.

The lock belongs to a database connection, and the leader's transactions use that connection. A process that has lost it
can therefore change nothing, whoever leads by then.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models.core.database import engine

log = logging.getLogger(__name__)

POLL = 0.2  # seconds between two looks at the database, when there was nothing to do
STANDBY = 1.0  # seconds between two attempts to become the leader, and before work begins again after an error
_LOCK = text("SELECT pg_try_advisory_lock(hashtext('shopflow:' || :name))")


class Leader:
    """The process that holds the lock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction, like `database.transaction`. One at a time."""
        with Session(self._connection, expire_on_commit=False) as session, session.begin():
            yield session


@contextmanager
def leading(name: str, stop: threading.Event) -> Iterator[Leader | None]:
    """Waits until this process is the leader of `name`; None: `stop` was set before."""
    with engine().connect() as connection:
        while not _try(connection, name):
            if stop.wait(STANDBY):
                yield None
                return
        log.info("leader of %s", name)
        try:
            yield Leader(connection)
        finally:
            connection.invalidate()  # closes it, which releases the lock


def lead(name: str, work: Callable[[Leader], bool], stop: threading.Event) -> None:
    """Calls `work` whenever this process leads, until `stop` is set. `work` returns whether there is more to do.

    Errors are logged and survived.
    """
    while not stop.is_set():
        try:
            with leading(name, stop) as leader:
                while leader is not None and not stop.is_set():
                    if not work(leader):
                        stop.wait(POLL)
        except OperationalError as error:
            log.warning("%s: no database, will retry: %s", name, str(error.orig).splitlines()[0])
        except Exception:
            log.exception("%s: will retry", name)
        stop.wait(STANDBY)


def _try(connection: Connection, name: str) -> bool:
    with connection.begin():
        return bool(connection.scalar(_LOCK, {"name": name}))

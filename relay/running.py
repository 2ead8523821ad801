"""The relay: the process that gives events their positions and publishes them. Several relays are safe; one works."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence

from sqlalchemy import delete

from models.core import event_feed
from models.core.database import transaction
from monitoring.incidents import Watch
from relay.exchange import Publisher
from relay.leader import Leader, lead
from settings import settings

log = logging.getLogger(__name__)

BATCH = 1000
CHECK = 0.5  # seconds between two looks at the threads
LONGEST_LOOK = 900.0  # seconds; the audit of a large shop takes minutes


def run_forever() -> None:
    """Relays until SIGTERM or SIGINT. Outages of the broker and of PostgreSQL are logged and survived.

    Positions, incidents and the exchange have a thread each, so that a broker that hangs delays no position. If one of
    them ends, or a look for incidents does not, the process exits with status 1: whoever has started it starts it
    again, and another relay leads meanwhile.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("relay is running")
    watching = Watch()
    works: dict[str, Callable[[Leader], bool]] = {"positions": place, "incidents": watch(watching)}
    if settings.events_exchange:
        works["exchange"] = Publisher().work
    else:
        _forget_exchange()
    threads = [threading.Thread(target=lead, args=(name, work, stop), name=name) for name, work in works.items()]
    for thread in threads:
        thread.start()
    while not stop.wait(CHECK):
        if fault := _find_fault(threads, watching):
            log.critical("%s: the relay exits, to be started again", fault)
            logging.shutdown()
            os._exit(1)  # a thread that hangs would keep the process
    for thread in threads:
        thread.join()


def _find_fault(threads: Sequence[threading.Thread], watching: Watch) -> str | None:
    for thread in threads:
        if not thread.is_alive():
            return f"the thread of {thread.name} has ended"
    return f"incidents were looked for in vain for {LONGEST_LOOK:.0f} s" if watching.busy_for() > LONGEST_LOOK else None


def place(leader: Leader) -> bool:
    """Gives the next events their positions. Returns whether there are more."""
    with leader.transaction() as session:
        return event_feed.place_events(session, BATCH) == BATCH


def watch(watching: Watch) -> Callable[[Leader], bool]:
    """Reports what requires an operator. Here, because the relay depends on neither dispatchers nor workers."""

    def look(leader: Leader) -> bool:
        watching.look()
        return False

    return look


def _forget_exchange() -> None:
    """Nothing is published any more, so old events need not be kept for it."""
    with transaction() as session:
        session.execute(delete(event_feed.Cursor).where(event_feed.Cursor.name == event_feed.EXCHANGE))

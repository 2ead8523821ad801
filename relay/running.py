"""The relay: the process that gives events their positions and publishes them. Several relays are safe; one works."""

import logging
import signal
import threading
from collections.abc import Callable

from sqlalchemy import delete

from models.core import event_feed
from models.core.database import transaction
from monitoring.incidents import Watch
from relay.exchange import Publisher
from relay.leader import Leader, lead
from settings import settings

log = logging.getLogger(__name__)

BATCH = 1000


def run_forever() -> None:
    """Relays until SIGTERM or SIGINT. Outages of the broker and of PostgreSQL are logged and survived.

    Positions and the exchange have a thread each, so that a broker that hangs delays no position.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("relay is running")
    threads = [
        threading.Thread(target=lead, args=("positions", place, stop)),
        threading.Thread(target=lead, args=("incidents", watch(Watch()), stop)),
    ]
    if settings.events_exchange:
        threads.append(threading.Thread(target=lead, args=("exchange", Publisher().work, stop)))
    else:
        _forget_exchange()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


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

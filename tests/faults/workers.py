"""Workers that are started again when they die, as a supervisor would, and the fleets that a shop can have."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.processes import Process
from tests.shop import Shop

SHORT = {"SHOP_LEASE": "0.5", "SHOP_SWEEP": "0.2", "SHOP_GATEWAY_TIMEOUT": "1"}
AT_ONCE = {"SHOP_LEASE": "3", "SHOP_SWEEP": "0.5", "SHOP_GATEWAY_TIMEOUT": "5"}
"""For many runs at once: whoever merely waits for a processor does not lose a run to another worker."""
SERVICES = ("orders", "payments", "inventory", "carts", "notifications,mass_mail", "accounts,access,catalogue,reports")


@contextmanager
def kept_alive(*processes: Process) -> Iterator[None]:
    """Starts again whichever of them has died, for the length of the block."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            for process in processes:
                if process.poll() is not None:
                    process.start()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def worker_per_service(shop: Shop, **settings: str) -> list[Process]:
    """A worker for each service's queue, with two processes each: every step is a message."""
    return [shop.worker(queues, queues.partition(",")[0], 2, **settings) for queues in SERVICES]

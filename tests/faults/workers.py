"""Workers that are restarted when they die, and the fleets of a shop."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from settings import QUEUES
from tests.processes import Process
from tests.shop import Shop, worker_arguments

SHORT = {"SHOP_LEASE": "0.5", "SHOP_SWEEP": "0.2", "SHOP_GATEWAY_TIMEOUT": "1", "SHOP_CARRIER_TIMEOUT": "1"}
AT_ONCE = {"SHOP_LEASE": "3", "SHOP_SWEEP": "0.5", "SHOP_GATEWAY_TIMEOUT": "5", "SHOP_CARRIER_TIMEOUT": "5"}
"""For many concurrent runs: a worker short of CPU does not lose its run to another one."""
CREW = 8
SERVICES = (
    "orders", "payments", "inventory", "carts", "notifications,mass_mail", "sms,push", "fulfilment,returns",
    "accounts,access,catalogue,reports,pictures",
)  # fmt: skip


@contextmanager
def kept_alive(*processes: Process) -> Iterator[None]:
    """Restarts dead processes within the block."""
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
    """A worker with two processes for the queues of each service: every step is a message."""
    served = {queue for queues in SERVICES for queue in queues.split(",")}
    assert served == set(QUEUES), "runs would wait for the queues that no worker has"
    return [shop.worker(queues, queues.partition(",")[0], 2, **settings) for queues in SERVICES]


def crew(shop: Shop) -> None:
    """Workers with one process each, which are restarted individually."""
    shop.environment |= AT_ONCE
    workers = worker_arguments("", "--concurrency=1")
    keeper = shop.start("keeper", shop.environment, "tests.faults.keeper:main", str(CREW), *workers)
    keeper.wait_for(" ready.", CREW)
    shop.dispatcher()

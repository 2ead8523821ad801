"""Concurrent work for different customers, sequential for each customer."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from demo.replay.retail import Invoice

READ_AHEAD = 8  # invoices read ahead per worker


def run(invoices: Iterable[Invoice], work: Callable[[Invoice], None], concurrency: int) -> None:
    """Calls `work` for every invoice, at most `concurrency` at a time, and returns when all calls have returned.

    If a call raises, or the caller is interrupted, running calls finish and no new ones start. Then the first
    exception is raised.
    """
    queues: dict[str, deque[Invoice]] = {}  # customer → waiting invoices
    guard = threading.Lock()
    slots = threading.BoundedSemaphore(concurrency * READ_AHEAD)
    errors: list[BaseException] = []

    def serve(invoice: Invoice | None) -> None:
        while invoice is not None:
            try:
                if not errors:
                    work(invoice)
            except BaseException as error:  # noqa: BLE001  raised again in the calling thread
                errors.append(error)
            slots.release()
            with guard:
                waiting = queues[invoice.customer]
                following = waiting.popleft() if waiting else None
                if following is None:
                    del queues[invoice.customer]
            invoice = following

    with ThreadPoolExecutor(concurrency) as pool:
        try:
            for invoice in invoices:
                slots.acquire()
                if errors:
                    break
                with guard:
                    if invoice.customer in queues:
                        queues[invoice.customer].append(invoice)
                        continue
                    queues[invoice.customer] = deque()
                pool.submit(serve, invoice)
        except BaseException as error:  # noqa: BLE001  raised again below
            errors.append(error)
    if errors:
        raise errors[0]

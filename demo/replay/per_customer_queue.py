"""Work side by side for different customers, and one thing after the other for each of them."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from demo.replay.retail import Invoice

AHEAD = 8  # invoices read ahead for each that is worked on


def run(invoices: Iterable[Invoice], work: Callable[[Invoice], None], concurrency: int) -> None:
    """Does the work for every invoice, at most `concurrency` at a time, and returns when all of it is done.

    If the work raises, or the caller is interrupted, what is in hand is ended and nothing new begun; then the
    first of these exceptions is raised.
    """
    lanes: dict[str, deque[Invoice]] = {}  # what waits for each customer who is being served
    guard = threading.Lock()
    room = threading.BoundedSemaphore(concurrency * AHEAD)
    errors: list[BaseException] = []

    def serve(invoice: Invoice | None) -> None:
        while invoice is not None:
            try:
                if not errors:
                    work(invoice)
            except BaseException as error:  # noqa: BLE001  raised again by the thread that started us
                errors.append(error)
            room.release()
            with guard:
                waiting = lanes[invoice.customer]
                following = waiting.popleft() if waiting else None
                if following is None:
                    del lanes[invoice.customer]
            invoice = following

    with ThreadPoolExecutor(concurrency) as pool:
        try:
            for invoice in invoices:
                room.acquire()
                if errors:
                    break
                with guard:
                    if invoice.customer in lanes:
                        lanes[invoice.customer].append(invoice)
                        continue
                    lanes[invoice.customer] = deque()
                pool.submit(serve, invoice)
        except BaseException as error:  # noqa: BLE001  raised again below
            errors.append(error)
    if errors:
        raise errors[0]

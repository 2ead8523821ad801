"""Customers who never wait for the end of an order, and people whose work needs no gateway, as one process.

`python -m benchmarks.neighbours ADDRESS ACCOUNTS PRODUCT_ID…` registers that many customers, signs `STAFF` in, and
does what each line of JSON on its standard input asks for, answering with one of its own: `{"order": seconds}`, or
`{"work": seconds}`: registrations, restocks and imports, beside a few orders.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks.customers import ADDRESS, LINES, PAUSE, WAIT, Customer, Wrong

STAFF = {"username": "operator", "email": "operator@example.com", "password": "a pass phrase for operators"}
THREADS = 16
ORDER_EVERY = 0.5  # seconds between two orders beside the work
ROWS = 20  # of a file that is imported


class Hasty(Customer):
    """Orders again as soon as the cart is free."""

    is_filled = False

    def place(self) -> str:
        """`accepted`, or `busy` while the order before is under way."""
        if not self.is_filled:
            for product in self.choose.sample(self.products, LINES):
                self.ask("POST", "/v1/cart/items", 201, {"product_id": product, "quantity": 1})
            self.is_filled = True
        order = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}
        try:
            self.ask("POST", "/v1/checkout", 202, order, Idempotency_Key=uuid4().hex)
        except Wrong as wrong:
            if "checkout_in_progress" not in str(wrong):
                raise
            return "busy"
        self.is_filled = False
        return "accepted"


class Worker(Customer):
    """One whose work needs no payment gateway, and who waits for each piece of it to end."""

    def register_somebody(self) -> None:
        """A new customer is welcomed by mail."""
        Customer(self.host, self.choose.randrange(10**9), self.products)

    def restock(self) -> None:
        """Goods are ordered by mail, and come at once."""
        lines = {"lines": [{"product_id": self.choose.choice(self.products), "quantity": 1}]}
        made = self.ask("POST", "/v1/restocks", 202, lines)
        self.ask("POST", f"/v1/purchase-orders/{made['purchase_order_id']}/receive", 202, lines)

    def import_some(self) -> None:
        """A small catalogue file is taken in, to its end."""
        name = uuid4().hex[:12]
        head = "sku,kind,title,author,category,price,stock,description,attributes\n"
        rows = "".join(f'{name}-{n},clothing,Thing,,Shelf,9.99,5,A thing.,"{{}}"\n' for n in range(ROWS))
        task = self.ask("POST", "/v1/catalogue/imports", 202, (head + rows).encode(), Content_Type="text/csv")
        path = task["links"]["task"]
        while not self.ask("GET", f"{path}?wait={WAIT}", 200)["finished_at"]:
            time.sleep(PAUSE)


def order(customers: list[Hasty], until: float, every: float = 0.0) -> Counter[str]:
    """Orders by these customers in turn."""
    answers: Counter[str] = Counter()
    for number, customer in enumerate(cycle(customers), 1):
        if time.monotonic() >= until:
            return answers
        answers[_what(customer.place)] += 1
        if every or number % len(customers) == 0:
            time.sleep(every or PAUSE / 5)
    return answers


def work(worker: Worker, until: float) -> Counter[str]:
    answers: Counter[str] = Counter()
    for job in cycle([worker.register_somebody, worker.restock, worker.import_some]):
        if time.monotonic() >= until:
            return answers
        answers[_what(job)] += 1
    return answers


def _what(job: Callable[[], str | None]) -> str:
    try:
        return job() or "done"
    except Wrong as wrong:
        return str(wrong)[:200]


def main() -> None:
    """Serves the lines on standard input until it ends."""
    address, number, *products = sys.argv[1:]
    host = urlsplit(address).netloc
    customers = [Hasty(host, n, products) for n in range(int(number))]
    workers = [Worker(host, n, products) for n in range(THREADS)]
    for worker in workers:
        worker.sign_in(STAFF["username"], STAFF["password"])
    print(json.dumps({"ready": len(customers)}), flush=True)
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        for customer in (*customers, *workers):
            customer.connection.close()  # it opens again by itself; the API closes what has been idle for long
        [(kind, seconds)] = asked.items()
        until = time.monotonic() + seconds
        with ThreadPoolExecutor(THREADS + 1) as pool:
            if kind == "order":
                parts = [pool.submit(order, customers[n::THREADS], until) for n in range(THREADS)]
            else:
                parts = [pool.submit(work, worker, until) for worker in workers]
                parts.append(pool.submit(order, customers, until, ORDER_EVERY))
        print(json.dumps(sum((part.result() for part in parts), Counter())), flush=True)


if __name__ == "__main__":
    main()

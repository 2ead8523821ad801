"""The load of `benchmarks.bulkheads`, as a separate process: orders, and work that needs no payment gateway.

`python -m benchmarks.neighbours ADDRESS ACCOUNTS PRODUCT_ID…` registers ACCOUNTS customers and signs `STAFF` in. Then
it reads commands, one line of JSON each, from standard input, and responds with one line each: `{"order": seconds}`
places orders; `{"work": seconds}` registers customers, restocks and imports, and places a few orders.
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

from benchmarks.customers import ADDRESS, LINES, PAUSE, WAIT, Customer, UnexpectedResponse

STAFF = {"username": "operator", "email": "operator@example.com", "password": "a pass phrase for operators"}
THREADS = 16
ORDER_EVERY = 0.5  # seconds between orders during the work
ROWS = 20  # rows of an imported file


class ImpatientCustomer(Customer):
    """A customer who does not wait for the end of an order."""

    is_filled = False

    def place(self) -> str:
        """Checks out. Returns `accepted`, or `busy` while the previous order is in progress."""
        if not self.is_filled:
            for product in self.choose.sample(self.products, LINES):
                self.request("POST", "/v1/cart/items", 201, {"product_id": product, "quantity": 1})
            self.is_filled = True
        order = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}
        try:
            self.request("POST", "/v1/checkout", 202, order, Idempotency_Key=uuid4().hex)
        except UnexpectedResponse as error:
            if "checkout_in_progress" not in str(error):
                raise
            return "busy"
        self.is_filled = False
        return "accepted"


class Worker(Customer):
    """A member of staff whose work needs no payment gateway."""

    def register_customer(self) -> None:
        """Registers a customer, to whom the shop sends a mail."""
        Customer(self.host, self.choose.randrange(10**9), self.products)

    def restock(self) -> None:
        """Creates a purchase order, which is sent by mail, and receives it at once."""
        lines = {"lines": [{"product_id": self.choose.choice(self.products), "quantity": 1}]}
        made = self.request("POST", "/v1/restocks", 202, lines)
        self.request("POST", f"/v1/purchase-orders/{made['purchase_order_id']}/receive", 202, lines)

    def import_catalogue(self) -> None:
        """Imports a small catalogue file and waits for the end."""
        name = uuid4().hex[:12]
        head = "sku,kind,title,author,category,price,stock,description,attributes\n"
        rows = "".join(f'{name}-{n},clothing,Thing,,Shelf,9.99,5,A thing.,"{{}}"\n' for n in range(ROWS))
        task = self.request("POST", "/v1/catalogue/imports", 202, (head + rows).encode(), Content_Type="text/csv")
        path = task["links"]["task"]
        while not self.request("GET", f"{path}?wait={WAIT}", 200)["finished_at"]:
            time.sleep(PAUSE)


def order(customers: list[ImpatientCustomer], until: float, every: float = 0.0) -> Counter[str]:
    """Places orders by these customers in turn. Counts the results."""
    answers: Counter[str] = Counter()
    for number, customer in enumerate(cycle(customers), 1):
        if time.monotonic() >= until:
            return answers
        answers[_result(customer.place)] += 1
        if every or number % len(customers) == 0:
            time.sleep(every or PAUSE / 5)
    return answers


def work(worker: Worker, until: float) -> Counter[str]:
    """Repeats the kinds of work in turn. Counts the results."""
    answers: Counter[str] = Counter()
    for job in cycle([worker.register_customer, worker.restock, worker.import_catalogue]):
        if time.monotonic() >= until:
            return answers
        answers[_result(job)] += 1
    return answers


def _result(job: Callable[[], str | None]) -> str:
    try:
        return job() or "done"
    except UnexpectedResponse as error:
        return str(error)[:200]


def main() -> None:
    """Reads commands from standard input until end of file."""
    address, number, *products = sys.argv[1:]
    host = urlsplit(address).netloc
    customers = [ImpatientCustomer(host, n, products) for n in range(int(number))]
    workers = [Worker(host, n, products) for n in range(THREADS)]
    for worker in workers:
        worker.sign_in(STAFF["username"], STAFF["password"])
    print(json.dumps({"ready": len(customers)}), flush=True)
    for line in sys.stdin:
        command: dict[str, Any] = json.loads(line)
        for customer in (*customers, *workers):
            customer.connection.close()  # http.client reconnects; the API closes idle connections
        [(kind, seconds)] = command.items()
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

"""A whole shop as `shop up` starts it, supervisor and all, with customers who use it over HTTP."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import requests

from stack.client import Client, Refused, Unreachable
from stack.waiting import wait_until
from tests.command import FREE_PORTS, processes, shop
from tests.conftest import ADDRESS, PASSWORD
from tests.faults import standstill

SKUS = ("TEA", "CUP", "POT")
METHODS = ("pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined")
CATALOGUE = (
    "sku,kind,title,author,author_email,category,published_on,price,currency,stock,reorder_point,description,attributes\n"
    + "".join(f'{sku},clothing,{sku.title()},,,Things,,9.99,EUR,100000,,A thing.,"{{}}"\n' for sku in SKUS)
)


class Whole:
    """A stack that is up. Whatever is killed in it, its supervisor starts again."""

    def __init__(self, var: Path) -> None:
        self.var, self.armed = var, var.parent / "crash"
        found = shop(var, "up", **FREE_PORTS, DURABLE_CRASH_FILE=str(self.armed))
        assert found.returncode == 0, found.stdout + found.stderr
        self.client = Client(self.address("api"))
        file = var.parent / "catalogue.csv"
        file.write_text(CATALOGUE)
        imported = shop(var, "import", str(file))
        assert imported.returncode == 0, imported.stdout + imported.stderr
        self.products = {found["sku"]: found["id"] for found in self.client.list("/v1/products")}

    def address(self, name: str) -> str:
        return str(processes(self.var)[name]["address"])

    def pid(self, name: str) -> int:
        """The program's main process; waits for it if it is being started just now."""
        assert wait_until(lambda: processes(self.var)[name]["pid"], 30)
        return int(processes(self.var)[name]["pid"])

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid(name), number)

    def children(self, name: str) -> list[int]:
        return [child.pid for child in psutil.Process(self.pid(name)).children()]

    def back(self, name: str, restarts: int) -> bool:
        """Waits until the program has been started so many times again, and runs."""
        return wait_until(lambda: _is_back(processes(self.var)[name], restarts), 30)

    def check(self, customers: list["Customer"]) -> None:
        """Every order has ended, was told of once and paid for at most once, and `shop audit` holds."""
        orders = [order for customer in customers for order in customer.client.list("/v1/orders")]
        assert {order["status"] for order in orders} <= {"confirmed", "cancelled"}
        assert len(orders) == len({order["id"] for order in orders}) == sum(len(c.tasks) for c in customers)
        mails = requests.get(f"{self.address('mailbox')}/messages.json", timeout=10).json()
        told = Counter(mail["subject"].split()[2] for mail in mails if mail["subject"].startswith("Your order "))
        assert {
            order["number"]: told[str(order["number"])] for order in orders if told[str(order["number"])] != 1
        } == {}
        found = shop(self.var, "audit")
        assert found.returncode == 0, found.stdout + found.stderr


def _is_back(process: dict[str, Any], restarts: int) -> bool:
    return process["state"] == "running" and process["restarts"] >= restarts


@dataclass
class Customer:
    """Somebody who buys, one order after the other, and never gives up; `tasks` are those of the orders so far."""

    shop: Whole
    name: str
    client: Client = field(init=False)
    tasks: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = self.shop.client.another()
        self.client.register({
            "username": self.name, "email": f"{self.name}@example.org", "password": PASSWORD,
            "first_name": self.name.title(), "last_name": "Tester", "address": ADDRESS,
        })  # fmt: skip

    def place(self, method: str = "pm_card_visa") -> str:
        """Fills the cart and checks out; returns the task's id."""
        self._fill_cart()
        body = {"address": ADDRESS, "payment": {"method": method}}
        accepted = self._insist(lambda: self.client.post("/v1/checkout", body, key=f"order-{len(self.tasks)}"))
        self.tasks.append({})
        return str(accepted["task_id"])

    def follow(self, task_id: str) -> dict[str, Any]:
        self.tasks[-1] = self._insist(lambda: self.client.follow(task_id, 90))
        return self.tasks[-1]

    def buy_until(self, over: threading.Event) -> None:
        while not over.is_set():
            self.follow(self.place(METHODS[len(self.tasks) % len(METHODS)]))

    def _fill_cart(self) -> None:
        """Two things, whatever a request that was not answered may have left there."""

        def fill() -> None:
            self.client.delete("/v1/cart/items")
            for sku in SKUS[:2]:
                self.client.post("/v1/cart/items", {"product_id": self.shop.products[sku], "quantity": 1})

        self._insist(fill)

    def _insist(self, ask: Callable[[], Any]) -> Any:
        """The answer, asked for again while the shop is away."""
        end = time.monotonic() + 60
        while True:
            try:
                return ask()
            except (Unreachable, Refused) as error:
                if time.monotonic() > end or (isinstance(error, Refused) and error.status != 503):
                    raise
                time.sleep(0.1)


@contextmanager
def busy(customers: list[Customer]) -> Iterator[None]:
    """All customers buy while the block runs; afterwards each has followed the last order to its end."""
    over = threading.Event()
    with ThreadPoolExecutor(len(customers)) as pool:
        buying = [pool.submit(customer.buy_until, over) for customer in customers]
        try:
            yield
        finally:
            over.set()
            for customer in buying:
                customer.result()


def note(fault: str, customers: list[Customer], since: datetime) -> None:
    """Notes how long each order stood still that was under way when the fault was over, or began later."""
    for customer in customers:
        for task in customer.tasks:
            times = [task["created_at"], task["finished_at"]]
            times += [step[name] for step in task["steps"] for name in ("started_at", "finished_at") if step[name]]
            signs = [datetime.fromisoformat(time) for time in times]
            if max(signs) > since:
                standstill.note(fault, task["id"], standstill.longest(signs, since))

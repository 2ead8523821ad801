"""A full stack as started by `shop up`, with customers who use it over HTTP."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
import requests

from demo.client import Client, Refused, Unreachable
from demo.confirming import confirm_address
from local.waiting import wait_until
from tests.command import FREE_PORTS, processes, shop
from tests.conftest import ADDRESS, PASSWORD, UNLIMITED
from tests.faults import stall_times

PATIENCE = 180.0  # seconds for which a customer repeats a request
FOLLOWED = 300.0  # seconds for which a customer follows one order
SKUS = ("TEA", "CUP", "POT")
GOOD = "pm_card_visa"
METHODS = (GOOD, GOOD, GOOD, "pm_card_chargeDeclined")
CATALOGUE = (
    "sku,kind,title,author,author_email,category,published_on,price,currency,stock,reorder_point,description,attributes\n"
    + "".join(f'{sku},clothing,{sku.title()},,,Things,,9.99,EUR,100000,,A thing.,"{{}}"\n' for sku in SKUS)
)


class Stack:
    """A running stack. Its supervisor restarts every killed process."""

    def __init__(self, var: Path) -> None:
        self.var, self.armed = var, var.parent / "crash"
        unlimited = {f"SHOP_{name.upper()}": value for name, value in UNLIMITED.items()}
        found = shop(var, "up", **FREE_PORTS, **unlimited, DURABLE_CRASH_FILE=str(self.armed))
        assert found.returncode == 0, found.stdout + found.stderr
        self.client = Client(self.address("api"))
        file = var.parent / "catalogue.csv"
        file.write_text(CATALOGUE)
        imported = shop(var, "import", str(file))
        assert imported.returncode == 0, imported.stdout + imported.stderr
        self.products = {found["sku"]: found["id"] for found in self.client.list("/v1/products")}

    def address(self, name: str) -> str:
        return str(processes(self.var)[name]["address"])

    def database(self) -> psycopg.Connection[Any]:
        """A separate connection with autocommit."""
        folder = Path(self.address("postgres")).parent
        return psycopg.connect(f"host={folder} user=postgres dbname=shopflow", autocommit=True)

    def broker(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=self.address("redis"), socket_timeout=60)

    def mails(self) -> list[dict[str, Any]]:
        """The mails in the mailbox."""
        found: list[dict[str, Any]] = requests.get(f"{self.address('mailbox')}/messages.json", timeout=60).json()
        return found

    def ledger(self) -> list[dict[str, Any]]:
        """The ledger of the gateway."""
        found: list[dict[str, Any]] = requests.get(f"{self.address('gateway')}/sandbox/ledger", timeout=120).json()
        return found

    def pid(self, name: str) -> int:
        """The main process of the program; waits for it while it starts."""
        pid: int | None = None

        def runs() -> bool:
            nonlocal pid
            pid = processes(self.var)[name]["pid"]
            return pid is not None

        assert wait_until(runs, 90)
        assert pid is not None
        return pid

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid(name), number)

    def children(self, name: str) -> list[int]:
        return [child.pid for child in psutil.Process(self.pid(name)).children()]

    def back(self, name: str, restarts: int) -> bool:
        """Waits until the program runs again after this number of restarts."""
        return wait_until(lambda: _is_back(processes(self.var)[name], restarts), 90)

    def check(self, customers: list["Customer"]) -> None:
        """Every order has ended and its customer was notified once, and `shop audit` finds no violation."""
        orders = [order for customer in customers for order in customer.client.list("/v1/orders")]
        assert {order["status"] for order in orders} <= {"confirmed", "cancelled"}
        assert len(orders) == len({order["id"] for order in orders}) == sum(len(c.tasks) for c in customers)
        notified = Counter(
            mail["subject"].split()[2] for mail in self.mails() if mail["subject"].startswith("Your order ")
        )
        assert {
            order["number"]: notified[str(order["number"])] for order in orders if notified[str(order["number"])] != 1
        } == {}
        found = shop(self.var, "audit")
        assert found.returncode == 0, found.stdout + found.stderr


def _is_back(process: dict[str, Any], restarts: int) -> bool:
    return bool(process["state"] == "running" and process["restarts"] >= restarts)


@dataclass
class Customer:
    """A customer who places one order after another and retries until the shop answers.

    `tasks`: the tasks of the followed orders. `accepted`: id of each accepted order → payment method.
    """

    shop: Stack
    name: str
    client: Client = field(init=False)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = self.shop.client.new_client()
        self.client.register({
            "username": self.name, "email": f"{self.name}@example.org", "password": PASSWORD,
            "first_name": self.name.title(), "last_name": "Tester", "address": ADDRESS,
        })  # fmt: skip
        self._insist(lambda: confirm_address(self.client, self.shop.address("mailbox")))
        self.user_id: str = self.client.user["id"]  # not returned by a later login

    def place(self, method: str = GOOD) -> str:
        """Fills the cart and checks out; returns the task's id."""
        self._fill_cart()
        task_id = self._check_out(method)
        self.tasks.append({})
        return task_id

    def place_at_once(self) -> bool:
        """Orders one product; False if the previous order is still in progress."""
        try:
            self._check_out(GOOD)
        except Refused as refused:
            if refused.code == "cart_empty":
                thing = {"product_id": self.shop.products[SKUS[0]], "quantity": 1}
                self._insist(lambda: self.client.post("/v1/cart/items", thing))
                return self.place_at_once()
            if refused.code != "checkout_in_progress":
                raise
            return False
        return True

    def _check_out(self, method: str) -> str:
        """Places one order per key, repeated on 503; returns the task's id. Raises Refused otherwise."""
        body, key = {"address": ADDRESS, "payment": {"method": method}}, f"order-{len(self.accepted)}"
        answer = self._insist(lambda: self.client.post("/v1/checkout", body, key=key))
        self.accepted[answer["order_id"]] = method
        return str(answer["task_id"])

    def follow(self, task_id: str) -> dict[str, Any]:
        self.tasks[-1] = self._insist(lambda: self.client.follow(task_id, FOLLOWED))
        return self.tasks[-1]

    def buy_until(self, over: threading.Event) -> None:
        while not over.is_set():
            self.follow(self.place(METHODS[len(self.tasks) % len(METHODS)]))

    def _fill_cart(self) -> None:
        """Fills the cart with two products, after clearing it."""

        def fill() -> None:
            self.client.delete("/v1/cart/items")
            for sku in SKUS[:2]:
                self.client.post("/v1/cart/items", {"product_id": self.shop.products[sku], "quantity": 1})

        self._insist(fill)

    def _insist(self, ask: Callable[[], Any]) -> Any:
        """Repeats the request while the shop is unavailable."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except (Unreachable, Refused) as error:
                if time.monotonic() > end or (isinstance(error, Refused) and error.status != 503):
                    raise
                time.sleep(0.1)


@dataclass
class HastyCustomer:
    """A customer who never waits for the end of an order, and so uses several accounts."""

    accounts: list[Customer]

    def buy_until(self, over: threading.Event) -> None:
        refused = 0
        for account in cycle(self.accounts):
            if over.is_set():
                return
            refused = 0 if account.place_at_once() else refused + 1
            if refused >= len(self.accounts):
                over.wait(0.2)


def hasty_customers(shop: Stack, count: int, accounts: int) -> list[HastyCustomer]:
    """Registers `count` customers with `accounts` accounts each."""
    names = [[f"hasty{n}-{account}" for account in range(accounts)] for n in range(count)]
    with ThreadPoolExecutor(4) as pool:
        return [HastyCustomer(list(pool.map(lambda name: Customer(shop, name), row))) for row in names]


@contextmanager
def busy(customers: Sequence[Customer | HastyCustomer]) -> Iterator[None]:
    """All customers buy during the block, and then follow their last order to its end."""
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
    """Records the stall of each order that ended after `since`."""
    for customer in customers:
        for task in customer.tasks:
            times = [task["created_at"], task["finished_at"]]
            times += [step[name] for step in task["steps"] for name in ("started_at", "finished_at") if step[name]]
            signs = [datetime.fromisoformat(time) for time in times]
            if max(signs) > since:
                stall_times.note(fault, task["id"], stall_times.longest(signs, since))

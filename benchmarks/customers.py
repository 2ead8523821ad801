"""Customers of a shop, as a separate process: each fills a cart, checks out and follows the order to its end.

`python -m benchmarks.customers ADDRESS CUSTOMERS PRODUCT_ID…` registers customers and confirms their
addresses. Then it reads commands, one line of JSON each, from standard input, and responds with one line each:
`{"shop": [customers, orders]}`; `{"get": [path, times]}`, as the first customer; `{"sign_in": [username, password]}`,
which signs the first customer in as another user; `{"ship": parcels}`, which ships the newest confirmed orders as that
user.
It uses http.client with one connection per customer, which takes less processor time than an HTTP library: both share
the machine with the shop.
"""

import json
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from threading import Lock
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

LINES = 2
WAIT = 25  # seconds that one request waits for the end
PAUSE = 0.05  # seconds between polls, if the API has no free waiting slot
TIMEOUT = 60.0  # seconds
ADDRESS = {"line1": "12 St James's Square", "city": "London", "country": "GB"}


class UnexpectedResponse(Exception):
    """A response has an unexpected status, or there is no response."""


@dataclass(frozen=True)
class Journey:
    """The durations of an order in seconds.

    `accepted`, `ended`: from the checkout request to the 202 and to the response that shows its end. `run`: duration of
    the run by the database's clock. `looks`: number of task polls.
    """

    accepted: float
    ended: float
    run: float
    looks: int


class Customer:
    """A signed-in customer with their own connection."""

    def __init__(self, host: str, number: int, products: list[str]) -> None:
        self.host, self.products = host, products
        self.choose = random.Random(number)  # noqa: S311, for picking products
        self.connection = HTTPConnection(host, timeout=TIMEOUT)
        self.headers = {"Content-Type": "application/json"}
        name = f"customer-{number}-{uuid4().hex[:8]}"
        person = {"username": name, "email": f"{name}@example.com", "password": "a pass phrase for measuring"}
        body = {**person, "first_name": "Ada", "last_name": "Benchmark", "address": ADDRESS}
        self.headers["Authorization"] = f"Bearer {self.request('POST', '/v1/auth/register', 201, body)['access_token']}"

    def sign_in(self, username: str, password: str) -> dict[str, Any]:
        """Signs in as another user, for all further requests."""
        answer = self.request("POST", "/v1/auth/login", 200, {"username": username, "password": password})
        self.headers["Authorization"] = f"Bearer {answer['access_token']}"
        return {"signed_in": username}

    def request(self, method: str, path: str, expected: int, body: Any = None, **headers: str) -> Any:
        """Sends a request and returns the JSON of the response. Raises UnexpectedResponse for another status."""
        content = body if isinstance(body, bytes | None) else json.dumps(body)
        headers = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            self.connection.request(method, path, content, headers)
            response = self.connection.getresponse()
            status, answer = response.status, response.read()
        except (OSError, HTTPException) as error:
            self.connection.close()
            raise UnexpectedResponse(f"{method} {path}: {error!r}") from error
        if status != expected:
            raise UnexpectedResponse(f"{method} {path}: {status} {answer[:300]!r}")
        return json.loads(answer)

    def shop(self) -> Journey:
        """Fills the cart, checks out and follows the order to its end. Raises UnexpectedResponse."""
        for product in self.choose.sample(self.products, LINES):
            self.request("POST", "/v1/cart/items", 201, {"product_id": product, "quantity": 1})
        began = time.perf_counter()
        order = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}
        task_path = self.request("POST", "/v1/checkout", 202, order, Idempotency_Key=uuid4().hex)["links"]["task"]
        accepted = time.perf_counter() - began
        looks, task = 1, self.request("GET", f"{task_path}?wait={WAIT}", 200)
        while not task["finished_at"]:
            time.sleep(PAUSE)
            looks, task = looks + 1, self.request("GET", f"{task_path}?wait={WAIT}", 200)
        ended = time.perf_counter() - began
        if task["status"] != "succeeded":
            raise UnexpectedResponse(f"{task_path}: {task['status']} {task['error']}")
        took = datetime.fromisoformat(task["finished_at"]) - datetime.fromisoformat(task["created_at"])
        return Journey(accepted, ended, took.total_seconds(), looks)


def shop(customers: list[Customer], orders: int) -> dict[str, Any]:
    """Places `orders` orders. Each customer starts the next order when the previous one has ended."""
    numbers, guard = iter(range(orders)), Lock()
    wrong: list[str] = []

    def tickets() -> Iterator[int]:
        while True:
            with guard:
                ticket = next(numbers, None)
            if ticket is None:
                return
            yield ticket

    def go(customer: Customer) -> list[Journey]:
        done = []
        for _ in tickets():
            try:
                done.append(customer.shop())
            except UnexpectedResponse as error:
                wrong.append(str(error))
        return done

    for customer in customers:
        customer.connection.close()  # http.client reconnects; the API closes idle connections
    began, own = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(len(customers)) as pool:
        journeys = [journey for done in pool.map(go, customers) for journey in done]
    took, cpu = time.perf_counter() - began, time.process_time() - own
    return {"seconds": took, "cpu": cpu, "journeys": [asdict(journey) for journey in journeys], "wrong": wrong}


def get(customer: Customer, path: str, times: int) -> dict[str, Any]:
    """The duration of each of `times` identical requests, in seconds."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        customer.request("GET", path, 200)
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds}


def ship(staff: Customer, parcels: int) -> dict[str, Any]:
    """Ships the newest confirmed orders, one after the other. The durations until the parcel has left, in seconds."""
    seconds: list[float] = []
    path = "/v1/orders?limit=100"
    while len(seconds) < parcels:
        page = staff.request("GET", path, 200)
        confirmed = [order["id"] for order in page["data"] if order["status"] == "confirmed"]
        for order_id in confirmed[: parcels - len(seconds)]:
            began, body = time.perf_counter(), {"carrier": "UPS", "tracking_number": "1Z999"}
            staff.request("POST", f"/v1/orders/{order_id}/fulfilments", 200, body, Prefer=f"wait={WAIT}")
            seconds.append(time.perf_counter() - began)
        path = f"/v1/orders?limit=100&cursor={page['next_cursor']}"
    return {"seconds": seconds}


def confirm_addresses() -> None:
    """Confirms the address of every user, as the mailed tokens do, so that orders are followed by their mails."""
    # A process that measures loads the shop's code in its set-up only.
    from sqlalchemy import select

    import workflows  # noqa: F401  registers the workflows
    from models import accounts
    from models.core.database import transaction

    with transaction() as session:
        found = select(accounts.User).where(accounts.User.email_confirmed_at.is_(None)).with_for_update()
        for user in session.scalars(found).all():
            accounts.mark_confirmed(session, user)


def main() -> None:
    """Reads commands from standard input until end of file."""
    address, number, *products = sys.argv[1:]
    customers = [Customer(urlsplit(address).netloc, n, products) for n in range(int(number))]
    confirm_addresses()
    print(json.dumps({"ready": len(customers)}), flush=True)
    for line in sys.stdin:
        match json.loads(line):
            case {"shop": [how_many, orders]}:
                answer = shop(customers[:how_many], orders)
            case {"get": [path, times]}:
                answer = get(customers[0], path, times)
            case {"sign_in": [username, password]}:
                answer = customers[0].sign_in(username, password)
            case {"ship": parcels}:
                answer = ship(customers[0], parcels)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

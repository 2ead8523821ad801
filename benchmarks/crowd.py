"""Checkouts at a fixed arrival rate (an open loop).

`python -m benchmarks.crowd ADDRESS COUNT`, in the environment of a running shop, creates COUNT customers, each signed
in and with two lines in the cart. Then it reads commands, one line of JSON each, from standard input, and responds with
one line each: `{"offer": [rate, seconds]}` sends checkouts; `{"fill": null}` adds two lines to every empty cart.
Customers do not wait for the end of their order. A customer whose checkout was refused is used again; one whose
checkout was accepted, only after a `fill`.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy import text

from benchmarks.customers import ADDRESS
from models.core.database import engine
from serving.authentication import access_token

MAX_CONNECTIONS = 900  # gunicorn accepts a thousand per process
TIMEOUT = 60.0  # seconds for a response
BODY = json.dumps({"address": ADDRESS, "payment": {"method": "pm_card_visa"}})

MAKE = """
CREATE TEMP TABLE person AS SELECT n, uuidv7() AS id, uuidv7() AS session_id FROM generate_series(1, :count) AS n;
INSERT INTO accounts.user (id, username, username_key, username_skeleton, email, email_key, password_hash, first_name,
                           last_name, last_name_key, email_confirmed_at)
    SELECT id, name, name, name, name || '@example.com', name || '@example.com', 'none', 'Ada', 'Crowd', 'crowd',
           now()
    FROM (SELECT id, 'crowd' || n AS name FROM person) AS named;
INSERT INTO accounts.session (id, user_id, refresh_hash, expires_at)
    SELECT session_id, id, 'crowd' || n, now() + interval '1 day' FROM person;
INSERT INTO carts.cart (id, user_id) SELECT uuidv7(), id FROM person
"""
FILL = """
INSERT INTO carts.item (cart_id, product_id, quantity)
    SELECT cart.id, thing.id, 1
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM carts.cart) AS cart
    CROSS JOIN LATERAL (VALUES (cart.n), (cart.n * 7 + 1)) AS wish (n)
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM catalogue.product) AS thing
        ON thing.n = wish.n % (SELECT count(*) FROM catalogue.product)
    WHERE NOT EXISTS (SELECT FROM carts.item WHERE cart_id = cart.id)
ON CONFLICT DO NOTHING
"""


def make(count: int) -> list[tuple[str, str]]:
    """Creates customers. Returns the id of each and of a session."""
    with engine().begin() as connection:
        for statement in MAKE.split(";\n"):
            connection.execute(text(statement), {"count": count} if ":count" in statement else {})
        found = connection.execute(text("SELECT id, session_id FROM person ORDER BY n")).all()
    return [(f"usr_{user.hex}", f"ses_{session.hex}") for user, session in found]


def fill() -> dict[str, Any]:
    """Adds two lines to every empty cart."""
    with engine().begin() as connection:
        filled = connection.execute(text(FILL)).rowcount
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
    return {"lines": filled}


class Crowd:
    """Customers and their shared connections."""

    def __init__(self, host: str, customers: list[tuple[str, str]]) -> None:
        self.host, self.customers = host, customers
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.slots = asyncio.Semaphore(MAX_CONNECTIONS)

    async def offer(self, rate: float, seconds: float) -> dict[str, Any]:
        """Sends `rate` checkouts per second. Counts the responses by result, with their latencies in seconds."""
        free = deque((access_token(*customer), customer) for customer in self.customers)
        answers: Counter[str] = Counter()
        took: dict[str, list[float]] = {}
        late, tasks, began = 0.0, set(), time.perf_counter()

        async def check_out(token: str, customer: tuple[str, str]) -> None:
            sent = time.perf_counter()
            result = await self._check_out(token)
            answers[result] += 1
            took.setdefault(result, []).append(time.perf_counter() - sent)
            if result != "accepted":
                free.append((token, customer))

        for number in range(int(rate * seconds)):
            wait = began + number / rate - time.perf_counter()
            await asyncio.sleep(max(wait, 0))
            late = max(late, -wait)
            task = asyncio.create_task(check_out(*free.popleft()))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        offering = time.perf_counter() - began
        while tasks:
            await asyncio.wait(set(tasks))
        for _, writer in self.idle:
            writer.close()  # the API would close them if they are idle for long
        self.idle.clear()
        return {"answers": answers, "took": took, "seconds": offering, "late": late}

    async def _check_out(self, token: str) -> str:
        """Sends a checkout. Returns `accepted`, the error code, or the name of the exception."""
        try:
            async with self.slots, asyncio.timeout(TIMEOUT):
                status, body = await self._post(token)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            return type(error).__name__
        return "accepted" if status == 202 else str(json.loads(body)["code"])

    async def _post(self, token: str) -> tuple[int, bytes]:
        if self.idle:
            reader, writer = self.idle.pop()
        else:
            name, _, port = self.host.partition(":")
            reader, writer = await asyncio.open_connection(name, int(port))
        head = (
            "POST /v1/checkout HTTP/1.1", f"Host: {self.host}", f"Authorization: Bearer {token}",
            f"Idempotency-Key: {uuid4().hex}", "Content-Type: application/json", f"Content-Length: {len(BODY)}",
        )  # fmt: skip
        try:
            writer.write("\r\n".join([*head, "", BODY]).encode())
            answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(answer.split("content-length:")[1].split("\r\n")[0])
            body = await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        self.idle.append((reader, writer))
        return int(answer.split()[1]), body


def main() -> None:
    """Reads commands from standard input until end of file."""
    host, count = urlsplit(sys.argv[1]).netloc, int(sys.argv[2])
    customers = make(count)
    fill()
    print(json.dumps({"ready": count}), flush=True)
    with asyncio.Runner() as runner:
        crowd = Crowd(host, customers)
        for line in sys.stdin:
            match json.loads(line):
                case {"offer": [rate, seconds]}:
                    answer = runner.run(crowd.offer(rate, seconds))
                case {"fill": _}:
                    answer = fill()
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

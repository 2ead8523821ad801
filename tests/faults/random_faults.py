"""Random faults of processes and connections."""

import os
import random
import signal
import threading
from collections import Counter
from contextlib import suppress
from typing import Any

import psutil
import psycopg
import redis

from tests.command import processes
from tests.faults.full_stack import Stack

WORKERS = ("worker-shop", "worker-mail", "worker-bulk")
SERVERS = ("redis", "postgres")
PROGRAMS = (
    "api", *WORKERS, "dispatcher-1", "dispatcher-2", "gateway", "paypal", "carrier", "mailbox", "beat", *SERVERS,
    *SERVERS,
)  # fmt: skip
CHANCES = {"kill": 6, "stop": 4, "restart": 2, "flush Redis": 1, "cut Redis": 1, "cut PostgreSQL": 1}
STOPPED = (1.0, 12.0)  # seconds


class RandomFaults:
    """Injects faults into a shop and counts them by kind and program."""

    def __init__(self, shop: Stack, seed: int) -> None:
        self.shop, self.dice = shop, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.resuming: list[threading.Timer] = []
        self.sockets = {name: shop.address(name) for name in SERVERS}

    def strike(self) -> None:
        """Injects one fault. Skips a process that has just died and an unavailable server."""
        [kind] = self.dice.choices(list(CHANCES), list(CHANCES.values()))
        with suppress(psutil.NoSuchProcess, ProcessLookupError, redis.RedisError, psycopg.OperationalError):
            match kind:
                case "kill":
                    name, process = self._some_process(PROGRAMS, kind)
                    process.send_signal(signal.SIGQUIT if name == "postgres" else signal.SIGKILL)
                case "stop":
                    self._stop(self._some_process(PROGRAMS, kind)[1])
                case "restart":
                    name, process = self._some_process((*WORKERS, *SERVERS), kind, children=False)
                    process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
                case _:
                    self._count(kind)
                    self._strike_connections(kind)

    def end(self) -> None:
        """Waits until every stopped process has resumed."""
        for timer in self.resuming:
            timer.join()

    def _some_process(self, names: tuple[str, ...], kind: str, *, children: bool = True) -> tuple[str, psutil.Process]:
        """A running program or one of its children: name and process."""
        found = processes(self.shop.var)
        name = self.dice.choice([name for name in names if found[name]["pid"]])
        process = psutil.Process(found[name]["pid"])
        others = process.children() if children else []
        if others and self.dice.random() < 0.5:
            name, process = f"a child of {name}", self.dice.choice(others)
        self._count(f"{kind} {name}")
        return name, process

    def _stop(self, process: psutil.Process) -> None:
        process.suspend()
        timer = threading.Timer(self.dice.uniform(*STOPPED), _resume, [process])
        timer.start()
        self.resuming.append(timer)

    def _strike_connections(self, kind: str) -> None:
        if kind == "cut PostgreSQL":
            folder = os.path.dirname(self.sockets["postgres"])
            where = f"host={folder} user=postgres dbname=shopflow connect_timeout=2"
            with psycopg.connect(where, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shopflow'"
                )
            return
        with redis.Redis(unix_socket_path=self.sockets["redis"], socket_timeout=2) as client:
            if kind == "flush Redis":
                client.flushall()
            else:
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def _count(self, what: str) -> None:
        self.counts[what] += 1


def _resume(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.resume()


def by_kind(counts: Counter[str]) -> dict[str, Any]:
    """Kind → count over all programs."""
    kinds = {kind: sum(count for what, count in counts.items() if what.startswith(kind)) for kind in CHANCES}
    return {kind: count for kind, count in kinds.items() if count}

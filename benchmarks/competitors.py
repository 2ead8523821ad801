"""The engines that `benchmarks.engine` compares."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import IO, Protocol

import psycopg
from sqlalchemy import func, select

import durable
from benchmarks import stock
from benchmarks.orders import Placed, Supply
from benchmarks.parts import process
from benchmarks.queues import client
from benchmarks.workers import QUIET_CARD, QUIET_MAIL
from durable.tables import RunRecord
from local.supervision import environment
from local.waiting import wait_until
from models.core.database import transaction
from settings import Settings

TIMEOUT = 300.0  # seconds for all runs of a measurement
POLL_INTERVAL = 0.05  # seconds


class Unfinished(Exception):
    """Some runs did not succeed in time."""


class Competitor(Protocol):
    """An engine that executes checkouts."""

    name: str

    def seconds(self, count: int) -> float:
        """Executes `count` checkouts. Returns the seconds from the start of the first to the end of the last.

        Raises Unfinished unless all of them succeed.
        """
        ...


class Durable:
    """Shopflow's engine. `quiet`: without external calls; otherwise with the sandbox gateway and SMTP."""

    def __init__(self, name: str, supply: Supply, *, quiet: bool) -> None:
        self.name, self.supply, self.card = name, supply, QUIET_CARD if quiet else "pm_card_visa"

    def seconds(self, count: int) -> float:
        placed = self.supply.place(count, self.card)
        began = time.perf_counter()
        self.start(placed)
        self.wait(placed)
        return time.perf_counter() - began

    def start(self, placed: list[Placed]) -> list[str]:
        """Starts the checkouts, each in a separate transaction. Returns the run ids."""
        started = []
        for one in placed:
            with transaction() as session:
                run = durable.start(session, "checkout", one.order_id, one.input, owner=one.user_id, deadline=TIMEOUT)
                started.append(run)
        return started

    def wait(self, placed: list[Placed]) -> None:
        """Waits until all have succeeded. Raises Unfinished."""
        if not wait_until(lambda: not _live(), TIMEOUT, POLL_INTERVAL) or _succeeded(placed) != len(placed):
            raise Unfinished(f"{self.name}: of {len(placed)} runs, {_succeeded(placed)} succeeded.")


class Plain:
    """A plain Celery canvas of tasks that do nothing, on plain Celery workers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.redis = client()

    def seconds(self, count: int) -> float:
        before = self._performed()
        began = time.perf_counter()
        for _ in range(count):
            stock.canvas().apply_async()
        # A message is in its queue or in `unacked`. Checked three times, because it moves between them.
        ended = wait_until(lambda: not any(self._waiting() for _ in range(3)), TIMEOUT, POLL_INTERVAL)
        took = time.perf_counter() - began
        if not ended or self._performed() - before != 7 * count:
            raise Unfinished(f"{self.name}: {self._performed() - before} tasks instead of {7 * count}.")
        return took

    def _waiting(self) -> int:
        pipeline = self.redis.pipeline(transaction=False)
        for queue in stock.app.conf.task_queues:
            pipeline.llen(queue.name)
        pipeline.hlen("unacked")
        return sum(pipeline.execute())

    def _performed(self) -> int:
        replies = stock.app.control.inspect(timeout=2).stats() or {}
        return sum(int(worker["total"].get(stock.nothing.name, 0)) for worker in replies.values())


class Dbos:
    """The same transactions as a DBOS workflow, in separate processes."""

    def __init__(self, name: str, supply: Supply, children: list[Popen[str]]) -> None:
        self.name, self.supply, self.children = name, supply, children

    @classmethod
    @contextmanager
    def running(cls, name: str, supply: Supply, settings: Settings, processes: int, threads: int) -> Iterator["Dbos"]:
        """Starts the processes, and stops them after the block."""
        url = settings.database.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE dbos_system")
        system = settings.database.replace("/shopflow", "/dbos_system")
        with ExitStack() as exits:
            children = []
            for n in range(processes):
                command = [
                    Path(sys.executable).name,
                    "-m",
                    "benchmarks.dbos_shop",
                    system,
                    f"process-{n}",
                    str(threads),
                ]
                log = settings.var / f"dbos-{n}.log"
                children.append(exits.enter_context(process("dbos", command, environment(settings), log, answers=True)))
                _expect(children[-1], "ready", log)  # one after the other: the first creates the tables
            yield cls(name, supply, children)

    def seconds(self, count: int) -> float:
        placed = self.supply.place(count, QUIET_CARD)
        began = time.perf_counter()
        for n, child in enumerate(self.children):
            share = [[one.order_id, one.input] for one in placed[n :: len(self.children)]]
            print(json.dumps(share), file=_pipe(child.stdin), flush=True)
        for child in self.children:
            _expect(child, "done", None)
        return time.perf_counter() - began


def _expect(child: Popen[str], word: str, log: Path | None) -> None:
    answer = _pipe(child.stdout).readline().strip()
    if answer != word:
        raise Unfinished(f"DBOS responded {answer!r} instead of {word!r}. {log.read_text()[-2000:] if log else ''}")


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _live() -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(RunRecord).where(RunRecord.finished_at.is_(None))).one()


def _succeeded(placed: list[Placed]) -> int:
    keys = [one.order_id for one in placed]
    with transaction() as session:
        found = select(func.count()).where(RunRecord.key.in_(keys), RunRecord.status == "succeeded")
        return session.scalars(found).one()


def supplies() -> tuple[Supply, Supply]:
    """Two supplies: one whose customers' mails are not sent, and one whose mails go to the mailbox."""
    return Supply(QUIET_MAIL, seed=1), Supply("@example.com", seed=2)

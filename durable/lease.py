"""Leases: a step that was begun by a commit is its worker's as long as its lease is extended.

A lease is short, so that the run of a worker that died goes on soon. Work may take longer than that: a slow mail
server may take ten seconds for each command. So while a step is in hand, a thread of the same process extends its
lease, again and again. It stops with its process, however that ends, and Celery's time limit ends a step that hangs.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import psutil
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import SQLAlchemyError

from durable import config
from durable.database import statements
from durable.ids import Id

log = logging.getLogger(__name__)

_EXTEND = text("""
    UPDATE workflow.step SET lease_until = clock_timestamp() + make_interval(secs => :lease),
        progress = coalesce(:progress, progress)
    WHERE run_id = :run_id AND name = :name AND attempts = :attempt AND status = 'intent' RETURNING name
""").bindparams(bindparam("run_id", type_=Id("run")), bindparam("progress", type_=JSONB(none_as_null=True)))


@dataclass
class Lease:
    """One attempt of one step, in this process' hands."""

    run_id: str
    name: str
    attempt: int
    since: float = field(default_factory=time.monotonic)

    def extend(self, progress: Mapping[str, object] | None = None) -> bool:
        """Extends it by a whole lease. False: the step is no longer ours. Raises SQLAlchemyError."""
        values = {"run_id": self.run_id, "name": self.name, "attempt": self.attempt, "progress": progress}
        with statements() as connection:
            extended = connection.scalar(_EXTEND, {**values, "lease": config.options().lease}) is not None
        self.since = time.monotonic()
        return extended

    def is_fresh(self) -> bool:
        """Whether so little time has passed that nobody else can have taken the step over."""
        return time.monotonic() - self.since < config.options().lease / 2


class _Keeper(threading.Thread):
    """Extends the lease of what this process has in hand, three times in each lease."""

    def __init__(self) -> None:
        super().__init__(name="lease-keeper", daemon=True)
        self.working = threading.Event()
        self.lease: Lease | None = None
        self.progress: Mapping[str, object] | None = None

    def run(self) -> None:
        while True:
            self.working.wait()
            time.sleep(config.options().lease / 3)
            lease, progress, self.progress = self.lease, self.progress, None
            if lease is not None:
                _extend(lease, progress)


def _extend(lease: Lease, progress: Mapping[str, object] | None) -> None:
    try:
        lease.extend(progress)
    except SQLAlchemyError as error:  # then another worker may take it over, as if we were dead
        log.warning("the lease of %s of %s could not be extended: %s", lease.name, lease.run_id, error)


_keeper: _Keeper | None = None


@contextmanager
def kept(lease: Lease) -> Iterator[None]:
    """Keeps the step in this process' hands for the length of the block."""
    global _keeper
    if _keeper is None or not _keeper.is_alive():  # threads do not survive a fork
        _keeper = _Keeper()
        _keeper.start()
    _keeper.lease = lease
    _keeper.working.set()
    try:
        yield
    finally:
        _keeper.working.clear()
        _keeper.lease = _keeper.progress = None


def heartbeat(progress: Mapping[str, object] | None = None) -> None:
    """Says from within a long or external step how far it is: `{"done": 3, "of": 10}`. Written a few times in a lease.

    The lease is extended without it. In any other step it does nothing.
    """
    if _keeper is not None and _keeper.lease is not None and progress is not None:
        _keeper.progress = progress


def worker_name(hostname: str | None) -> str:
    """What stands in a step record: Celery's name of the worker and, behind a space, this process' machine and pid."""
    return f"{hostname or 'nobody'} {_machine()}/{os.getpid()}"


def is_dead(worker: str | None) -> bool:
    """Whether that process is known to have ended: it was one of this machine, and has no such pid any more."""
    machine, _, pid = (worker or "").rpartition(" ")[2].rpartition("/")
    if machine != _machine() or not pid.isdigit():
        return False
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
    return True


@lru_cache(maxsize=1)
def _machine() -> str:
    """This machine's name and, on Linux, its namespace of pids: two containers may have the same name."""
    namespace = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()}:{namespace.stat().st_ino if namespace.exists() else 0}"

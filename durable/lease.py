"""Leases: a step whose start was committed belongs to its worker while its lease is renewed.

Leases are short, so that the run of a dead worker is resumed soon. Work may take longer: a slow mail server may take
ten seconds per command. Therefore a thread of the process renews the lease of the current step. The thread ends with
its process, and Celery's time limit ends a step that hangs.
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
from durable.errors import Superseded
from durable.ids import Id

log = logging.getLogger(__name__)

_EXTEND = text("""
    UPDATE workflow.step SET lease_until = clock_timestamp() + make_interval(secs => :lease),
        progress = coalesce(:progress, progress)
    WHERE run_id = :run_id AND name = :name AND attempts = :attempt AND status = 'intent' AND error IS NULL
    RETURNING name
""").bindparams(bindparam("run_id", type_=Id("run")), bindparam("progress", type_=JSONB(none_as_null=True)))


@dataclass
class Lease:
    """The lease of a started attempt, held by this process."""

    run_id: str
    name: str
    attempt: int
    since: float = field(default_factory=time.monotonic)

    def renew(self, progress: Mapping[str, object] | None = None) -> bool:
        """Renews the lease. Returns False if the attempt has ended: another worker has taken over the step, or an
        operator has replayed the run. Raises SQLAlchemyError."""
        values = {"run_id": self.run_id, "name": self.name, "attempt": self.attempt, "progress": progress}
        with statements() as connection:
            extended = connection.scalar(_EXTEND, {**values, "lease": config.options().lease}) is not None
        self.since = time.monotonic()
        return extended

    def is_fresh(self) -> bool:
        """Whether the last renewal is so recent that no other worker can have taken over the step."""
        return time.monotonic() - self.since < config.options().lease / 2


class _Keeper(threading.Thread):
    """Renews the lease of this process's current step, three times per lease."""

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
                _renew(lease, progress)


def _renew(lease: Lease, progress: Mapping[str, object] | None) -> None:
    try:
        lease.renew(progress)
    except SQLAlchemyError as error:  # another worker may then take over the step
        log.warning("the lease of %s of %s could not be renewed: %s", lease.name, lease.run_id, error)


_keeper: _Keeper | None = None


@contextmanager
def renewing(lease: Lease) -> Iterator[None]:
    """Renews the lease for the duration of the block."""
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


def heartbeat(progress: Mapping[str, object] | None = None, *, at_once: bool = False) -> None:
    """Reports the progress of the current long or external step: `{"done": 3, "of": 10}`. Stored with the next renewal.

    The lease is renewed without it. In other steps, it has no effect. `at_once`: it is stored before this returns, so
    that the next attempt finds it whatever happens to this process; raises Superseded if another worker has taken the
    step over.
    """
    if at_once and _keeper is not None and _keeper.lease is not None:
        if not _keeper.lease.renew(progress):
            raise Superseded(f"run {_keeper.lease.run_id}, {_keeper.lease.name}")
        return
    if _keeper is not None and _keeper.lease is not None and progress is not None:
        _keeper.progress = progress


def worker_name(hostname: str | None) -> str:
    """The worker as stored in step records: Celery's worker name, a space, this process's machine and pid."""
    return f"{hostname or 'nobody'} {_machine()}/{os.getpid()}"


def is_dead(worker: str | None) -> bool:
    """Whether the process is known to have ended: it ran on this machine, and its pid no longer exists."""
    machine, _, pid = (worker or "").rpartition(" ")[2].rpartition("/")
    if machine != _machine() or not pid.isdigit():
        return False
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
    return True


@lru_cache(maxsize=1)
def _machine() -> str:
    """The machine's name and, on Linux, its pid namespace, because containers may share a name."""
    namespace = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()}:{namespace.stat().st_ino if namespace.exists() else 0}"

"""Keeps the lease of a run whose worker waits for the outside.

A lease is short, so that the run of a worker that died goes on soon. A call may take longer than that: a slow mail
server may take ten seconds for each command. So while a call is under way, a thread of the same process extends the
lease, again and again. It stops with its process, however that ends, and Celery's time limit ends a call that hangs.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from models import runs
from models.database import single_statements
from settings import settings

log = logging.getLogger(__name__)


class Keeper(threading.Thread):
    """Extends the lease of the run that this process is calling outside for, three times in each lease."""

    def __init__(self) -> None:
        super().__init__(name="keeper", daemon=True)
        self.calling = threading.Event()
        self.run_id, self.generation = "", 0

    def run(self) -> None:
        while True:
            self.calling.wait()
            time.sleep(settings.lease / 3)
            if self.calling.is_set():
                self._keep()

    def _keep(self) -> None:
        try:
            with single_statements() as connection:
                runs.keep(connection, self.run_id, self.generation, settings.lease)
        except SQLAlchemyError as error:  # then another worker may take it over, as if we were dead
            log.warning("the lease of run %s could not be extended: %s", self.run_id, error)


_keeper: Keeper | None = None


@contextmanager
def keeping(run_id: str, generation: int) -> Iterator[None]:
    """Keeps the run in this process' hands for the length of the block."""
    global _keeper
    if _keeper is None or not _keeper.is_alive():  # threads do not survive a fork
        _keeper = Keeper()
        _keeper.start()
    _keeper.run_id, _keeper.generation = run_id, generation
    _keeper.calling.set()
    try:
        yield
    finally:
        _keeper.calling.clear()

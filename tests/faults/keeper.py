"""Celery workers that are forked again whenever they are killed: `tests.faults.keeper:main COUNT`, then as `celery`.

Like a supervisor, but without the second of imports for each.
"""

import importlib
import os
import signal
import sys
from typing import NoReturn

from celery.__main__ import main as celery

import workflows  # noqa: F401  once, before the forks

_workers: dict[int, int] = {}
"""Live process → its number."""
_stopping = False


def main() -> None:
    importlib.import_module("celery.bin.celery")  # with Flower; after the shop, which prepares its metrics
    signal.signal(signal.SIGTERM, _stop)
    count = int(sys.argv.pop(1))
    for number in range(count):
        _start(number)
    while _workers:
        process, _ = os.wait()
        number = _workers.pop(process)
        if not _stopping:
            _start(number)


def _start(number: int) -> None:
    process = os.fork()
    if process == 0:
        _become_worker(number)
    _workers[process] = number


def _become_worker(number: int) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.argv += ["-n", f"kept-{number}@test"]
    try:
        celery()
    finally:
        os._exit(0)


def _stop(*_: object) -> None:
    global _stopping
    _stopping = True
    for process in _workers:
        os.kill(process, signal.SIGTERM)

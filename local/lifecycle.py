"""Starts the stack on one machine and waits until it is ready, and stops it."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from local import provision, supervision
from local.processes import processes
from local.waiting import wait_until
from settings import Settings, load

READY_TIMEOUT = 180  # seconds, for slow machines
MAX_RESTARTS = 3  # restarts of a program during start-up, before it is considered broken
LOG_LINES = 25  # lines of the log shown for a program that did not get ready
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class NotReady(click.ClickException):
    """A program did not get ready. The message names it and contains the end of its log."""


def up(report: Callable[[str], None], *, force: bool = False) -> Settings:
    """Starts the stack, waits until it is ready, and returns its settings. Does nothing if it is already running.

    Calls `report` with a line for each program that is ready. If one does not get ready, stops the stack and raises
    NotReady; if this process is interrupted, stops the stack and exits. A stack that was started or stopped only in
    part, by a command that was killed, is stopped first and keeps its ports. Also raises Unusable and InvalidSetting,
    and NotReady if the database or, unless `force`, its live runs are those of another release.
    """
    with provision.lock():
        found = load()
        if supervision.is_complete(found):
            return found
        if supervision.is_up(found):
            report("stopping a stack that was started only in part")
            supervision.stop(found)
        settings = provision.prepare()
        with _stopped_if_it_fails(settings):
            supervision.start(settings)
            _wait_for(settings, servers=True, report=report)
            _migrate(settings, report, force=force)
            supervision.start_shop(settings)
            _wait_for(settings, servers=False, report=report)
        return settings


@contextmanager
def _stopped_if_it_fails(settings: Settings) -> Iterator[None]:
    """Stops the stack if the block fails or is interrupted. Further interrupts are then ignored.

    Interrupts that are ignored already, such as SIGHUP under nohup, stay ignored.
    """
    before = {number: signal.getsignal(number) for number in INTERRUPTS}
    handled = [number for number in INTERRUPTS if before[number] != signal.SIG_IGN]
    for number in handled:
        signal.signal(number, _exit)
    try:
        yield
    except BaseException:
        for number in handled:
            signal.signal(number, signal.SIG_IGN)
        supervision.stop(settings)
        provision.reset()
        raise
    finally:
        for number in handled:
            signal.signal(number, before[number])


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def down() -> bool:
    """Stops the stack and waits for it. Returns whether it was running."""
    with provision.lock():
        settings = load()
        was_up = supervision.is_up(settings)
        supervision.stop(settings)
        provision.reset()
        return was_up


def restart(name: str) -> None:
    """Restarts one program gracefully, and waits until it is ready.

    Raises NotReady if the stack is not running, there is no such program, or it does not get ready.
    """
    from local.readiness import ready

    with provision.lock():
        settings = load()
        if not supervision.is_up(settings):
            raise NotReady("The stack is not running; start it with `shop up`.")
        programs = {program.name: program for program in processes(settings)}
        if name not in programs:
            raise NotReady(f"No process is named {name}. There are: {', '.join(programs)}.")
        supervision.restart(settings, name)

        def is_ready() -> bool:
            found = {process.name: process.state for process in supervision.statuses(settings)}
            return found[name] == "running" and ready(settings, programs[name])

        if not wait_until(is_ready, READY_TIMEOUT, 0.1):
            raise NotReady(f"{name} did not get ready. Its log ends:\n{_last_lines(name)}")


@contextmanager
def paused() -> Iterator[None]:
    """Stops the programs of the stack, if it is up, except the servers, for the duration of a block."""
    with provision.lock():
        settings = load()
        was_up = supervision.is_up(settings)
        if was_up:
            shop = [program.name for program in processes(settings) if not program.server]
            supervision.stop_programs(settings, shop)
        try:
            yield
        finally:
            if was_up:
                supervision.start_shop(settings)
                _wait_for(settings, servers=False, report=lambda line: None)


def _migrate(settings: Settings, report: Callable[[str], None], *, force: bool) -> None:
    from local.readiness import database_responds
    from models.core.schema import migrate
    from monitoring import versions

    if not wait_until(lambda: database_responds(settings), READY_TIMEOUT):
        raise NotReady("The database of SHOP_DATABASE_URL does not respond.")
    try:
        versions.check(force=force)
    except versions.NotThisRelease as error:
        raise NotReady(str(error)) from error
    migrate()
    report("the database is migrated")


def _wait_for(settings: Settings, *, servers: bool, report: Callable[[str], None]) -> None:
    """Waits until the servers (`servers`) or all other programs are ready. Raises NotReady."""
    from local.readiness import ready

    waiting = {program.name: program for program in processes(settings) if program.server == servers}
    deadline = time.monotonic() + READY_TIMEOUT
    while waiting:
        found = {process.name: process for process in supervision.statuses(settings)}
        for name, program in list(waiting.items()):
            process = found[name]
            if process.state == "running" and ready(settings, program):
                del waiting[name]
                report(f"{name} is ready")
            elif time.monotonic() > deadline or process.restarts >= MAX_RESTARTS:
                raise NotReady(f"{name} did not get ready. Its log ends:\n{_last_lines(name)}")
        time.sleep(0.1)


def _last_lines(name: str) -> str:
    log = supervision.logs() / f"{name}.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"  {line}" for line in lines[-LOG_LINES:]) or "  (the log is empty)"

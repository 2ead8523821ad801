"""Bringing the stack of one machine up, until it is ready to work, and down again."""

import time
from collections.abc import Callable

import click

from local import provision, supervision
from local.processes import processes
from local.waiting import wait_until
from settings import Settings, load

PATIENCE = 90  # seconds that a program may take to get ready, on a slow machine
CRASHES = 3  # a program that has died so often on its way up is not going to make it
LAST_LINES = 25


class NotReady(click.ClickException):
    """A program that did not get ready; the text says which and shows the end of its log."""


def up(say: Callable[[str], None]) -> Settings:
    """Starts whatever is not running, waits until all of it is ready, and returns the settings it runs with.

    `say` is told a line about each thing that is ready. If the stack is up already, nothing happens. If
    something does not get ready, everything is stopped again. Raises NotReady, Unusable, WrongSetting.
    """
    with provision.alone():
        running = load()
        if supervision.is_up(running):
            return running
        settings = provision.prepare()
        try:
            supervision.start(settings)
            _wait_for(settings, servers=True, say=say)
            _migrate(settings, say)
            supervision.start_shop(settings)
            _wait_for(settings, servers=False, say=say)
        except BaseException:
            supervision.stop(settings)
            provision.forget()
            raise
        return settings


def down() -> bool:
    """Stops everything and waits for it; says whether anything was up. A second call does nothing."""
    with provision.alone():
        settings = load()
        was_up = supervision.is_up(settings)
        supervision.stop(settings)
        provision.forget()
        return was_up


def _migrate(settings: Settings, say: Callable[[str], None]) -> None:
    from local.readiness import database_answers
    from models.core.schema import migrate

    if not wait_until(lambda: database_answers(settings), PATIENCE):
        raise NotReady("The database of SHOP_DATABASE_URL does not answer.")
    migrate()
    say("the tables are up to date")


def _wait_for(settings: Settings, *, servers: bool, say: Callable[[str], None]) -> None:
    """Waits until the servers, or else all the other programs, are ready."""
    from local.readiness import ready

    waiting = {program.name: program for program in processes(settings) if program.server == servers}
    end = time.monotonic() + PATIENCE
    while waiting:
        found = {process.name: process for process in supervision.statuses(settings)}
        for name, program in list(waiting.items()):
            process = found[name]
            if process.state == "running" and ready(settings, program):
                del waiting[name]
                say(f"{name} is ready")
            elif time.monotonic() > end or process.restarts >= CRASHES:
                raise NotReady(f"{name} did not get ready. Its log ends:\n{_last_lines(name)}")
        time.sleep(0.1)


def _last_lines(name: str) -> str:
    log = supervision.logs() / f"{name}.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"  {line}" for line in lines[-LAST_LINES:]) or "  (it is empty)"

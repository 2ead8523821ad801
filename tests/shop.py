"""A shop of real processes for a test: gateway, mailbox, workers and dispatchers on the test's database and queue."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from local.waiting import wait_until
from tests.command import SHOP
from tests.servers import ROOT, Server

QUICK = {"SHOP_LEASE": "1", "SHOP_SWEEP": "0.2", "SHOP_GATEWAY_TIMEOUT": "3"}
"""Short times, so that a test sees in seconds what takes a shop a minute."""


class Process:
    """One process of the shop, with its output in a file."""

    def __init__(self, name: str, log: Path, environment: dict[str, str], *command: str) -> None:
        self.name, self.log, self.environment, self.command = name, log, environment, command
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def send_all(self, number: int) -> None:
        """The signal for it and its children."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL for it and its children, as a machine that loses power."""
        with suppress(ProcessLookupError):
            self.send_all(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


class Shop:
    """The shop's processes. Each method that starts one leaves its end to the exit stack."""

    def __init__(self, var: Path, exits: ExitStack, **settings: str) -> None:
        self.var, self.exits = var, exits
        self.armed = var / "crash"
        self.processes: list[Process] = []
        self.gateway = Server("sandbox.gateway", var, "--webhook-url=http://127.0.0.1:9/")
        exits.callback(self.gateway.stop)
        self.mailbox = Server("sandbox.mailbox", var)
        exits.callback(self.mailbox.stop)
        self.environment = {
            **os.environ,
            **QUICK,
            "SHOP_GATEWAY_PORT": str(self.gateway.ports["http"]),
            "SHOP_SMTP_PORT": str(self.mailbox.ports["smtp"]),
            "DURABLE_CRASH_FILE": str(self.armed),
            **settings,
        }

    def worker(
        self, queues: str = "", name: str = "all", concurrency: int = 1, app: str = "workflows", **settings: str
    ) -> Process:
        """A worker for these queues (all of them by default), consuming when this returns."""
        from settings import QUEUES

        command = (
            sys.executable, "-m", "celery", "-A", app, "worker",
            "-n", f"{name}@test", "-Q", queues or ",".join(QUEUES),
            f"--concurrency={concurrency}", "--without-gossip", "--without-mingle", "--without-heartbeat",
        )  # fmt: skip
        process = self._start(f"worker-{name}", {**self.environment, **settings}, *command)
        assert wait_until(lambda: " ready." in process.log.read_text(), 30, 0.05), process.log.read_text()
        return process

    def dispatcher(self, name: str = "dispatcher", **settings: str) -> Process:
        """A dispatcher, looking for runs when this returns."""
        process = self._start(name, {**self.environment, **settings}, str(SHOP), "dispatcher")
        assert wait_until(lambda: "dispatcher is up" in process.log.read_text(), 30, 0.05), process.log.read_text()
        return process

    def kill(self) -> None:
        """Ends its workers and dispatchers at once, all of them."""
        while self.processes:
            self.processes.pop().kill()

    def mails(self) -> list[dict[str, Any]]:
        """What has arrived in the mailbox."""
        import requests

        found: list[dict[str, Any]] = requests.get(f"{self.mailbox.url}/messages.json", timeout=5).json()
        return found

    def ledger(self) -> list[dict[str, Any]]:
        """What the gateway says that it did."""
        import requests

        found: list[dict[str, Any]] = requests.get(f"{self.gateway.url}/sandbox/ledger", timeout=5).json()
        return found

    def _start(self, name: str, environment: dict[str, str], *command: str) -> Process:
        log = self.var / f"{name}.log"
        log.unlink(missing_ok=True)
        process = Process(name, log, environment, *command)
        self.exits.callback(process.stop)
        self.processes.append(process)
        return process

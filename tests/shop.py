"""A shop of real processes: gateway, carrier, mailbox, workers and dispatchers on the test's database and broker."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from local.waiting import wait_until
from tests.processes import Process
from tests.servers import Server

QUICK = {"SHOP_LEASE": "1", "SHOP_SWEEP": "0.2", "SHOP_GATEWAY_TIMEOUT": "3", "SHOP_CARRIER_TIMEOUT": "3"}
"""Short times, so that a test sees in seconds what takes a shop a minute."""


def worker_arguments(queues: str = "", *more: str, app: str = "workflows") -> tuple[str, ...]:
    """The arguments of `celery` for a worker of these queues, by default all."""
    from settings import QUEUES

    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    return ("-A", app, "worker", "-Q", queues or ",".join(QUEUES), *quiet, *more)


class Shop:
    """The processes of the shop. The exit stack ends them.

    `api_port`: where the gateways send their webhooks; by default to the discard port, so that they are lost. It has no
    carrier unless `open_carrier` is called.
    """

    def __init__(self, var: Path, exits: ExitStack, *, api_port: int = 9, with_paypal: bool = False, **settings: str):
        self.var, self.exits = var, exits
        self.armed = var / "crash"
        self.processes: list[Process] = []
        webhooks = f"--webhook-url=http://127.0.0.1:{api_port}/v1/webhooks"
        self.gateway = Server("sandbox.gateway", var, f"{webhooks}/payments", "--later=3600")
        exits.callback(self.gateway.stop)
        self.paypal: Server | None = None
        if with_paypal:
            self.paypal = Server("sandbox.paypal", var, f"{webhooks}/paypal")
            exits.callback(self.paypal.stop)
            settings["SHOP_PAYPAL_PORT"] = str(self.paypal.ports["http"])
        self.mailbox = Server("sandbox.mailbox", var)
        exits.callback(self.mailbox.stop)
        self.environment = {
            **os.environ,
            **QUICK,
            "SHOP_GATEWAY_PORT": str(self.gateway.ports["http"]),
            "SHOP_SMTP_PORT": str(self.mailbox.ports["smtp"]),
            "SHOP_MAILBOX_PORT": str(self.mailbox.ports["http"]),
            "SHOP_CARRIER_API_KEY": "",
            "DURABLE_CRASH_FILE": str(self.armed),
            **settings,
        }

    def open_carrier(self, webhook_url: str = "http://127.0.0.1:9/", refund_after: float = 0.5) -> Server:
        """Starts the sandbox carrier, for workers that are started afterwards."""
        carrier = Server("sandbox.carrier", self.var, f"--webhook-url={webhook_url}", f"--refund-after={refund_after}")
        self.exits.callback(carrier.stop)
        del self.environment["SHOP_CARRIER_API_KEY"]
        self.environment["SHOP_CARRIER_PORT"] = str(carrier.ports["http"])
        self.carrier = carrier
        return carrier

    def worker(
        self, queues: str = "", name: str = "all", concurrency: int = 1, app: str = "workflows", **settings: str
    ) -> Process:
        """Starts a worker for these queues, by default all; returns once it consumes."""
        arguments = worker_arguments(queues, "-n", f"{name}@test", f"--concurrency={concurrency}", app=app)
        process = self.start(f"worker-{name}", {**self.environment, **settings}, "celery", *arguments)
        process.wait_for(" ready.")
        return process

    def dispatcher(self, name: str = "dispatcher", **settings: str) -> Process:
        """Starts a dispatcher; returns once it sweeps."""
        process = self.start(name, {**self.environment, **settings}, "shop", "dispatcher")
        process.wait_for("dispatcher is running")
        return process

    def struck(self) -> bool:
        """Whether every armed crash has happened; waits, because a crash may follow the end of the run."""
        return wait_until(lambda: not self.armed.exists(), 60, 0.01)

    def kill(self) -> None:
        """Kills all workers and dispatchers."""
        while self.processes:
            self.processes.pop().kill()

    def mails(self) -> list[dict[str, Any]]:
        """The mails in the mailbox."""
        import requests

        found: list[dict[str, Any]] = requests.get(f"{self.mailbox.url}/messages.json", timeout=30).json()
        return found

    def ledger(self) -> list[dict[str, Any]]:
        """The ledger of the gateway."""
        import requests

        found: list[dict[str, Any]] = requests.get(f"{self.gateway.url}/sandbox/ledger", timeout=30).json()
        return found

    def shipments(self) -> list[dict[str, Any]]:
        """The labels that the carrier has sold, newest first."""
        import requests

        found: list[dict[str, Any]] = requests.get(f"{self.carrier.url}/sandbox/parcels", timeout=30).json()
        return found

    def start(self, name: str, environment: dict[str, str], program: str, *arguments: str) -> Process:
        """Starts a process that ends with the shop."""
        log = self.var / f"{name}.log"
        log.unlink(missing_ok=True)
        process = Process(program, *arguments, environment=environment, log=log)
        self.exits.callback(process.stop)
        self.processes.append(process)
        return process

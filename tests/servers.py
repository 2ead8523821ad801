"""Starts the project's small servers as real processes on free ports, kills them, and ends them."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from local.waiting import wait_until

ROOT = Path(__file__).parent.parent
STARTED = 15.0


class Server:
    """`python -m module` with its data in `var`. Ports that are not given are free ones."""

    def __init__(self, module: str, var: Path, *options: str, **environment: str) -> None:
        self.module, self.var, self.options = module, var, options
        self.environment = {
            "SHOP_GATEWAY_PORT": "0",
            "SHOP_MAILBOX_PORT": "0",
            "SHOP_SMTP_PORT": "0",
            **environment,
        }
        self.ports: dict[str, int] = {}
        self.start()

    def start(self) -> None:
        """Starts it, after the first time on the ports that it had, and waits until it says where it is."""
        log = self.var / f"{self.module}.log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, *self.options],
                cwd=ROOT,
                env=os.environ | {"SHOP_VAR": str(self.var)} | self.environment,
                stderr=output,
            )
        found: list[tuple[str, str]] = []

        def up() -> bool:
            line = next((line for line in log.read_text().splitlines() if " on " in line), "")
            found[:] = re.findall(r" on (\w+)://127\.0\.0\.1:(\d+)", line)
            return bool(found) or self.process.poll() is not None

        wait_until(up, STARTED, 0.02)
        assert found, log.read_text()
        self.ports = {scheme: int(port) for scheme, port in found}
        names = {"sandbox.gateway": {"http": "GATEWAY"}, "sandbox.mailbox": {"http": "MAILBOX", "smtp": "SMTP"}}
        for scheme, name in names[self.module].items():
            self.environment[f"SHOP_{name}_PORT"] = str(self.ports[scheme])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    def kill(self) -> None:
        """What a power cut does to it."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ends it as a supervisor would; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


class Receiver:
    """An HTTP server that remembers what is posted to it and answers with `statuses` first, then with 200."""

    def __init__(self, *statuses: int, port: int = 0) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.statuses = list(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.headers["Stripe-Signature"], body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Stays quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def deaf() -> Iterator[int]:
    """A port on which connections neither open nor are refused, as behind a firewall that drops packets."""
    with ExitStack() as open_ones, socket.create_server(("127.0.0.1", 0), backlog=0) as door:
        for _ in range(4):  # its queue is full, for nobody takes from it
            waiting = open_ones.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(door.getsockname())
        yield door.getsockname()[1]

"""Starts the project's small servers as real processes on free ports, kills them, and ends them."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.processes import Process


class Server:
    """`python -m module` with its data in `var`. Ports that are not given are free ones."""

    def __init__(self, module: str, var: Path, *options: str, **environment: str) -> None:
        self.module, self.var, self.log = module, var, var / f"{module}.log"
        self.environment = {
            **os.environ,
            "SHOP_VAR": str(var),
            "SHOP_GATEWAY_PORT": "0",
            "SHOP_PAYPAL_PORT": "0",
            "SHOP_MAILBOX_PORT": "0",
            "SHOP_SMTP_PORT": "0",
            **environment,
        }
        self.process = Process(f"{module}.__main__:main", *options, environment=self.environment, log=self.log)
        self._find_ports()

    def start(self) -> None:
        """Starts it again, on the ports that it had, and waits until it says where it is."""
        self.log.unlink()
        self.process.start()
        self._find_ports()

    def _find_ports(self) -> None:
        self.process.wait_for(" on ")
        found: list[tuple[str, str]] = re.findall(r" on (\w+)://127\.0\.0\.1:(\d+)", self.log.read_text())
        self.ports = {scheme: int(port) for scheme, port in found}
        names = {
            "sandbox.gateway": {"http": "GATEWAY"},
            "sandbox.paypal": {"http": "PAYPAL"},
            "sandbox.mailbox": {"http": "MAILBOX", "smtp": "SMTP"},
        }
        for scheme, name in names[self.module].items():
            self.environment[f"SHOP_{name}_PORT"] = str(self.ports[scheme])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    def kill(self) -> None:
        """What a power cut does to it."""
        self.process.kill()

    def stop(self) -> int:
        """Ends it as a supervisor would; returns its exit status."""
        return self.process.stop()


class Receiver:
    """An HTTP server that remembers what is posted to it and answers with `statuses` first, then with 200."""

    def __init__(self, *statuses: int, port: int = 0) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.statuses = list(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.headers.append(dict(self.headers))
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

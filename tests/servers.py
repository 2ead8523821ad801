"""The servers of the sandbox as processes on free ports."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.ports import reserved_port
from tests.processes import Process


class Server:
    """`python -m module` with its data in `var`. Ports default to free ones."""

    def __init__(self, module: str, var: Path, *options: str, **environment: str) -> None:
        self.module, self.var, self.log = module, var, var / f"{module}.log"
        self._held = ExitStack()
        self.environment = {
            **os.environ,
            "SHOP_VAR": str(var),
            "SHOP_GATEWAY_PORT": "0",
            "SHOP_CARRIER_PORT": "0",
            "SHOP_PAYPAL_PORT": "0",
            "SHOP_MAILBOX_PORT": "0",
            "SHOP_SMTP_PORT": "0",
            **environment,
        }
        self.process = Process(f"{module}.__main__:main", *options, environment=self.environment, log=self.log)
        self._find_ports()

    def start(self) -> None:
        """Starts it, after a kill on the same ports, and waits until it prints its address."""
        self.log.unlink()
        self.process.start()
        self._find_ports()
        self._held.close()

    def _find_ports(self) -> None:
        self.process.wait_for(" on ")
        found: list[tuple[str, str]] = re.findall(r" on (\w+)://127\.0\.0\.1:(\d+)", self.log.read_text())
        self.ports = {scheme: int(port) for scheme, port in found}
        names = {
            "sandbox.gateway": {"http": "GATEWAY"},
            "sandbox.carrier": {"http": "CARRIER"},
            "sandbox.oidc": {"http": "OIDC"},
            "sandbox.paypal": {"http": "PAYPAL"},
            "sandbox.mailbox": {"http": "MAILBOX", "smtp": "SMTP"},
        }
        for scheme, name in names[self.module].items():
            self.environment[f"SHOP_{name}_PORT"] = str(self.ports[scheme])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    def kill(self) -> None:
        """Kills it, like a power failure. Its ports stay reserved for its next start."""
        self.process.kill()
        for port in self.ports.values():
            self._held.enter_context(reserved_port(port))

    def stop(self) -> int:
        """Terminates it like a supervisor; returns its exit status."""
        self._held.close()
        return self.process.stop()


class Receiver:
    """An HTTP server that stores the header `signature` and the body of each POST, and answers with `statuses` first
    and then with 200."""

    def __init__(self, *statuses: int, port: int = 0, signature: str = "Stripe-Signature") -> None:
        self.got: list[tuple[str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.statuses = list(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.headers.append(dict(self.headers))
                receiver.got.append((self.headers[signature], body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Logs nothing."""

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
def unresponsive_port() -> Iterator[int]:
    """A port on which connections time out, as behind a firewall that drops packets."""
    with ExitStack() as open_ones, socket.create_server(("127.0.0.1", 0), backlog=0) as door:
        for _ in range(4):  # its backlog is full, because nothing accepts
            waiting = open_ones.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(door.getsockname())
        yield door.getsockname()[1]

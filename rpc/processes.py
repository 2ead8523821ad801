"""The processes of `shop rpc`: a parent that holds the port, and children that serve on it.

The parent never starts gRPC: its threads would not survive the fork. The kernel hands each connection to one of the
children (SO_REUSEPORT).
"""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType

from rpc import credentials
from rpc.server import serve
from settings import settings
from telemetry import metrics

log = logging.getLogger(__name__)

PAUSE = 1.0  # seconds before a child that has died is replaced
NICENESS = 5
"""As of the API: accepted orders take precedence over new calls."""


class PortTaken(Exception):
    """Another program listens on the port, or the address is not one of this machine. The message is a sentence."""


def hold_port(host: str, port: int) -> socket.socket:
    """A socket that keeps the port for the children. Port 0 picks a free one. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as first:
            # Without SO_REUSEPORT: otherwise the port of another shop of the same user would be taken for free.
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            first.bind((host, port))
            port = first.getsockname()[1]
        held = socket.socket(family, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
    except OSError as error:
        raise PortTaken(f"gRPC cannot listen on {host} port {port}: {error.strerror}.") from error
    return held


class Parent:
    """Forks the children, replaces those that die, and hands on SIGTERM."""

    def __init__(self, serve: Callable[[], None], in_child: Callable[[], None]) -> None:
        self.serve, self.in_child = serve, in_child
        self.children: set[int] = set()
        self.is_stopping = False

    def run(self, number: int) -> None:
        """Returns once it was told to stop and all children have ended."""
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, self._stop)
        for _ in range(number):
            self._fork()
        while self.children:
            pid, status = os.wait()
            self.children.discard(pid)
            if not self.is_stopping:
                log.error("gRPC process %d has ended with status %d; it is replaced", pid, status)
                time.sleep(PAUSE)
                self._fork()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True
        for pid in self.children:
            os.kill(pid, signal.SIGTERM)

    def _fork(self) -> None:
        if self.is_stopping:
            return
        pid = os.fork()
        if pid:
            self.children.add(pid)
            if self.is_stopping:  # since the fork
                os.kill(pid, signal.SIGTERM)
            return
        status = 1
        try:
            self.in_child()
            os.nice(NICENESS)
            metrics.enable("rpc")
            self.serve()
            status = 0
        except BaseException:
            log.exception("a gRPC process has failed")
        finally:
            sys.stdout.flush()
            os._exit(status)


def run_forever(in_child: Callable[[], None]) -> None:
    """Serves with SHOP_RPC_WORKERS processes until SIGTERM. `in_child` is called first in each. Raises InvalidTls and
    PortTaken."""
    tls = credentials.read(settings)
    with hold_port(settings.rpc_host, settings.rpc_port) as held:
        host, port = held.getsockname()[:2]
        log.info("gRPC on %s:%d, %s", host, port, "TLS" if tls else "without TLS")
        Parent(lambda: serve(host, port, tls), in_child).run(settings.rpc_workers)

"""The server of one process: services, health and reflection."""

import logging
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

import workflows  # noqa: F401, its after-commit hook publishes the runs that calls start
from rpc import stopping
from rpc.credentials import Tls
from rpc.services import SERVICES
from serving import run_waiter
from settings import settings
from telemetry import tracing

log = logging.getLogger(__name__)

MAX_REQUEST = 1 << 20  # bytes, as of a body of the REST API
MAX_METADATA = 16 << 10  # bytes
QUEUED = 200  # calls of a process that may wait for a thread; beyond them: RESOURCE_EXHAUSTED
STREAMS = 100  # calls of one connection at a time
IDLE = 10 * 60  # seconds after which an unused connection is closed
PING = 10  # seconds between two pings of a client, at least


class Server:
    """A gRPC server that shares its port with those of other processes."""

    def __init__(self, host: str, port: int, tls: Tls | None = None) -> None:
        run_waiter.use_threads(settings.rpc_waiters)
        waiting = ThreadPoolExecutor(settings.rpc_waiters, thread_name_prefix="rpc-waiting")
        self._server = grpc.server(
            ThreadPoolExecutor(settings.rpc_threads, thread_name_prefix="rpc"),
            options=list(_options().items()),
            maximum_concurrent_rpcs=settings.rpc_threads + settings.rpc_waiters + QUEUED,
        )
        self._health = health.HealthServicer(experimental_non_blocking=True, experimental_thread_pool=None)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [service.name for service in SERVICES]
        for service in SERVICES:
            self._server.add_generic_rpc_handlers((service.handlers(waiting),))
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        for name in ("", *names):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if tls is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, tls.credentials())

    def start(self) -> None:
        self._server.start()

    def stop(self, grace: float) -> None:
        """Health says NOT_SERVING; running calls get `grace` seconds. Waits for their end."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()


def serve(host: str, port: int, tls: Tls | None) -> None:
    """Serves until SIGTERM or SIGINT, and then until the running calls have ended."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server = Server(host, port, tls)
    server.start()
    log.info("this process serves gRPC on port %d", server.port)
    stopped.wait()
    stopping.begin()
    server.stop(settings.rpc_grace)
    tracing.flush()


def _options() -> dict[str, int]:
    return {
        "grpc.so_reuseport": 1,
        "grpc.max_receive_message_length": MAX_REQUEST,
        "grpc.max_send_message_length": settings.answer_bytes + 1024,
        "grpc.max_metadata_size": MAX_METADATA,
        "grpc.max_concurrent_streams": STREAMS,
        "grpc.max_connection_idle_ms": IDLE * 1000,
        "grpc.http2.min_ping_interval_without_data_ms": PING * 1000,
        "grpc.keepalive_permit_without_calls": 1,
    }

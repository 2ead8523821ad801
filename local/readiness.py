"""Readiness checks of the programs, through the interfaces that their clients use."""

import http.client
import smtplib
import socket
from urllib.parse import urlsplit

import psycopg
import redis

from local.processes import ProcessSpec
from settings import Settings


def ready(settings: Settings, program: ProcessSpec) -> bool:
    """Whether the program responds. A program without an interface, such as beat, counts as ready when it runs."""
    name, _, group = program.name.partition("-")
    match name:
        case "postgres":
            return database_responds(settings)
        case "redis":
            return _redis_responds(settings)
        case "api":
            return _status(program.address, "/readyz") == 200
        case "rpc":
            from rpc.probe import is_serving  # late: gRPC takes a tenth of a second to import

            return is_serving(settings.rpc_local, tls=bool(settings.rpc_tls_certificate))
        case "mailbox":
            return _status(program.address) < 500 and _smtp_responds(settings)
        case "metrics":
            return _status(program.address, "/metrics") == 200
        case "gateway" | "paypal" | "carrier" | "flower":
            return _status(program.address) < 500
        case "worker":
            return _worker_responds(group)
    return True


def database_responds(settings: Settings) -> bool:
    """Whether the database, embedded or external, accepts connections."""
    try:
        psycopg.connect(settings.database.replace("+psycopg", "", 1), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_responds(settings: Settings) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(settings.sockets / "redis.sock"), socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _status(address: str, path: str = "/") -> int:
    """The HTTP status of a GET; 599 if there is no response."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 599
    finally:
        connection.close()


def _smtp_responds(settings: Settings) -> bool:
    try:
        with smtplib.SMTP("127.0.0.1", settings.smtp_port, timeout=5) as client:
            return client.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def _worker_responds(group: str) -> bool:
    from workflows.app import app  # late: the settings of the broker must be known when it is imported

    name = f"{group}@{socket.gethostname()}"
    return bool(app.control.ping(destination=[name], timeout=1.0, limit=1))

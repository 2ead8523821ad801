"""gunicorn settings: processes with threads. A request that waits for a task occupies one thread."""

import gc
import os
import resource
from socket import socket

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from api.http.errors import raw_response
from local.die_with_parent import die_with_parent
from settings import settings
from telemetry import logs, metrics

preload_app = True  # imported once, instead of by each process, which shares its memory and is replaced at once
gc.disable()  # until it is imported: what is imported stays, and looking for garbage in it takes a third of the time
bind = settings.api_bind
worker_class = "api.server.worker.Worker"
workers = settings.api_workers
threads = settings.api_threads
timeout = 60
graceful_timeout = 10
keepalive = 75  # seconds; longer than the 60 s for which proxies commonly keep idle connections open
worker_connections = 2000  # per process; a new one replaces the one that has waited longest
sendfile = False  # the worker sends in its own way
limit_request_line = 8190  # bytes; the longest cursor takes about a thousand
loglevel = settings.log_level.lower()
logger_class = "api.server.logger.Logger"
logs.configure()
control_socket_disable = True


SPARE_FILES = 200  # file descriptors for anything but clients
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
_wanted = worker_connections + SPARE_FILES
if _soft != resource.RLIM_INFINITY and _soft < _wanted:
    _soft = _wanted if _hard == resource.RLIM_INFINITY else min(_wanted, _hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_soft, _hard))
    worker_connections = min(worker_connections, max(_soft - SPARE_FILES, 100))

NICENESS = 5
"""Where the API shares cores with workers, accepted orders take precedence over new requests: the API gets a third of
the processor time of a worker. On a machine of its own, this has no effect."""


def when_ready(server: Arbiter) -> None:
    gc.freeze()  # leaves the application out of all later collections
    gc.enable()


def post_fork(server: Arbiter, worker: Worker) -> None:
    die_with_parent()  # otherwise it serves for up to `graceful_timeout` more
    os.nice(NICENESS)
    metrics.enable("api")
    util.write_error = _refuse


def _refuse(sock: socket, status_int: int, reason: str, mesg: str) -> None:
    """Replaces gunicorn's HTML error page with a problem document."""
    util.write_nonblock(sock, raw_response(status_int, mesg or reason))

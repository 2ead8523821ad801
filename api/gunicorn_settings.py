"""How gunicorn serves the API: processes of threads, where a request that waits for a task holds one thread."""

import os
from socket import socket

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from api.http.errors import raw_problem
from settings import settings

bind = f"{settings.api_host}:{settings.api_port}"
worker_class = "gthread"
workers = settings.api_workers
threads = settings.api_threads
timeout = 60
graceful_timeout = 10
keepalive = 75  # seconds; longer than the 60 for which proxies commonly keep an idle connection to us
limit_request_line = 8190  # bytes; the longest cursor takes about a thousand
loglevel = settings.log_level.lower()
control_socket_disable = True


NICENESS = 5
"""Where the API shares its cores with workers, orders that were accepted come before those that would like to be: a
third of the processor time that a worker gets. Where it has a machine of its own, this changes nothing."""


def post_fork(server: Arbiter, worker: Worker) -> None:
    os.nice(NICENESS)
    util.write_error = _refuse


def _refuse(sock: socket, status_int: int, reason: str, mesg: str) -> None:
    """In place of gunicorn's page of HTML: what it refuses by itself is a problem document as well."""
    util.write_nonblock(sock, raw_problem(status_int, mesg or reason))

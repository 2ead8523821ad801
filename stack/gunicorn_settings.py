"""How gunicorn serves the API: processes of threads, where a request that waits for a task holds one thread."""

from typing import Any

from settings import settings
from stack.tether import die_with_parent

bind = f"{settings.api_host}:{settings.api_port}"
worker_class = "gthread"
workers = settings.api_workers
threads = settings.api_threads
timeout = 60
graceful_timeout = 10
keepalive = 5
loglevel = settings.log_level.lower()
control_socket_disable = True


def post_fork(server: Any, worker: Any) -> None:
    die_with_parent()

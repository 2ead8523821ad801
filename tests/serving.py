"""The API served by gunicorn on a free port."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import Process


@contextmanager
def serving(var: Path, **settings: str) -> Iterator[str]:
    """Serves the tests' database from one process; yields its URL."""
    environment = {**os.environ, "SHOP_API_PORT": "0", "SHOP_API_WORKERS": "1", **settings}
    arguments = ("-c", "python:gunicornconfig", "web.app:app")
    process = Process("gunicorn", *arguments, environment=environment, log=var / "api.log")
    try:
        process.wait_for("Listening at: http://127.0.0.1:")
        [url] = re.findall(r"Listening at: (http://127\.0\.0\.1:\d+)", process.log.read_text())
        yield url
    finally:
        process.stop()

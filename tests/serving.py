"""The API as it is served: gunicorn with its threads, on a free port."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.waiting import wait_until
from tests.shop import Process


@contextmanager
def serving(var: Path, **settings: str) -> Iterator[str]:
    """One process that serves the tests' database; its address."""
    log = var / "api.log"
    environment = {**os.environ, "SHOP_API_PORT": "0", "SHOP_API_WORKERS": "1", **settings}
    command = (sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn_settings", "api.app:app")
    process = Process("api", log, environment, *command)
    try:
        found: list[str] = []

        def up() -> bool:
            found[:] = re.findall(r"Listening at: (http://127\.0\.0\.1:\d+)", log.read_text())
            return bool(found) or process.process.poll() is not None

        wait_until(up, 30, 0.02)
        assert found, log.read_text()
        yield found[0]
    finally:
        process.stop()

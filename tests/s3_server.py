"""A server that speaks S3, as a process of its own: moto's."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from local.waiting import wait_until
from tests.ports import reserved_port

BUCKET = "shop-pictures"


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of a server with an empty bucket."""
    program = str(Path(sys.executable).with_name("moto_server"))
    with reserved_port() as port:
        url = f"http://127.0.0.1:{port}"
        process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
        try:
            assert wait_until(lambda: _responds(url), 60, 0.1)
            assert requests.put(f"{url}/{BUCKET}", timeout=10).ok
            yield url
        finally:
            process.kill()
            process.wait()


def _responds(url: str) -> bool:
    try:
        return requests.get(f"{url}/moto-api/data.json", timeout=30).ok
    except requests.RequestException:
        return False

"""A server that speaks S3, as a process of its own: moto's."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from socket import socket

import requests

from local.waiting import wait_until

BUCKET = "shop-pictures"


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of a server with an empty bucket."""
    with closing(socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    program = str(Path(sys.executable).with_name("moto_server"))
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
        return requests.get(f"{url}/moto-api/data.json", timeout=5).ok
    except requests.RequestException:
        return False

"""The host of PostgreSQL vanishes from the network: connections to it time out.

Two network namespaces are joined by a pair of virtual interfaces: PostgreSQL runs in one, three clients in
the other. One interface is taken down, unnoticed by TCP.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from local import postgres
from local.waiting import wait_until
from tests.processes import ROOT

pytestmark = pytest.mark.long
HOST, CLIENT = "10.213.7.1", "10.213.7.2"
AT_MOST = 60  # seconds; it takes about 20, and without keepalive and tcp_user_timeout up to two hours

WAITS_FOR_AN_ANSWER = """
from sqlalchemy import text
from models.core.database import single_statements
with single_statements() as connection:
    connection.execute(text("SELECT 1"))
    print("connected", flush=True)
    connection.execute(text("SELECT pg_sleep(3600)"))
"""
SENDS = """
from sqlalchemy import text
from models.core.database import single_statements
with single_statements() as connection:
    connection.execute(text("SELECT 1"))
    print("connected", flush=True)
    while True:
        connection.execute(text("SELECT pg_sleep(0.05)"))
"""
LISTENS = """
from serving.run_waiter import _Listener

listener = _Listener()
listener._wake_all = lambda: print("connected", flush=True)
listener._listen()
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def namespaces() -> Iterator[tuple[str, str]]:
    """Two connected network namespaces: PostgreSQL's and the clients'."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and the program ip (iproute2)")
    host, clients = f"shop-host-{os.getpid()}", f"shop-clients-{os.getpid()}"
    with ExitStack() as exits:
        try:
            for name in (host, clients):
                ip("netns", "add", name)
                exits.callback(ip, "netns", "delete", name)
            ip("-n", host, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", clients)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
        for name, address in ((host, HOST), (clients, CLIENT)):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")
        yield host, clients


@pytest.fixture
def run() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts this Python in a network namespace; ends it with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(namespace: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, sys.executable, *arguments], cwd=ROOT, env=os.environ | environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in reversed(started):
        process.send_signal(signal.SIGINT)  # PostgreSQL then does not wait for its clients
        process.communicate(timeout=20)


def serve(run: Callable[..., subprocess.Popen[str]], namespace: str, folder: Path) -> None:
    """Runs PostgreSQL in the namespace; answers at HOST when this returns."""
    data, sockets = folder / "postgres", folder / "run"
    run(namespace, "-m", "local.postgres", str(data), str(sockets), "fsync=off", f"listen_addresses={HOST}")
    assert wait_until(lambda: postgres._accepts(sockets), 30)
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {CLIENT}/32 trust\n")
    with psycopg.connect(host=str(sockets), user="postgres", dbname="shopflow") as connection:
        connection.execute("SELECT pg_reload_conf()")


@pytest.mark.timeout(AT_MOST + 90)
def test_connections_to_a_vanished_host_time_out(
    namespaces: tuple[str, str], run: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    host, clients = namespaces
    serve(run, host, tmp_path)
    address = f"postgresql://postgres@{HOST}/shopflow"
    waiting = [
        run(clients, "-c", program, SHOP_DATABASE_URL=address) for program in (WAITS_FOR_AN_ANSWER, SENDS, LISTENS)
    ]
    for client in waiting:
        assert client.stdout is not None
        assert client.stdout.readline() == "connected\n"
    ip("-n", host, "link", "set", "wire", "down")
    for client in waiting:
        _, error = client.communicate(timeout=AT_MOST)
        assert "OperationalError" in error, error

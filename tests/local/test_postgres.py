"""The embedded PostgreSQL: start, durability and stop."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from local import postgres
from local.waiting import wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a data folder, 100 % ours"


@contextmanager
def served(data: Path, sockets: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The server as started by the supervisor; killed at the end of the block."""
    server = subprocess.Popen([sys.executable, "-m", "local.postgres", str(data), str(sockets)])
    try:
        assert wait_until(lambda: connects(sockets), 90)
        yield server
    finally:
        server.kill()
        server.wait()


def connects(sockets: Path) -> bool:
    try:
        connect(sockets).close()
    except psycopg.OperationalError:
        return False
    return True


def connect(sockets: Path) -> psycopg.Connection:
    return psycopg.connect(host=str(sockets), user="postgres", dbname="shopflow", autocommit=True)


def test_data_persist_between_two_runs(folder: Path) -> None:
    with postgres.running(folder) as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with postgres.running(folder) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_the_server_is_durable_and_has_no_network_listener(tmp_path: Path) -> None:
    with served(tmp_path / "data", tmp_path / "run"), connect(tmp_path / "run") as connection:
        found = [
            connection.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses")
        ]
        assert found == [("on",), ("on",), ("on",), ("",)]
        collation = "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'shopflow'"
        assert connection.execute(collation).fetchone() == ("b", "C.UTF-8")
    assert not (tmp_path / "run").stat().st_mode & 0o007


def test_committed_data_survive_a_kill(tmp_path: Path) -> None:
    data, sockets = tmp_path / "data", tmp_path / "run"
    with served(data, sockets) as server, connect(sockets) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        server.kill()
    with served(data, sockets), connect(sockets) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_stale_lock_file_does_not_prevent_a_start(tmp_path: Path) -> None:
    data, sockets = tmp_path / "data", tmp_path / "run"
    with served(data, sockets) as server:
        server.kill()
    for lock in (data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        _, _, rest = lock.read_text().partition("\n")
        lock.write_text(f"{os.getpid()}\n{rest}")
    with served(data, sockets):
        assert connects(sockets)


def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    data, sockets = tmp_path / "data", tmp_path / "run"
    with served(data, sockets):
        second = [sys.executable, "-m", "local.postgres", str(data), str(sockets)]
        found = subprocess.run(second, capture_output=True, text=True, timeout=20, check=False)
        assert found.returncode != 0
        assert "already exists" in found.stderr
        assert connects(sockets)


def test_the_server_stops_with_its_parent(tmp_path: Path) -> None:
    command = f"{sys.executable} -m local.postgres '{tmp_path}/data' '{tmp_path}/run' & wait"
    parent = subprocess.Popen(["bash", "-c", command])
    is_up = wait_until(lambda: connects(tmp_path / "run"), 90)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert is_up
    assert wait_until(lambda: not (tmp_path / "data" / "postmaster.pid").exists(), 30)
    assert not connects(tmp_path / "run")

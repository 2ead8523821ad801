"""Flower receives the events of every step, and must not keep all of them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from local.processes import FLOWER_DEFAULTS, flower_environment
from local.waiting import wait_until
from settings import Settings, settings
from tests.faults import broker
from tests.ports import reserved_port
from tests.processes import ROOT

REMEMBERED = int(FLOWER_DEFAULTS["FLOWER_MAX_TASKS"])
BATCH = 200  # steps per flush; Redis drops events that are not fetched in time


@pytest.fixture
def port() -> Iterator[int]:
    with reserved_port() as port:
        yield port


@pytest.fixture
def flower(tmp_path: Path, port: int) -> Iterator[tuple[str, psutil.Process]]:
    """Flower as started by the supervisor: address and process."""
    before = subscriptions()
    environment = os.environ | flower_environment(Settings(flower_port=port))
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "celery", "-A", "workflows", "flower"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        assert wait_until(lambda: steps_seen(address) is not None, 30), (tmp_path / "log").read_text()
        # It serves pages before it is subscribed, and Redis drops events without a subscriber.
        assert wait_until(lambda: subscriptions() > before, 30), (tmp_path / "log").read_text()
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def subscriptions() -> int:
    """The number of subscribed patterns at the broker."""
    return int(broker.client().pubsub_numpat())


def steps_seen(address: str) -> int | None:
    """The number of succeeded steps known to Flower; None before it responds."""
    try:
        page = requests.get(f"{address}/metrics", auth=(settings.flower_user, settings.flower_password), timeout=10)
    except requests.ConnectionError:
        return None
    counts = re.findall(r'^flower_events_total\{.*type="task-succeeded".*\} (\S+)$', page.text, re.MULTILINE)
    return sum(int(float(count)) for count in counts)


def wait_until_seen(address: str, steps: int) -> None:
    assert wait_until(lambda: steps_seen(address) == steps, 30, 0.02)


def perform(address: str, steps: int) -> None:
    """Sends the events of further steps, as a worker does, and waits until Flower has received them."""
    from workflows.app import app

    before = steps_seen(address) or 0
    with app.connection_for_write() as connection:
        events = app.events.Dispatcher(connection, hostname="shop@test", buffer_group={"task"}, buffer_limit=10**6)
        for step in range(before, before + steps):
            uuid = f"run_{step:032x}:0:inventory.reserve"
            events.send("task-received", uuid=uuid, name="inventory.reserve", args=repr([uuid]), kwargs="{}", retries=0)
            events.send("task-started", uuid=uuid)
            events.send("task-succeeded", uuid=uuid, runtime=0.01, result="None")
            if (step + 1 - before) % BATCH == 0:
                events.flush()
                wait_until_seen(address, step + 1)


@pytest.mark.long
@pytest.mark.timeout(180)
def test_flower_stops_growing_at_its_task_limit(flower: tuple[str, psutil.Process]) -> None:
    address, process = flower
    perform(address, REMEMBERED + 3000)
    full = process.memory_info().rss
    perform(address, 6000)
    assert process.memory_info().rss - full < 12 * 2**20  # 30 MiB if it kept these too
    tasks = requests.get(
        f"{address}/api/tasks", auth=(settings.flower_user, settings.flower_password), timeout=30
    ).json()
    assert len(tasks) == REMEMBERED

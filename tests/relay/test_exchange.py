"""The relay as a process, and the consumer of docs/events.md: nothing is lost, whoever is killed."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import text

from durable.ids import new_id
from local.waiting import wait_until
from models.core import event_feed, event_log
from models.core.database import transaction
from models.core.events import OrderCreated
from settings import settings
from tests.processes import Process
from tests.relay.receiving import STORY

DOCUMENT = Path(__file__).parents[2] / "docs" / "events.md"


def relay(exits: ExitStack, folder: Path, name: str = "relay") -> Process:
    process = Process("shop", "relay", environment=dict(os.environ), log=folder / f"{name}.log")
    exits.callback(process.stop)
    return process


class Consumer:
    """The consumer of docs/events.md, as a process."""

    def __init__(self, exits: ExitStack, folder: Path) -> None:
        code, *_ = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
        assert len([line for line in code.splitlines() if line.strip()]) <= 20
        script, self.output = folder / "consumer.py", folder / "consumer.txt"
        script.write_text(code)
        with self.output.open("w") as file:
            process = subprocess.Popen([sys.executable, str(script), settings.broker], stdout=file)
        exits.callback(process.wait)
        exits.callback(process.kill)
        assert wait_until(lambda: "waiting" in self.output.read_text(), 30)

    def lines(self) -> list[list[str]]:
        """Position, type and subject of each event."""
        return [line.split() for line in self.output.read_text().splitlines()[1:]]


def tell(order: str, event: Any) -> None:
    with transaction() as session:
        event_log.emit(session, event(order_id=order, user_id=new_id("usr")))


def test_the_documented_consumer_receives_each_event_once_and_in_order(exits: ExitStack, tmp_path: Path) -> None:
    consumer = Consumer(exits, tmp_path)
    running = relay(exits, tmp_path)
    order = new_id("ord")
    for event in STORY:
        tell(order, event)
    assert wait_until(lambda: len(consumer.lines()) == 3, 30), running.log.read_text()
    expected = [[str(number), event.name, order] for number, event in enumerate(STORY, 1)]
    assert consumer.lines() == expected
    assert running.stop() == 0
    with transaction() as session:
        assert event_feed.read_cursor(session, event_feed.EXCHANGE) == 3


def test_events_survive_any_number_of_killed_relays(exits: ExitStack, tmp_path: Path) -> None:
    consumer = Consumer(exits, tmp_path)
    relays = [relay(exits, tmp_path, name) for name in ("one", "two")]
    orders = [new_id("ord") for _ in range(40)]
    for round, event in enumerate(STORY):
        for number, order in enumerate(orders):
            tell(order, event)
            if number % 20 == 10:
                relays[(round + number // 20) % 2].kill()
                relays[(round + number // 20) % 2].start()
    assert wait_until(lambda: len(consumer.lines()) >= 120, 60), [r.log.read_text() for r in relays]
    received = consumer.lines()
    assert [int(position) for position, _, _ in received] == list(range(1, 121))
    for order in orders:
        assert [type for _, type, subject in received if subject == order] == [event.name for event in STORY]


def test_of_two_relays_one_works_and_the_other_takes_over(exits: ExitStack, tmp_path: Path) -> None:
    first = relay(exits, tmp_path, "first")
    first.wait_for("leader of positions")
    second = relay(exits, tmp_path, "second")
    second.wait_for("relay is running")
    tell(new_id("ord"), OrderCreated)
    assert wait_until(lambda: position() == 1, 20)
    assert "leader of" not in second.log.read_text()
    first.kill()
    second.wait_for("leader of positions")
    tell(new_id("ord"), OrderCreated)
    assert wait_until(lambda: position() == 2, 20)


def position() -> int:
    with transaction() as session:
        return event_feed.last_position(session)


def test_a_broker_that_is_away_delays_no_position(exits: ExitStack, tmp_path: Path) -> None:
    environment = {**os.environ, "SHOP_BROKER_URL": "redis://127.0.0.1:9/0"}
    process = Process("shop", "relay", environment=environment, log=tmp_path / "relay.log")
    exits.callback(process.stop)
    tell(new_id("ord"), OrderCreated)
    process.wait_for("events wait for the broker")
    assert position() == 1
    with transaction() as session:
        assert event_feed.read_cursor(session, event_feed.EXCHANGE) == 0


def test_without_an_exchange_no_cursor_holds_back_old_events(exits: ExitStack, tmp_path: Path) -> None:
    with transaction() as session:
        event_feed.read_cursor(session, event_feed.EXCHANGE)
    environment = {**os.environ, "SHOP_EVENTS_EXCHANGE": ""}
    process = Process("shop", "relay", environment=environment, log=tmp_path / "relay.log")
    exits.callback(process.stop)
    process.wait_for("leader of positions")
    with transaction() as session:
        names = session.scalars(text("SELECT name FROM workflow.event_cursor WHERE name = 'exchange'")).all()
    assert names == []

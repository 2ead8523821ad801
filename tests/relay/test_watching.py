"""The relay's thread that looks for incidents: when it ends, hangs or fails, that is noticed, and looking goes on."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import select, text

import durable
from durable import queries
from durable.ids import new_id
from local.waiting import wait_until
from models.core.database import engine, transaction
from models.core.event_log import Event
from tests.processes import Process
from tests.runs import some_input

ENVIRONMENT = {**os.environ, "SHOP_ALERT_INTERVAL": "1"}


def relay(exits: ExitStack, log: Path, program: str = "shop") -> Process:
    arguments = ("relay",) if program == "shop" else ()
    process = Process(program, *arguments, environment=ENVIRONMENT, log=log)
    exits.callback(process.stop)
    return process


def stuck() -> None:
    """A run that requires an operator."""
    with transaction() as session:
        run_id = durable.start(session, "checkout", new_id("ord"), some_input("checkout"))
        session.flush()
        queries.get_run(session, run_id).stuck_at = queries.get_run(session, run_id).created_at
        session.info.clear()  # not to be published


def told() -> list[tuple[str, str]]:
    """The incidents with their states."""
    with transaction() as session:
        found = select(Event.subject, Event.name).where(Event.name.startswith("incident.")).order_by(Event.id)
        return [(str(subject), name.removeprefix("incident.")) for subject, name in session.execute(found)]


@contextmanager
def everybody_waits() -> Iterator[None]:
    """Nobody can report an incident meanwhile."""
    with engine().connect() as connection, connection.begin():
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('shopflow:reported incidents'))"))
        yield


def test_a_relay_whose_thread_has_ended_exits_and_another_one_looks(exits: ExitStack, tmp_path: Path) -> None:
    ended = relay(exits, tmp_path / "ended.log", "tests.relay.failing:ending")
    ended.wait_for("leader of incidents")
    other = relay(exits, tmp_path / "other.log")
    other.wait_for("relay is running")
    stuck()
    assert ended.wait(60) == 1
    assert "the thread of incidents has ended: the relay exits" in ended.log.read_text()
    assert wait_until(lambda: told() == [("stuck:checkout", "opened")], 20), other.log.read_text()


def test_a_relay_that_hangs_exits_and_looks_once_it_is_started_again(exits: ExitStack, tmp_path: Path) -> None:
    stuck()
    with everybody_waits():
        hanging = relay(exits, tmp_path / "relay.log", "tests.relay.failing:impatient")
        assert hanging.wait(60) == 1
    assert "in vain for 2 s: the relay exits" in hanging.log.read_text()
    assert told() == []
    hanging.start()
    assert wait_until(lambda: told() == [("stuck:checkout", "opened")], 20), hanging.log.read_text()


def test_a_look_that_fails_is_an_incident_and_looking_goes_on(exits: ExitStack, tmp_path: Path) -> None:
    with transaction() as session:
        session.execute(text("ALTER TABLE workflow.run RENAME COLUMN stuck_at TO hidden"))
    try:
        running = relay(exits, tmp_path / "relay.log")
        assert wait_until(lambda: told() == [("watch:work", "opened")], 20), running.log.read_text()
        assert "watch:work: will retry" in running.log.read_text()
    finally:
        with transaction() as session:
            session.execute(text("ALTER TABLE workflow.run RENAME COLUMN hidden TO stuck_at"))
    assert wait_until(lambda: told() == [("watch:work", "opened"), ("watch:work", "resolved")], 20)
    stuck()
    assert wait_until(lambda: told()[2:] == [("stuck:checkout", "opened")], 20), running.log.read_text()
    assert running.poll() is None

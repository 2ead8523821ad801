"""Alerts: each incident is reported once when it begins and once when it is over."""

from datetime import UTC, datetime
from threading import Thread

import pytest
from sqlalchemy import select, text

import durable
from durable import queries
from durable.ids import new_id
from durable.tables import DispatcherRecord, RunRecord
from models.core import event_log
from models.core.database import transaction
from monitoring import incidents
from tests.runs import some_input


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Requests the fixture."""


def look() -> list[str]:
    return incidents.report(incidents.find_stopped_work, lambda name: not name.startswith("audit:"))


def stuck(workflow: str = "checkout") -> str:
    """An unpublished run that requires an operator."""
    with transaction() as session:
        run_id = durable.start(session, workflow, new_id("ord"), some_input(workflow))
        session.info.clear()  # not to be published
        queries.get_run(session, run_id).stuck_at = datetime.now(UTC)
    return run_id


def told() -> list[tuple[str, str]]:
    """Incident and state of each notice that was started, oldest first."""
    with transaction() as session:
        runs = session.scalars(select(RunRecord).where(RunRecord.workflow == "incident_notice").order_by(RunRecord.id))
        return [(run.input["incident"], run.input["state"]) for run in runs]


def test_stuck_runs_are_reported_once_per_workflow_and_once_when_they_are_over() -> None:
    assert look() == []
    first, second, other = stuck(), stuck(), stuck("clean_up")
    assert sorted(look()) == ["stuck:checkout", "stuck:clean_up"]
    assert look() == []
    with transaction() as session:
        for run_id in (first, second):
            queries.get_run(session, run_id).stuck_at = None
    assert look() == ["stuck:checkout"]
    assert look() == []
    assert told()[-1] == ("stuck:checkout", "resolved")
    assert sorted(told()[:-1]) == [("stuck:checkout", "opened"), ("stuck:clean_up", "opened")]
    stuck()
    assert look() == ["stuck:checkout"]  # a new incident
    with transaction() as session:
        opened = session.scalars(event_log.select_events(name="incident.opened", subject="stuck:clean_up")).one()
    assert opened.payload["detail"] == f"A run of clean_up is stuck: shop runs show {other}"


def test_dispatchers_that_do_not_sweep_are_reported() -> None:
    with transaction() as session:
        session.add(DispatcherRecord(name="d", swept_at=datetime.now(UTC)))
    assert look() == []
    with transaction() as session:
        session.execute(text("UPDATE workflow.dispatcher SET swept_at = now() - interval '90 s'"))
    assert look() == ["dispatchers"]
    with transaction() as session:
        session.execute(text("UPDATE workflow.dispatcher SET swept_at = now()"))
    assert look() == ["dispatchers"]
    assert told() == [("dispatchers", "opened"), ("dispatchers", "resolved")]


def test_broken_invariants_are_reported_and_what_is_watched_all_the_time_is_not_among_them() -> None:
    stuck()
    assert incidents.find_broken_invariants() == {}
    with transaction() as session:
        session.execute(text("INSERT INTO orders.invoice_counter VALUES (2026, 7)"))
    broken = incidents.find_broken_invariants()
    assert list(broken) == ["audit:invoice numbers have no gaps"]
    assert incidents.report(lambda _: broken, lambda name: name.startswith("audit:")) == list(broken)
    assert look() == ["stuck:checkout"]  # and the audit's incident stays open
    assert incidents.report(lambda _: {}, lambda name: name.startswith("audit:")) == list(broken)


def test_of_many_that_look_at_once_one_reports() -> None:
    stuck()
    found: list[list[str]] = []
    threads = [Thread(target=lambda: found.append(look())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [[], [], [], ["stuck:checkout"]]
    assert told() == [("stuck:checkout", "opened")]

"""The sweep of a dispatcher: an invalid run does not affect others, and clocks of hosts do not matter."""

import logging
import time
from datetime import timedelta
from typing import Any

import pytest

import durable
from durable import Each, Service, Workflow, dispatcher, queue_progress
from durable.database import transaction
from durable.queue_progress import record_served
from durable.tables import QueueProgress
from durable.tests.app import app
from durable.tests.driving import (
    configured,
    execute,
    lose_messages,
    make_due,
    request,
    run_of,
    start,
    start_unpublished,
    sweep,
)  # fmt: skip
from durable.tests.workflows import local

A, B = local("odd.a"), local("odd.b")


def work(session: Any, run: Any, item: str) -> None: ...


EACH = Service("odd").step_for_each(work)


def fail(outputs: Any) -> list[str]:
    raise ZeroDivisionError("this plan can't be made")


# ---- runs that cannot be planned


@pytest.mark.parametrize("trouble", ["unknown", "plan"])
def test_a_run_that_cannot_be_planned_does_not_block_the_others(trouble: str) -> None:
    reported: list[str] = []
    Workflow("broken", A)
    broken, others = start_unpublished("broken"), [start_unpublished("retried", key=str(n)) for n in range(2)]
    durable.workflow.unregister("broken")
    if trouble == "plan":
        Workflow("broken", Each(EACH, fail), A)
    with configured(on_stuck=lambda session, run, step: reported.append(run.id)):
        for _ in range(2):
            for run_id in (broken, *others):
                make_due(run_id)
            lose_messages()
            sweep()
    assert [run_of(run_id).generation for run_id in others] == [2, 2]
    run = run_of(broken)
    assert (run.generation, run.attempts, run.status, reported) == (0, 0, "running", [broken])
    assert ("no workflow named 'broken'" if trouble == "unknown" else "ZeroDivisionError") in (run.stuck_reason or "")
    assert execute("SELECT lease_until > clock_timestamp() + interval '30 s' FROM workflow.run WHERE id = :id",
                   id=durable.ids.uuid_of(broken))  # fmt: skip


def test_a_run_of_an_unknown_workflow_can_be_cancelled() -> None:
    Workflow("broken", A)
    run_id = start_unpublished("broken")
    durable.workflow.unregister("broken")
    with transaction() as session:
        durable.cancel(session, run_id)
    run = run_of(run_id)
    assert (run.status, (run.error or {})["code"]) == ("cancelled", "cancelled_by_operator")


def test_a_run_of_an_unknown_version_cannot_be_cancelled() -> None:
    Workflow("changed", A)
    Workflow("changed", A, B, version=2)
    run_id = start_unpublished("changed")
    durable.workflow._WORKFLOWS["changed"].pop(2)
    with pytest.raises(durable.RunConflict) as found, transaction() as session:
        durable.cancel(session, run_id)
    assert (found.value.code, run_of(run_id).status) == ("unknown_version", "running")
    with transaction() as session:
        durable.signal(session, run_id, "go", {})
    assert run_of(run_id).signals == {"go": [{}]}


def test_an_unavailable_broker_skips_one_sweep(caplog: pytest.LogCaptureFixture) -> None:
    from durable.backlog import Queues

    def away() -> None:
        raise ConnectionRefusedError("no broker")

    with caplog.at_level(logging.WARNING):
        assert dispatcher._guarded(Queues(), away) is False
    assert "could not sweep, will retry" in caplog.text


def test_a_sweep_is_recorded() -> None:
    with transaction() as session:
        assert dispatcher.seconds_since_sweep(session) is None
    sweep()
    with transaction() as session:
        assert dispatcher.seconds_since_sweep(session) is not None


def test_two_dispatchers_do_not_publish_the_same_run() -> None:
    run_id = start_unpublished("retried")
    make_due(run_id)
    with transaction() as session:
        assert durable.transitions.lock(session, run_id) is not None
        assert sweep() == 0  # another dispatcher has locked it
    assert sweep() == 1
    assert run_of(run_id).generation == 1


# ---- clocks


def test_published_at_uses_the_clock_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    hour = 3600.0
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + hour)  # this host's clock is an hour ahead
    run_id = start("retried")
    make_due(run_id)
    lose_messages()
    sweep()
    published = run_of(run_id).published_at
    now = execute("SELECT clock_timestamp()")
    assert published is not None
    assert abs(now - published) < timedelta(minutes=1)
    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("odd").get(timeout=5)
        message.ack()
    said = message.headers["published_at"]
    assert abs(now.timestamp() - said) < 60
    queue_progress._recorded_at.clear()
    record_served(request(published_at=said), "odd")
    with transaction() as session:
        progress = session.get(QueueProgress, "odd")
        assert progress is not None
        assert abs(now - progress.published_at) < timedelta(minutes=1)


def test_a_fast_clock_of_a_publisher_makes_no_queued_run_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep()
    make_due(start_unpublished("retried", key="so that this process hears the database's clock"))
    sweep()
    lose_messages()
    real = time.time
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: real() + 3600)
        start("retried", key="ahead")
    waiting = start("retried", key="waiting")
    with app.connection_for_read() as connection:
        served = connection.SimpleQueue("odd").get(timeout=5)
        served.ack()
    queue_progress._recorded_at.clear()
    record_served(request(published_at=served.headers["published_at"]), "odd")
    make_due(waiting)
    sweep()
    assert (run_of(waiting).publications, run_of(waiting).generation) == (0, 0)

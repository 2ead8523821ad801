"""Suspended runs, which wait for a time, a signal or a deadline without a worker."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import durable
from durable.database import transaction
from durable.tests.driving import (
    ended,
    execute,
    lose_messages,
    make_due,
    perform,
    run_of,
    start,
    start_unpublished,
    statuses,
    steps_of,
    sweep,
    wait_until,
)  # fmt: skip
from durable.tests.outside import visits


def signal(run_id: str, by: str) -> None:
    with transaction() as session:
        durable.signal(session, run_id, "approved", {"by": by})


def consumed() -> list[Any]:
    """The signals that each execution of `approve` consumed."""
    return [visit.request for visit in visits("odd.approve")]


def test_a_run_sleeps_until_it_is_due(work: Callable[..., Any]) -> None:
    work()
    run_id = start("sleepy")
    wait_until(lambda: run_of(run_id).status == "waiting")
    run = run_of(run_id)
    assert (run.published_at, statuses(run_id), run.attempts) == (None, {}, 0)
    sweep()
    assert run_of(run_id).status in ("waiting", "running")
    assert ended(run_id).status == "succeeded"
    first, second = visits("odd.sleep")
    assert second.begin - first.begin >= 1.5


def test_a_suspended_run_is_not_published_before_it_is_due() -> None:
    run_id = start_unpublished("approved")
    perform(run_id)
    assert run_of(run_id).status == "waiting"
    assert sweep() == 0
    assert lose_messages() == 0


def test_a_signal_is_consumed_once_even_if_the_step_suspends_again(work: Callable[..., Any]) -> None:
    work()
    run_id = start("approved")
    wait_until(lambda: run_of(run_id).status == "waiting")
    signal(run_id, "clerk")
    wait_until(lambda: len(visits("odd.approve")) == 2 and run_of(run_id).status == "waiting")
    assert run_of(run_id).signals == {}
    signal(run_id, "boss")
    assert ended(run_id).status == "succeeded"
    assert consumed() == [[], ["clerk"], ["boss"]]


def test_a_signal_sent_before_its_step_is_kept() -> None:
    run_id = start_unpublished("approved")
    signal(run_id, "clerk")
    signal(run_id, "boss")
    assert run_of(run_id).generation == 0  # it was not suspended, so it is not woken
    perform(run_id)
    assert (consumed(), run_of(run_id).status) == ([["clerk", "boss"]], "succeeded")


def test_signals_consumed_by_a_failed_step_are_restored() -> None:
    def consume_and_fail(session: Any, run: Any) -> None:
        found = run.consume("go")
        if len(visits("odd.fail")) == 0:
            durable.tests.outside.visit("odd.fail")
            raise ZeroDivisionError
        assert found == [{"n": 1}]

    durable.Workflow("hungry", durable.Service("odd").step(consume_and_fail))
    run_id = start_unpublished("hungry")
    with transaction() as session:
        durable.signal(session, run_id, "go", {"n": 1})
    perform(run_id)
    assert run_of(run_id).signals == {"go": [{"n": 1}]}
    execute("UPDATE workflow.step SET lease_until = NULL")
    perform(run_id)
    assert (run_of(run_id).status, run_of(run_id).signals) == ("succeeded", {})


def ask(run_id: str, number: int) -> None:
    with transaction() as session:
        durable.signal(session, run_id, "ask", {"n": number})


def test_an_external_step_suspends_before_its_call_and_after_its_answer() -> None:
    run_id = start_unpublished("polling")
    perform(run_id)
    assert (run_of(run_id).status, visits("odd._poll"), statuses(run_id)) == ("waiting", [], {})
    ask(run_id, 1)
    perform(run_id)
    assert (run_of(run_id).status, run_of(run_id).signals, statuses(run_id)) == ("waiting", {}, {})
    ask(run_id, 2)
    perform(run_id)
    assert run_of(run_id).status == "succeeded"
    first, second = visits("odd.poll")
    assert (first.request, second.request) == ({"asked": [{"n": 1}]}, {"asked": [{"n": 2}]})
    assert first.key == second.key


def test_a_step_with_an_undo_cannot_suspend_after_its_answer() -> None:
    """It would count as not begun, and would not be undone."""
    from durable.tests.workflows import NOTIFY, local, poll

    durable.Workflow("unsafe", durable.Undoable(poll, undo=local("odd.undo_poll")), local("odd.after"),
                     if_refused=[NOTIFY])  # fmt: skip
    run_id = start_unpublished("unsafe")
    ask(run_id, 1)
    perform(run_id)
    (error,) = [step.error for step in steps_of(run_id).values()]
    assert error is not None
    assert "cannot suspend" in error["trace"]


def test_a_deadline_can_be_extended(work: Callable[..., Any]) -> None:
    run_id = start_unpublished("approved", deadline=1.0)
    perform(run_id)
    with transaction() as session:
        durable.extend_deadline(session, run_id, 60.0)
    deadline, now = run_of(run_id).deadline, execute("SELECT clock_timestamp()")
    assert deadline is not None
    assert timedelta(seconds=50) < deadline - now <= timedelta(seconds=60)
    endless = start_unpublished("approved", key="endless")
    with transaction() as session:
        durable.extend_deadline(session, endless, 60.0)
    assert run_of(endless).deadline is None


def test_a_deadline_applies_to_a_suspended_run(work: Callable[..., Any]) -> None:
    work()
    run_id = start("approved", deadline=1.0)
    run = ended(run_id)
    assert (run.status, (run.error or {})["code"]) == ("cancelled", "deadline_exceeded")
    assert len(visits("odd.notify")) == 1


def test_a_deadline_counts_from_the_first_step() -> None:
    run_id = start_unpublished("approved", deadline=60.0)
    execute("UPDATE workflow.run SET created_at = now() - interval '1 day'")
    assert run_of(run_id).deadline is None
    make_due(run_id)
    sweep()
    assert run_of(run_id).status == "running"  # it has only waited in a queue
    perform(run_id)
    deadline, now = run_of(run_id).deadline, execute("SELECT clock_timestamp()")
    assert deadline is not None
    assert timedelta(seconds=0) < deadline - now <= timedelta(seconds=60)


def test_cancelling_a_suspended_run_runs_its_if_refused_steps() -> None:
    run_id = start_unpublished("approved")
    perform(run_id)
    with transaction() as session:
        durable.cancel(session, run_id)
    perform(run_id)
    assert (run_of(run_id).status, len(visits("odd.notify"))) == ("cancelled", 1)

"""The retry policy of a step: pauses, attempts and timeouts, and the lease of a long step."""

from collections.abc import Callable
from typing import Any

import pytest

from durable import Retry, Workflow
from durable.tests.driving import (
    attempts_of,
    ended,
    execute,
    perform,
    run_of,
    start,
    start_unpublished,
    statuses,
    steps_of,
    sweep,
    wait_until,
)  # fmt: skip
from durable.tests.outside import behave, visits
from durable.tests.workflows import local

A, NOTIFY = local("odd.a"), local("odd.notify")


def test_retry_pauses_follow_the_policy_of_the_step() -> None:
    step = local("odd.patient", retry=Retry(first=0.5, factor=3.0, longest=4.0))
    pauses = [step.retry.delay(n) for n in (1, 2, 3, 50)]
    assert pauses == [0.5, 1.5, 4.0, 4.0]


def test_a_failed_step_is_due_after_its_pause() -> None:
    Workflow("slow", local("odd.slow", retry=Retry(first=30.0, longest=60.0)), A)
    behave("odd.slow", fail=True)
    run_id = start_unpublished("slow")
    perform(run_id)
    left = execute("SELECT extract(epoch FROM lease_until - clock_timestamp())::float FROM workflow.step")
    assert 25.0 < left <= 30.0
    assert sweep() == 0
    perform(run_id)  # a message before the end of the pause
    assert len(visits("odd.slow")) == 1


def test_the_attempts_of_a_step_override_the_default() -> None:
    Workflow("once", local("odd.once", retry=Retry(first=0.0, attempts=1)), A, if_refused=[NOTIFY])
    behave("odd.once", fail=True)
    run_id = start_unpublished("once")
    perform(run_id)
    sweep()
    assert (run_of(run_id).status, (run_of(run_id).error or {})["code"]) == ("compensating", "too_many_attempts")


@pytest.mark.parametrize(("error", "counted"), [("fail", 1), ("down", 0)])
def test_an_unavailable_service_does_not_count_as_an_attempt_of_the_run(error: str, counted: int) -> None:
    behave("odd.call", **{error: True})
    run_id = start_unpublished("call")
    perform(run_id)
    assert run_of(run_id).attempts == counted
    assert attempts_of(run_id)[0].error["code"] == ("gateway_down" if error == "down" else "internal_error")


def test_a_step_that_exceeds_its_timeout_is_aborted_and_recorded(work: Callable[..., Any]) -> None:
    behave("odd.limited", sleep=20.0, times=1)
    work()
    run_id = start("limited")
    assert ended(run_id).status == "succeeded"
    first, second = visits("odd.limited")
    assert (first.end, first.key == second.key) == (None, True)
    assert [attempt.error["trace"] for attempt in attempts_of(run_id)] == [
        "StepTimeout: the step took longer than 0.5 s"
    ]


def test_a_long_step_renews_its_lease_and_reports_its_progress(work: Callable[..., Any]) -> None:
    behave("odd.work_long", sleep=3.5)
    work()
    run_id = start("beating")
    wait_until(
        lambda: "odd.work_long" in statuses(run_id) and steps_of(run_id)["odd.work_long"].progress, sweeping=True
    )
    assert steps_of(run_id)["odd.work_long"].progress == {"done": 1, "of": 2}
    assert visits("odd.work_long")[0].end is None
    assert ended(run_id).status == "succeeded"
    assert len(visits("odd.work_long")) == 1  # longer than three leases, and not taken over
    assert (run_of(run_id).generation, attempts_of(run_id)) == (0, [])


def test_an_operators_retry_runs_at_once() -> None:
    from durable import retry
    from durable.database import transaction

    Workflow("slow", local("odd.slow", retry=Retry(first=30.0, longest=60.0)), A)
    behave("odd.slow", fail=True, times=1)
    run_id = start_unpublished("slow", deadline=60.0)
    perform(run_id)
    execute("UPDATE workflow.run SET attempts = 3, stuck_at = now(), stuck_reason = 'it failed'")
    with transaction() as session:
        retry(session, run_id)
    run = run_of(run_id)
    assert (run.attempts, run.stuck_at, run.stuck_reason, run.patience) == (0, None, None, None)
    perform(run_id)
    assert run_of(run_id).status == "succeeded"

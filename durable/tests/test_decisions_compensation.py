"""Decisions of a dispatcher about a due run: compensation, stuck runs and the end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from durable.tests.app import ATTEMPTS
from durable.tests.deciding import (
    BACK,
    BESIDE,
    CLEAR,
    CLOSE,
    LONG,
    OVER,
    PAST_PIVOT,
    WITHDRAW,
    add_steps,
    decide,
    due,
    published,
)
from durable.tests.driving import configured

# ---- compensation


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"deadline": OVER}, "deadline_exceeded"),
        ({"attempts": ATTEMPTS}, "too_many_attempts"),
        ({"attempts": ATTEMPTS, "published_at": None}, "too_many_attempts"),
    ],
)
def test_a_run_before_its_pivot_is_compensated(session: Session, values: dict[str, Any], code: str) -> None:
    run = due(session, WITHDRAW, **values)
    add_steps(session, run, "intent", CLEAR)
    assert published(decide(session, run)) == BACK
    assert (run.status, run.attempts, run.stuck_at) == ("compensating", 0, None)
    assert run.error is not None
    assert (run.error["status"], run.error["code"]) == (503, code)


def test_a_suspended_run_is_compensated_at_its_deadline(session: Session) -> None:
    run = due(session, WITHDRAW, status="waiting", deadline=OVER, published_at=None)
    assert published(decide(session, run)) == ["undo:bank.withdraw", "bank.reject", "mail.regret"]


def test_a_deadline_applies_during_a_backlog(session: Session) -> None:
    assert published(decide(session, due(session, deadline=OVER), LONG)) == ["bank.reject", "mail.regret"]


def test_the_last_attempt_is_published(session: Session) -> None:
    run = due(session, WITHDRAW, attempts=ATTEMPTS - 1)
    assert published(decide(session, run))[0] == CLEAR
    assert (run.status, run.stuck_at) == ("running", None)


def test_a_deadline_in_the_future_changes_nothing(session: Session) -> None:
    run = due(session, deadline=datetime.now(UTC) + timedelta(minutes=1))
    assert published(decide(session, run))[0] == WITHDRAW
    assert run.status == "running"


@pytest.mark.parametrize("values", [{"deadline": OVER}, {"attempts": ATTEMPTS + 5}])
def test_a_run_past_its_pivot_is_not_compensated(session: Session, values: dict[str, Any]) -> None:
    run = due(session, *PAST_PIVOT, **values)
    assert published(decide(session, run)) == [*BESIDE, CLOSE]
    assert (run.status, run.error) == ("running", None)


def test_a_compensation_is_never_given_up(session: Session) -> None:
    error = {"status": 409, "code": "out_of_luck", "detail": "…"}
    run = due(session, WITHDRAW, status="compensating", error=error, attempts=ATTEMPTS + 5, deadline=OVER)
    assert published(decide(session, run)) == ["undo:bank.withdraw", "bank.reject", "mail.regret"]
    assert (run.status, run.error) == ("compensating", error)


# ---- stuck


@pytest.mark.parametrize(
    ("workflow", "values", "intent"),
    [
        ("transfer", {"attempts": ATTEMPTS, "done": PAST_PIVOT}, {}),
        ("transfer", {"attempts": ATTEMPTS, "done": [WITHDRAW], "status": "compensating"}, {}),
        ("retried", {"attempts": ATTEMPTS}, {}),
        ("retried", {"deadline": OVER}, {}),
        ("retried", {"progress_at": OVER}, {"error": {"code": "gateway_down"}}),
        ("transfer", {"progress_at": OVER, "done": [WITHDRAW]}, {"error": {"code": "gateway_down"}}),
    ],
    ids=["past its pivot", "compensating", "no if_refused", "late, no if_refused", "old, no if_refused", "old"],
)
def test_a_stuck_run_is_reported_once_and_retried(
    session: Session, workflow: str, values: dict[str, Any], intent: dict[str, Any]
) -> None:
    reported: list[str] = []
    values = {**values}
    run = due(session, *values.pop("done", ()), workflow=workflow, **values)
    if intent:
        add_steps(session, run, "intent", CLEAR if workflow == "transfer" else "odd.retried", **intent)
    with configured(on_stuck=lambda session, run, step: reported.append(step)):
        for _ in range(3):
            assert decide(session, run) is not None
            assert len(reported) == 1
    assert run.status == values.get("status", "running")
    assert run.stuck_at is not None
    assert run.stuck_reason


def test_a_run_that_only_waits_for_a_worker_is_not_stuck(session: Session) -> None:
    run = due(session, WITHDRAW, progress_at=OVER)  # no step has failed
    decide(session, run)
    assert run.stuck_at is None


def test_a_suspended_run_is_not_stuck_however_long_it_waits(session: Session) -> None:
    run = due(session, WITHDRAW, status="waiting", progress_at=OVER, published_at=None)
    add_steps(session, run, "intent", CLEAR, error={"code": "gateway_down"})
    decide(session, run)
    assert run.stuck_at is None


# ---- ends


@pytest.mark.parametrize(
    ("values", "done", "end"),
    [
        ({}, [*PAST_PIVOT, *BESIDE, CLOSE], "succeeded"),
        ({"status": "compensating"}, [WITHDRAW, *BACK], "cancelled"),
    ],
)
def test_a_run_without_remaining_steps_ends(
    session: Session, values: dict[str, Any], done: list[str], end: str
) -> None:
    run = due(session, *done, **values)
    assert decide(session, run) is None
    assert (run.status, run.attempts) == (end, 0)
    assert run.finished_at is not None

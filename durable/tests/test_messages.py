"""Duplicate and redelivered messages, and messages of another release."""

from typing import Any

import pytest
from celery.exceptions import Reject
from sqlalchemy import text

import durable
from durable import Service, Suspend, Workflow, worker
from durable.plan import Call
from durable.tests.driving import (
    attempts_of,
    next_call,
    perform,
    request,
    run_of,
    start_unpublished,
    statuses,
    steps_of,
)
from durable.tests.outside import visit, visits
from durable.tests.workflows import local

odd = Service("odd")
A, B, C = (local(f"odd.{name}") for name in ("a", "b", "c"))


def made(name: str, work: Any) -> Any:
    work.__name__ = name
    return odd.step(work)


def test_a_duplicate_message_changes_nothing() -> None:
    Workflow("shared", A, made("waits", lambda session, run: Suspend()), B)
    run_id = start_unpublished("shared")
    perform(run_id)
    before = (statuses(run_id), run_of(run_id).generation)
    perform(run_id, generation=0)
    assert (statuses(run_id), run_of(run_id).generation) == before
    assert len(visits("odd.a")) == 1


def test_a_message_for_an_unknown_step_fails_nothing() -> None:
    Workflow("shared", A, B)
    run_id = start_unpublished("shared")
    later = [{"task": "odd.of_another_release", "args": [run_id, 0, "odd.of_another_release"], "options": {}}]
    perform(run_id, chain=later)
    assert statuses(run_id) == {"odd.a": "done", "odd.b": "done"}
    other = start_unpublished("shared", key="other")
    unknown = worker.Invocation(request(), other, 0, Call(C, "odd.of_another_release"))
    unknown.perform()
    run = run_of(other)
    assert (run.attempts, attempts_of(other)) == (0, [])
    assert run.status in ("running", "succeeded")


def test_a_run_of_a_newer_version_is_left_to_newer_workers() -> None:
    Workflow("shared", A, B)
    Workflow("shared", A, B, C, version=2)
    run_id = start_unpublished("shared")
    call = next_call(run_id)
    durable.workflow._WORKFLOWS["shared"].pop(2)
    worker._perform(request(), call.step, run_id, 0, call.name)
    run = run_of(run_id)
    assert (run.status, run.attempts, statuses(run_id)) == ("running", 0, {})


def test_a_redelivery_after_a_database_outage_does_not_count_as_an_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "UNAVAILABLE_PAUSE", 0.0)

    def cut(session: Any, run: Any) -> None:
        if not visits("odd.cut"):
            visit("odd.cut")
            with durable.database.transaction() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"),
                              {"pid": session.scalar(text("SELECT pg_backend_pid()"))})  # fmt: skip
            session.execute(text("SELECT 1"))

    Workflow("shared", A, made("cut", cut), B)
    run_id = start_unpublished("shared")
    call = next_call(run_id)
    with pytest.raises(Reject):
        worker._perform(request(), call.step, run_id, 0, call.name)
    assert statuses(run_id) == {}
    worker._perform(request(redelivered=True), call.step, run_id, 0, call.name)
    assert (run_of(run_id).status, attempts_of(run_id)) == ("succeeded", [])
    assert [step.attempts for step in steps_of(run_id).values()] == [1, 1, 1]

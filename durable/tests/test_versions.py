"""A run finishes on the version of its workflow that it was started with, as long as that is declared."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from durable import Workflow, dispatcher
from durable.tests.driving import ended, execute, perform, run_of, start, start_unpublished, statuses, wait_until
from durable.tests.outside import visits
from durable.tests.workflows import local

A, B, C = (local(f"odd.{name}") for name in ("a", "b", "c"))


def test_a_run_finishes_on_its_own_version_and_new_runs_use_the_latest() -> None:
    Workflow("growing", A, B)
    old = start_unpublished("growing", key="old")
    Workflow("growing", A, C, B, version=2)
    new = start_unpublished("growing", key="new")
    assert [run_of(run_id).version for run_id in (old, new)] == [1, 2]
    for run_id in (old, new):
        perform(run_id)
    assert (list(statuses(old)), list(statuses(new))) == (["odd.a", "odd.b"], ["odd.a", "odd.c", "odd.b"])
    assert [run_of(run_id).status for run_id in (old, new)] == ["succeeded", "succeeded"]


def test_a_run_of_an_undeclared_version_continues_on_the_latest() -> None:
    Workflow("growing", A, B)
    run_id = start_unpublished("growing")
    Workflow("growing", A, C, B, version=2)
    from durable.workflow import _WORKFLOWS

    _WORKFLOWS["growing"].pop(1)
    perform(run_id)
    assert list(statuses(run_id)) == ["odd.a", "odd.c", "odd.b"]


def test_the_log_names_undeclared_versions_that_live_runs_need(caplog: pytest.LogCaptureFixture) -> None:
    Workflow("growing", A, B)
    start_unpublished("growing", key="one")
    start_unpublished("growing", key="two")
    execute("UPDATE workflow.run SET version = 7")
    start_unpublished("retried")
    with caplog.at_level(logging.WARNING):
        dispatcher.report_versions()
    assert [record.message for record in caplog.records] == [
        "2 live runs need version 7 of the workflow growing, which this code does not declare"
    ]


def test_old_workers_leave_runs_of_a_newer_version_to_new_workers(work: Callable[..., Any]) -> None:
    """The test process and the first worker run the old release."""
    work()
    run_id = start_unpublished("grown")
    execute("UPDATE workflow.run SET version = 2")
    from durable import publishing
    from durable.plan import FRESH, plan
    from durable.workflow import workflow_of

    before = start("grown", key="before")
    publishing.publish(run_id, 0, plan(workflow_of("grown", 1), FRESH))  # the old worker receives this message
    assert ended(before).status == "succeeded"
    behind = start("grown", key="behind")
    wait_until(lambda: run_of(behind).finished_at is not None)
    run = run_of(run_id)
    assert (run.status, run.attempts, statuses(run_id)) == ("running", 0, {})
    work(DURABLE_TEST_NEW_RELEASE="1")
    for _ in range(20):  # both workers receive messages of the run
        publishing.publish(run_id, 0, plan(workflow_of("grown", 1), FRESH))
    wait_until(lambda: run_of(run_id).finished_at is not None)
    assert list(statuses(run_id)) == ["odd.old", "odd.new", "odd.grown"]
    assert len(visits("odd.new")) == 1

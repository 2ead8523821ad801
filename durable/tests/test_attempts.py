"""Only steps that a worker has begun count as attempts: killed workers count, lost messages do not."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from durable.tests.app import ATTEMPTS
from durable.tests.driving import (
    attempts_of,
    ended,
    lose_messages,
    make_due,
    run_of,
    start,
    start_unpublished,
    statuses,
    sweep,
    wait_until,
)  # fmt: skip
from durable.tests.outside import behave, visits


def test_lost_messages_do_not_count_as_attempts(accounts: Callable[..., Any]) -> None:
    run_id = start("transfer", {"source": "ada", "target": "bob", "amount": 1})
    for _ in range(10):
        assert lose_messages() == 1
        make_due(run_id)
        assert sweep() == 1
    run = run_of(run_id)
    assert (run.publications, run.attempts, run.status, run.stuck_at) == (10, 0, "running", None)
    assert (statuses(run_id), attempts_of(run_id)) == ({}, [])


def test_a_run_whose_step_kills_its_process_is_cancelled_after_the_attempts(
    work: Callable[..., Any], crash_file: Path
) -> None:
    crash_file.write_text("before-commit@odd.poison always\n")
    work()
    run_id = start("poison")
    run = ended(run_id)
    assert (run.status, (run.error or {})["code"]) == ("cancelled", "too_many_attempts")
    assert len(visits("odd.poison")) == ATTEMPTS + 1  # the first attempt left no record
    assert {attempt.error["code"] for attempt in attempts_of(run_id)} == {"worker_lost"}
    assert statuses(run_id)["odd.fine"] == "done"
    assert len(visits("odd.notify")) == 1


def _is_over(process: Any, run_id: str) -> bool:
    return process.poll() is not None or run_of(run_id).finished_at is not None


def test_a_run_whose_step_kills_its_worker_is_cancelled_after_the_attempts(
    work: Callable[..., Any], crash_file: Path
) -> None:
    run_id = start("poison")
    for _ in range(ATTEMPTS + 3):
        crash_file.write_text("before-commit@odd.poison worker\n")
        process = work()
        wait_until(partial(_is_over, process, run_id), sweeping=True)
        if run_of(run_id).finished_at:
            break
    assert run_of(run_id).status == "cancelled"
    assert len(visits("odd.poison")) in (ATTEMPTS, ATTEMPTS + 1)  # the first attempt may have left no record
    attempts = attempts_of(run_id)
    assert [attempt.error["code"] for attempt in attempts] == ["worker_lost"] * ATTEMPTS
    assert len({attempt.worker for attempt in attempts}) == ATTEMPTS


def test_past_the_pivot_a_step_that_kills_its_process_makes_the_run_stuck(
    work: Callable[..., Any], crash_file: Path
) -> None:
    crash_file.write_text("before-commit@odd.poison_behind always\n")
    work()
    run_id = start("poison_behind")
    wait_until(lambda: run_of(run_id).stuck_at is not None, sweeping=True)
    generation = run_of(run_id).generation
    wait_until(lambda: run_of(run_id).generation > generation + 1, sweeping=True)
    assert run_of(run_id).status == "running"
    assert len(visits("odd.poison_behind")) == ATTEMPTS + 1
    assert (
        len(attempts_of(run_id)) == run_of(run_id).attempts == ATTEMPTS
    )  # the run is reported as stuck; a retry resets the attempts


def test_failed_attempts_are_recorded(work: Callable[..., Any]) -> None:
    behave("odd.retried", fail=True, times=2)
    work()
    run_id = start("retried")
    assert ended(run_id).status == "succeeded"
    kept = attempts_of(run_id)
    assert [(attempt.step, attempt.number) for attempt in kept] == [("odd.retried", 1), ("odd.retried", 2)]
    for attempt in kept:
        assert (attempt.error["code"], attempt.error["trace"]) == ("internal_error", "ZeroDivisionError: odd.retried")
        assert re.fullmatch(r"durable/tests/\w+\.py:\d+ in \w+", attempt.error["where"])
        assert attempt.worker
        assert attempt.ended_at
    assert kept[0].ended_at < kept[1].ended_at
    assert run_of(run_id).attempts == 0  # the step has succeeded


@pytest.mark.parametrize("name", ["odd.retried"])
def test_an_unavailable_service_does_not_count_against_the_attempts(name: str, work: Callable[..., Any]) -> None:
    behave(name, down=True, times=ATTEMPTS + 2)
    work()
    run_id = start_unpublished("retried")
    assert ended(run_id).status == "succeeded"
    assert len(attempts_of(run_id)) == ATTEMPTS + 2

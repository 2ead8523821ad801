"""Takeover of steps: never from a live worker, at once from a dead one; no response is lost."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from durable import publishing
from durable.lease import is_dead, worker_name
from durable.plan import Call
from durable.tests.driving import (
    attempts_of,
    ended,
    execute,
    next_call,
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


def dead_worker() -> str:
    """The name of an ended worker process on this host."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return worker_name("test").rpartition("/")[0] + f"/{pid}"


def begun_by(run_id: str, worker: str) -> None:
    """Begins the run's call as this worker, with a valid lease."""
    perform_begin(run_id)
    execute("UPDATE workflow.step SET worker = :worker", worker=worker)


def perform_begin(run_id: str) -> None:
    behave("odd.call", down=True, times=1)
    perform(run_id)
    execute("UPDATE workflow.step SET error = NULL, lease_until = clock_timestamp() + interval '60 s'")


def test_a_redelivered_message_does_not_take_over_a_live_workers_step() -> None:
    run_id = start_unpublished("call")
    begun_by(run_id, worker_name("other"))
    perform(run_id, redelivered=True)
    assert (len(visits("odd.call")), statuses(run_id)) == (1, {"odd.call": "intent"})


def test_a_redelivered_message_takes_over_a_dead_workers_step_at_once() -> None:
    run_id = start_unpublished("call")
    begun_by(run_id, dead_worker())
    perform(run_id, redelivered=True)
    assert (len(visits("odd.call")), run_of(run_id).status) == (2, "succeeded")
    assert len({visit.key for visit in visits("odd.call")}) == 1


def test_a_step_of_a_worker_on_another_host_waits_for_its_lease() -> None:
    run_id = start_unpublished("call")
    begun_by(run_id, "celery@elsewhere elsewhere:4026531836/1")
    perform(run_id, redelivered=True)
    assert len(visits("odd.call")) == 1


def test_a_redelivered_message_respects_the_retry_pause() -> None:
    behave("odd.call", down=True, times=1)
    run_id = start_unpublished("call")
    perform(run_id)
    execute("UPDATE workflow.step SET worker = :worker, lease_until = now() + interval '60 s'", worker=dead_worker())
    perform(run_id, redelivered=True)
    assert len(visits("odd.call")) == 1


def test_is_dead_is_true_only_for_an_ended_local_process() -> None:
    assert is_dead(dead_worker())
    assert not is_dead(worker_name("test"))
    assert not is_dead("celery@elsewhere elsewhere:1/1")
    assert not is_dead(None)


# ---- with real processes


def child_of(process: Any) -> psutil.Process:
    return psutil.Process(process.pid).children()[0]


def test_duplicate_messages_do_not_take_over_a_live_workers_call(work: Callable[..., Any]) -> None:
    behave("odd.call", sleep=3.0)
    work(concurrency=2)
    run_id = start("call")
    wait_until(lambda: visits("odd.call"))
    call = next_call(run_id)
    for _ in range(3):
        publishing.publish(run_id, 0, [[Call(call.step, call.name)]])
    assert ended(run_id).status == "succeeded"
    assert (len(visits("odd.call")), run_of(run_id).generation) == (1, 0)  # the lease of one second was renewed


def test_a_dead_workers_call_is_repeated_with_the_same_key(work: Callable[..., Any], crash_file: Path) -> None:
    crash_file.write_text("after-call@odd.call\n")
    work()
    run_id = start("call")
    assert ended(run_id).status == "succeeded"
    first, second = visits("odd.call")
    assert (first.key, first.request) == (second.key, second.request)
    assert [attempt.error["code"] for attempt in attempts_of(run_id)] == ["worker_lost"]


def test_a_response_is_recorded_after_the_connection_is_lost(work: Callable[..., Any]) -> None:
    behave("odd.call", sleep=1.0)
    work()
    run_id = start("call")
    wait_until(lambda: visits("odd.call"))
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    execute(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {others}")
    assert ended(run_id).status == "succeeded"
    assert len(visits("odd.call")) == 1
    assert (steps_of(run_id)["odd.call"].output, attempts_of(run_id)) == ({"visits": 1}, [])


def test_a_response_is_kept_while_the_database_refuses_connections(work: Callable[..., Any]) -> None:
    behave("odd.call", sleep=1.0)
    work()
    run_id = start("call")
    wait_until(lambda: visits("odd.call"))
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    stop = threading.Event()

    def cut() -> None:
        while not stop.wait(0.05):
            execute(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {others}")

    cutting = threading.Thread(target=cut)
    cutting.start()
    wait_until(lambda: visits("odd.call")[0].end is not None)
    stop.wait(1.0)
    stop.set()
    cutting.join()
    assert ended(run_id).status == "succeeded"
    assert len(visits("odd.call")) == 1


def test_a_worker_stopped_before_its_call_does_not_make_it_after_its_lease(
    work: Callable[..., Any], crash_file: Path
) -> None:
    """The worker is stopped between commit and call for longer than its lease, and another takes over."""
    crash_file.write_text("after-commit@odd.before_stop stop\n")
    first = work()
    run_id = start("stopped")
    wait_until(lambda: child_of(first).status() == psutil.STATUS_STOPPED)
    stopped = child_of(first)
    assert statuses(run_id)["odd.called"] == "intent"
    work()
    wait_until(lambda: statuses(run_id).get("odd.called") == "done", sweeping=True)
    assert len(visits("odd.called")) == 1
    os.kill(stopped.pid, signal.SIGCONT)
    assert ended(run_id).status == "succeeded"
    wait_until(lambda: stopped.status() == psutil.STATUS_SLEEPING)
    assert sweep() == 0
    assert len(visits("odd.called")) == 1

"""Runs and steps in the database: locks, outputs, requests and signals."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import durable
from durable import attempts, store
from durable.database import transaction
from durable.errors import Superseded, Unavailable
from durable.plan import Call
from durable.tests.driving import execute, run_of, start_unpublished, steps_of, wait_until
from durable.tests.workflows import clear, close, local, withdraw

PART = local("bank.part")
WITHDRAW, CLEAR = Call(withdraw, "bank.withdraw"), Call(clear, "clearing.clear")
INPUT = {"source": "ada", "target": "bob", "amount": 1}


@pytest.fixture
def run_id() -> str:
    return start_unpublished("transfer", INPUT)


def finish(run_id: str, call: Call, output: object = None) -> str:
    """Performs a local step; returns the outcome."""
    with transaction() as session:
        run = store.lock(session, run_id, 0)
        if run is None:
            return "not ours"
        if run.is_done(call.name):
            return "done before"
        store.finish(run, call, output, started_at=run.now().isoformat())
        store.write(session, run, "w")
        return "done"


def test_a_step_is_performed_once(run_id: str) -> None:
    assert [finish(run_id, WITHDRAW), finish(run_id, WITHDRAW)] == ["done", "done before"]


def test_a_message_of_another_generation_finds_no_run(run_id: str) -> None:
    with transaction() as session:
        assert store.lock(session, run_id, 1) is None
        assert store.lock(session, run_id, 0) is not None
        assert store.lock(session, run_id) is not None


def test_a_transaction_that_waited_for_the_lock_sees_the_latest_state(run_id: str) -> None:
    with ThreadPoolExecutor() as threads, transaction() as session:
        run = store.lock(session, run_id, 0)
        assert run is not None
        other = threads.submit(finish, run_id, WITHDRAW)
        wait_until(lambda: execute("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1, 10.0)
        store.finish(run, WITHDRAW, None, started_at=run.now().isoformat())
        store.write(session, run, "w")
        session.commit()
        assert other.result(10.0) == "done before"


def test_the_outputs_of_steps_in_one_transaction_are_read_back(run_id: str) -> None:
    with transaction() as session:
        run = store.lock(session, run_id)
        assert run is not None
        for n, item in enumerate("ab"):
            store.finish(run, Call(PART, f"bank.part[{item}]"), {"n": n}, started_at=run.now().isoformat())
        assert run.outputs(PART) == {"a": {"n": 0}, "b": {"n": 1}}
        store.write(session, run, "w")
    with transaction() as session:
        run = store.lock(session, run_id)
        assert run is not None
        assert run.outputs(PART) == {"a": {"n": 0}, "b": {"n": 1}}
        assert run.output(close) is None


def test_a_request_is_known_until_its_response_is_recorded(run_id: str) -> None:
    with transaction() as session:
        run = store.lock(session, run_id)
        assert run is not None
        assert run.request(clear) is None
        store.begin(run, CLEAR, {"amount": 1})
        store.write(session, run, "w")
    with transaction() as session:
        run = store.lock(session, run_id)
        assert run is not None
        assert run.request(clear) == {"amount": 1}
        store.finish(run, CLEAR, None, started_at=run.now().isoformat())
        assert run.request(clear) is None
        store.write(session, run, "w")
    with transaction() as session:
        run = store.lock(session, run_id)
        assert run is not None
        assert run.request(clear) is None


def test_an_ended_run_keeps_its_result_and_cannot_be_locked(run_id: str) -> None:
    with transaction() as session:
        run = store.lock(session, run_id)
        assert run is not None
        store.finish(run, Call(close, close.name), {"amount": 1}, started_at=run.now().isoformat())
        store.write_end(session, run, "w", "succeeded", {"amount": 1})
    record = run_of(run_id)
    assert (record.status, record.result, record.finished_at is None) == ("succeeded", {"amount": 1}, False)
    assert record.published_at is None
    with transaction() as session:
        assert store.lock(session, run_id) is None


def test_an_error_after_an_unacknowledged_commit_is_ignored(run_id: str) -> None:
    assert finish(run_id, WITHDRAW, {"amount": 1}) == "done"  # committed before the connection broke
    with transaction() as session:
        run = store.lock(session, run_id)
        assert run is not None
        attempts.record_failure(session, run, WITHDRAW, Unavailable("gone"), "w")
    step = steps_of(run_id)["bank.withdraw"]
    assert (step.status, step.output, step.error) == ("done", {"amount": 1}, None)
    assert run_of(run_id).attempts == 0


def test_a_step_of_a_run_cancelled_meanwhile_is_not_recorded(run_id: str) -> None:
    with transaction() as session:
        run = store.read(session, run_id, 0, WITHDRAW.name)
    assert run is not None
    with transaction() as session:
        durable.cancel(session, run_id)
    store.finish(run, WITHDRAW, None, started_at=run.now().isoformat())
    with pytest.raises(Superseded), transaction() as session:
        store.join(session, run, WITHDRAW, "w", None)
    assert steps_of(run_id) == {}


def test_two_workers_do_not_run_the_same_step_concurrently(run_id: str) -> None:
    with transaction() as one, transaction() as other:
        assert store.read(one, run_id, 0, WITHDRAW.name) is not None
        assert store.read(other, run_id, 0, WITHDRAW.name) is None
        assert store.read(other, run_id, 0, CLEAR.name) is not None


def test_each_failure_lengthens_the_pause_up_to_the_maximum() -> None:
    assert [CLEAR.step.retry.delay(n) for n in (1, 2, 3, 10, 100)] == [1.0, 2.0, 2.0, 2.0, 2.0]


def test_a_signal_wakes_a_suspended_run_and_is_stored(run_id: str) -> None:
    execute("UPDATE workflow.run SET status = 'waiting', published_at = NULL")
    with transaction() as session:
        durable.signal(session, run_id, "received", {"quantity": 2})
        durable.signal(session, run_id, "received", {"quantity": 3})
    run = run_of(run_id)
    assert (run.status, run.generation) == ("running", 1)
    assert run.signals == {"received": [{"quantity": 2}, {"quantity": 3}]}


def test_an_ended_run_accepts_no_signal(run_id: str) -> None:
    execute("UPDATE workflow.run SET status = 'succeeded', finished_at = now()")
    with pytest.raises(durable.RunNotFound), transaction() as session:
        durable.signal(session, run_id, "received", {})

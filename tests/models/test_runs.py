"""The rules of runs and steps that can only be seen in the database."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sqlalchemy import text

from models import runs
from models.database import transaction
from models.errors import GatewayDown
from stack.waiting import wait_until

RESERVE = "inventory.reserve"


def _run() -> str:
    with transaction() as session:
        return runs.start(session, "checkout", key="ord_1", input={})


def _begin(run_id: str, generation: int = 0, again: bool = False, outside: bool = False) -> str | None:
    """What comes of a try to perform a step: begun, done before, in other hands, or None for nothing to hold."""
    with transaction() as session:
        held = runs.take(session, run_id, generation)
        if held is None:
            return None
        if not held.may_begin(RESERVE, again=again):
            return "done before" if held.is_done(RESERVE) else "in other hands"
        note = held.begin if outside else partial(held.finish, output={"pieces": 2})
        note(RESERVE, "inventory", held.now())
        runs.write(session, held, worker="w", lease=5.0)
        return "begun"


def test_a_second_start_returns_the_first_run() -> None:
    assert _run() == _run()


def test_a_step_is_performed_once() -> None:
    run_id = _run()
    assert [_begin(run_id), _begin(run_id)] == ["begun", "done before"]


def test_a_message_of_an_old_generation_has_nothing_to_hold() -> None:
    assert _begin(_run(), generation=1) is None


def test_an_intent_is_in_other_hands_until_they_have_died_or_another_generation_has_come() -> None:
    run_id = _run()
    assert _begin(run_id, outside=True) == "begun"
    assert _begin(run_id, outside=True) == "in other hands"
    assert _begin(run_id, outside=True, again=True) == "begun"
    with transaction() as session:
        run = runs.lock(session, run_id)
        assert run is not None
        runs.next_generation(run, 5.0)
    assert _begin(run_id, generation=1, outside=True) == "begun"
    with transaction() as session:
        assert runs.steps_of(session, [run_id])[run_id][0].attempts == 3


def test_who_waited_for_the_lock_sees_what_was_done_meanwhile() -> None:
    run_id = _run()
    with ThreadPoolExecutor() as threads, transaction() as session:
        held = runs.take(session, run_id, 0)
        assert held is not None
        other = threads.submit(_begin, run_id)
        assert wait_until(_somebody_waits, 10.0)
        held.finish(RESERVE, "inventory", held.now(), None)
        runs.write(session, held, worker="w", lease=5.0)
        session.commit()
        assert other.result(10.0) == "done before"


def _somebody_waits() -> bool:
    with transaction() as session:
        return session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) == 1


def test_what_several_steps_of_one_transaction_have_written_is_read_back() -> None:
    run_id = _run()
    with transaction() as session:
        held = runs.take(session, run_id, 0)
        assert held is not None
        held.finish("reports.part[a]", "reports", held.now(), {"n": 1})
        held.finish("reports.part[b]", "reports", held.now(), {"n": 2})
        assert held.outputs_of("reports.part") == {"a": {"n": 1}, "b": {"n": 2}}
        runs.write(session, held, worker="w", lease=5.0)
    with transaction() as session:
        held = runs.take(session, run_id, 0)
        assert held is not None
        assert held.outputs_of("reports.part") == {"a": {"n": 1}, "b": {"n": 2}}
        assert held.output_of("reports.begin") is None


def test_a_run_ends_with_the_output_of_its_last_step() -> None:
    run_id = _run()
    with transaction() as session:
        held = runs.take(session, run_id, 0)
        assert held is not None
        held.finish("orders.complete", "orders", held.now(), {"order_id": "ord_1"})
        runs.write_end(session, held, worker="w", last="orders.complete", status="succeeded")
    with transaction() as session:
        run = runs.get(session, run_id)
        assert (run.status, run.result, run.finished_at is None) == ("succeeded", {"order_id": "ord_1"}, False)
        assert runs.take(session, run_id, 0) is None


def test_a_commit_that_the_worker_did_not_hear_of_is_not_undone_by_its_error() -> None:
    run_id = _run()
    assert _begin(run_id) == "begun"  # committed, and then the connection broke
    with transaction() as session:
        run = runs.lock(session, run_id, 0)
        assert run is not None
        runs.retry_later(session, run, RESERVE, "inventory", GatewayDown("gone"), crashed=True)
    assert _begin(run_id, generation=1) == "done before"


def test_each_failed_attempt_is_counted_and_lengthens_the_pause() -> None:
    run_id = _run()
    pauses = []
    for generation in range(3):
        with transaction() as session:
            run = runs.lock(session, run_id, generation)
            assert run is not None
            runs.retry_later(session, run, RESERVE, "inventory", GatewayDown("away"), crashed=False)
            pauses.append(runs.steps_of(session, [run_id])[run_id][0].attempts)
    assert pauses == [1, 2, 3]
    assert [runs.pause(n) for n in (0, 1, 2, 10, 100)] == [5.0, 10.0, 20.0, 60.0, 60.0]


def test_a_signal_wakes_a_parked_run_and_is_kept() -> None:
    run_id = _run()
    with transaction() as session:
        run = runs.lock(session, run_id)
        assert run is not None
        run.status = "waiting"
    with transaction() as session:
        runs.signal(session, run_id, "received", {"quantity": 2})
        runs.signal(session, run_id, "received", {"quantity": 3})
    with transaction() as session:
        run = runs.get(session, run_id)
        assert (run.status, run.generation) == ("running", 1)
        assert run.signals == {"received": [{"quantity": 2}, {"quantity": 3}]}

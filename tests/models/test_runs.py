"""The rules of runs and steps that can only be seen in the database."""

from models import runs
from models.database import transaction
from models.errors import GatewayDown


def _run() -> str:
    with transaction() as session:
        return runs.start(session, "checkout", key="ord_1", input={})


def _claim(run_id: str, generation: int = 0, status: str = "done", again: bool = False) -> str | None:
    with transaction() as session:
        claimed = runs.claim(
            session, run_id, generation, "inventory.reserve",
            queue="inventory", worker="w", status=status, lease=5.0, again=again,
        )  # fmt: skip
        return claimed.status if claimed else None


def test_a_second_start_returns_the_first_run() -> None:
    assert _run() == _run()


def test_a_step_is_claimed_once() -> None:
    run_id = _run()
    assert [_claim(run_id), _claim(run_id)] == ["claimed", "done"]


def test_a_message_of_an_old_generation_has_nothing_to_claim() -> None:
    assert _claim(_run(), generation=1) is None


def test_an_intent_is_in_other_hands_until_they_have_died_or_another_generation_has_come() -> None:
    run_id = _run()
    assert _claim(run_id, status="intent") == "claimed"
    assert _claim(run_id, status="intent") == "intent"
    assert _claim(run_id, status="intent", again=True) == "claimed"
    with transaction() as session:
        run = runs.lock(session, run_id)
        assert run is not None
        runs.next_generation(run, 5.0)
    assert _claim(run_id, generation=1, status="intent") == "claimed"


def test_a_commit_that_the_worker_did_not_hear_of_is_not_undone_by_its_error() -> None:
    run_id = _run()
    assert _claim(run_id) == "claimed"  # committed, and then the connection broke
    with transaction() as session:
        run = runs.lock(session, run_id, 0)
        assert run is not None
        runs.retry_later(session, run, "inventory.reserve", "inventory", GatewayDown("gone"), crashed=True)
    assert _claim(run_id, generation=1) == "done"


def test_each_failed_attempt_is_counted_and_lengthens_the_pause() -> None:
    run_id = _run()
    pauses = []
    for generation in range(3):
        with transaction() as session:
            run = runs.lock(session, run_id, generation)
            assert run is not None
            runs.retry_later(session, run, "inventory.reserve", "inventory", GatewayDown("away"), crashed=False)
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

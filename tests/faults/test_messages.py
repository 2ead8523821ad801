"""Duplicate, late and lost messages, and processes stopped while they hold one."""

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from kombu.transport.redis import Channel
from sqlalchemy import func, update

import durable
from durable import queries, transitions
from durable.plan import FRESH, plan
from durable.publishing import publish
from durable.tables import RunRecord, StepRecord
from local.waiting import wait_until
from models.core.database import transaction
from tests.faults import broker, checks, duplicates, stall_times
from tests.faults.drivers import DRIVERS, checkout
from tests.faults.workers import SHORT, kept_alive, worker_per_service
from tests.shop import Shop
from workflows.checkout import CHECKOUT

pytestmark = pytest.mark.long

WAYS = DRIVERS["checkout"][1]


@pytest.fixture(scope="module")
def module_shop(shop: Shop) -> Shop:
    shop.environment |= SHORT
    return shop


@pytest.fixture
def crew(module_shop: Shop) -> Iterator[Shop]:
    """The shop; its workers, dispatchers and messages end with the test."""
    yield module_shop
    module_shop.kill()
    module_shop.armed.unlink(missing_ok=True)
    broker.client().flushall()


def all_end(run_ids: dict[str, str | None], fault: str, shop: Shop, since: datetime | None = None) -> None:
    """Each run has ended as expected, and no invariant is violated. `since`: the end of a lasting fault."""
    for run_id, way in run_ids.items():
        assert checks.ended(run_id) == ("cancelled" if way else "succeeded"), checks.describe(run_id)
        stall_times.note(fault, way or "checkout", checks.stall_of(run_id, since))
    assert wait_until(lambda: broker.waiting() == 0, 30)
    checks.check_invariants(shop)


def generation_of(run_id: str) -> int:
    with transaction() as session:
        return queries.get_run(session, run_id).generation


def steps_of(run_id: str) -> list[StepRecord]:
    with transaction() as session:
        return queries.steps_of_run(session, run_id)


@pytest.mark.parametrize("fleet", ["one worker", "a worker per service"])
def test_every_message_is_delivered_twice(crew: Shop, fleet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "_put", duplicates.put_twice)
    if fleet == "one worker":
        crew.worker(concurrency=2, app="tests.faults.duplicates")
    else:
        worker_per_service(crew, app="tests.faults.duplicates", SHOP_CONTINUE_FOR="0")
    crew.dispatcher()
    placed = {checkout(way): way for way in WAYS * 4}
    all_end(placed, f"every message twice, {fleet}", crew)


def test_a_message_of_an_old_generation_is_ignored(crew: Shop) -> None:
    run_id = checkout()
    with transaction() as session:
        run = transitions.lock(session, run_id)
        assert run is not None
        transitions.wake(session, run)
    assert broker.waiting() == 2
    crew.worker()
    assert checks.ended(run_id) == "succeeded"
    assert generation_of(run_id) == 1
    began = {step.name: step.started_at for step in steps_of(run_id)}
    for generation in (0, 1):
        publish(run_id, generation, plan(CHECKOUT, FRESH))
    assert wait_until(lambda: broker.waiting() == 0, 30)
    all_end({run_id: None}, "a message of an old generation", crew)
    assert {step.name: step.started_at for step in steps_of(run_id)} == began


def test_two_dispatchers_publish_a_lost_run_once(crew: Shop) -> None:
    for name in ("first", "second"):
        crew.dispatcher(name)
    placed = {checkout(way): way for way in WAYS * 10}
    before = broker.published()  # now: a dispatcher may see the empty queue at once
    broker.client().flushall()
    with transaction() as session:
        session.execute(update(RunRecord).where(RunRecord.id.in_(placed)).values(lease_until=func.now()))
    assert wait_until(lambda: broker.waiting() >= len(placed), 30)
    time.sleep(2)  # several leases, during which no run may be published again
    assert broker.published() - before == len(placed)
    crew.worker(concurrency=2)
    all_end(placed, "two dispatchers, all messages lost", crew)
    assert all(step.attempts == 1 for run_id in placed for step in steps_of(run_id))
    with transaction() as session:
        assert [attempt for run_id in placed for attempt in queries.attempts_of_run(session, run_id)] == []


@pytest.mark.parametrize("point", ["before-commit@inventory.reserve", "after-call@payments.authorise"])
def test_a_run_survives_a_worker_stopped_for_longer_than_its_lease(crew: Shop, point: str) -> None:
    """With `before-commit`, it holds the lock of the run; PostgreSQL ends its transaction after 5 s."""
    stopped = crew.worker(name="stopped")
    crew.dispatcher()
    crew.armed.write_text(f"{point} stop")
    run_id = checkout()
    assert crew.struck()
    stopped.send_all(signal.SIGSTOP)
    crew.worker(name="other")
    assert checks.ended(run_id) == "succeeded"
    stopped.send_all(signal.SIGCONT)
    later = checkout()
    all_end({run_id: None, later: None}, "a worker stopped for longer than a lease", crew)


def test_a_call_made_by_two_workers_is_recorded_once(crew: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after the broker's visibility timeout: two workers have the message, and both call the gateway."""
    stopped = crew.worker(name="stopped")
    crew.armed.write_text("after-call@payments.authorise stop")
    run_id = checkout()
    assert crew.struck()
    stopped.send_all(signal.SIGSTOP)
    crew.worker(name="other")
    crew.armed.write_text("after-commit@payments.authorise stop")
    monkeypatch.setattr(Channel, "_put", duplicates.put_again)
    publish(run_id, 0, plan(CHECKOUT, FRESH))
    assert crew.struck()  # the other worker has recorded the call under the same generation
    stopped.send_all(signal.SIGCONT)
    crew.dispatcher()
    all_end({run_id: None}, "a call that two workers have made", crew)
    assert "payments.authorise of" not in stopped.log.read_text()  # no failure, because the call is already recorded


def test_a_message_lost_with_a_stopped_worker_is_published_again(crew: Shop) -> None:
    """Redis hands it to the waiting worker (BRPOP), which never receives it."""
    run_id = checkout()
    broker.client().flushall()
    worker = crew.worker()
    for _ in range(20):  # until the worker is stopped during a BRPOP that does not end meanwhile
        assert wait_until(broker.is_awaited, 60, 0.01)
        worker.send_all(signal.SIGSTOP)
        publish(run_id, 0, plan(CHECKOUT, FRESH))
        if wait_until(lambda: broker.waiting() == 0, 0.5):
            break
        broker.client().flushall()
        worker.send_all(signal.SIGCONT)
    else:
        pytest.fail("The message was never lost, so that this test shows nothing.")
    worker.kill()
    crew.dispatcher()
    worker.start()
    all_end({run_id: None}, "stopped, published to, killed", crew)


@pytest.mark.parametrize("fleet", ["one worker", "a worker per service"])
def test_checkouts_survive_repeated_flushes_of_redis(crew: Shop, fleet: str) -> None:
    if fleet == "one worker":
        crew.worker(concurrency=2)
    else:
        worker_per_service(crew, SHOP_CONTINUE_FOR="0")
    crew.dispatcher()
    placed: dict[str, Any] = {}
    for way in WAYS * 5:
        placed[checkout(way)] = way
        broker.client().flushall()
    all_end(placed, f"FLUSHALL after each checkout, {fleet}", crew, datetime.now(UTC))


def test_a_run_survives_a_dispatcher_killed_before_it_publishes(crew: Shop) -> None:
    run_id = checkout()
    broker.client().flushall()
    crew.worker()
    crew.armed.write_text("before-publish@inventory.reserve")
    with kept_alive(crew.dispatcher("first"), crew.dispatcher("second")):
        assert crew.struck()
        all_end({run_id: None}, "a dispatcher killed before it publishes", crew, datetime.now(UTC))


def test_an_intent_of_a_cancelled_run_is_settled(crew: Shop) -> None:
    """The worker dies after the gateway has authorised; an operator cancels before a retry."""

    worker = crew.worker()
    crew.armed.write_text("after-call@payments.authorise worker")
    run_id = checkout()
    assert crew.struck()
    worker.wait(60)
    with transaction() as session:
        durable.cancel(session, run_id)
    worker.start()
    crew.dispatcher()
    assert checks.ended(run_id) == "cancelled"
    assert [intent["status"] for intent in crew.ledger()][-1] == "canceled"
    all_end({run_id: "cancelled"}, "a run cancelled while a call's outcome is unknown", crew)

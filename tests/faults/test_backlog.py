"""Queued runs are not lost: they are not published again, and are served in order."""

import pytest
from sqlalchemy import func, select

import workflows  # noqa: F401  the workflows that there are
from durable.tables import RunRecord, StepRecord
from local.waiting import wait_until
from models.core.database import transaction
from tests.faults import broker, checks
from tests.faults.drivers import checkout
from tests.faults.workers import SHORT, worker_per_service
from tests.shop import Shop

pytestmark = pytest.mark.long

ORDERS = 150
HOPS = 8  # messages of a checkout with one message per step


@pytest.mark.parametrize("fleet", ["one worker", "a worker per service"])
def test_a_backlog_is_served_in_order_without_republication(shop: Shop, fleet: str) -> None:
    shop.environment |= SHORT
    broker.client().flushall()
    before = broker.published()
    shop.dispatcher()
    queued = [checkout(method="pm_card_mastercard") for _ in range(ORDERS)]  # no customer confirms it
    if fleet == "one worker":
        needed = ORDERS
        shop.worker()
    else:
        needed = ORDERS * HOPS
        worker_per_service(shop, SHOP_CONTINUE_FOR="0")
    assert wait_until(lambda: _live() == 0, 100, 0.2)
    shop.kill()
    assert broker.published() - before <= 1.05 * needed
    if fleet == "one worker":
        assert _served(queued) == queued
    checks.check_invariants(shop)


def _live() -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).where(RunRecord.finished_at.is_(None))).one()


def _served(queued: list[str]) -> list[str]:
    """The runs in the order of their first steps."""
    first = func.min(StepRecord.started_at)
    order = select(StepRecord.run_id).where(StepRecord.run_id.in_(queued)).group_by(StepRecord.run_id).order_by(first)
    with transaction() as session:
        return list(session.scalars(order))

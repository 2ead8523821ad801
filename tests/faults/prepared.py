"""Confirmed orders for the drivers of what follows a checkout, made before any crash point is armed."""

from collections.abc import Iterable

from models import orders, payments
from models.core.database import transaction
from tests.faults import checks
from tests.shop import Shop
from tests.shopping import make_customer, make_product, place_order

CAPTURED = {"capture": False, "cancellation": False, "refund": True}
"""Workflow that needs a confirmed order → whether the order's payment is captured."""

_ready: dict[str, list[str]] = {workflow: [] for workflow in CAPTURED}


def prepare(shop: Shop, workflows: Iterable[str]) -> None:
    """Confirms an order for each of these workflows that needs one, with a worker that ends afterwards."""
    wanted = [workflow for workflow in workflows if workflow in CAPTURED]
    for ready in _ready.values():
        ready.clear()
    if not wanted:
        return
    shop.worker(concurrency=2)
    shirt = make_product("PREPARED", len(wanted))
    placed = []
    for number, workflow in enumerate(wanted):
        user_id = make_customer(f"prepared{number}")
        with transaction() as session:
            placed.append((workflow, place_order(session, user_id, {shirt: 1})))
    for workflow, order in placed:
        assert order.run_id is not None
        assert checks.ended(order.run_id) == "succeeded"
        if CAPTURED[workflow]:
            capture(order.id)
        _ready[workflow].append(order.id)
    shop.kill()


def capture(order_id: str) -> None:
    with transaction() as session:
        payment_id = payments.find_first_payment(session, order_id)
        run_id = orders.capture_payment(session, payment_id, None, owner=None).run_id
    assert run_id is not None
    assert checks.ended(run_id) == "succeeded"


def take(workflow: str) -> str:
    """The id of an order that was prepared for this workflow, for one run."""
    return _ready[workflow].pop()

"""Confirmed orders for the drivers of what follows a checkout, made before any crash point is armed."""

from collections.abc import Iterable

import requests

from durable.ids import new_id
from models import fulfilment, orders, payments
from models.core.database import transaction
from tests.faults import checks
from tests.faults.points import Point
from tests.reaching import add_device, subscribe
from tests.shop import Shop
from tests.shopping import make_customer, make_product, place_order

WORKFLOWS = (
    "authorisation_check", "backorder_filled", "cancellation", "capture", "delay_notice", "delivery", "dispute_closed",
    "dispute_opened",
    "fulfilment",
    "line_cancellation", "payment_update", "push_message", "reconciliation", "refund", "refund_failed",
    "return",
)  # fmt: skip
"""The workflows that need a confirmed order, a forgotten authorisation, or a device."""

_ready: dict[tuple[str, str | None], list[str]] = {}


def prepare(shop: Shop, points: Iterable[Point]) -> None:
    """Confirms an order for each of these points that needs one, with a worker that is killed afterwards."""
    wanted = [(point.workflow, point.refused_at) for point in points if point.workflow in WORKFLOWS]
    _ready.clear()
    for purpose in [one for one in wanted if one[0] == "reconciliation"]:
        _ready.setdefault(purpose, []).append(_hold_for_nobody(shop))
        wanted.remove(purpose)
    for purpose in [one for one in wanted if one[0] == "push_message"]:
        user_id = make_customer(f"browsing-{new_id('usr')[-12:]}")
        _ready.setdefault(purpose, []).append(add_device(user_id, subscribe(shop.mailbox.url)))
        wanted.remove(purpose)
    if not wanted:
        return
    shop.worker(concurrency=2)
    shirt = make_product("PREPARED", 2 * len(wanted))
    placed = []
    for number, purpose in enumerate(wanted):
        user_id = make_customer(f"prepared{number}")
        with transaction() as session:
            placed.append((purpose, place_order(session, user_id, {shirt: 1 + (purpose[0] == "line_cancellation")})))
    for purpose, order in placed:
        _end(order.run_id)
        _ready.setdefault(purpose, []).append(order.id)
        if purpose[0] in (
            "dispute_closed", "dispute_opened", "line_cancellation", "payment_update", "refund", "refund_failed",
        ):  # fmt: skip
            _capture(order.id)
        if purpose[0] in ("payment_update", "refund_failed"):
            _fail_refund(shop, order.id)
        if purpose == ("refund", "payments.refund"):
            _dispute(shop, order.id)
        if purpose[0] in ("delay_notice", "delivery", "return"):
            _end(pack(order.id))
        if purpose in (
            ("fulfilment", "payments.capture_order"), ("capture", "payments.capture"), ("authorisation_check", None),
        ):  # fmt: skip
            _lapse(shop, order.id)
    shop.kill()


def take(workflow: str, refused_at: str | None = None) -> str:
    """The id of an order or a device, or the reference of an authorisation, that was prepared for a run of this
    workflow."""
    return _ready[workflow, refused_at].pop()


def pack(order_id: str, tracking_number: str | None = "1Z999", service: str | None = None) -> str:
    """Packs all of an order into a parcel, and returns the run that ships it."""
    with transaction() as session:
        parcel = fulfilment.pack(
            session, order_id, tracking_number=tracking_number, service=service, actor=new_id("usr")
        )
        return parcel.run_id


def _end(run_id: str | None) -> None:
    assert run_id is not None
    assert checks.ended(run_id) == "succeeded"


def _capture(order_id: str) -> None:
    with transaction() as session:
        payment_id = payments.find_first_payment(session, order_id)
        run_id = orders.capture_payment(session, payment_id, None, owner=None).run_id
    _end(run_id)


def _lapse(shop: Shop, order_id: str) -> None:
    """The gateway releases the money, which the shop does not know."""
    _post(shop, f"payment_intents/{_payment(order_id).reference}/lapse")


def _dispute(shop: Shop, order_id: str) -> None:
    """The customer's bank disputes the payment, which the shop does not know."""
    _post(shop, f"payment_intents/{_payment(order_id).reference}/dispute")


def _fail_refund(shop: Shop, order_id: str) -> None:
    """Finance refunds the payment, and the refund fails after it has succeeded, which the shop does not know."""
    with transaction() as session:
        asked = payments.request_refund(session, _payment(order_id).id, None, "Torn", owner=None)
    assert asked.run_id is not None
    _end(asked.run_id)
    with transaction() as session:
        reference = payments.get_transaction(session, asked.id).reference
    _post(shop, f"refunds/{reference}/end", status="failed")


def _payment(order_id: str) -> payments.Payment:
    with transaction() as session:
        return payments.get_payment(session, payments.find_first_payment(session, order_id))


def _post(shop: Shop, path: str, **form: str) -> None:
    requests.post(f"{shop.gateway.url}/sandbox/{path}", form, timeout=30).raise_for_status()


def _hold_for_nobody(shop: Shop) -> str:
    """The gateway holds money for an order that does not exist. Returns the reference."""
    form = {
        "amount": 500, "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true",
        "capture_method": "manual", "metadata[order_id]": new_id("ord"), "metadata[payment_id]": new_id("pay"),
    }  # fmt: skip
    answer = requests.post(f"{shop.gateway.url}/v1/payment_intents", data=form, auth=("sk_test_1", ""), timeout=30)
    answer.raise_for_status()
    return str(answer.json()["id"])

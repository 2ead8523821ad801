"""Requests of staff about one order that the state machine (`machine.py`) sends at the same instant."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from tests.workflows import records
from tests.workflows.books import Order, Parcel

Act = tuple[str, dict[str, Any], Callable[[Order], str | None]]
AT_ONCE: dict[str, Act] = {
    "cancel": ("/v1/orders/{order.id}/cancel", {}, lambda order: order.cancel(by_staff=True)),
    "capture": ("/v1/payments/{order.payment_id}/capture", {}, lambda order: order.capture(None)),
    "refund": (
        "/v1/payments/{order.payment_id}/refunds", {"amount": 500, "reason": "Late"}, lambda order: order.refund(500)
    ),
    "ship": (
        "/v1/orders/{order.id}/fulfilments", {"tracking_number": "1Z999"},
        lambda order: order.ship(Parcel(order.unpacked)),
    ),
}  # fmt: skip
"""Name → path, body, and what the model does."""


def explains(turn: Iterable[tuple[str, bool]], order: Order) -> bool:
    """Whether the requests in this order explain which of them were accepted, and what the order is now."""
    trial = deepcopy(order)
    outcomes = [(AT_ONCE[act][2](trial) is None) == accepted for act, accepted in turn]
    return all(outcomes) and trial.shown == records.read_order(order)

"""Steps of authorisations that end before they are captured: neither provider renews them, so staff are notified."""

from datetime import timedelta
from typing import Any, TypedDict

from sqlalchemy.orm import Session

import durable
from durable import Run, Suspend
from models import orders, payments
from models.core.workflow_inputs import AuthorisationInput, SlotInput
from settings import settings
from tasks.gateways.payments import PROVIDERS, provider
from tasks.gateways.payments.provider import State
from tasks.payments.authorisation import service

GONE: tuple[State, ...] = ("lapsed", "voided", "cancelled")
BUSY = timedelta(minutes=1)
EXPIRING, LAPSED = "authorisation-expiring", "authorisation-lapsed"
"""Tags of orders whose payment will lapse, or has lapsed."""


@service.step
def find_expiring(session: Session, run: Run[SlotInput]) -> dict[str, object]:
    """Starts a check of each payment whose authorisation ends soon, once a day; a run has one batch per provider."""
    margin, day = timedelta(hours=settings.hold_margin_hours), run.input["slot"][:10]
    places: dict[str, str | None] = run.input.get("places") or dict.fromkeys(PROVIDERS)
    left: dict[str, str] = {}
    for gateway, after in places.items():
        opened_before = run.now() - provider(gateway).holds_for + margin
        if last := payments.check_expiring(session, gateway, opened_before, day, after):
            left[gateway] = last
    if not left:
        return {}
    portion = run.input.get("portion", 1) + 1
    about = {"slot": run.input["slot"], "portion": portion, "places": left}
    return {"next": durable.start(session, run.workflow, key=f"{run.input['slot']}/{portion}", input=about)}


class LookUp(TypedDict):
    gateway: str
    reference: str


def _look_up(request: LookUp, idempotency_key: str) -> State | None:
    made = provider(request["gateway"]).look_up(request["reference"])
    return made.state if made else None


class Outcome(TypedDict):
    """`ends`: when the authorisation ends (RFC 3339)."""

    lapsed: bool
    ends: str


def _record(session: Session, run: Run[AuthorisationInput], state: State | None) -> Outcome | Suspend | None:
    order = orders.lock(session, run.input["order_id"])
    if not _is_firm(order):
        return None
    if not payments.is_idle(session, run.input["payment_id"]):
        return Suspend(run.now() + BUSY)
    payment = payments.get_payment(session, run.input["payment_id"])
    ends = payment.created_at + provider(payment.gateway).holds_for
    outcome: Outcome = {"lapsed": state in GONE, "ends": ends.isoformat()}
    if state in GONE:
        if not payments.record_lapse(session, payment.id):
            return None
        flagged = orders.flag(session, order.id, LAPSED, "The payment's authorisation has lapsed.", actor="payments")
        return outcome if flagged else None
    is_near = run.now() >= ends - timedelta(hours=settings.hold_margin_hours)
    if state != "authorised" or payment.status != "authorised" or not is_near:
        return None
    reason = f"The payment's authorisation ends at {ends:%Y-%m-%d %H:%M} UTC."
    return outcome if orders.flag(session, order.id, EXPIRING, reason, actor="payments") else None


def _is_firm(order: orders.Order) -> bool:
    return order.status not in ("pending", "cancelled")


@service.external_step(call=_look_up, record=_record)
def check_authorisation(session: Session, run: Run[AuthorisationInput]) -> LookUp | Suspend | None:
    """Asks the provider whether it still holds the money of a confirmed order, and flags the order if not for long.

    Waits while the payment is being captured or voided.
    """
    if not _is_firm(orders.lock(session, run.input["order_id"])):
        return None
    if not payments.is_idle(session, run.input["payment_id"]):
        return Suspend(run.now() + BUSY)
    payment: Any = payments.get_payment(session, run.input["payment_id"])
    if payment.status != "authorised":
        return None
    return {"gateway": payment.gateway, "reference": payment.reference}

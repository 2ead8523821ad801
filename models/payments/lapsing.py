"""Authorisations that end before they are captured: finding them, and recording that they have lapsed."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

import durable
from models.payments.queries import lock_payment
from models.payments.recording import add_transaction
from models.payments.settling import find_pending
from models.payments.tables import PAYMENT_STATUS, Payment

BATCH = 500
"""Payments in a step, to bound its transaction."""
LAPSED = {"code": "authorisation_lapsed", "detail": "The provider has released what was not captured in time."}
"""The error of the void that records a lapse."""


def check_expiring(session: Session, gateway: str, opened_before: datetime, slot: str, after: str | None) -> str | None:
    """Starts an `authorisation_check` for a batch of payments that have been authorised since before a time.

    Returns the last payment of a full batch, after which the next one begins. Each payment is checked once per `slot`.
    """
    query = select(Payment.id, Payment.order_id).where(
        Payment.status == "authorised", Payment.gateway == gateway, Payment.created_at < opened_before,
        *([Payment.id > after] if after else []),
    )  # fmt: skip
    found = session.execute(query.order_by(Payment.id).limit(BATCH)).all()
    for payment_id, order_id in found:
        about = {"payment_id": payment_id, "order_id": order_id}
        durable.start(session, "authorisation_check", key=f"{payment_id}:{slot}", input=about)
    return found[-1].id if len(found) == BATCH else None


def is_idle(session: Session, payment_id: str) -> bool:
    """Whether neither a capture nor a void of a payment, which is locked, is in progress."""
    lock_payment(session, payment_id)
    return not any(find_pending(session, payment_id, kind) for kind in ("capture", "void"))


def record_lapse(session: Session, payment_id: str) -> bool:
    """Records that the provider has released an authorisation by itself. False: the payment is not authorised."""
    payment = lock_payment(session, payment_id)
    if payment.status != "authorised":
        return False
    PAYMENT_STATUS.move(payment, "voided")
    add_transaction(session, payment, "void", "succeeded", payment.reference, error=LAPSED)
    return True

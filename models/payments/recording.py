"""What becomes of a payment: it is opened, and what a provider answers or says of its own accord is recorded."""

import re
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from durable import transitions
from durable.ids import Id, new_id
from models.payments.queries import find_by_reference, lock_payment
from models.payments.tables import GATEWAY, PAYMENT_STATUS, Payment, Transaction, WebhookEvent

_OPEN = insert(Payment)
_PAYMENT_ID = re.compile("pay_[0-9a-f]{32}")


def open_payment(
    session: Session, order_id: str, amount: int, currency: str, method: str, *, gateway: str = GATEWAY,
    return_url: str | None = None,
) -> str:  # fmt: skip
    """Opens a payment that an order waits for, and returns its id. `amount` in minor units.

    `return_url`: where the provider sends the customer back to; None: the customer is not there to confirm anything.
    """
    payment_id = new_id("pay")
    row = {
        "id": payment_id, "order_id": order_id, "amount": amount, "currency": currency, "method": method,
        "gateway": gateway, "return_url": return_url,
    }  # fmt: skip
    session.connection().execute(_OPEN, row)
    return payment_id


def open_settled(session: Session, order_id: str, currency: str, *, gateway: str) -> str:
    """Opens a payment of nothing that counts as captured, for an order that costs nothing. Returns its id."""
    payment = Payment(id=new_id("pay"), order_id=order_id, amount=0, currency=currency, method=gateway, gateway=gateway)
    session.add(payment)
    session.flush()
    PAYMENT_STATUS.move(payment, "authorised")
    PAYMENT_STATUS.move(payment, "captured")
    add_transaction(session, payment, "authorise", "succeeded", None)
    return payment.id


# In one statement: as an object that is loaded, changed and written they were three.
_AUTHORISED = text(f"""
    WITH payment AS (
        UPDATE payments.payment
        SET status = 'authorised', reference = :reference, next_action = NULL, updated_at = now()
        WHERE id = :payment_id AND {PAYMENT_STATUS.may_become("authorised")} RETURNING id, amount
    )
    INSERT INTO payments.transaction (id, payment_id, kind, status, amount, reference)
    SELECT :transaction_id, id, 'authorise', 'succeeded', amount, :reference FROM payment RETURNING payment_id
""").bindparams(  # noqa: S608, our own words
    bindparam("payment_id", type_=Id("pay")), bindparam("transaction_id", type_=Id("txn"))
)


def record_authorisation(session: Session, payment_id: str, reference: str) -> None:
    """Records that the provider holds the money under `reference`. Raises NotFound and Conflict `wrong_state`."""
    values = {"payment_id": payment_id, "reference": reference, "transaction_id": new_id("txn")}
    if session.connection().execute(_AUTHORISED, values).one_or_none() is None:
        raise PAYMENT_STATUS.refusal(lock_payment(session, payment_id).status)


def record_action(session: Session, payment_id: str, reference: str, next_action: dict[str, Any]) -> None:
    """Records that the customer has to confirm the payment, and how. Raises NotFound and Conflict `wrong_state`."""
    payment = lock_payment(session, payment_id)
    PAYMENT_STATUS.move(payment, "action_required")
    payment.reference, payment.next_action = reference, next_action


def record_decline(session: Session, payment_id: str, decline_code: str | None) -> None:
    """Records that the provider said no: the payment has failed. Raises NotFound and Conflict `wrong_state`."""
    payment = lock_payment(session, payment_id)
    PAYMENT_STATUS.move(payment, "failed")
    payment.decline_code, payment.next_action = decline_code, None
    add_transaction(session, payment, "authorise", "declined", None)


def record_void(session: Session, payment_id: str, reference: str | None) -> None:
    """Records that the provider holds no money for this payment any more; `reference` None: it never did.

    Nothing is changed for a payment that has failed or was voided before. Raises NotFound and Conflict `wrong_state`.
    """
    payment = lock_payment(session, payment_id)
    if payment.status in ("failed", "voided"):
        return
    PAYMENT_STATUS.move(payment, "voided")
    payment.reference, payment.next_action = payment.reference or reference, None
    if reference is not None:
        add_transaction(session, payment, "void", "succeeded", reference)


def add_transaction(
    session: Session, payment: Payment, kind: str, status: str, reference: str | None,
    error: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """Records what the provider did with all of a payment's amount."""
    row: dict[str, object] = {"payment_id": payment.id, "kind": kind, "status": status, "amount": payment.amount}
    row |= {"error": error} if error else {}
    session.connection().execute(insert(Transaction), {"id": new_id("txn"), "reference": reference, **row})


RELEASED = ("payment_intent.canceled", "PAYMENT.AUTHORIZATION.VOIDED")
"""Events of an authorisation that was released, by the shop or by the provider."""

_NEW_EVENT = (
    insert(WebhookEvent)
    .values({name: bindparam(name) for name in ("id", "type", "reference")})
    .on_conflict_do_nothing()
    .returning(WebhookEvent.id)
)


def record_webhook_event(
    session: Session, event_id: str, type: str, reference: str | None, order_id: str | None
) -> bool:
    """Records an event that the provider has sent, and wakes the checkout of its order. False: it is known already,
    and nothing was done.

    What it says is never taken at its word: it only wakes a checkout that waits for its next attempt, or starts the
    check of a released authorisation, which then asks the provider itself.
    """
    row = {"id": event_id, "type": type, "reference": reference}
    is_new = session.connection().scalar(_NEW_EVENT, row) is not None
    if is_new and order_id is not None:
        transitions.wake_if_paused(session, "checkout", order_id)
    if is_new and type in RELEASED and reference is not None:
        _check_authorisation(session, reference, event_id)
    return is_new


def follow_report(
    session: Session, gateway: str, event_id: str, reference: str | None, payment_id: str | None
) -> str | None:
    """Starts the run that asks a provider where the refunds and disputes of a payment stand, because of a new event
    about one of them. Returns the run's id; None: the shop does not know the payment.

    The payments of another program with the same account at the provider may have ids of another form.
    """
    if reference is not None:
        payment_id = find_by_reference(session, gateway, reference)
    if payment_id is None or not _PAYMENT_ID.fullmatch(payment_id) or session.get(Payment, payment_id) is None:
        return None
    return durable.start(session, "payment_update", key=event_id, input={"payment_id": payment_id})


def _check_authorisation(session: Session, reference: str, event_id: str) -> None:
    """Starts the check of a payment that is authorised as far as we know."""
    known = select(Payment.id, Payment.order_id).where(Payment.reference == reference, Payment.status == "authorised")
    for payment_id, order_id in session.execute(known):
        about = {"payment_id": payment_id, "order_id": order_id}
        durable.start(session, "authorisation_check", key=event_id, input=about)

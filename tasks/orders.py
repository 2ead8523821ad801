"""Steps of the orders service: confirming and cancelling orders."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypedDict

from sqlalchemy.orm import Session

from durable import Run, Service, Suspend
from models import orders, payments, returns
from models.core.workflow_inputs import (
    CancellationInput,
    CheckoutInput,
    LineCancellationInput,
    RefundInput,
    ReturnInput,
    UserInput,
)
from settings import settings
from tasks.inventory import release_cancelled
from tasks.payments import give_back, refund_cancelled, refund_return, settle_cancelled

service = Service("orders")


@service.step(commits_at_once=True)
def confirm(session: Session, run: Run[CheckoutInput]) -> dict[str, str]:
    """Confirms the order and issues its invoice. This is the pivot: afterwards the run only goes forward."""
    invoice = orders.confirm(session, run.input["order_id"])
    if settings.capture == "on_confirmation":
        payment_id = payments.find_first_payment(session, run.input["order_id"])
        orders.capture_payment(session, payment_id, None, owner=None)
    return {"invoice_id": invoice.id, "invoice_number": invoice.number}


@service.step(anywhere=True, replayable=True)
def complete(session: Session, run: Run[CheckoutInput]) -> dict[str, str]:
    """Returns the result of the checkout."""
    confirmed = run.output(confirm) or {}
    return {"order_id": run.input["order_id"], **confirmed}


@service.step
def cancel(session: Session, run: Run[CheckoutInput]) -> dict[str, str]:
    """Cancels the order of a refused checkout, with the reason."""
    order = orders.cancel(session, run.input["order_id"], {k: run.error[k] for k in ("code", "detail")})
    return {"order_id": order.id}


@service.step(commits_at_once=True)
def credit(session: Session, run: Run[RefundInput]) -> dict[str, str]:
    """Issues the credit note of a refund, unless it makes up for one that was credited and has failed."""
    refunded = payments.get_transaction(session, run.input["transaction_id"])
    note = orders.credit_refund(
        session, run.input["order_id"], source=refunded.id, amount=refunded.amount, reason=run.input["reason"], lines=[]
    )
    return {"credit_note_id": note.id, "credit_note_number": note.number} if note is not None else {}


@service.step(commits_at_once=True)
def credit_return(session: Session, run: Run[ReturnInput]) -> dict[str, str]:
    """Issues the credit note of a return, for what was refunded."""
    made = returns.get_return(session, run.input["return_id"])
    refunded: Mapping[str, Any] = run.output(refund_return) or {}
    if not made.refund or not refunded:
        return {}
    came = {line.product_id: line.resellable + line.damaged for line in returns.list_lines(session, [made.id])[made.id]}
    sold = orders.lines_of(session, [made.order_id])[made.order_id]
    note = orders.credit_refund(
        session, made.order_id, source=refunded["transaction_id"], amount=made.refund, reason=made.reason,
        lines=[_credited(line, came[line.product_id]) for line in sold if came.get(line.product_id)],
    )  # fmt: skip
    return {"credit_note_id": note.id, "credit_note_number": note.number} if note is not None else {}


def _credited(line: Any, quantity: int) -> dict[str, object]:
    same = {name: getattr(line, name) for name in ("product_id", "sku", "title", "unit_price")}
    return {**same, "quantity": quantity}


@service.step(commits_at_once=True)
def credit_cancelled(session: Session, run: Run[CancellationInput]) -> dict[str, str]:
    """Issues the credit note of a cancelled order, for what was not credited before."""
    order = orders.get(session, run.input["order_id"])
    payments.lock_refunds(session, order.id)  # so that no other credit note is issued meanwhile
    lines = [
        _credited(line, line.quantity - line.cancelled)
        for line in orders.lines_of(session, [order.id])[order.id]
        if line.quantity > line.cancelled
    ]
    amount = order.total - sum(note.amount for note in orders.list_credit_notes(session, order.id))
    if amount == 0:
        return {}
    note = orders.issue_credit_note(
        session, order.id, source=order.id, amount=amount, reason=run.input["reason"], lines=lines
    )
    return {"credit_note_id": note.id, "credit_note_number": note.number}


@service.step(anywhere=True, replayable=True)
def close_cancellation(session: Session, run: Run[CancellationInput]) -> dict[str, object]:
    """Returns the result of the cancellation. Amounts in minor units."""
    given_back: Mapping[str, Any] = run.output(give_back) or {}
    note = run.output(credit_cancelled) or {}
    return {
        "order_id": run.input["order_id"],
        "refunded": given_back.get("amount", 0) if given_back.get("kind") == "refund" else 0,
        "voided": given_back.get("amount", 0) if given_back.get("kind") == "void" else 0,
        "restocked": (run.output(release_cancelled) or {}).get("restocked", 0),
        "credit_note_id": note.get("credit_note_id"),
    }


class GivenBack(TypedDict):
    """What the cancellation of pieces has given back, in minor units."""

    refunded: int
    voided: int


def given_back(run: Run[LineCancellationInput]) -> GivenBack:
    """What was refunded and what will not be captured."""
    settled: Mapping[str, Any] = run.output(settle_cancelled) or {}
    refunded: Mapping[str, Any] = run.output(refund_cancelled) or {}
    return {"refunded": refunded.get("amount", 0), "voided": settled["voided"]}


@service.step(commits_at_once=True)
def credit_lines(session: Session, run: Run[LineCancellationInput]) -> dict[str, str]:
    """Issues the credit note of cancelled pieces, for what is refunded or not captured."""
    given, order_id, cancelled = given_back(run), run.input["order_id"], run.input["lines"]
    amount = given["refunded"] + given["voided"]
    if amount == 0:
        return {}
    refunded: Mapping[str, Any] = run.output(refund_cancelled) or {}
    note = orders.issue_credit_note(
        session, order_id, source=refunded.get("transaction_id", run.input["cancellation_id"]), amount=amount,
        reason=run.input["reason"],
        lines=[
            _credited(line, cancelled[line.product_id])
            for line in orders.lines_of(session, [order_id])[order_id]
            if line.product_id in cancelled
        ],
    )  # fmt: skip
    return {"credit_note_id": note.id, "credit_note_number": note.number}


@service.step(anywhere=True, replayable=True)
def close_line_cancellation(session: Session, run: Run[LineCancellationInput]) -> dict[str, object]:
    """Returns the result of the cancellation. Amounts in minor units."""
    return {
        "order_id": run.input["order_id"],
        **given_back(run),
        "restocked": sum(run.input["lines"].values()),
        "credit_note_id": (run.output(credit_lines) or {}).get("credit_note_id"),
    }


RETRY_AFTER = timedelta(days=1)


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> Suspend | None:
    """Erases the addresses of a closed account's orders. Waits a day and retries while one is in progress."""
    if orders.erase_user(session, run.input["user_id"]):
        return Suspend(run.now() + RETRY_AFTER)
    return None

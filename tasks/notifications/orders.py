"""Mails to customers about their orders, parcels and returns."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session

from durable import Run, Suspend
from models import fulfilment, orders, payments, returns
from models.core.workflow_inputs import (
    ActionInput,
    BackorderFilledInput,
    CancellationInput,
    CheckoutInput,
    LineCancellationInput,
    ParcelInput,
    RefundInput,
    ReturnInput,
)
from models.notifications import Kind, contexts, kinds
from settings import settings
from tasks.notifications.sending import Request, compose, sends, with_document
from tasks.orders import confirm, credit, credit_cancelled, credit_lines, credit_return, given_back
from tasks.payments import give_back, refund_return


@sends(kinds.ORDER_CONFIRMED)
def order_confirmed(session: Session, run: Run[CheckoutInput]) -> Request | None:
    """Sends the customer the order's lines, its total and its invoice number."""
    lines = orders.get_summary(session, run.input["order_id"])
    order, confirmed = lines[0], run.output(confirm) or {}
    if order.account != "active":
        return None
    context: contexts.OrderConfirmed = {
        "first_name": order.first_name, "number": order.number, "total": order.total, "currency": order.currency,
        "lines": [{"quantity": line.quantity, "title": line.title} for line in lines],
        "promised": [_promised(line) for line in lines if line.backordered],
        "invoice": confirmed["invoice_number"],
    }  # fmt: skip
    request = compose(session, run, kinds.ORDER_CONFIRMED, context, order.email, order.user_id, order.language)
    return with_document(request, run.input["order_id"])


def _promised(line: Any) -> contexts.PromisedLine:
    promised_on = datetime.combine(line.promised_on, time(), UTC)
    return {"quantity": line.backordered, "title": line.title, "promised_on": promised_on}


@sends(kinds.BACKORDER_FILLED)
def backorder_filled(session: Session, run: Run[BackorderFilledInput]) -> Request | None:
    """Informs the customer that backordered goods have come, unless the order was cancelled meanwhile."""
    rows, came = orders.get_summary(session, run.input["order_id"]), run.input["quantities"]
    is_cancelled = orders.get(session, run.input["order_id"]).status == "cancelled"
    if is_cancelled or rows[0].account != "active":
        return None
    context: contexts.BackorderFilled = {
        "first_name": rows[0].first_name, "number": rows[0].number,
        "lines": [{"quantity": came[row.product_id], "title": row.title} for row in rows if row.product_id in came],
    }  # fmt: skip
    return compose(session, run, kinds.BACKORDER_FILLED, context, rows[0].email, rows[0].user_id)


@sends(kinds.ORDER_CANCELLED)
def order_cancelled(session: Session, run: Run[CheckoutInput | CancellationInput]) -> Request | None:
    """Sends the customer the reason for which the order was cancelled, or that the payment of the checkout failed."""
    order = orders.get_summary(session, run.input["order_id"])[0]
    if order.account != "active":
        return None
    reason = order.reason or run.error
    if reason["code"] == "payment_declined":
        failed: contexts.PaymentFailed = {
            "first_name": order.first_name, "number": order.number, "reason": reason["detail"],
            "decline_code": run.error.get("decline_code") or "",
        }  # fmt: skip
        return compose(session, run, kinds.PAYMENT_FAILED, failed, order.email, order.user_id, order.language)
    context: contexts.OrderCancelled = {
        "first_name": order.first_name, "number": order.number, "code": reason["code"], "reason": reason["detail"],
        "charged": order.confirmed_at is not None, "delayed": _status_of_refund(session, run) == "failed",
    }  # fmt: skip
    request = compose(session, run, kinds.ORDER_CANCELLED, context, order.email, order.user_id, order.language)
    return with_document(request, run.input["order_id"], run.output(credit_cancelled) or {})


@sends(kinds.LINES_CANCELLED)
def lines_cancelled(session: Session, run: Run[LineCancellationInput]) -> Request | None:
    """Sends the customer the pieces that are cancelled, the reason, and what is given back for them."""
    rows, cancelled = orders.get_summary(session, run.input["order_id"]), run.input["lines"]
    order, note = rows[0], run.output(credit_lines) or {}
    if order.account != "active":
        return None
    context: contexts.LinesCancelled = {
        "first_name": order.first_name, "number": order.number, "currency": order.currency,
        "lines": [{"quantity": cancelled[r.product_id], "title": r.title} for r in rows if r.product_id in cancelled],
        "reason": run.input["reason"], "credit_note": note.get("credit_note_number", ""), **given_back(run),
    }  # fmt: skip
    request = compose(session, run, kinds.LINES_CANCELLED, context, order.email, order.user_id, order.language)
    return with_document(request, run.input["order_id"], note)


@sends(kinds.REFUNDED)
def refunded(session: Session, run: Run[RefundInput]) -> Request | None:
    """Sends the customer the amount of a refund, its reason and the number of its credit note; nothing if it has failed
    since."""
    order = orders.get_summary(session, run.input["order_id"])[0]
    given = payments.get_transaction(session, run.input["transaction_id"])
    if given.status == "failed" or order.account != "active":
        return None
    context: contexts.Refunded = {
        "first_name": order.first_name, "number": order.number, "amount": given.amount, "currency": order.currency,
        "reason": run.input["reason"], "credit_note": (run.output(credit) or {}).get("credit_note_number", ""),
        "pending": given.status == "pending",
    }  # fmt: skip
    request = compose(session, run, kinds.REFUNDED, context, order.email, order.user_id, order.language)
    return with_document(request, run.input["order_id"], run.output(credit) or {})


def _status_of_refund(session: Session, run: Run[Any]) -> str:
    """Where the refund of a cancellation or a return stands now; `succeeded` if there is none."""
    done: Mapping[str, Any] = run.output(give_back) or run.output(refund_return) or {}
    return payments.get_transaction(session, done["transaction_id"]).status if done else "succeeded"


@sends(kinds.ORDER_SHIPPED)
def order_shipped(session: Session, run: Run[ParcelInput]) -> Request | None:
    """Sends the customer the contents of a parcel that has left, and its tracking number."""
    return _about_parcel(session, run, kinds.ORDER_SHIPPED)


@sends(kinds.ORDER_DELAYED)
def order_delayed(session: Session, run: Run[ParcelInput]) -> Request | Suspend | None:
    """Informs the customer of a parcel that is late: not delivered after `SHOP_DELAY_DAYS`."""
    parcel = fulfilment.get_parcel(session, run.input["parcel_id"])
    if parcel.status not in ("shipped", "in_transit") or parcel.shipped_at is None:
        return None
    late_at = parcel.shipped_at + timedelta(days=settings.delay_days)
    return Suspend(late_at) if run.now() < late_at else _about_parcel(session, run, kinds.ORDER_DELAYED)


@sends(kinds.ACTION_NEEDED)
def action_needed(session: Session, run: Run[ActionInput]) -> Request | Suspend | None:
    """Reminds a customer who has not confirmed the payment a few minutes after the checkout."""
    payment = payments.get_payment(session, run.input["payment_id"])
    action = payment.next_action or {}
    if payment.status != "action_required" or "url" not in action:
        return None
    remind_at = datetime.fromisoformat(run.input["remind_at"])
    if run.now() < remind_at:
        return Suspend(remind_at)
    order = orders.get_summary(session, run.input["order_id"])[0]
    if order.account != "active":
        return None
    context: contexts.ActionNeeded = {
        "first_name": order.first_name, "number": order.number, "total": payment.amount, "currency": payment.currency,
        "url": action["url"], "expires_at": datetime.fromisoformat(action["expires_at"]),
    }  # fmt: skip
    return compose(session, run, kinds.ACTION_NEEDED, context, order.email, order.user_id, order.language)


@sends(kinds.ORDER_DELIVERED)
def order_delivered(session: Session, run: Run[ParcelInput]) -> Request | None:
    """Informs the customer of a delivery."""
    is_delivered = fulfilment.get_parcel(session, run.input["parcel_id"]).status == "delivered"
    return _about_parcel(session, run, kinds.ORDER_DELIVERED) if is_delivered else None


def _about_parcel(session: Session, run: Run[ParcelInput], kind: Kind[contexts.Parcel]) -> Request | None:
    rows = orders.get_summary(session, run.input["order_id"])
    parcel, inside = (
        fulfilment.get_parcel(session, run.input["parcel_id"]),
        fulfilment.lines_of(session, run.input["parcel_id"]),
    )
    if rows[0].account != "active":
        return None
    context: contexts.Parcel = {
        "first_name": rows[0].first_name, "number": rows[0].number, "carrier": parcel.carrier or "",
        "tracking": parcel.tracking_number or "", "tracking_url": parcel.tracking_url or "",
        "lines": [{"quantity": inside[r.product_id], "title": r.title} for r in rows if r.product_id in inside],
    }  # fmt: skip
    return compose(session, run, kind, context, rows[0].email, rows[0].user_id, rows[0].language)


@sends(kinds.RETURN_DECIDED)
def return_decided(session: Session, run: Run[ReturnInput]) -> Request | None:
    """Informs the customer whether the return is approved, and why not."""
    order = orders.get_summary(session, run.input["order_id"])[0]
    if order.account != "active":
        return None
    made = returns.get_return(session, run.input["return_id"])
    context: contexts.ReturnDecided = {
        "first_name": order.first_name, "number": order.number, "refused_because": made.refused_because or "",
        "days": settings.return_send_days, "return_id": made.id, "pages": settings.public_url,
        "carrier": made.carrier or "", "tracking": made.tracking_number or "",
    }  # fmt: skip
    return compose(session, run, kinds.RETURN_DECIDED, context, order.email, order.user_id, order.language)


@sends(kinds.RETURN_RECEIVED)
def return_received(session: Session, run: Run[ReturnInput]) -> Request | None:
    """Informs the customer of the refund of a received return."""
    order = orders.get_summary(session, run.input["order_id"])[0]
    made = returns.get_return(session, run.input["return_id"])
    if made.received_at is None or order.account != "active":
        return None
    note: Mapping[str, Any] = run.output(credit_return) or {}
    context: contexts.ReturnReceived = {
        "first_name": order.first_name, "number": order.number, "refund": made.refund or 0,
        "currency": order.currency, "credit_note": note.get("credit_note_number", ""),
        "refund_status": _status_of_refund(session, run),
        "replacement": _number_of(session, made.replacement_order_id),
    }  # fmt: skip
    request = compose(session, run, kinds.RETURN_RECEIVED, context, order.email, order.user_id, order.language)
    return with_document(request, run.input["order_id"], note)


def _number_of(session: Session, order_id: str | None) -> str:
    return "" if order_id is None else str(orders.get(session, order_id).number)

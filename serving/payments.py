"""Payments: filters of their list, and how they are shown."""

from collections.abc import Sequence
from typing import Any

from marshmallow import fields, validate
from sqlalchemy.orm import Session

from models import orders, payments
from models.accounts import Principal
from models.core.database import transaction
from models.core.errors import NotAllowed
from models.operations import payment_search
from serving.fields import PLAUSIBLE, IdField, Timestamp
from serving.pages import Page, PageArgs, PageQuery, page
from tasks.gateways.payments import PROVIDERS


class PaymentQuery(PageQuery):
    """Filters; a payment matches all of them."""

    status = fields.String(validate=validate.OneOf(payments.PAYMENT_STATUS.statuses))
    provider = fields.String(validate=validate.OneOf(sorted(PROVIDERS)))
    reference = fields.String(
        validate=validate.Length(1, 255),
        metadata={"description": "The provider's name for the payment", "example": "pi_3Nabc"},
    )
    order_id = IdField("ord")
    since = Timestamp(data_key="from", validate=PLAUSIBLE, metadata={"description": "Opened then or later"})
    until = Timestamp(data_key="to", validate=PLAUSIBLE, metadata={"description": "Opened before"})


def payment_detail(session: Session, payment: payments.Payment) -> dict[str, object]:
    """A payment with its sums and transactions."""
    done: Sequence[payments.Transaction] = payments.list_transactions(session, payment.id)
    sums = {
        "captured": payment.captured, "refunded": payment.refunded,
        "refundable": payments.refundable(session, payment),
    }  # fmt: skip
    return {
        **_view(payment),
        **{name: {"amount": amount, "currency": payment.currency} for name, amount in sums.items()},
        "transactions": [_transaction(one, payment.currency) for one in done],
    }


def _transaction(one: payments.Transaction, currency: str) -> dict[str, object]:
    same = ("id", "kind", "status", "reference", "run_id", "error", "respond_by", "created_at")
    return {**{name: getattr(one, name) for name in same}, "amount": {"amount": one.amount, "currency": currency}}


def _view(payment: payments.Payment) -> dict[str, object]:
    amount = {"amount": payment.amount, "currency": payment.currency}
    same = (
        "id", "order_id", "status", "method", "gateway", "reference", "decline_code", "created_at", "updated_at",
    )  # fmt: skip
    return {**{name: getattr(payment, name) for name in same}, "amount": amount}


def list_visible(principal: Principal, place: PageArgs, filters: Any) -> Page:
    """A page of the payments that the principal sees, newest first. Raises NotAllowed for filters without
    `payments:read`."""
    if filters and "payments:read" not in principal.permissions:
        raise NotAllowed("Searching payments requires the permission payments:read.", permission="payments:read")
    chosen = payment_search.narrow(orders.select_visible_payments(principal), filters)
    with transaction() as session:
        found = page(session, chosen, payments.Payment.id.desc(), **place)
        found["data"] = [_view(payment) for payment in found["data"]]
    return found


def read_visible(principal: Principal, payment_id: str) -> dict[str, object]:
    """A payment. Raises NotFound unless it is the principal's own, or they hold `payments:read`."""
    with transaction() as session:
        return payment_detail(session, orders.get_visible_payment(session, payment_id, principal))

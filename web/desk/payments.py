"""Payments: the list, the ledger of one, and captures and refunds, from there or from the page of the order."""

import re
from collections.abc import Callable
from typing import Any

from babel.numbers import get_currency_precision
from flask import Response, g, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.payments.schemas import Capture, Refund
from models import orders, payments
from models.core.database import transaction
from models.core.errors import Invalid
from models.orders import Order
from models.payments import PAYMENT_STATUS
from serving.payments import PaymentQuery, list_visible, read_visible
from tasks.gateways.payments import PROVIDERS
from web import access
from web.blueprint import desk, takes_form
from web.desk.disputes import reason_of, time_left
from web.desk.filters import read_filters
from web.desk.names import numbers_of
from web.desk.order_actions import act
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, text
from web.language import gettext
from web.language import translatable as _

FILTERS = ("status", "provider", "reference", "from", "to")
PAYMENT = '/payments/<id("pay"):payment_id>'
VIEWS: tuple[tuple[str, dict[str, Any]], ...] = (
    (_("All"), {}), (_("To capture"), {"status": "authorised"}), (_("Waits for the customer"),
    {"status": "action_required"}), (_("Failed"), {"status": "failed"}), (_("Disputed"), {"status": "disputed"}),
)  # fmt: skip


@desk.get("/payments")
@access.allowed("payments:read")
def payments_page() -> Response:
    """The list of payments, newest first."""
    filters = read_filters(PaymentQuery(), *FILTERS)
    found: Any = {"data": [], "next_cursor": None}
    if filters.values is not None:
        found = list_visible(g.principal, filters.place, filters.values)
    ids = [payment["order_id"] for payment in found["data"]]
    with transaction() as session:
        numbers = numbers_of(session, ids)
    views = [(name, url_for("desk.payments_page", **one), one == filters.shown) for name, one in VIEWS]
    return show(
        "payments.html", section="desk.payments_page", payments=found["data"], cursor=found["next_cursor"],
        filters=filters, numbers=numbers, views=views, statuses=PAYMENT_STATUS.statuses, providers=sorted(PROVIDERS),
    )  # fmt: skip


@desk.get(PAYMENT)
@access.allowed("payments:read")
def payment_page(payment_id: str) -> Response:
    """A payment: what was captured and refunded, its transactions and disputes, and its forms."""
    return _show_payment(payment_id, read_outcome())


@desk.post(f"{PAYMENT}/capture")
@takes_form
@access.allowed("payments:capture")
def capture(payment_id: str) -> Response:
    """Captures an authorised payment, or a part of it."""
    currency = _currency_of(payment_id)

    def work(session: Session) -> str | None:
        body: Any = load(Capture(), amount=minor_units(text("amount"), currency))
        return orders.capture_payment(session, payment_id, body.get("amount"), owner=g.principal.user_id).run_id

    return _act(payment_id, "capturing", work)


@desk.post(f"{PAYMENT}/refund")
@takes_form
@access.allowed("payments:refund")
def refund(payment_id: str) -> Response:
    """Refunds captured money, in whole or in part."""
    currency = _currency_of(payment_id)

    def work(session: Session) -> str | None:
        body: Any = load(Refund(), amount=minor_units(text("amount"), currency), reason=text("reason"))
        asked = payments.request_refund(
            session, payment_id, body.get("amount"), body["reason"], owner=g.principal.user_id
        )
        return asked.run_id

    return _act(payment_id, "refunding", work)


def minor_units(shown: str, currency: str) -> int | None:
    """An amount as people write it, `12.50` or `12,50`, in minor units; None if it is empty. Raises Invalid.

    A point or comma never separates thousands: `1.000` is refused, because it is a thousand to some, and one to others.
    """
    if not shown:
        return None
    digits = get_currency_precision(currency)
    found = re.fullmatch(rf"(-?[0-9]{{1,13}})(?:[.,]([0-9]{{1,{digits}}}))?" if digits else r"(-?[0-9]{1,13})()", shown)
    if found is None:
        raise Invalid(gettext("The amount cannot be read. Write it as 12.50."))
    return int(found[1] + (found[2] or "").ljust(digits, "0"))


def _act(payment_id: str, done: str, work: Callable[[Session], str | None]) -> Response:
    """Does something with a payment and leads back: to its page, or to that of its order."""
    if text("back") != "payment":
        with transaction() as session:
            order_id = payments.get_payment(session, payment_id).order_id
        return act(order_id, done, work)

    def address(session: Session) -> str:
        return url_for("desk.payment_page", payment_id=payment_id, done=done, task=work(session))

    return send(address, lambda outcome, status: _show_payment(payment_id, outcome, status))


def _show_payment(payment_id: str, outcome: Outcome, status: int = 200) -> Response:
    payment: Any = read_visible(g.principal, payment_id)
    with transaction() as session:
        number = session.scalars(select(Order.number).where(Order.id == payment["order_id"])).one()
    disputes = [one for one in payment["transactions"] if one["status"] in payments.OPEN_DISPUTE]
    return show(
        "payment.html", status, section="desk.payments_page", payment=payment, number=number, outcome=outcome,
        disputes=disputes, reason_of=reason_of, time_left=time_left,
    )  # fmt: skip


def _currency_of(payment_id: str) -> str:
    with transaction() as session:
        return payments.get_payment(session, payment_id).currency

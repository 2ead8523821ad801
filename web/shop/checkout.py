"""The checkout on one page: address, payment, and what is bought."""

import hashlib
from uuid import uuid4

from flask import Response, g, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from durable import Refusal
from durable.ids import new_id
from models import accounts, carts, orders
from models.core import idempotency
from models.core.database import transaction
from models.core.errors import Invalid
from models.core.idempotency import StoredResponse
from serving.accounts import NewAddress
from serving.checkout import CheckoutRequestBody, place, refuse_if_overloaded
from settings import settings
from web import access
from web.blueprint import shop, takes_form
from web.forms import Form, is_id, read
from web.language import gettext
from web.pages import render, see
from web.shop import paying
from web.wording import describe_field

NEW = "new"


@shop.get("/checkout")
@access.signed_in
def checkout() -> Response:
    """The page on which an order is placed."""
    return _checkout(Form())


@shop.post("/checkout")
@takes_form
@access.signed_in
def send_checkout() -> Response:
    """Places the order. Sent twice, such as by a double click, it is placed once."""
    form, body = _read()
    if body is None:
        return _checkout(form, 422)
    user_id, key = g.principal.user_id, f"page {request.form.get('key', '')[:64] or uuid4().hex}"
    refuse_if_overloaded(user_id, key)
    try:
        with transaction() as session:
            order_id = _place_once(session, user_id, key, body, form.values.get("total"))
    except orders.InProgress as refusal:
        order_id = refusal.extra["order_id"]
    except Refusal as error:
        form.refuse(error, {"not_found": "address_id"})
        return _checkout(form, 422)
    return see("shop.order", order_id=order_id)


@shop.get("/checkout/return")
@access.signed_in
def payment_return() -> Response:
    """Where the bank's and PayPal's pages lead back to: to the order that was paid.

    Payments that a release before has opened do not name it; they lead to the customer's newest order.
    """
    order_id = request.args.get("order", "")
    if is_id("ord", order_id):
        return see("shop.order", order_id=order_id)
    newest = orders.select_own_orders(g.principal).order_by(orders.Order.id.desc()).limit(1)
    with transaction() as session:
        order = session.scalars(newest).one_or_none()
    return see("shop.order", order_id=order.id) if order else see("shop.basket")


def _place_once(session: Session, user_id: str, key: str, body: CheckoutRequestBody, total: str | None) -> str:
    """The id of the order. `total`: what the customer has seen; nobody orders for another amount."""
    fingerprint = hashlib.sha256(repr(sorted(body.items())).encode()).hexdigest()
    first = idempotency.claim(session, user_id, key, fingerprint)
    if first is not None:
        return str(first.body["order_id"])
    site = settings.public_url or request.host_url.rstrip("/")
    order_id = new_id("ord")
    back = f"{site}{url_for('shop.payment_return', order=order_id)}"
    order = place(session, user_id, body, back, order_id)
    if total is not None and total != str(order.total):
        raise Invalid(gettext("The basket or a price has changed since you opened this page. Please check it again."))
    idempotency.save(session, user_id, key, StoredResponse(303, {"order_id": order.id}, {}))
    return order.id


def _read() -> tuple[Form, CheckoutRequestBody | None]:
    """The form, and the request that it stands for; None if it cannot be taken."""
    chosen = request.form.get("address_id", NEW)
    form, address = read(NewAddress(), "address.")
    if chosen != NEW:
        form.errors.clear()
    payment = paying.read_payment(form)
    if chosen != NEW and not is_id("adr", chosen):
        form.errors["address_id"] = describe_field("Missing data for required field.")
    if form.errors:
        return form, None
    if chosen == NEW:
        return form, {"address": address, "payment": payment}
    return form, {"address_id": chosen, "payment": payment}


def _checkout(form: Form, status: int = 200) -> Response:
    user_id = g.principal.user_id
    with transaction() as session:
        basket = carts.view(session, user_id)
        query = select(accounts.Address).where(accounts.Address.user_id == user_id)
        addresses = list(session.scalars(query.order_by(accounts.Address.is_default.desc(), accounts.Address.id)))
    if not basket.items and form:
        return see("shop.basket")
    chosen = form.values.get("address_id") or (addresses[0].id if addresses else NEW)
    paid_by = form.values.get("payment", paying.CARD)
    page = render(
        "orders/checkout.html", status, form=form, basket=basket, addresses=addresses, chosen=chosen, new=NEW,
        methods=paying.payment_methods(), paid_by=paying.default_method() if paid_by == paying.CARD else paid_by,
        are_test_cards=paying.are_test_cards(), has_card_form=paying.has_card_form(),
        stripe_key=settings.stripe_publishable_key, key=uuid4().hex,
    )  # fmt: skip
    if paying.has_card_form():
        page.headers["Content-Security-Policy"] = paying.POLICY
    return page

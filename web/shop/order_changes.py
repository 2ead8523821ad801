"""What customers do with an order: cancel it, or send something back. Each has a page with a form."""

from flask import Response, g, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from models import fulfilment, orders, returns
from models.core.database import transaction
from models.core.errors import Invalid
from serving.fields import Line
from web import access
from web.blueprint import shop, takes_form
from web.forms import Form, is_id, sent
from web.language import gettext
from web.pages import render, see
from web.shop.account.acting import act
from web.shop.progress import read_progress
from web.wording import describe_field

ORDER = '/orders/<id("ord"):order_id>'


@shop.get(f"{ORDER}/cancel")
@access.signed_in
def cancellation(order_id: str) -> Response:
    """Asks whether the order is to be cancelled."""
    return _ask_to_cancel(order_id, Form())


@shop.post(f"{ORDER}/cancel")
@takes_form
@access.signed_in
def cancel_order(order_id: str) -> Response:
    """Cancels an order, or its checkout."""

    def work(session: Session) -> str:
        _cancel(session, order_id)
        return url_for("shop.order", order_id=order_id, done="cancelling")

    return act(work, sent(), lambda form, status: _ask_to_cancel(order_id, form, status))


def _cancel(session: Session, order_id: str) -> None:
    found = orders.get_own_order(session, order_id, g.principal)
    if found.status == "pending":
        orders.give_up(session, order_id)
        return
    user_id = g.principal.user_id
    fulfilment.cancel_pieces(session, order_id, lines=None, actor=user_id, is_staff=False, reason=None)


def _ask_to_cancel(order_id: str, form: Form, status: int = 200) -> Response:
    shown = read_progress(order_id, g.principal)
    if form and not shown.can_cancel:
        return see("shop.order", order_id=order_id)
    return render("orders/cancel.html", status, shown=shown, form=form)


@shop.get(f"{ORDER}/return")
@access.signed_in
def return_page(order_id: str) -> Response:
    """Asks what is sent back, and why."""
    return _ask_what_is_sent_back(order_id, Form())


@shop.post(f"{ORDER}/return")
@takes_form
@access.signed_in
def return_order(order_id: str) -> Response:
    """Requests a return of delivered goods: `quantity-<product>` units of each."""
    form = sent()

    def work(session: Session) -> str:
        orders.get_own_order(session, order_id, g.principal)
        reason, lines = _read(form)
        returns.request(
            session, order_id, lines, reason=reason, comment=None, actor=g.principal.user_id, is_staff=False
        )
        return url_for("shop.order", order_id=order_id, done="returning")

    return act(work, form, lambda form, status: _ask_what_is_sent_back(order_id, form, status))


def _read(form: Form) -> tuple[str, dict[str, int]]:
    """The reason, and product → units. Raises Invalid."""
    lines = {
        name.removeprefix("quantity-"): int(value)
        for name, value in form.values.items()
        if is_id("quantity-prd", name) and value.isascii() and value.isdigit() and len(value) < 8 and int(value) > 0
    }
    reason = form.values.get("reason", "")
    try:
        Line(1, 500, links=True).deserialize(reason)
    except ValidationError:
        form.errors["reason"] = describe_field("Missing data for required field.")
        raise Invalid("A return needs a reason.", errors={}) from None
    if not lines:
        raise Invalid(gettext("Choose how many units you send back."))
    return reason, lines


def _ask_what_is_sent_back(order_id: str, form: Form, status: int = 200) -> Response:
    shown = read_progress(order_id, g.principal)
    with transaction() as session:
        returnable = returns.list_returnable(session, order_id) if shown.can_return else {}
    if form and not returnable:
        return see("shop.order", order_id=order_id)
    titles = {line["product_id"]: line["title"] for line in shown.order["lines"]}
    return render("orders/return.html", status, shown=shown, form=form, titles=titles, returnable=returnable)

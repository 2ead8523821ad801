"""The page on which a customer cancels some pieces of an order."""

from flask import Response, g, url_for
from sqlalchemy.orm import Session

from models import fulfilment, orders
from models.core.database import transaction
from models.core.errors import Invalid
from web import access
from web.blueprint import shop, takes_form
from web.forms import Form, is_id, sent
from web.language import gettext
from web.pages import render
from web.shop.account.acting import act

PIECES = '/orders/<id("ord"):order_id>/cancel-pieces'
PREFIX = "quantity-"


@shop.get(PIECES)
@access.signed_in
def cancel_pieces_page(order_id: str) -> Response:
    """The lines of an order, with as many pieces as can be cancelled."""
    return _page(order_id, Form())


@shop.post(PIECES)
@takes_form
@access.signed_in
def cancel_pieces(order_id: str) -> Response:
    """Cancels `quantity-<product>` pieces of each product. If nothing is left of the order, it is cancelled."""
    form = sent()

    def work(session: Session) -> str:
        orders.get_own_order(session, order_id, g.principal)
        lines = _read(form)
        fulfilment.cancel_pieces(
            session, order_id, lines=lines, actor=g.principal.user_id, is_staff=False, reason=None
        )  # fmt: skip
        return url_for("shop.order", order_id=order_id)

    return act(work, form, lambda form, status: _page(order_id, form, status))


def _read(form: Form) -> dict[str, int]:
    """Product → pieces. Raises Invalid for a number that is none, and if there is nothing to cancel."""
    chosen: dict[str, int] = {}
    for name, value in form.values.items():
        product_id = name.removeprefix(PREFIX)
        if not name.startswith(PREFIX) or not is_id("prd", product_id) or value in ("", "0"):
            continue
        if not (value.isascii() and value.isdigit() and len(value) <= 6):
            raise Invalid("A number of pieces is no number.", errors={name: [gettext("This is not a whole number.")]})
        chosen[product_id] = int(value)
    if not chosen:
        raise Invalid(gettext("Choose how many pieces you do not want any more."))
    return chosen


def _page(order_id: str, form: Form, status: int = 200) -> Response:
    with transaction() as session:
        order = orders.get_own_order(session, order_id, g.principal)
        orders.check_cancellable(order, is_staff=False)
        lines = orders.list_lines(session, order_id)
    found = [line for line in lines if line.quantity > line.cancelled]
    return render("orders/cancel_pieces.html", status, order=order, lines=found, form=form)

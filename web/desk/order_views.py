"""Views of the list of orders that a user has saved: its filters, under a name."""

from collections.abc import Mapping
from typing import Any

from flask import Response, g, request, url_for
from sqlalchemy.orm import Session

from models import accounts
from models.core.errors import Invalid
from serving.orders import OrderQuery
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import Filters, read_filters
from web.desk.orders import FILTERS, LIST, show_orders
from web.desk.sending import send, text
from web.language import gettext

VIEW = '/orders/views/<id("lvw"):view_id>'


@desk.post("/orders/views")
@takes_form
@access.allowed("orders:read")
def save_view() -> Response:
    """Saves the filters of the list under a name, in place of those that had this name."""
    filters = _given()

    def work(session: Session) -> str:
        name = text("name")
        if not 1 <= len(name) <= accounts.MAX_VIEW_NAME:
            raise Invalid(gettext("Give the view a name of at most %(n)s characters.") % {"n": accounts.MAX_VIEW_NAME})
        if filters.values is None or not filters.shown:
            raise Invalid(gettext("Choose filters first, and show the list."))
        accounts.save_view(session, g.principal.user_id, LIST, name, filters.shown)
        return _address("view_saved", filters.shown)

    return send(work, lambda outcome, status: show_orders(filters, outcome, status))


@desk.post(f"{VIEW}/delete")
@takes_form
@access.allowed("orders:read")
def delete_view(view_id: str) -> Response:
    """Deletes a view. The list still shows its filters, so that they can be saved again."""

    def work(session: Session) -> str:
        deleted = accounts.delete_view(session, g.principal.user_id, view_id)
        return _address("view_deleted", deleted.filters)

    return send(work, lambda outcome, status: show_orders(_given(), outcome, status))


def _address(done: str, filters: Mapping[str, Any]) -> str:
    return url_for("desk.orders_page", done=done, **filters)


def _given() -> Filters:
    """The filters that the form contains."""
    shown = {name: value.strip() for name, value in request.form.items() if name in FILTERS and value.strip()}
    return read_filters(OrderQuery(), shown=shown)

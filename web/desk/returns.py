"""Returns: the list, and what staff decide about one."""

from typing import Any

from flask import Response, url_for
from marshmallow import fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.returns.schemas import ReturnReceipt, ReturnRefusal
from models import returns
from models.core.database import transaction
from models.core.errors import Invalid
from models.operations.attention import UNDER_WAY
from models.orders import Order
from models.returns import RETURN_STATUS, Return
from serving.pages import PageQuery, page
from settings import settings
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters
from web.desk.order_actions import act
from web.desk.pages import show
from web.desk.sending import load, pieces, text
from web.language import gettext
from web.language import translatable as _

CHOICES = ("under_way", *RETURN_STATUS.statuses)
RETURN = '/returns/<id("ret"):return_id>'
VIEWS: tuple[tuple[str, dict[str, Any]], ...] = (
    (_("All"), {}), (_("To decide"), {"status": "requested"}), (_("To receive"), {"status": "under_way"}),
    (_("Received"), {"status": "received"}),
)  # fmt: skip


class ReturnFilters(PageQuery):
    status = fields.String(validate=validate.OneOf(CHOICES))


@desk.get("/returns")
@access.allowed("orders:read")
def returns_page() -> Response:
    """The list of returns, newest first."""
    filters = read_filters(ReturnFilters(), "status")
    found: Any = {"data": [], "next_cursor": None}
    status = (filters.values or {}).get("status")
    statuses = UNDER_WAY if status == "under_way" else (status,) if status else ()
    query = select(Return, Order.number).join(Order, Order.id == Return.order_id)
    chosen = query.where(Return.status.in_(statuses)) if statuses else query
    if filters.values is not None:
        with transaction() as session:
            found = page(session, chosen, Return.id.desc(), **filters.place)
    views = [(name, url_for("desk.returns_page", **one), one == filters.shown) for name, one in VIEWS]
    return show("returns.html", section="desk.returns_page", returns=found["data"], cursor=found["next_cursor"],
                filters=filters, views=views, currency=settings.currency)  # fmt: skip


@desk.post(f"{RETURN}/approve")
@takes_form
@access.allowed("orders:write")
def approve(return_id: str) -> Response:
    """Approves a return."""
    return act(_order_of(return_id), "approved", lambda session: returns.approve(session, return_id).run_id)


@desk.post(f"{RETURN}/refuse")
@takes_form
@access.allowed("orders:write")
def refuse(return_id: str) -> Response:
    """Refuses a return. The mail to the customer contains the reason."""

    def work(session: Session) -> str:
        body: Any = load(ReturnRefusal(), reason=text("reason"))
        return returns.refuse(session, return_id, body["reason"]).run_id

    return act(_order_of(return_id), "refused", work)


@desk.post(f"{RETURN}/receive")
@takes_form
@access.allowed("orders:write")
def receive(return_id: str) -> Response:
    """Records the goods of a return: how many of each product are resellable, and how many are damaged."""

    def work(session: Session) -> str:
        lines = [{**line, "condition": condition} for condition in ("resellable", "damaged")
                 for line in pieces(f"{condition}-")]  # fmt: skip
        if not lines:
            raise Invalid(gettext("Fill in how many pieces have come."))
        body: Any = load(ReturnReceipt(), lines=lines)
        return returns.receive(session, return_id, body["lines"]).run_id

    return act(_order_of(return_id), "received", work)


def _order_of(return_id: str) -> str:
    with transaction() as session:
        return returns.get_return(session, return_id).order_id

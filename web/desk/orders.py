"""Orders: the list, and the page of one with everything that belongs to it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypedDict

from flask import Response, g, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from durable import Refusal
from durable.tables import RunRecord
from models import accounts, fulfilment, orders, returns
from models.accounts import User
from models.core.database import transaction
from models.core.errors import CarrierDown
from models.core.event_log import Event
from models.notifications import Notification
from models.operations import run_search
from models.orders import Order
from models.payments import PAYMENT_STATUS, Payment
from models.returns import Return
from serving.labels import list_rates, prepare_rates
from serving.limits import count
from serving.orders import OrderQuery, list_visible, order_views
from serving.payments import payment_detail
from tasks.gateways.carriers.carrier import Rate
from web import access
from web.blueprint import desk
from web.desk.filters import Filters, read_filters
from web.desk.history import Moment, list_events, list_mails, list_moments
from web.desk.pages import may, show
from web.desk.sending import Outcome, read_outcome
from web.desk.stock import list_warehouses
from web.desk.versions import version_of
from web.desk.words import describe
from web.files import pdf_file
from web.language import gettext
from web.language import translatable as _

FILTERS = ("q", "status", "payment_status", "fulfilment_status", "from", "to", "sku", "tag", "user_id")
VIEWS: tuple[tuple[str, dict[str, Any]], ...] = (
    (_("All"), {}), (_("To ship"), {"status": "confirmed"}), (_("Being packed"), {"status": "processing"}),
    (_("On their way"), {"status": "shipped"}), (_("Payment failed"), {"payment_status": "failed"}),
    (_("Disputed"), {"payment_status": "disputed"}),
)  # fmt: skip
"""Views of the list that are often needed."""
LIST = "orders"
"""The list, of saved views."""
RUNS = 50
UNSHIPPED = ("pending", "label_bought")
"""Statuses of a parcel that can be cancelled."""


class Shown(TypedDict):
    """What the page of an order shows. Lists that the permissions do not allow are empty."""

    order: dict[str, Any]
    version: str
    customer: str
    email: str | None
    parcels: Sequence[fulfilment.Parcel]
    contents: dict[str, list[fulfilment.ParcelLine]]
    returns: Sequence[Return]
    returned: dict[str, list[returns.ReturnLine]]
    payments: list[dict[str, Any]]
    notes: Sequence[orders.CreditNote]
    runs: Sequence[RunRecord]
    history: list[Moment]
    packable: dict[str, dict[str, int]]
    movable: dict[str, int]
    returnable: dict[str, int]
    warehouses: dict[str, str]
    titles: dict[str, str]
    following: list[str]
    invoice_status: str | None
    next_of_invoice: list[str]
    mails: Sequence[Notification]
    events: Sequence[Event]
    rates: list[Rate]
    rates_from: str | None
    rates_refused: str
    undo_parcel: str | None


@desk.get("/orders")
@access.allowed("orders:read")
def orders_page() -> Response:
    """The list of orders, newest first. Its filters and the place in it are in the address."""
    return show_orders(read_filters(OrderQuery(), *FILTERS), read_outcome())


def show_orders(filters: Filters, outcome: Outcome, status: int = 200) -> Response:
    """The list of orders with these filters, and what the user has saved of it."""
    found: Any = {"data": [], "next_cursor": None}
    if filters.values is not None:
        found = list_visible(g.principal, filters.place, filters.values)  # type: ignore[arg-type]
    with transaction() as session:
        names = _names(session, [order["id"] for order in found["data"]])
        own = accounts.list_views(session, g.principal.user_id, LIST)
    views = [(name, url_for("desk.orders_page", **chosen), chosen == filters.shown) for name, chosen in VIEWS]
    return show(
        "orders.html", status, section="desk.orders_page", orders=found["data"], cursor=found["next_cursor"],
        filters=filters, names=names, views=views, statuses=orders.ORDER_STATUS.statuses, own=own, outcome=outcome,
        payment_statuses=PAYMENT_STATUS.statuses, fulfilment_statuses=fulfilment.FULFILMENT_STATUSES,
    )  # fmt: skip


@desk.get('/orders/<id("ord"):order_id>')
@access.allowed("orders:read")
def order_page(order_id: str) -> Response:
    """The page of an order."""
    return show_order(order_id, read_outcome())


@desk.get('/orders/<id("ord"):order_id>/invoice.pdf')
@access.allowed("orders:read")
def invoice(order_id: str) -> Response:
    """The invoice of an order as a PDF file."""
    with transaction() as session:
        return _file(orders.describe_invoice(session, order_id))


@desk.get('/orders/<id("ord"):order_id>/credit-notes/<id("crn"):credit_note_id>.pdf')
@access.allowed("orders:read")
def credit_note(order_id: str, credit_note_id: str) -> Response:
    """A credit note of an order as a PDF file."""
    with transaction() as session:
        return _file(orders.describe_credit_note(session, orders.get_credit_note(session, order_id, credit_note_id)))


def show_order(order_id: str, outcome: Outcome, status: int = 200) -> Response:
    """The page of an order, with what an action did or why it was refused."""
    with transaction() as session:
        shown = _read(session, order_id, outcome.task)
    if "rates" in request.args and shown["packable"]:
        _ask_rates(order_id, shown)
    return show("order.html", status, section="desk.orders_page", outcome=outcome, **shown)


def _ask_rates(order_id: str, shown: Shown) -> None:
    """Adds what carriers charge for the next parcel, or why they do not say."""
    try:
        count("shipping_rates", g.principal.user_id)
        with transaction() as session:
            shown["rates_from"], asked = prepare_rates(session, g.principal, order_id)
        shown["rates"] = list_rates(asked)
    except CarrierDown:
        shown["rates_refused"] = gettext("The carrier does not respond. Try again in a moment.")
    except Refusal as refusal:
        shown["rates_refused"] = describe(refusal)


def _read(session: Session, order_id: str, task: str) -> Shown:
    row = orders.get_visible_order(session, order_id, g.principal)
    parcels = fulfilment.list_parcels(session, order_id)
    made = session.scalars(select(Return).where(Return.order_id == order_id).order_by(Return.id)).all()
    paid = _payments(session, order_id)
    order: Any = order_views(session, [row], g.principal)[0]
    user = session.get(User, row.user_id) if may("users:read") else None
    can_pack = may("orders:write") and row.status in ("confirmed", "processing")
    runs = _runs(session, order_id)
    invoice = orders.find_invoice(session, order_id)
    left = fulfilment.left_to_pack(session, order_id) if can_pack else {}
    can_return = may("orders:write") and any(parcel.delivered_at for parcel in parcels)
    return {
        "order": order, "version": version_of(row.note, row.tags), "customer": _name(row), "parcels": parcels,
        "email": user.email if user else None, "returns": made, "payments": paid,
        "contents": fulfilment.list_contents(session, [one.id for one in parcels]),
        "returned": returns.list_lines(session, [one.id for one in made]),
        "notes": orders.list_credit_notes(session, order_id), "runs": runs if may("runs:read") else [],
        "history": list_moments(session, row, parcels, made, paid),
        "mails": list_mails(session, runs) if may("notifications:read") else [],
        "events": list_events(session, [row.id, *_ids(parcels), *_ids(made)]) if may("audit:read") else [],
        "invoice_status": invoice.status if invoice else None,
        "next_of_invoice": list(orders.INVOICE_STATUS.following[invoice.status]) if invoice else [],
        "rates": [], "rates_from": None, "rates_refused": "",
        "undo_parcel": next((one.id for one in parcels if one.run_id == task and one.status in UNSHIPPED), None),
        "packable": left, "movable": dict(sum((Counter(there) for there in left.values()), Counter())),
        "returnable": returns.list_returnable(session, order_id) if can_return else {},
        "warehouses": list_warehouses(session),
        "titles": {line["product_id"]: line["title"] for line in order["lines"]},
        "following": list(orders.ORDER_STATUS.following[row.status]),
    }  # fmt: skip


def _payments(session: Session, order_id: str) -> list[dict[str, Any]]:
    if not may("payments:read"):
        return []
    rows = session.scalars(select(Payment).where(Payment.order_id == order_id).order_by(Payment.id)).all()
    return [payment_detail(session, row) for row in rows]


def _runs(session: Session, order_id: str) -> Sequence[RunRecord]:
    """The newest runs about an order."""
    query = run_search.find_runs(session, order_id=order_id).order_by(RunRecord.id.desc()).limit(RUNS)
    return session.scalars(query).all()


def _ids(rows: Sequence[Any]) -> list[str]:
    return [row.id for row in rows]


def _names(session: Session, order_ids: Sequence[str]) -> dict[str, str]:
    """Order id → the customer's name when it was placed."""
    query = select(Order.id, Order.first_name, Order.last_name).where(Order.id.in_(order_ids))
    return {row.id: _name(row) for row in session.execute(query)}


def _name(row: Any) -> str:
    return " ".join(filter(None, (row.first_name, row.last_name)))


def _file(document: orders.Document) -> Response:
    return pdf_file(orders.pdf_of_document(document), orders.file_name(document), is_shown=True)

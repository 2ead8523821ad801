"""What staff do with an order and its parcels. Each action calls the rule that the API's endpoint calls."""

from collections.abc import Callable
from typing import Any

from flask import Response, g, url_for
from sqlalchemy.orm import Session

from api.fulfilment.schemas import NewFulfilment
from api.orders.schemas import Cancel, Edit
from api.returns.schemas import NewReturn
from models import catalogue, fulfilment, orders, returns
from models.core.database import transaction
from models.core.errors import Invalid, NotFound, Stale
from web import access
from web.blueprint import desk, takes_form
from web.desk.lines import by_product
from web.desk.orders import show_order
from web.desk.sending import load, pieces, send, text, whole
from web.desk.versions import check_version, version_of
from web.language import gettext
from web.once import FIELD, Undoable, find_before

ORDER = '/orders/<id("ord"):order_id>'
PARCEL = '/parcels/<id("ful"):parcel_id>'


def act(order_id: str, done: str, work: Callable[[Session], str | None]) -> Response:
    """Does something with an order and leads to its page, which says so. `work` returns the id of the run, if any."""

    def address(session: Session) -> str:
        task = work(session)
        return url_for("desk.order_page", order_id=order_id, done=done, task=task)

    return send(address, lambda outcome, status: show_order(order_id, outcome, status))


@desk.post(f"{ORDER}/note")
@takes_form
@access.allowed("orders:write")
def annotate(order_id: str) -> Response:
    """Saves note and tags, unless somebody else has changed them since the page was opened."""

    def work(session: Session) -> Undoable:
        tags = [tag.strip() for tag in text("tags").split(",") if tag.strip()]
        note = text("note").replace("\r\n", "\n")
        body: Any = {"note": "", "tags": [], **load(Edit(), note=note, tags=tags)}
        row = orders.lock(session, order_id)
        check_version(row.note, row.tags)
        before = {"note": row.note or "", "tags": row.tags}
        fulfilment.edit(session, order_id, actor=g.principal.user_id, **body)
        address = url_for("desk.order_page", order_id=order_id, done="annotated", undo=text(FIELD))
        return Undoable(address, {**before, "order_id": order_id, "saved": version_of(row.note, row.tags)})

    return send(work, lambda outcome, status: show_order(order_id, outcome, status))


@desk.post(f"{ORDER}/note/undo")
@takes_form
@access.allowed("orders:write")
def undo_note(order_id: str) -> Response:
    """Brings back note and tags as they were before a form, unless they were changed again."""

    def work(session: Session) -> None:
        before = find_before(session, text("undo"))
        row = orders.lock(session, order_id)
        if before.get("order_id") != order_id:
            raise NotFound("There is nothing to undo.")
        if before["saved"] != version_of(row.note, row.tags):
            raise Stale("Somebody has changed this since.")
        fulfilment.edit(session, order_id, actor=g.principal.user_id, note=before["note"], tags=before["tags"])

    return act(order_id, "note_undone", work)


@desk.post(f"{ORDER}/ship")
@takes_form
@access.allowed("orders:write")
def ship(order_id: str) -> Response:
    """Ships a parcel from a warehouse: the lines that are filled in, or all that is left there."""

    def work(session: Session) -> str:
        carrier, chosen, service = text("rate").partition("|")
        if not chosen:
            carrier, service = text("carrier"), text("service")
        body: Any = load(
            NewFulfilment(), lines=pieces(), warehouse_id=text("warehouse_id"), carrier=carrier,
            service=service, tracking_number=text("tracking_number"),
        )  # fmt: skip
        if "lines" in body:
            body["lines"] = by_product(body["lines"])
        return fulfilment.pack(session, order_id, actor=g.principal.user_id, **body).run_id

    return act(order_id, "shipping", work)


@desk.post(f"{ORDER}/cancel")
@takes_form
@access.allowed("orders:write")
def cancel_order(order_id: str) -> Response:
    """Cancels the pieces that are filled in, or all that are in no parcel; or a checkout."""

    def work(session: Session) -> str:
        body: Any = load(Cancel(), lines=pieces(), reason=text("reason"))
        if orders.get_visible_order(session, order_id, g.principal).status == "pending":
            return orders.give_up(session, order_id)
        lines = by_product(body["lines"]) if "lines" in body else None
        return fulfilment.cancel_pieces(
            session, order_id, lines=lines, actor=g.principal.user_id, is_staff=True, reason=body.get("reason")
        )[1]

    return act(order_id, "cancelling", work)


@desk.post(f"{ORDER}/return")
@takes_form
@access.allowed("orders:write")
def register_return(order_id: str) -> Response:
    """Registers a return of delivered pieces, for the customer."""

    def work(session: Session) -> str:
        lines = pieces()
        if not lines:
            raise Invalid(gettext("Fill in how many pieces come back."))
        body: Any = load(NewReturn(), lines=lines, reason=text("reason"), comment=text("comment"))
        given = by_product(body["lines"])
        return returns.request(
            session, order_id, given, reason=body["reason"], comment=body.get("comment"),
            actor=g.principal.user_id, is_staff=True, exchange=_exchange(session, order_id, given, text("exchange")),
        ).run_id  # fmt: skip

    return act(order_id, "returning", work)


@desk.post(f"{PARCEL}/delivered")
@takes_form
@access.allowed("orders:write")
def deliver(parcel_id: str) -> Response:
    """Records the delivery of a parcel by hand."""

    def work(session: Session) -> None:
        fulfilment.deliver(session, parcel_id, g.principal.user_id)

    return act(_order_of(parcel_id), "delivered", work)


@desk.post(f"{PARCEL}/cancel")
@takes_form
@access.allowed("orders:write")
def withdraw(parcel_id: str) -> Response:
    """Cancels a parcel that has not left."""
    return act(_order_of(parcel_id), "withdrawn", lambda session: fulfilment.withdraw(session, parcel_id).run_id)


def _exchange(session: Session, order_id: str, given: dict[str, int], wanted: str) -> list[dict[str, Any]] | None:
    """What is sent instead, one `SKU` or `SKU: units` a line. Raises Invalid, NotFound and Conflict."""
    units: dict[str, int] = {}
    for line in filter(None, map(str.strip, wanted.splitlines())):
        sku, _, number = (part.strip() for part in line.partition(":"))
        found = catalogue.identify(session, skus=[sku])
        if not found:
            raise Invalid(gettext("There is no product with the SKU %(sku)s.") % {"sku": sku[:64]})
        product_id = found[0].product_id
        units[product_id] = units.get(product_id, 0) + (whole(number) if number else 1)
    body: Any = load(NewReturn(only=["exchange"]), exchange=[
        {"product_id": product_id, "quantity": n} for product_id, n in units.items()
    ])  # fmt: skip
    if "exchange" not in body:
        return None
    sold = orders.lines_of(session, [order_id])[order_id]
    return returns.freeze(session, sold, given, by_product(body["exchange"]))


def _order_of(parcel_id: str) -> str:
    with transaction() as session:
        return fulfilment.get_parcel(session, parcel_id).order_id

"""Warehouses: the list, creating one, and the page of one: address, capacity, what is in it, closing."""

from typing import Any

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from api.inventory.schemas import NewWarehouse, WarehouseChanges
from durable import Refusal
from models import catalogue, inventory
from models.core.database import transaction
from serving.inventory import CapacityQuery
from serving.pages import PageQuery
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters, read_rows
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, text, whole
from web.desk.versions import check_version, version_of
from web.desk.words import describe
from web.language import gettext

WAREHOUSE = '/warehouses/<id("wh"):warehouse_id>'
SECTION = "desk.warehouses_page"
ADDRESS = ("line1", "line2", "postal_code", "city", "country")


@desk.get("/warehouses")
@access.allowed("stock:read")
def warehouses_page() -> Response:
    """The list of warehouses."""
    filters = read_filters(PageQuery())
    with transaction() as session:
        found = read_rows(session, filters, inventory.select_warehouses, inventory.Warehouse.id.asc())
    return show("warehouses.html", section=SECTION, warehouses=found["data"], cursor=found["next_cursor"],
                filters=filters, outcome=read_outcome())  # fmt: skip


@desk.get("/warehouses/new")
@access.allowed("stock:write")
def new_warehouse() -> Response:
    """The form to create a warehouse."""
    return _show_new(Outcome())


@desk.post("/warehouses/new")
@takes_form
@access.allowed("stock:write")
def create_warehouse() -> Response:
    """Creates a warehouse."""

    def work(session: Session) -> str:
        body: Any = load(NewWarehouse(), name=text("name"), address=_address(), capacity=_capacity(session))
        made = inventory.create_warehouse(session, body["name"], body.get("address", {}), body.get("capacity", {}))
        return _path(made.id, "warehouse_created")

    return send(work, _show_new)


@desk.get(WAREHOUSE)
@access.allowed("stock:read")
def warehouse_page(warehouse_id: str) -> Response:
    """The page of a warehouse: its stock and the remaining capacity by kind of product. `code`, `quantity`: whether so
    many units of a product fit. `figures`: with the sums, which the page otherwise loads afterwards."""
    return _show(warehouse_id, read_outcome())


@desk.get(f"{WAREHOUSE}/figures")
@access.allowed("stock:read")
def warehouse_figures(warehouse_id: str) -> Response:
    """The part of the page that takes long with many products: the sums of the stock, and what remains."""
    with transaction() as session:
        warehouse = inventory.get_warehouse(session, warehouse_id)
        figures = _read_figures(session, warehouse)
    return show("warehouse_figures.html", capacity=warehouse.capacity, **figures)


@desk.post(WAREHOUSE)
@takes_form
@access.allowed("stock:write")
def save_warehouse(warehouse_id: str) -> Response:
    """Saves name, address and capacity, unless somebody else has changed the warehouse."""

    def work(session: Session) -> str:
        check_version(inventory.lock_warehouse(session, warehouse_id).updated_at)
        body = load(NewWarehouse(), name=text("name"), address=_address(), capacity=_capacity(session))
        inventory.update_warehouse(session, warehouse_id, body)
        return _path(warehouse_id, "warehouse_saved")

    return send(work, lambda outcome, status: _show(warehouse_id, outcome, status))


@desk.post(f"{WAREHOUSE}/status")
@takes_form
@access.allowed("stock:write")
def change_warehouse_status(warehouse_id: str) -> Response:
    """Closes a warehouse, or opens it again."""

    def work(session: Session) -> str:
        check_version(inventory.lock_warehouse(session, warehouse_id).updated_at)
        body: Any = load(WarehouseChanges(), status=text("status"))
        inventory.update_warehouse(session, warehouse_id, body)
        return _path(warehouse_id, "warehouse_opened" if body.get("status") == "active" else "warehouse_closed")

    return send(work, lambda outcome, status: _show(warehouse_id, outcome, status))


def _path(warehouse_id: str, done: str) -> str:
    return url_for("desk.warehouse_page", warehouse_id=warehouse_id, done=done)


def _address() -> dict[str, str]:
    return {name: value for name in ADDRESS if (value := text(f"address-{name}"))}


def _capacity(session: Session) -> dict[str, int | None]:
    """Kind → units; an empty field is unlimited."""
    given = {kind: text(f"capacity-{kind}") for kind in catalogue.kind_names(session)}
    return {kind: whole(value) if value else None for kind, value in given.items()}


def _show_new(outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        kinds = sorted(catalogue.kind_names(session))
    return show("warehouse.html", status, section=SECTION, warehouse=None, kinds=kinds, address_names=ADDRESS,
                address={}, capacity={}, levels={}, remaining={}, version="", outcome=outcome, fit="")  # fmt: skip


def _show(warehouse_id: str, outcome: Outcome, status: int = 200) -> Response:
    fit = ""
    with transaction() as session:
        warehouse = inventory.get_warehouse(session, warehouse_id)
        figures: dict[str, Any] = {"levels": {}, "kinds": sorted(catalogue.kind_names(session))}
        if request.args.get("figures"):
            figures = _read_figures(session, warehouse)
        if request.args.get("code") and not outcome.refusal:
            outcome, fit = _check_fit(session, warehouse, outcome)
    return show(
        "warehouse.html", status, section=SECTION, warehouse=warehouse, address_names=ADDRESS, outcome=outcome, fit=fit,
        address=warehouse.address, capacity=warehouse.capacity, version=version_of(warehouse.updated_at), **figures,
    )  # fmt: skip


def _read_figures(session: Session, warehouse: inventory.Warehouse) -> dict[str, Any]:
    """The sums of the stock and the remaining capacity, by kind of product. They read every level of the warehouse."""
    remaining = inventory.get_remaining_capacity(session, warehouse)
    return {"remaining": remaining, "kinds": sorted(remaining), "levels": inventory.get_totals(session, warehouse)}


def _check_fit(session: Session, warehouse: inventory.Warehouse, outcome: Outcome) -> tuple[Outcome, str]:
    """The sentence that says whether `quantity` units of the product with `code` fit, or the refusal."""
    try:
        found = inventory.identify_code(session, request.args["code"].strip()[:64])
        body: Any = load(CapacityQuery(), product_id=found.product_id, quantity=whole(request.args.get("quantity", "")))
    except Refusal as error:
        return Outcome(refusal=describe(error)), ""
    fits, room = inventory.check_capacity(session, warehouse, found.product_id, body["quantity"])
    sentence = gettext("%(n)s units of %(title)s fit.") if fits else gettext("%(n)s units of %(title)s do not fit.")
    left = "" if room is None else gettext("Room for %(n)s units remains.") % {"n": room}
    return outcome, f"{sentence % {'n': body['quantity'], 'title': found.title}} {left}".strip()

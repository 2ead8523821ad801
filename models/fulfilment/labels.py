"""Labels: what a carrier is asked for, and what it has sold. Used for parcels and for returns."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NotRequired, TypedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import accounts, catalogue, inventory, orders
from models.core.errors import Conflict
from models.fulfilment.queries import get_parcel, lines_of, lock_parcel
from models.fulfilment.tables import PARCEL_STATUS, HasLabel, Parcel
from settings import settings

GATEWAY = "easypost"
"""The adapter by which new labels are bought."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""By how much the carrier's clock may be behind ours."""


class Place(TypedDict):
    """An address; `country`: ISO 3166-1 alpha-2."""

    name: str
    line1: str
    line2: NotRequired[str]
    city: str
    postal_code: NotRequired[str]
    country: str


class LabelRequest(TypedDict):
    """What a carrier is asked for. `weight` in grams; `since`: a time before the first request, RFC 3339.

    `carrier` and `service` are those that were chosen, None: any. `reference` is the same in every attempt, and never
    that of another label. `is_return`: the recipient sends, and the sender receives.
    """

    gateway: str
    reference: str
    since: str
    sender: Place
    recipient: Place
    weight: int
    carrier: str | None
    service: str | None
    is_return: bool


class Label(TypedDict):
    """A label that was bought. `cost` in minor units."""

    reference: str
    tracking_number: str
    tracking_url: str | None
    carrier: str
    service: str
    cost: int
    currency: str


def check_carrier(session: Session, warehouse_id: str) -> None:
    """Raises Conflict `no_carrier` or `no_sender_address` if no label can be bought for parcels of this warehouse."""
    if not settings.carrier_api_key:
        raise Conflict("This shop has no carrier: enter a tracking_number.", code="no_carrier")
    if not has_sender(session, warehouse_id):
        name = inventory.get_warehouse(session, warehouse_id).name
        detail = f"{name} has no complete address: line1, city and country."
        raise Conflict(detail, code="no_sender_address", warehouse=name)


def has_sender(session: Session, warehouse_id: str | None) -> bool:
    """Whether there is an address for the labels of this warehouse, by default of the default one."""
    return _sender(inventory.get_warehouse(session, warehouse_id)) is not None


def get_label_request(session: Session, parcel_id: str) -> LabelRequest | None:
    """What the carrier is asked for a parcel; None if it has a tracking number. Raises NotFound."""
    parcel = get_parcel(session, parcel_id)
    if parcel.tracking_number is not None:
        return None
    return describe_shipment(
        session, orders.get(session, parcel.order_id), parcel.warehouse_id, lines_of(session, parcel_id),
        reference=parcel_id, carrier=parcel.carrier, service=parcel.service,
    )  # fmt: skip


def describe_shipment(
    session: Session, order: orders.Order, warehouse_id: str | None, lines: Mapping[str, int], *, reference: str,
    carrier: str | None = None, service: str | None = None, is_return: bool = False,
) -> LabelRequest:  # fmt: skip
    """What the carrier is asked for these goods of an order (product id → units), by default at `SHOP_LABEL_SERVICE`.

    Raises Conflict `no_sender_address`.
    """
    warehouse = inventory.get_warehouse(session, warehouse_id)
    check_carrier(session, warehouse.id)
    sender = _sender(warehouse)
    assert sender is not None
    if carrier is None and service is None:
        carrier, _, service = settings.label_service.partition(" ")
    since = session.scalars(select(func.now() - CLOCKS_DIFFER)).one()
    return {
        "gateway": GATEWAY, "reference": reference, "since": since.isoformat(), "sender": sender,
        "recipient": _recipient(session, order), "weight": _weight(session, lines), "carrier": carrier or None,
        "service": service or None, "is_return": is_return,
    }  # fmt: skip


def record_label(session: Session, parcel_id: str, label: Label) -> Parcel:
    """Records the label that was bought for a parcel, also for one that was cancelled meanwhile. Raises NotFound."""
    _, parcel = lock_parcel(session, parcel_id)
    note_label(parcel, label)
    if parcel.status == "pending":
        PARCEL_STATUS.move(parcel, "label_bought")
    session.flush()
    return parcel


def record_label_refund(session: Session, parcel_id: str, label: Label | None, state: str) -> None:
    """Records the refund of a parcel's label: `state` as in RefundState. `label`: one that was not recorded before."""
    _, parcel = lock_parcel(session, parcel_id)
    if label is not None:
        note_label(parcel, label)
    parcel.label_refund = state
    session.flush()


def note_label(row: HasLabel, label: Label) -> None:
    """Writes a label into the parcel or return, which the caller has locked."""
    row.gateway, row.label, row.tracking_number = GATEWAY, label["reference"], label["tracking_number"]
    row.carrier, row.service, row.tracking_url = label["carrier"], label["service"], label["tracking_url"]
    row.label_cost, row.label_currency = label["cost"], label["currency"]


def _sender(warehouse: inventory.Warehouse) -> Place | None:
    """The warehouse's address if it is complete, or else the shop's."""
    own: Mapping[str, Any] = warehouse.address or {}
    is_complete = own.get("line1") and own.get("city") and len(own.get("country") or "") == 2
    address = own if is_complete else settings.sender
    return None if address is None else _place(settings.seller_name, address)


def _recipient(session: Session, order: orders.Order) -> Place:
    user = accounts.get(session, order.user_id)
    return _place(f"{user.first_name} {user.last_name}".strip() or f"Order {order.number}", order.address)


def _place(name: str, address: Mapping[str, Any]) -> Place:
    place: Place = {
        "name": name, "line1": address.get("line1") or "", "city": address.get("city") or "",
        "country": address.get("country") or "",
    }  # fmt: skip
    if address.get("line2"):
        place["line2"] = address["line2"]
    if address.get("postal_code"):
        place["postal_code"] = address["postal_code"]
    return place


def _weight(session: Session, lines: Mapping[str, int]) -> int:
    """The weight of these goods in grams, at least one."""
    query = select(catalogue.Product.id, catalogue.Product.attributes).where(catalogue.Product.id.in_(lines))
    known = {product_id: attributes.get("weight_g") for product_id, attributes in session.execute(query)}
    return max(1, round(sum(units * (known.get(product) or settings.item_weight) for product, units in lines.items())))

"""Labels and rates of carriers, for the API and for pages."""

from sqlalchemy.orm import Session

from models import fulfilment, orders
from models.accounts import Principal
from models.core.errors import NotFound
from tasks.gateways.carriers import carrier, labels
from tasks.gateways.carriers.carrier import Rate


def read_label(row: fulfilment.HasLabel) -> bytes:
    """The label of a parcel or a return as a PDF file. Raises NotFound without one, or if it was refunded, and
    CarrierDown."""
    if row.gateway is None or row.label is None or not row.has_usable_label:
        raise NotFound("There is no label, or it was refunded.")
    return carrier(row.gateway).label_pdf(row.label)


def file_name(row: fulfilment.HasLabel) -> str:
    """The name under which it is saved."""
    return f"label-{row.tracking_number}.pdf"


def prepare_rates(session: Session, principal: Principal, order_id: str) -> tuple[str, fulfilment.LabelRequest]:
    """The warehouse of the next parcel of an order, as `fulfilment.choose` says, and what carriers are asked for it.

    Raises NotFound, and Conflict `nothing_to_ship`, `no_carrier` or `no_sender_address`.
    """
    order = orders.get_visible_order(session, order_id, principal)
    warehouse_id, lines = fulfilment.choose(session, order.id)
    asked = fulfilment.describe_shipment(session, order, warehouse_id, lines, reference=f"rates of {order.id}")
    return warehouse_id, asked


def list_rates(asked: fulfilment.LabelRequest) -> list[Rate]:
    """What the carriers charge, cheapest first. Raises CarrierRefused and CarrierDown. Not within a transaction."""
    return labels.list_rates(asked)

"""Labels of parcels and returns, as the carrier keeps them."""

from models import fulfilment
from models.core.errors import NotFound
from tasks.gateways.carriers import carrier


def read_label(row: fulfilment.HasLabel) -> bytes:
    """The label of a parcel or a return as a PDF file. Raises NotFound without one, or if it was refunded, and
    CarrierDown."""
    if row.gateway is None or row.label is None or not row.has_usable_label:
        raise NotFound("There is no label, or it was refunded.")
    return carrier(row.gateway).label_pdf(row.label)


def file_name(row: fulfilment.HasLabel) -> str:
    """The name under which it is saved."""
    return f"label-{row.tracking_number}.pdf"

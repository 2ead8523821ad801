"""Labels of parcels and returns."""

from models import fulfilment
from models.core.errors import NotFound
from tasks.gateways.carriers import carrier


def read_label(row: fulfilment.HasLabel) -> bytes:
    """The label of a parcel or a return as a PDF file. Raises NotFound without one, and CarrierDown."""
    if row.gateway is None or row.label is None or not row.has_usable_label:
        raise NotFound("There is no label, or it was refunded.")
    return carrier(row.gateway).label_pdf(row.label)

"""What fields of forms are called: refusals name them as the forms do, not as the API does."""

import re

from web.language import gettext
from web.language import translatable as _

FIELDS = {
    "address": _("Address"), "amount": _("Amount"), "attributes": _("Attributes"), "capacity": _("Capacity"),
    "carrier": _("Carrier"), "category": _("Category"), "city": _("Town or city"), "code": _("SKU or barcode"),
    "country": _("Country"), "date": _("Day"), "description": _("Description"), "email": _("E-mail address"),
    "from": _("From"), "handle": _("Handle"), "interval": _("Interval"), "kind": _("Kind"),
    "limit": _("Units beyond stock"), "name": _("Name"), "note": _("Note for colleagues"), "options": _("Options"),
    "parent_id": _("Below"), "permissions": _("Permissions"), "postal_code": _("Postal code"), "price": _("Price"),
    "product_id": _("Product"), "promised_on": _("Promised for"), "quantity": _("Units"), "reason": _("Reason"),
    "reorder_point": _("Reorder point"), "reorder_quantity": _("Units to order then"), "sku": _("SKU"),
    "status": _("Status"), "subject": _("Subject"), "tags": _("Tags"), "text": _("Text"), "title": _("Title"),
    "to": _("To"), "tracking_number": _("Tracking number"), "types": _("Events"), "units": _("Units"),
    "url": _("Address"), "warehouse_id": _("Warehouse"),
}  # fmt: skip


def name_of_field(path: str) -> str:
    """The name of a field by its place in the API's body: `lines.0.quantity` is the one of `quantity`."""
    known = [FIELDS[part] for part in path.split(".") if part in FIELDS]
    if known:
        return gettext(known[-1])
    last = re.sub(r"(\.\d+)+$", "", path).rpartition(".")[2]
    return last.replace("_", " ")

"""Shipments: opened with their rates, bought with a label, refunded while the parcel has not moved.

Nothing here is idempotent, for EasyPost has no idempotency keys: the same request again opens a second shipment.
"""

from secrets import randbelow
from typing import Any

from sandbox.carrier import errors, trackers
from sandbox.carrier.book import Book, new_id, now
from sandbox.carrier.errors import Refused
from sandbox.carrier.forms import Buy, Listing, Shipment
from sandbox.carrier.rates import PREFIXES, rates_for

BOUGHT = ("bought", "submitted", "refunded", "rejected")
"""The states in the book of a shipment with a label. Without one it is `open`."""
REFUSES_AT_ONCE = "Albatross"
"""This carrier refuses a refund of a parcel that has moved; the other takes the request and rejects it later."""
NOWHERE = "Nowhere"


def create(book: Book, asked: Shipment) -> dict[str, Any]:
    """Opens a shipment, with the rates of every carrier that takes it. Raises Refused for a city that is not there."""
    if asked.to_address.city == NOWHERE:
        field = {"field": "shipment.to_address", "message": "Address not found"}
        raise Refused(422, "ADDRESS.VERIFY.FAILURE", "Unable to verify address.", [field])
    sender, recipient = asked.from_address, asked.to_address
    if asked.is_return:  # the addresses are those of the parcel that comes back
        sender, recipient = recipient, sender
    shipment: dict[str, Any] = {
        "id": new_id("shp"),
        "object": "Shipment",
        "mode": "test",
        "created_at": now(),
        "updated_at": now(),
        "reference": asked.reference,
        "to_address": _own("adr", "Address", recipient.model_dump()),
        "from_address": _own("adr", "Address", sender.model_dump()),
        "parcel": _own("prcl", "Parcel", asked.parcel.model_dump()),
        "options": asked.options,
        "is_return": asked.is_return,
        "selected_rate": None,
        "postage_label": None,
        "tracker": None,
        "tracking_code": None,
        "refund_status": None,
        "insurance": None,
        "customs_info": None,
        "status": "unknown",
        "fees": [],
        "forms": [],
    }
    shipment["rates"], shipment["messages"] = rates_for(shipment)
    book.add(shipment, "open")
    return shipment


def require(book: Book, identifier: str) -> dict[str, Any]:
    """The shipment as it is, with its tracker. Raises Refused."""
    if shipment := book.find("Shipment", identifier):
        return _with_tracker(book, shipment)
    raise errors.missing("Shipment", identifier)


def page(book: Book, asked: Listing) -> dict[str, Any]:
    """EasyPost's list of shipments: the newest first, `has_more` when there are older ones.

    With `purchased` those that have a label, and without it, which has to be said, those that have none.
    """
    limit = asked.page_size
    found = book.newest(
        "Shipment",
        limit + 1,
        before=asked.before_id,
        after=asked.after_id,
        since=asked.start_datetime.timestamp() if asked.start_datetime else 0,
        until=asked.end_datetime.timestamp() if asked.end_datetime else None,
        states=BOUGHT if asked.purchased else ("open",),
    )
    shown = [_with_tracker(book, shipment) for shipment in found[:limit]]
    return {"shipments": shown, "has_more": len(found) > limit}


def buy(book: Book, identifier: str, asked: Buy, labels: str) -> dict[str, Any]:
    """Buys the label at one of the shipment's rates. `labels` is the address below which labels are fetched.

    Raises Refused for a shipment that has a label and for a rate that is not its own.
    """
    shipment = require(book, identifier)
    if shipment["postage_label"]:
        raise Refused(422, "SHIPMENT.POSTAGE.EXISTS", "Postage already exists for this shipment.")
    rate = next((rate for rate in shipment["rates"] if rate["id"] == asked.rate.id), None)
    if rate is None:
        raise Refused(422, "SHIPMENT.POSTAGE.FAILURE", "The rate does not belong to this shipment.")
    code = f"{PREFIXES[rate['carrier']]}{randbelow(10**12):012d}"
    shipment["selected_rate"] = rate
    shipment["tracking_code"] = code
    shipment["postage_label"] = _label(identifier, labels)
    shipment["tracker"] = trackers.open_for(book, code, rate["carrier"], shipment)["id"]
    book.save(shipment, "bought", code)
    return _with_tracker(book, shipment)


def refund(book: Book, identifier: str) -> dict[str, Any]:
    """Takes the request for a refund of the label. What becomes of it shows in `settle_refunds`.

    Raises Refused for a shipment without a label, for a second request, and, with one of the carriers, for a parcel
    that has moved.
    """
    shipment = require(book, identifier)
    if not shipment["postage_label"]:
        raise Refused(422, "SHIPMENT.POSTAGE.REQUIRED", "The shipment has no postage to refund.")
    if shipment["refund_status"]:
        raise Refused(422, "SHIPMENT.REFUND.EXISTS", "A refund of this shipment was requested before.")
    if _has_moved(shipment) and shipment["selected_rate"]["carrier"] == REFUSES_AT_ONCE:
        raise Refused(422, "SHIPMENT.REFUND.UNAVAILABLE", "The parcel is under way; its label can't be refunded.")
    return _with_tracker(book, _set_refund(book, shipment, "submitted"))


def settle_refunds(book: Book, seconds: float) -> None:
    """Decides on the refunds that were requested so long ago: rejected if the parcel has moved meanwhile."""
    for found in book.unchanged("Shipment", ("submitted",), seconds):
        shipment = _with_tracker(book, found)
        status = "rejected" if _has_moved(shipment) else "refunded"
        _set_refund(book, shipment, status)
        refunded = {
            "id": new_id("rfnd"),
            "object": "Refund",
            "created_at": now(),
            "updated_at": now(),
            "tracking_code": shipment["tracking_code"],
            "confirmation_number": None,
            "status": status,
            "carrier": shipment["selected_rate"]["carrier"],
            "shipment_id": shipment["id"],
        }
        book.emit("refund.successful" if status == "refunded" else "refund.failed", refunded)


def bought(book: Book, limit: int) -> list[dict[str, Any]]:
    """The shipments that have a label, newest first, with their trackers."""
    return [_with_tracker(book, shipment) for shipment in book.newest("Shipment", limit, states=BOUGHT)]


def _set_refund(book: Book, shipment: dict[str, Any], status: str) -> dict[str, Any]:
    stored = {**shipment, "refund_status": status, "tracker": shipment["tracker"]["id"]}
    book.save(stored, status)
    return stored


def _has_moved(shipment: dict[str, Any]) -> bool:
    return shipment["tracker"]["status"] not in trackers.BEFORE_TRANSIT


def _with_tracker(book: Book, shipment: dict[str, Any]) -> dict[str, Any]:
    """As EasyPost shows it; in the book, a shipment has only its tracker's id."""
    if not shipment["tracker"]:
        return shipment
    tracker = trackers.require(book, shipment["tracker"])
    return {**shipment, "tracker": tracker, "status": tracker["status"]}


def _own(prefix: str, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """What came inline, as an object with an id."""
    return {"id": new_id(prefix), "object": kind, "mode": "test", "created_at": now(), "updated_at": now(), **body}


def _label(shipment_id: str, labels: str) -> dict[str, Any]:
    url = f"{labels}/{shipment_id}.pdf"
    return {
        "id": new_id("pl"),
        "object": "PostageLabel",
        "created_at": now(),
        "updated_at": now(),
        "date_advance": 0,
        "integrated_form": "none",
        "label_date": now(),
        "label_resolution": 300,
        "label_size": "4x6",
        "label_type": "default",
        "label_file_type": "application/pdf",
        "label_url": url,
        "label_pdf_url": url,
        "label_zpl_url": None,
        "label_epl2_url": None,
        "label_file": None,
    }

"""Where each parcel is: trackers, and the moves that the sandbox makes on demand or by itself."""

from typing import Any, Literal, get_args

from sandbox.carrier import errors
from sandbox.carrier.book import Book, new_id, now
from sandbox.carrier.errors import Refused
from sandbox.carrier.forms import Listing, Tracker

Move = Literal["pre_transit", "in_transit", "out_for_delivery", "delivered", "failure", "return_to_sender"]
MOVES: tuple[Move, ...] = get_args(Move)
BEFORE_TRANSIT = ("unknown", "pre_transit")
BY_ITSELF: dict[str, Move] = {"unknown": "pre_transit", "pre_transit": "in_transit", "in_transit": "delivered"}
"""What follows a status with --auto-deliver."""
SAID = {
    "pre_transit": "Shipping label created.",
    "in_transit": "The parcel is on its way.",
    "out_for_delivery": "The parcel is in the delivery vehicle.",
    "delivered": "The parcel was delivered.",
    "failure": "The parcel could not be delivered.",
    "return_to_sender": "The parcel goes back to its sender.",
}
TEST_CODES: dict[str, Move] = {
    "EZ1000000001": "pre_transit", "EZ2000000002": "in_transit", "EZ3000000003": "out_for_delivery",
    "EZ4000000004": "delivered", "EZ5000000005": "return_to_sender", "EZ6000000006": "failure",
}  # fmt: skip
"""The tracking codes of EasyPost's documentation, and the statuses in which they are."""


def open_for(book: Book, code: str, carrier: str | None, shipment: dict[str, Any] | None) -> dict[str, Any]:
    """A new tracker, of a bought shipment or of a parcel from elsewhere."""
    identifier = new_id("trk")
    tracker: dict[str, Any] = {
        "id": identifier,
        "object": "Tracker",
        "mode": "test",
        "tracking_code": code,
        "status": "unknown",
        "status_detail": "unknown",
        "created_at": now(),
        "updated_at": now(),
        "signed_by": None,
        "weight": shipment["parcel"]["weight"] if shipment else None,
        "est_delivery_date": None,
        "shipment_id": shipment["id"] if shipment else None,
        "carrier": carrier or "Albatross",
        "tracking_details": [],
        "carrier_detail": None,
        "public_url": f"https://track.easypost.com/{identifier}",
        "fees": [],
    }
    book.add(tracker, "unknown", code)
    book.emit("tracker.created", tracker)
    return tracker


def create(book: Book, asked: Tracker) -> dict[str, Any]:
    """The tracker of a tracking code: the one that there is, or a new one."""
    known = _with_code(book, asked.tracking_code, asked.carrier)
    if known:
        return known[0]
    tracker = open_for(book, asked.tracking_code, asked.carrier, None)
    if asked.tracking_code in TEST_CODES:
        _note(book, tracker, TEST_CODES[asked.tracking_code])
    return tracker


def require(book: Book, identifier: str) -> dict[str, Any]:
    """The tracker. Raises Refused."""
    if tracker := book.find("Tracker", identifier):
        return tracker
    raise errors.missing("Tracker", identifier)


def page(book: Book, asked: Listing) -> dict[str, Any]:
    """EasyPost's list of trackers: the newest first, `has_more` when there are older ones."""
    if asked.tracking_code and asked.carrier:
        # A code belongs to few parcels, even where carriers use it again.
        return {"trackers": _with_code(book, asked.tracking_code, asked.carrier)[: asked.page_size], "has_more": False}
    limit = asked.page_size
    found = book.newest("Tracker", limit + 1, before=asked.before_id, after=asked.after_id, code=asked.tracking_code)
    return {"trackers": found[:limit], "has_more": len(found) > limit}


def move(book: Book, code: str, status: Move) -> dict[str, Any]:
    """Moves a parcel and reports it. Raises Refused for an unknown code and for a parcel whose label was refunded."""
    known = _with_code(book, code)
    if not known:
        raise errors.missing("Tracker", code)
    tracker = known[0]
    shipment = book.find("Shipment", tracker["shipment_id"] or "")
    if shipment and shipment["refund_status"] == "refunded":
        raise Refused(422, "SANDBOX.REFUNDED", "The label was refunded; nobody will take the parcel.")
    _note(book, tracker, status)
    return tracker


def move_by_themselves(book: Book, seconds: float) -> None:
    """Moves each bought parcel that has stood still for so long one status further."""
    for tracker in book.unchanged("Tracker", tuple(BY_ITSELF), seconds):
        shipment = book.find("Shipment", tracker["shipment_id"] or "")
        if shipment and shipment["refund_status"] in (None, "rejected"):
            _note(book, tracker, BY_ITSELF[tracker["status"]])


def _note(book: Book, tracker: dict[str, Any], status: Move) -> None:
    previous = {"status": tracker["status"], "updated_at": tracker["updated_at"]}
    shipment = book.find("Shipment", tracker["shipment_id"] or "")
    at = None if shipment is None else shipment["from_address" if status in BEFORE_TRANSIT else "to_address"]
    tracker["status"] = tracker["status_detail"] = status
    place = {name: at[name] if at else None for name in ("city", "state", "country", "zip")}
    tracker["tracking_details"].append(
        {
            "object": "TrackingDetail",
            "message": SAID[status],
            "description": None,
            "status": status,
            "status_detail": status,
            "datetime": now(),
            "source": tracker["carrier"],
            "carrier_code": None,
            "tracking_location": {"object": "TrackingLocation", **place},
        }
    )
    if status == "delivered":
        tracker["signed_by"] = at["name"] if at else None
    book.save(tracker, status)
    book.emit("tracker.updated", tracker, previous)


def _with_code(book: Book, code: str, carrier: str | None = None) -> list[dict[str, Any]]:
    """The trackers of a code, newest first."""
    found = book.newest("Tracker", 100, code=code)
    return [tracker for tracker in found if carrier is None or tracker["carrier"].lower() == carrier.lower()]

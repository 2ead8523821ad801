"""EasyPost as a carrier: shipments, labels, refunds, trackers and signed webhooks, by its official SDK.

EasyPost has no idempotency keys. What was done by a call whose answer was lost is found out by looking: `buy` and
`refund` do so themselves, and `find_shipments` does for `open_shipment`.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any, get_args

import requests
from easypost import EasyPostClient
from easypost.errors import InvalidRequestError, SignatureVerificationError
from easypost.util import validate_webhook

from models.core.errors import BadRequest, BadSignature, CarrierDown, CarrierRefused, Conflict
from models.core.numbers import parse_decimal
from settings import Settings
from tasks.gateways.carriers.carrier import (
    Address,
    Label,
    Parcel,
    Rate,
    RefundState,
    Shipment,
    Status,
    TrackerEvent,
    TrackerUpdate,
)
from tasks.gateways.carriers.easypost_client import Clients, calling

POSTAGE_EXISTS = "SHIPMENT.POSTAGE.EXISTS"
GRAMS_PER_OUNCE, MM_PER_INCH = 28.349523125, 25.4
PAGE = 100
LONGEST = 100  # characters of an id or a tracking number
SIGNATURE = "X-Hmac-Signature"
OF_TRACKERS = ("tracker.created", "tracker.updated")
STATUSES: dict[str, Status] = {status: status for status in get_args(Status)}
"""EasyPost's word → ours, which is the same. Anything else is unknown."""
REFUND_STATES: dict[str, RefundState] = {
    "submitted": "submitted", "refunded": "refunded", "rejected": "rejected", "not_applicable": "not_applicable",
}  # fmt: skip
WITHOUT_DECIMALS = ("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF")
"""Currencies whose minor unit is the currency itself (ISO 4217). The others that EasyPost has have cents."""


class EasyPost:
    """EasyPost, as `settings` name its address, key and webhook secret."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _clients(self) -> Clients:
        return Clients(self._settings)

    @property
    def _client(self) -> EasyPostClient:
        return self._clients.client

    def open_shipment(self, parcel: Parcel, reference: str) -> tuple[str, list[Rate]]:
        """See Carrier."""
        with calling():
            opened = self._client.shipment.create(
                from_address=_address(parcel.sender),
                to_address=_address(parcel.recipient),
                parcel=_parcel(parcel),
                reference=reference,
                is_return=parcel.is_return,  # EasyPost swaps the addresses
                options={"label_format": "PDF"},
            ).to_dict()
        rates = [_rate(rate) for rate in opened["rates"]]
        if not rates:
            said = "; ".join(str(told["message"]) for told in opened.get("messages") or ())
            raise CarrierRefused("no_rates", said or "No carrier takes the parcel.")
        return opened["id"], rates

    def find_shipments(self, reference: str, since: datetime | None = None) -> list[Shipment]:
        """See Carrier."""
        # EasyPost can't search by reference. A list has the shipments with a label, or those that have none: two lists.
        # A shipment that is bought meanwhile is in both, so those that have none are looked through first.
        found = {
            made["id"]: _shipment(made)
            for purchased in ("false", "true")
            for made in self._list(purchased, since)
            if made["reference"] == reference
        }
        return sorted(found.values(), key=lambda made: made.created_at, reverse=True)

    def buy(self, shipment_reference: str, rate: tuple[str, str] | None = None) -> Label:
        """See Carrier."""
        with calling():
            shipment = self._retrieve(shipment_reference)
            if not shipment["postage_label"]:
                chosen = _choose(shipment, rate)
                try:
                    shipment = self._client.shipment.buy(shipment_reference, rate={"id": chosen}).to_dict()
                except InvalidRequestError as error:
                    if error.code != POSTAGE_EXISTS:
                        raise
                    shipment = self._retrieve(shipment_reference)
        return _label(shipment)

    def label_pdf(self, shipment_reference: str) -> bytes:
        """See Carrier."""
        with calling():
            label = self._retrieve(shipment_reference)["postage_label"]
        if not label:
            raise Conflict("The shipment has no label.")
        try:
            # The page of a label takes no key: it must not be sent there.
            answer = self._clients.session.get(
                label.get("label_pdf_url") or label["label_url"], timeout=self._clients.timeout
            )
        except requests.RequestException as error:
            raise CarrierDown(f"The carrier does not hand out the label: {error}") from error
        if answer.status_code != 200 or not answer.content.startswith(b"%PDF"):
            raise CarrierDown(f"The carrier does not hand out the label ({answer.status_code}).")
        return answer.content

    def refund(self, shipment_reference: str) -> RefundState:
        """See Carrier."""
        with calling():
            try:
                shipment = self._client.shipment.refund(shipment_reference).to_dict()
            except InvalidRequestError:
                # Asked for before, nothing to refund, or too late. The shipment tells which.
                shipment = self._retrieve(shipment_reference)
                if shipment["refund_status"] is None:
                    return "rejected" if shipment["postage_label"] else "not_applicable"
        return REFUND_STATES.get(shipment["refund_status"], "submitted")

    def track(self, tracking_number: str, carrier: str) -> TrackerUpdate:
        """See Carrier."""
        about = {"tracking_code": tracking_number, "carrier": carrier}
        with calling():
            known = self._client.tracker.all(**about, page_size=1)["trackers"]
            tracker = known[0] if known else self._client.tracker.create(**about)
        return _update(tracker.to_dict(), None)

    def verify_webhook(self, payload: bytes, headers: Mapping[str, str]) -> TrackerUpdate | None:
        """See Carrier. The signature is in the header X-Hmac-Signature; it has no time, so an old event is accepted."""
        signature = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE.lower(), "")
        detail = "The signature does not belong to this body."
        if not signature.isascii():  # which the SDK can't compare
            raise BadSignature(detail)
        try:
            event = validate_webhook(payload, {SIGNATURE: signature}, self._settings.carrier_webhook_secret)
            if event["description"] not in OF_TRACKERS:
                return None
            return _update(event["result"], _text(event["id"]))
        except SignatureVerificationError:
            raise BadSignature(detail) from None
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise BadRequest(f"The event can't be read: {error!r}") from None

    def _retrieve(self, shipment_reference: str) -> dict[str, Any]:
        return self._client.shipment.retrieve(shipment_reference).to_dict()

    def _list(self, purchased: str, since: datetime | None) -> Iterator[dict[str, Any]]:
        """Every shipment with or without a label, newest first; fetched page by page."""
        params: dict[str, Any] = {"purchased": purchased, "page_size": PAGE}
        if since:
            params["start_datetime"] = since.isoformat()
        while True:
            with calling():
                page = self._client.shipment.all(**params)
            for made in page["shipments"]:
                yield made.to_dict()
            if not page["has_more"] or not page["shipments"]:
                return
            params["before_id"] = page["shipments"][-1].id


def _address(address: Address) -> dict[str, str]:
    fields = {
        "name": address.name, "street1": address.line1, "street2": address.line2, "city": address.city,
        "state": address.region, "zip": address.postal_code, "country": address.country, "phone": address.phone,
        "email": address.email,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value is not None}


def _parcel(parcel: Parcel) -> dict[str, float]:
    body = {"weight": round(parcel.weight / GRAMS_PER_OUNCE, 4)}
    if parcel.size:
        inches = (round(side / MM_PER_INCH, 2) for side in parcel.size)
        body |= dict(zip(("length", "width", "height"), inches, strict=True))
    return body


def _choose(shipment: dict[str, Any], rate: tuple[str, str] | None) -> str:
    """The id of the rate that was asked for, or of the cheapest. Raises CarrierRefused."""
    fitting = [found for found in shipment["rates"] if rate in (None, (found["carrier"], found["service"]))]
    if not fitting:
        raise CarrierRefused("no_rates", f"The shipment has no rate {' '.join(rate or ())}".rstrip() + ".")
    return str(min(fitting, key=lambda found: parse_decimal(found["rate"]))["id"])


def _rate(rate: dict[str, Any]) -> Rate:
    days = rate.get("delivery_days")
    return Rate(rate["carrier"], rate["service"], _minor_units(rate), rate["currency"], days)


def _shipment(shipment: dict[str, Any]) -> Shipment:
    return Shipment(
        shipment["id"],
        datetime.fromisoformat(shipment["created_at"]),
        tuple(_rate(rate) for rate in shipment["rates"]),
        _label(shipment) if shipment["postage_label"] else None,
    )


def _label(shipment: dict[str, Any]) -> Label:
    rate = shipment["selected_rate"]
    return Label(
        shipment_reference=shipment["id"],
        tracking_number=shipment["tracking_code"],
        carrier=rate["carrier"],
        service=rate["service"],
        amount=_minor_units(rate),
        currency=rate["currency"],
        tracking_url=(shipment.get("tracker") or {}).get("public_url"),
    )


def _minor_units(rate: dict[str, Any]) -> int:
    factor = 1 if rate["currency"] in WITHOUT_DECIMALS else 100
    return int((parse_decimal(rate["rate"]) * factor).quantize(Decimal(1), ROUND_HALF_UP))


def _update(tracker: dict[str, Any], event_id: str | None) -> TrackerUpdate:
    return TrackerUpdate(
        id=event_id,
        tracking_number=_text(tracker["tracking_code"]),
        carrier=_text(tracker["carrier"]),
        shipment_reference=tracker.get("shipment_id"),
        status=STATUSES.get(tracker["status"], "unknown"),
        changed_at=_moment(tracker["updated_at"]),
        events=tuple(_event(detail) for detail in tracker.get("tracking_details") or ()),
    )


def _event(detail: dict[str, Any]) -> TrackerEvent:
    at = detail.get("tracking_location") or {}
    place = ", ".join(str(at[part]) for part in ("city", "state", "country") if at.get(part))
    message = str(detail.get("message") or "")
    return TrackerEvent(STATUSES.get(detail["status"], "unknown"), message, _moment(detail["datetime"]), place or None)


def _text(value: object) -> str:
    """A value that has to be text. Raises ValueError for another type, and for more than can be stored."""
    if not isinstance(value, str) or len(value) > LONGEST:
        raise ValueError(f"{value!r:.100} is not text of at most {LONGEST} characters")
    return value


def _moment(text: str) -> datetime:
    """A time in UTC, also if it names no zone. Raises ValueError, also for years that PostgreSQL can't return."""
    found = datetime.fromisoformat(text)
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError(f"{text} is out of range") from None
